//! The index as of one write.

use std::sync::Arc;

use ahash::AHashMap;

use crate::ids::{EntityId, RelationId};
use crate::index::base::{Base, Rows};
use crate::index::edge::Edge;
use crate::index::entities::Kinds;
use crate::index::patch::{Added, Patch};
use crate::index::row::{Found, Row};
use crate::index::trie::Trie;
use crate::tuple::TupleCondition;

/// Edges written since the base was built, at which the next base is built.
const MIN_DELTA: usize = 1 << 16;
/// Edges of one patch, at which the next base is built.
const MIN_ROW_DELTA: usize = 1 << 12;

/// An effective write or delete, with the numbers of its names.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) object: EntityId,
    pub(crate) relation: RelationId,
    pub(crate) user: EntityId,
    /// The relation of a userset.
    pub(crate) user_relation: RelationId,
    /// The number of the change, counted from 1.
    pub(crate) revision: u32,
    pub(crate) condition: Option<Arc<TupleCondition>>,
    pub(crate) is_delete: bool,
}

impl Change {
    /// The edge as seen from the object.
    pub(crate) fn forward(&self) -> Edge {
        Edge::new(self.relation, self.user_relation, self.user)
            .conditioned(self.condition.is_some())
    }

    /// The edge as seen from the user's object.
    pub(crate) fn backward(&self) -> Edge {
        let edge = Edge::new(self.user_relation, self.relation, self.object);
        edge.conditioned(self.condition.is_some())
    }
}

/// Which end of tuples rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Rows of objects.
    ByObject,
    /// Rows of the objects of users.
    ByUser,
}

/// All tuples as of one write. Copies share everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    base: Arc<Base>,
    by_object: Trie<Patch>,
    by_user: Trie<Patch>,
    kinds: Kinds,
    /// Edges in patches.
    delta: usize,
    /// Edges in the largest patch.
    row_delta: usize,
    tuples: usize,
    revision: u32,
}

impl Snapshot {
    /// The number of the last change.
    pub(crate) const fn revision(&self) -> u32 {
        self.revision
    }

    /// How many tuples there are.
    pub(crate) const fn tuples(&self) -> usize {
        self.tuples
    }

    pub(crate) const fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// Bytes held by the base.
    pub(crate) fn bytes(&self) -> usize {
        self.base.bytes()
    }

    /// The row of an object.
    #[inline]
    pub(crate) fn by_object(&self, entity: EntityId) -> Row<'_> {
        let (start, edges) = self.base.by_object.row(entity);
        Row {
            base: &self.base,
            start,
            edges,
            patch: find(&self.by_object, entity),
            overlay: None,
        }
    }

    /// The edges of an object, if none were written since the base was built.
    #[inline]
    pub(crate) fn settled(&self, entity: EntityId) -> Option<&[Edge]> {
        let is_settled = find(&self.by_object, entity).is_none();
        is_settled.then(|| self.base.by_object.row(entity).1)
    }

    /// The row of a user's object.
    #[inline]
    pub(crate) fn by_user(&self, entity: EntityId) -> Row<'_> {
        Row {
            base: &self.base,
            start: 0,
            edges: self.base.by_user.row(entity).1,
            patch: find(&self.by_user, entity),
            overlay: None,
        }
    }

    /// The stored tuple of these ends.
    pub(crate) fn stored(&self, change: &Change) -> Option<Found<'_>> {
        self.by_object(change.object)
            .find_stored(change.forward().key())
    }

    /// Goes on by `changes`, which name `kinds` of objects at the most. Snapshots that share its
    /// parts do not see them.
    pub(crate) fn extend(&mut self, changes: &[Change], kinds: Kinds) {
        self.kinds = kinds;
        for change in changes {
            self.apply(change);
        }
    }

    fn apply(&mut self, change: &Change) {
        self.patch(Direction::ByObject, change);
        self.patch(Direction::ByUser, change);
        self.delta += 1;
        self.revision = change.revision;
        if change.is_delete {
            self.tuples = self.tuples.saturating_sub(1);
        } else {
            self.tuples += 1;
        }
    }

    fn patch(&mut self, direction: Direction, change: &Change) {
        let (entity, edge, trie) = match direction {
            Direction::ByObject => (change.object, change.forward(), &mut self.by_object),
            Direction::ByUser => (change.user, change.backward(), &mut self.by_user),
        };
        let rows = match direction {
            Direction::ByObject => &self.base.by_object,
            Direction::ByUser => &self.base.by_user,
        };
        let key = edge.key();
        let patch = trie.entry(entity.0);
        if change.is_delete {
            let in_base = rows
                .row(entity)
                .1
                .binary_search_by_key(&key, |edge| edge.key());
            patch.remove(key, in_base.is_ok());
        } else {
            let is_forward = direction == Direction::ByObject;
            patch.add(Added {
                edge,
                revision: if is_forward { change.revision } else { 0 },
                condition: change.condition.clone().filter(|_| is_forward),
            });
        }
        self.row_delta = self.row_delta.max(patch.len());
    }

    /// All of these tuples in a base.
    pub(crate) fn of(base: Base, kinds: Kinds, revision: u32) -> Self {
        Self {
            tuples: base.by_object.len(),
            base: Arc::new(base),
            kinds,
            revision,
            ..Self::default()
        }
    }

    /// Whether so much was written that a new base pays.
    pub(crate) fn is_ripe(&self) -> bool {
        let base = self.base.by_object.len();
        self.delta > MIN_DELTA.max(base / 8) || self.row_delta > MIN_ROW_DELTA.max(base / 256)
    }

    /// The same tuples in a new base, for numbers below `bound`.
    pub(crate) fn rebuilt(&self, bound: usize) -> Self {
        let mut conditions = AHashMap::new();
        let mut revisions = Vec::with_capacity(self.tuples);
        let by_object = {
            let edges = entities(bound).flat_map(|entity| {
                sorted(self.by_object(entity))
                    .into_iter()
                    .map(move |found| (entity, found))
            });
            let edges = edges.map(|(entity, found)| {
                revisions.push(found.revision());
                if let Some(condition) = found.condition() {
                    conditions.insert(found.revision(), Arc::clone(condition));
                }
                (entity, found.edge)
            });
            Rows::build(bound, edges, self.tuples)
        };
        let by_user = entities(bound).flat_map(|entity| {
            sorted(self.by_user(entity))
                .into_iter()
                .map(move |found| (entity, found.edge))
        });
        let by_user = Rows::build(bound, by_user, self.tuples);
        conditions.shrink_to_fit();
        Self {
            base: Arc::new(Base {
                by_object,
                revisions,
                by_user,
                conditions,
            }),
            by_object: Trie::default(),
            by_user: Trie::default(),
            kinds: self.kinds.clone(),
            delta: 0,
            row_delta: 0,
            tuples: self.tuples,
            revision: self.revision,
        }
    }
}

#[inline]
fn find(trie: &Trie<Patch>, entity: EntityId) -> Option<&Patch> {
    if trie.is_empty() {
        None
    } else {
        trie.find(entity.0)
    }
}

fn entities(bound: usize) -> impl Iterator<Item = EntityId> {
    (0..u32::try_from(bound).unwrap_or(u32::MAX)).map(EntityId)
}

fn sorted(row: Row<'_>) -> Vec<Found<'_>> {
    let mut found: Vec<_> = row.all().collect();
    if row.patch.is_some() {
        found.sort_unstable_by_key(|found| found.edge);
    }
    found
}
