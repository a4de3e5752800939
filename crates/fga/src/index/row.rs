//! The edges of one entity, from the base, from later writes and from the request.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::ids::{EntityId, RelationId};
use crate::index::base::Base;
use crate::index::edge::Edge;
use crate::index::patch::{Added, Patch};
use crate::tuple::TupleCondition;

/// Edges of a row that are looked through one by one: a branch that goes wrong costs more.
const SHORT: usize = 16;

/// The edges of one entity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) base: &'a Base,
    /// Where the row begins in the base.
    pub(crate) start: usize,
    pub(crate) edges: &'a [Edge],
    pub(crate) patch: Option<&'a Patch>,
    /// Contextual tuples.
    pub(crate) overlay: Option<&'a Patch>,
}

/// An edge of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) edge: Edge,
    source: Source<'a>,
}

/// Where an edge comes from. What else is known of it lies elsewhere in memory, so it is looked
/// up when asked for.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Base(&'a Base, usize),
    Added(&'a Added),
}

impl<'a> Found<'a> {
    fn added(added: &'a Added) -> Self {
        Self {
            edge: added.edge,
            source: Source::Added(added),
        }
    }

    /// The number of its write, in rows by object; 0 for contextual tuples.
    pub(crate) fn revision(&self) -> u32 {
        match self.source {
            Source::Base(base, at) => base.revisions.get(at).copied().unwrap_or_default(),
            Source::Added(added) => added.revision,
        }
    }

    /// The condition, in rows by object.
    pub(crate) fn condition(&self) -> Option<&'a Arc<TupleCondition>> {
        match self.source {
            _ if !self.edge.is_conditioned() => None,
            Source::Base(base, _) => base.condition(self.revision()),
            Source::Added(added) => added.condition.as_ref(),
        }
    }

    pub(crate) fn condition_name(&self) -> Option<&'a str> {
        self.condition().map(|condition| condition.name.as_str())
    }
}

impl<'a> Row<'a> {
    /// An upper bound of the number of edges.
    pub(crate) fn bound(&self) -> usize {
        let of = |patch: Option<&Patch>| patch.map_or(0, |patch| patch.added.len());
        self.edges.len() + of(self.patch) + of(self.overlay)
    }

    /// All edges, if none were written of late or came with the request.
    pub(crate) const fn settled(&self) -> Option<&'a [Edge]> {
        match (self.patch, self.overlay) {
            (None, None) => Some(self.edges),
            _ => None,
        }
    }

    /// The edge of these ends. Contextual tuples come before stored ones.
    #[inline]
    pub(crate) fn find(
        &self,
        first: RelationId,
        second: RelationId,
        far: EntityId,
    ) -> Option<Found<'a>> {
        let key = Edge::new(first, second, far).key();
        if let Some(added) = self.overlay.and_then(|overlay| overlay.find(key)) {
            return Some(Found::added(added));
        }
        self.find_stored(key)
    }

    /// The stored edge of `key`.
    pub(crate) fn find_stored(&self, key: u64) -> Option<Found<'a>> {
        if let Some(patch) = self.patch {
            if let Some(added) = patch.find(key) {
                return Some(Found::added(added));
            }
            if patch.hides(key) {
                return None;
            }
        }
        self.of_base(self.place(key)?)
    }

    /// Where the base has the edge of `key`.
    #[inline]
    fn place(&self, key: u64) -> Option<usize> {
        if self.edges.len() <= SHORT {
            return self.edges.iter().position(|edge| edge.key() == key);
        }
        self.edges
            .binary_search_by_key(&key, |edge| edge.key())
            .ok()
    }

    /// Where the edges from `key` on begin in the base.
    #[inline]
    fn start_of(&self, key: u64) -> usize {
        if self.edges.len() <= SHORT {
            return self
                .edges
                .iter()
                .take_while(|edge| edge.key() < key)
                .count();
        }
        self.edges.partition_point(|edge| edge.key() < key)
    }

    /// The edges with both relations.
    pub(crate) fn range(
        &self,
        first: RelationId,
        second: RelationId,
    ) -> impl Iterator<Item = Found<'a>> {
        let from = Edge::new(first, second, EntityId(0)).key();
        self.between(from, from + (1 << 32))
    }

    /// Hands over the edges with both relations, as long as `take` goes on.
    #[inline]
    pub(crate) fn visit<B>(
        &self,
        first: RelationId,
        second: RelationId,
        mut take: impl FnMut(Found<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if self.patch.is_some() || self.overlay.is_some() {
            return self.range(first, second).try_for_each(take);
        }
        let from = Edge::new(first, second, EntityId(0)).key();
        let start = self.start_of(from);
        for (edge, at) in self.edges.iter().zip(0..).skip(start) {
            if edge.key() >= from + (1 << 32) {
                break;
            }
            let source = Source::Base(self.base, self.start + at);
            take(Found {
                edge: *edge,
                source,
            })?;
        }
        ControlFlow::Continue(())
    }

    /// The edges with the first relation.
    pub(crate) fn relation(&self, first: RelationId) -> impl Iterator<Item = Found<'a>> {
        let from = Edge::new(first, RelationId::NONE, EntityId(0)).key();
        self.between(from, from + (1 << 47))
    }

    /// All edges.
    pub(crate) fn all(&self) -> impl Iterator<Item = Found<'a>> {
        self.between(0, 1 << 63)
    }

    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = Found<'a>> {
        let row = *self;
        let start = row.start_of(from);
        let rest = row.edges.get(start..).unwrap_or_default();
        let within = rest.iter().take_while(move |edge| edge.key() < to);
        let base = within
            .zip(start..)
            .filter_map(move |(_, at)| row.of_base(at));
        let base =
            base.filter(move |found| row.patch.is_none_or(|patch| !patch.hides(found.edge.key())));
        let added =
            |patch: Option<&'a Patch>| patch.map_or(&[] as &[_], |patch| patch.range(from, to));
        let later = added(row.patch).iter().chain(added(row.overlay));
        base.chain(later.map(Found::added))
    }

    #[inline]
    fn of_base(&self, at: usize) -> Option<Found<'a>> {
        let edge = *self.edges.get(at)?;
        let source = Source::Base(self.base, self.start + at);
        Some(Found { edge, source })
    }
}
