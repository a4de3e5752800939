//! The log: every effective change, in order. The index follows from it.
//!
//! A change takes twelve bytes: the object, and the edge as seen from it. What few changes have
//! lies beside them.

use std::sync::Arc;

use ahash::AHashMap;

use crate::ids::EntityId;
use crate::index::{Change, Edge, LOCAL, Logged};
use crate::tuple::TupleCondition;

/// Marks the object of a deletion: the numbers of a store's objects are smaller.
const DELETED: u32 = 1 << 31;
const _: () = assert!(LOCAL <= DELETED, "numbers leave room for the mark");

/// All changes. The older ones may have been folded: of those, only the writes of tuples are left
/// that nothing took away before the fold.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Changes up to here were folded.
    floor: u32,
    /// The revisions of what is left of them. Behind them every change has its place.
    folded: Vec<u32>,
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

    /// The change as the index is built from.
    pub(super) const fn logged(&self) -> Logged {
        Logged {
            object: self.object(),
            edge: self.edge,
            revision: self.revision,
            is_delete: self.is_delete(),
        }
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
    /// An empty log whose changes up to `floor` were folded.
    pub(super) fn folded(floor: u32) -> Self {
        Self {
            floor,
            ..Self::default()
        }
    }

    /// Changes up to here were folded.
    pub(super) const fn floor(&self) -> u32 {
        self.floor
    }

    /// The revision of the last change, or up to where all were folded away.
    pub(super) fn last(&self) -> u32 {
        let behind = self.objects.len() - self.folded.len();
        self.floor
            .saturating_add(u32::try_from(behind).unwrap_or(u32::MAX))
    }

    /// When the last change was, in milliseconds since the epoch.
    pub(super) fn latest(&self) -> u64 {
        self.moments.last().map_or(0, |moment| moment.millis())
    }

    /// Whether a change of this revision may be appended.
    pub(super) fn takes(&self, revision: u32) -> bool {
        if revision <= self.floor {
            let is_first = self.folded.len() == self.objects.len();
            return is_first && self.folded.last().is_none_or(|last| *last < revision);
        }
        self.last().checked_add(1) == Some(revision)
    }

    /// The place of the first change after `revision`.
    fn place_after(&self, revision: u32) -> usize {
        match revision.checked_sub(self.floor) {
            Some(behind) => self.folded.len() + behind as usize,
            None => self.folded.partition_point(|own| *own <= revision),
        }
    }

    /// The revision of the change at a place.
    fn revision(&self, place: usize) -> u32 {
        match place.checked_sub(self.folded.len()) {
            None => self.folded.get(place).copied().unwrap_or_default(),
            Some(behind) => {
                let behind = u32::try_from(behind).unwrap_or(u32::MAX);
                self.floor.saturating_add(behind).saturating_add(1)
            }
        }
    }

    /// The conditions of tuples by the revisions of their writes.
    pub(super) const fn conditions(&self) -> &AHashMap<u32, Arc<TupleCondition>> {
        &self.conditions
    }

    /// Sets the condition of a write that is marked to have one.
    pub(super) fn set_condition(&mut self, revision: u32, condition: Arc<TupleCondition>) {
        self.conditions.insert(revision, condition);
    }

    /// Appends a change of this millisecond. Time does not go back here when the clock does.
    pub(super) fn push(&mut self, change: &Change, millis: u64) {
        if let Some(condition) = &change.condition {
            self.set_condition(change.revision, Arc::clone(condition));
        }
        self.push_marked(change, millis, change.condition.is_some());
    }

    /// Appends a change of another log.
    pub(super) fn keep(&mut self, entry: &Entry<'_>) {
        if let Some(condition) = entry.condition() {
            self.set_condition(entry.revision, Arc::clone(condition));
        }
        self.append(entry.revision, entry.object, entry.edge, entry.millis());
    }

    /// Appends a change whose condition, if it has one, follows.
    pub(super) fn push_marked(&mut self, change: &Change, millis: u64, is_conditioned: bool) {
        let mark = if change.is_delete { DELETED } else { 0 };
        let edge = change.forward().conditioned(is_conditioned);
        self.append(change.revision, change.object.0 | mark, edge, millis);
    }

    fn append(&mut self, revision: u32, object: u32, edge: Edge, millis: u64) {
        if self
            .moments
            .last()
            .is_none_or(|last| last.millis() < millis)
        {
            make_room(&mut self.moments);
            self.moments.push(Moment::new(revision, millis));
        }
        if revision <= self.floor {
            self.folded.push(revision);
        }
        make_room(&mut self.objects);
        self.objects.push(object);
        make_room(&mut self.edges);
        self.edges.push(edge);
    }

    /// The change of this revision.
    pub(super) fn at(&self, revision: u32) -> Option<Entry<'_>> {
        let place = self.place_after(revision.checked_sub(1)?);
        self.at_place(place)
            .filter(|entry| entry.revision == revision)
    }

    fn at_place(&self, place: usize) -> Option<Entry<'_>> {
        Some(Entry {
            log: self,
            object: *self.objects.get(place)?,
            edge: *self.edges.get(place)?,
            revision: self.revision(place),
        })
    }

    /// Changes after `revision`.
    pub(super) fn after(&self, revision: u32) -> impl Iterator<Item = Entry<'_>> + Clone {
        let start = self.place_after(revision);
        (start..self.objects.len()).filter_map(|place| self.at_place(place))
    }

    /// The revision before the first change at `millis` or later.
    pub(super) fn before(&self, millis: u64) -> u32 {
        let place = self
            .moments
            .partition_point(|moment| moment.millis() < millis);
        let first = self.moments.get(place).map(|moment| moment.revision);
        first.map_or(self.last(), |first| first.saturating_sub(1))
    }

    /// Bytes held, without the conditions themselves.
    pub(super) fn bytes(&self) -> usize {
        4 * self.objects.capacity()
            + 4 * self.folded.capacity()
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
    fn folded_changes_keep_their_numbers() {
        let mut log = Log::folded(10);
        for revision in [3, 7, 11, 12] {
            assert!(log.takes(revision) && !log.takes(13));
            log.push(&change(revision, false), u64::from(revision));
        }
        assert!(!log.takes(8) && !log.takes(12) && log.takes(13));
        let after = |from| {
            log.after(from)
                .map(|entry| entry.revision)
                .collect::<Vec<_>>()
        };
        assert_eq!(after(0), [3, 7, 11, 12]);
        assert_eq!(after(3), [7, 11, 12]);
        assert_eq!(after(9), [11, 12]);
        assert_eq!(after(11), [12]);
        assert_eq!(after(99), [0; 0]);
        let found = |at| log.at(at).map(|entry| (entry.revision, entry.millis()));
        assert_eq!(
            [3, 4, 10, 11].map(found),
            [Some((3, 3)), None, None, Some((11, 11))]
        );
        assert_eq!((log.last(), log.before(8), log.before(99)), (12, 10, 12));
    }

    #[test]
    fn time_does_not_go_back() {
        let mut log = Log::default();
        log.push(&change(1, false), 9);
        log.push(&change(2, false), 4);
        assert_eq!(log.at(2).map(|entry| entry.millis()), Some(9));
    }
}
