//! The log: every effective change, in order. The index follows from it.
//!
//! A change takes twelve bytes: the object, and the edge as seen from it. What few changes have
//! lies beside them.

use std::sync::Arc;

use ahash::AHashMap;

use crate::ids::EntityId;
use crate::index::{Change, Edge, LOCAL};
use crate::tuple::TupleCondition;

/// Marks the object of a deletion: the numbers of a store's objects are smaller.
const DELETED: u32 = 1 << 31;
const _: () = assert!(LOCAL <= DELETED, "numbers leave room for the mark");

/// All changes. The place of one is its revision less one.
#[derive(Debug, Default)]
pub(super) struct Log {
    objects: Vec<u32>,
    edges: Vec<Edge>,
    /// One for each millisecond in which something changed.
    moments: Vec<Moment>,
    /// By revision.
    conditions: AHashMap<u32, Arc<TupleCondition>>,
}

/// The first change of a millisecond. Milliseconds are two halves, so that this is twelve bytes.
#[derive(Clone, Copy, Debug)]
struct Moment {
    revision: u32,
    high: u32,
    low: u32,
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    log: &'a Log,
    object: u32,
    /// As seen from the object.
    pub(super) edge: Edge,
    pub(super) revision: u32,
}

impl Moment {
    fn new(revision: u32, millis: u64) -> Self {
        let [high, low] = [millis >> 32, millis & u64::from(u32::MAX)];
        let half = |half: u64| u32::try_from(half).unwrap_or(u32::MAX);
        Self {
            revision,
            high: half(high),
            low: half(low),
        }
    }

    const fn millis(self) -> u64 {
        (self.high as u64) << 32 | self.low as u64
    }
}

impl<'a> Entry<'a> {
    pub(super) const fn object(&self) -> EntityId {
        EntityId(self.object & !DELETED)
    }

    pub(super) const fn is_delete(&self) -> bool {
        self.object & DELETED != 0
    }

    /// The condition of the tuple; none of a deletion.
    pub(super) fn condition(&self) -> Option<&'a Arc<TupleCondition>> {
        self.log.conditions.get(&self.revision)
    }

    /// When, in milliseconds since the epoch.
    pub(super) fn millis(&self) -> u64 {
        let moments = &self.log.moments;
        let after = moments.partition_point(|moment| moment.revision <= self.revision);
        let moment = after.checked_sub(1).and_then(|at| moments.get(at));
        moment.map_or(0, |moment| moment.millis())
    }
}

impl Log {
    /// Appends a change of this millisecond. Time does not go back here when the clock does.
    pub(super) fn push(&mut self, change: &Change, millis: u64) {
        let revision = change.revision;
        if self
            .moments
            .last()
            .is_none_or(|last| last.millis() < millis)
        {
            make_room(&mut self.moments);
            self.moments.push(Moment::new(revision, millis));
        }
        if let Some(condition) = &change.condition {
            self.conditions.insert(revision, Arc::clone(condition));
        }
        let mark = if change.is_delete { DELETED } else { 0 };
        make_room(&mut self.objects);
        self.objects.push(change.object.0 | mark);
        make_room(&mut self.edges);
        self.edges.push(change.forward());
    }

    /// The change of this revision.
    pub(super) fn at(&self, revision: u32) -> Option<Entry<'_>> {
        let at = revision.checked_sub(1)? as usize;
        Some(Entry {
            log: self,
            object: *self.objects.get(at)?,
            edge: *self.edges.get(at)?,
            revision,
        })
    }

    /// Changes after `revision`.
    pub(super) fn after(&self, revision: u32) -> impl Iterator<Item = Entry<'_>> {
        let start = revision as usize;
        let objects = self.objects.get(start..).unwrap_or_default();
        let edges = self.edges.get(start..).unwrap_or_default();
        let later = (revision + 1..).zip(objects.iter().zip(edges));
        later.map(|(revision, (object, edge))| Entry {
            log: self,
            object: *object,
            edge: *edge,
            revision,
        })
    }

    /// The revision before the first change at `millis` or later.
    pub(super) fn before(&self, millis: u64) -> u32 {
        let place = self
            .moments
            .partition_point(|moment| moment.millis() < millis);
        let first = self.moments.get(place).map(|moment| moment.revision);
        let all = u32::try_from(self.objects.len()).unwrap_or(u32::MAX);
        first.map_or(all, |first| first.saturating_sub(1))
    }

    /// Bytes held, without the conditions themselves.
    pub(super) fn bytes(&self) -> usize {
        4 * self.objects.capacity()
            + size_of::<Edge>() * self.edges.capacity()
            + size_of::<Moment>() * self.moments.capacity()
            + 17 * self.conditions.capacity()
    }
}

/// Grows by an eighth where there is no room left: a log twice as large as its changes would be
/// the largest part of a store.
fn make_room<T>(items: &mut Vec<T>) {
    const LEAST: usize = 1024;
    if items.len() == items.capacity() {
        items.reserve_exact(LEAST.max(items.len() / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RelationId;

    fn change(revision: u32, is_delete: bool) -> Change {
        Change {
            object: EntityId(revision * 7),
            relation: RelationId(1),
            user: EntityId(3),
            user_relation: RelationId::NONE,
            revision,
            condition: None,
            is_delete,
        }
    }

    #[test]
    fn changes_keep_their_parts_and_times() {
        let mut log = Log::default();
        let millis = [5, 5, 9, 1 << 33, 1 << 33];
        for (revision, millis) in (1..).zip(millis) {
            log.push(&change(revision, revision % 2 == 0), millis);
        }
        for (entry, millis) in log.after(0).zip(millis) {
            let again = log.at(entry.revision).unwrap();
            assert_eq!(again.object(), EntityId(entry.revision * 7));
            assert_eq!(again.is_delete(), entry.revision % 2 == 0);
            assert_eq!(again.millis(), millis);
        }
        assert_eq!(
            log.after(2).map(|entry| entry.revision).collect::<Vec<_>>(),
            [3, 4, 5]
        );
        assert!(log.at(0).is_none() && log.at(6).is_none());
        let before = [0, 5, 6, 9, 10, 1 << 34].map(|millis| log.before(millis));
        assert_eq!(before, [0, 0, 2, 2, 3, 5]);
    }

    #[test]
    fn time_does_not_go_back() {
        let mut log = Log::default();
        log.push(&change(1, false), 9);
        log.push(&change(2, false), 4);
        assert_eq!(log.at(2).map(|entry| entry.millis()), Some(9));
    }
}
