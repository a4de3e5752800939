//! The immutable part of the index.

use std::sync::Arc;

use ahash::AHashMap;

use crate::ids::EntityId;
use crate::index::edge::Edge;
use crate::tuple::TupleCondition;

/// Rows of edges, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Where the row of each number begins; the last entry is the end.
    starts: Vec<u32>,
    edges: Vec<Edge>,
}

impl Rows {
    #[inline]
    pub(crate) fn row(&self, entity: EntityId) -> (usize, &[Edge]) {
        let at = entity.index();
        let Some(&[start, end]) = self.starts.get(at..at + 2) else {
            return (0, &[]);
        };
        let (start, end) = (start as usize, end as usize);
        (start, self.edges.get(start..end).unwrap_or_default())
    }

    pub(crate) fn len(&self) -> usize {
        self.edges.len()
    }

    /// Rows from edges sorted by entity and edge, for numbers below `bound`.
    pub(crate) fn build(
        bound: usize,
        edges: impl Iterator<Item = (EntityId, Edge)>,
        len: usize,
    ) -> Self {
        let mut rows = Self {
            starts: Vec::with_capacity(bound + 1),
            edges: Vec::with_capacity(len),
        };
        for (entity, edge) in edges {
            rows.close_until(entity.index() + 1);
            rows.edges.push(edge);
        }
        rows.close_until(bound + 1);
        rows
    }

    fn close_until(&mut self, len: usize) {
        // The writer refuses tuples beyond the range of a row's start.
        let end = u32::try_from(self.edges.len()).unwrap_or(u32::MAX);
        while self.starts.len() < len {
            self.starts.push(end);
        }
    }
}

/// Everything up to some write.
#[derive(Debug, Default)]
pub(crate) struct Base {
    pub(crate) by_object: Rows,
    /// The numbers of the writes of the edges by object, in the same order.
    pub(crate) revisions: Vec<u32>,
    pub(crate) by_user: Rows,
    /// By number of the write.
    pub(crate) conditions: AHashMap<u32, Arc<TupleCondition>>,
}

impl Base {
    pub(crate) fn condition(&self, revision: u32) -> Option<&Arc<TupleCondition>> {
        self.conditions.get(&revision)
    }

    /// Bytes held, without the conditions themselves.
    pub(crate) fn bytes(&self) -> usize {
        let rows = |rows: &Rows| 4 * rows.starts.capacity() + 8 * rows.edges.capacity();
        let conditions = self.conditions.capacity() * 17;
        rows(&self.by_object) + rows(&self.by_user) + 4 * self.revisions.capacity() + conditions
    }
}
