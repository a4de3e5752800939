//! The log: every effective change, in order. The index follows from it.

use std::sync::Arc;

use crate::ids::EntityId;
use crate::index::{Change, Edge};
use crate::tuple::TupleCondition;

/// One change. Its place in the log is its revision less one.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) object: EntityId,
    /// As seen from the object.
    pub(super) edge: Edge,
    pub(super) condition: Option<Arc<TupleCondition>>,
    /// Milliseconds since the epoch, and whether the tuple was deleted in the lowest bit.
    stamp: u64,
}

impl Entry {
    pub(super) fn new(change: &Change, millis: u64) -> Self {
        Self {
            object: change.object,
            edge: change.forward(),
            condition: change.condition.clone(),
            stamp: millis << 1 | u64::from(change.is_delete),
        }
    }

    pub(super) const fn is_delete(&self) -> bool {
        self.stamp & 1 == 1
    }

    pub(super) const fn millis(&self) -> u64 {
        self.stamp >> 1
    }
}

/// All changes.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Vec<Entry>,
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The change of this revision.
    pub(super) fn at(&self, revision: u32) -> Option<&Entry> {
        let at = revision.checked_sub(1)?;
        self.entries.get(at as usize)
    }

    /// Changes after `revision` with their revisions.
    pub(super) fn after(&self, revision: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let rest = self.entries.get(revision as usize..).unwrap_or_default();
        (revision + 1..).zip(rest)
    }

    /// The revision before the first change at `millis` or later.
    pub(super) fn before(&self, millis: u64) -> u32 {
        let place = self
            .entries
            .partition_point(|entry| entry.millis() < millis);
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }
}
