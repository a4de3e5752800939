//! What was written to one row since the base was built.

use std::sync::Arc;

use crate::index::edge::Edge;
use crate::tuple::TupleCondition;

/// An edge that is not in the base.
#[derive(Clone, Debug)]
pub(crate) struct Added {
    pub(crate) edge: Edge,
    /// The number of the write.
    pub(crate) revision: u32,
    pub(crate) condition: Option<Arc<TupleCondition>>,
}

/// Edges added to a row and keys taken away from it, both sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    pub(crate) added: Vec<Added>,
    pub(crate) removed: Vec<u64>,
}

impl Patch {
    /// Adds an edge. What the base has under its key is hidden already, or was never there.
    pub(crate) fn add(&mut self, added: Added) {
        match self.place(added.edge.key()) {
            Ok(at) => {
                if let Some(own) = self.added.get_mut(at) {
                    *own = added;
                }
            }
            Err(at) => self.added.insert(at, added),
        }
    }

    /// Takes the edge of `key` away; hides that of the base if it has one.
    pub(crate) fn remove(&mut self, key: u64, is_in_base: bool) {
        if let Ok(at) = self.place(key) {
            self.added.remove(at);
        }
        if is_in_base && let Err(at) = self.removed.binary_search(&key) {
            self.removed.insert(at, key);
        }
    }

    pub(crate) fn find(&self, key: u64) -> Option<&Added> {
        self.place(key).ok().and_then(|at| self.added.get(at))
    }

    pub(crate) fn hides(&self, key: u64) -> bool {
        !self.removed.is_empty() && self.removed.binary_search(&key).is_ok()
    }

    /// The added edges with keys of this range.
    pub(crate) fn range(&self, from: u64, to: u64) -> &[Added] {
        let start = self.added.partition_point(|own| own.edge.key() < from);
        let rest = self.added.get(start..).unwrap_or_default();
        let len = rest.partition_point(|own| own.edge.key() < to);
        rest.get(..len).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.added.len() + self.removed.len()
    }

    fn place(&self, key: u64) -> Result<usize, usize> {
        self.added.binary_search_by_key(&key, |own| own.edge.key())
    }
}
