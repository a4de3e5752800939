//! Building a base from the log at once.

use std::fmt;
use std::sync::Arc;

use ahash::AHashMap;

use crate::ids::EntityId;
use crate::index::base::{Base, Rows};
use crate::index::edge::Edge;
use crate::tuple::TupleCondition;

/// One change of a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    pub(crate) object: EntityId,
    /// As seen from the object.
    pub(crate) edge: Edge,
    pub(crate) revision: u32,
    pub(crate) is_delete: bool,
}

/// A change that cannot follow those before it: a tuple written twice, or deleted without being
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    pub(crate) revision: u32,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = self.revision;
        write!(f, "change {revision} cannot follow those before it")
    }
}

/// The base of what is left after all of `changes`, whose objects have numbers below `bound`.
pub(crate) fn build(
    changes: impl Iterator<Item = Logged> + Clone,
    conditions: &AHashMap<u32, Arc<TupleCondition>>,
    bound: usize,
) -> Result<Base, Contradiction> {
    let mut grouped = Grouped::new(bound, changes, |change| change.object);
    let mut live = Vec::with_capacity(grouped.items.len());
    for row in 0..bound {
        left(grouped.row(row), &mut live)?;
    }
    drop(grouped);
    let by_object = live.iter().map(|change| (change.object, change.edge));
    let by_object = Rows::build(bound, by_object, live.len());
    let kept = |change: &Logged| {
        let condition = conditions.get(&change.revision)?;
        Some((change.revision, Arc::clone(condition)))
    };
    let conditioned = live.iter().filter(|change| change.edge.is_conditioned());
    let conditions = conditioned.filter_map(kept).collect();
    let revisions = live.iter().map(|change| change.revision).collect();
    Ok(Base {
        by_object,
        revisions,
        by_user: by_user(&live, bound),
        conditions,
    })
}

/// The tuples of one object that are left, in the order of a row.
fn left(row: &mut [Logged], live: &mut Vec<Logged>) -> Result<(), Contradiction> {
    row.sort_unstable_by_key(|change| (change.edge.key(), change.revision));
    for same in row.chunk_by(|one, other| one.edge.key() == other.edge.key()) {
        let mut stored = None;
        for change in same {
            if change.is_delete != stored.is_some() {
                let revision = change.revision;
                return Err(Contradiction { revision });
            }
            stored = (!change.is_delete).then_some(*change);
        }
        live.extend(stored);
    }
    Ok(())
}

fn by_user(live: &[Logged], bound: usize) -> Rows {
    let backward = live.iter().map(|change| {
        let edge = change.edge;
        let back = Edge::new(edge.second(), edge.first(), change.object);
        (edge.far(), back.conditioned(edge.is_conditioned()))
    });
    let mut grouped = Grouped::new(bound, backward, |(user, _)| *user);
    for row in 0..bound {
        grouped.row(row).sort_unstable_by_key(|(_, edge)| *edge);
    }
    Rows::build(bound, grouped.items.into_iter(), live.len())
}

/// Items grouped by a number each has, in linear time.
struct Grouped<T> {
    /// Where the group of each number ends.
    ends: Vec<usize>,
    items: Vec<T>,
}

impl<T: Copy> Grouped<T> {
    fn new(
        bound: usize,
        items: impl Iterator<Item = T> + Clone,
        number: impl Fn(&T) -> EntityId,
    ) -> Self {
        let mut places = vec![0; bound + 1];
        let mut first = None;
        let mut count = 0;
        for item in items.clone() {
            if let Some(place) = places.get_mut(number(&item).index() + 1) {
                *place += 1;
                count += 1;
                first.get_or_insert(item);
            }
        }
        let mut total = 0;
        for place in &mut places {
            total += *place;
            *place = total;
        }
        // Every place is written below; what stands there before does not matter.
        let mut grouped = first.map_or_else(Vec::new, |first| vec![first; count]);
        for item in items {
            if let Some(place) = places.get_mut(number(&item).index())
                && let Some(own) = grouped.get_mut(*place)
            {
                *own = item;
                *place += 1;
            }
        }
        Self {
            ends: places,
            items: grouped,
        }
    }

    fn row(&mut self, number: usize) -> &mut [T] {
        let end = self.ends.get(number).copied().unwrap_or_default();
        let before = number.checked_sub(1).and_then(|at| self.ends.get(at));
        let start = before.copied().unwrap_or_default();
        self.items.get_mut(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RelationId;

    fn change(revision: u32, object: u32, user: u32, is_delete: bool) -> Logged {
        Logged {
            object: EntityId(object),
            edge: Edge::new(RelationId(1), RelationId::NONE, EntityId(user)),
            revision,
            is_delete,
        }
    }

    fn built(changes: &[Logged]) -> Result<Base, u32> {
        let built = build(changes.iter().copied(), &AHashMap::new(), 10);
        built.map_err(|wrong| wrong.revision)
    }

    #[test]
    fn what_is_left_lies_in_both_directions() {
        let base = built(&[
            change(1, 7, 3, false),
            change(2, 2, 9, false),
            change(3, 7, 1, false),
            change(4, 7, 3, true),
            change(5, 2, 3, false),
            change(6, 7, 3, false),
        ])
        .unwrap();
        let far = |row: &[Edge]| row.iter().map(|edge| edge.far().0).collect::<Vec<_>>();
        assert_eq!(far(base.by_object.row(EntityId(7)).1), [1, 3]);
        assert_eq!(far(base.by_object.row(EntityId(2)).1), [3, 9]);
        assert_eq!(base.revisions, [5, 2, 3, 6]);
        assert_eq!(far(base.by_user.row(EntityId(3)).1), [2, 7]);
        assert_eq!(far(base.by_user.row(EntityId(9)).1), [2]);
        assert_eq!(far(base.by_user.row(EntityId(8)).1), [0; 0]);
    }

    #[test]
    fn contradictions_are_found() {
        let twice = [change(1, 1, 2, false), change(2, 1, 2, false)];
        assert_eq!(built(&twice).unwrap_err(), 2);
        assert_eq!(built(&[change(1, 1, 2, true)]).unwrap_err(), 1);
        assert!(built(&[]).unwrap().revisions.is_empty());
    }
}
