//! The search for a user where nothing but unions lies ahead. Most questions are of this kind, so
//! this does nothing else and little of it: it compares the numbers of one row after the other.
//! Whatever it is not made for it leaves to the search that is made for everything.

use std::ops::ControlFlow;

use smallvec::SmallVec;

use crate::check::memo::Place;
use crate::check::session::Session;
use crate::check::verdict::Verdict;
use crate::ids::{EntityId, RelationId, TypeId};
use crate::index::{Edge, Snapshot};
use crate::model::{Entry, Lane, Model, Plan, SubjectKind, Way};

/// Places that lead on at the most: more of them are not told apart one by one.
const MOST: usize = 64;
/// Edges that are looked through one by one.
const SHORT: usize = 16;
/// The same of the edges of the user, which are looked through again and again.
const FEW: usize = 32;

/// Why a walk ends before its places do.
enum End {
    /// The user was found at this depth.
    Found { depth: u16 },
    /// This is none of the questions that walks are made for.
    GaveUp,
}

type Flow = ControlFlow<End>;

struct Walk<'a> {
    model: &'a Model,
    snapshot: &'a Snapshot,
    user: User<'a>,
    /// The depth at which every search ends.
    limit: u16,
    deepest: u16,
    /// The places that lead on, with their depths.
    steps: SmallVec<[(Place, u16); MOST]>,
}

/// A user that is one object, and its tuples.
struct User<'a> {
    kind: TypeId,
    /// The bit of the kind in the reach of plans.
    bit: usize,
    /// All objects of the type, where any tuple names them.
    wildcard: Option<EntityId>,
    edges: &'a [Edge],
    /// A bit for each object of these tuples, so that most others are told from them at once.
    hint: u64,
}

impl<'a> Session<'a> {
    /// The verdict, if the question is one for a walk.
    pub(super) fn walk(&mut self, place: Place, depth: u16, ask_circular: bool) -> Option<Verdict> {
        let model = self.model();
        let plan = model.plan(place.plan());
        if !plan.is_plain || (ask_circular && plan.is_recursive) {
            return None;
        }
        let mut walk = Walk {
            model,
            snapshot: self.asked.settled()?,
            user: self.user()?,
            limit: self.limit(),
            deepest: depth,
            steps: SmallVec::new(),
        };
        // An operand has no say of its own: conditions in it count even where nobody is found.
        if model.is_whole(place.plan()) && !plan.reach.has(walk.user.bit) {
            return Some(Verdict::no(0));
        }
        let verdict = match walk.run(place, depth) {
            ControlFlow::Continue(()) => Verdict::no(walk.deepest - depth),
            ControlFlow::Break(End::Found { depth: at }) => Verdict::yes(at - depth),
            ControlFlow::Break(End::GaveUp) => return None,
        };
        self.budget = self.budget.checked_sub(walk.steps.len())?;
        Some(verdict)
    }

    fn user(&self) -> Option<User<'a>> {
        let SubjectKind::Object(kind) = self.subject.kind else {
            return None;
        };
        let edges = self.user_row.settled()?;
        let hint = if edges.len() <= FEW {
            let bits = edges.iter().map(|edge| hint(edge.far()));
            bits.fold(0, |hint, bit| hint | bit)
        } else {
            u64::MAX
        };
        Some(User {
            kind,
            bit: self.subject.bit?,
            wildcard: self.subject.wildcard,
            edges,
            hint,
        })
    }
}

/// One bit of 64, by a multiplicative hash.
const fn hint(object: EntityId) -> u64 {
    1 << (object.0.wrapping_mul(0x9e37_79b1) >> 26)
}

impl User<'_> {
    /// The edge to `object` by `relation`.
    #[inline]
    fn edge(&self, relation: RelationId, object: EntityId) -> Option<Edge> {
        if self.hint & hint(object) == 0 {
            return None;
        }
        let key = Edge::new(RelationId::NONE, relation, object).key();
        find(self.edges, key, FEW)
    }
}

/// The edge of `key` in a row, which is looked through one by one up to a length of `short`.
#[inline]
fn find(edges: &[Edge], key: u64, short: usize) -> Option<Edge> {
    if edges.len() <= short {
        return edges.iter().find(|edge| edge.key() == key).copied();
    }
    let place = edges.binary_search_by_key(&key, |edge| edge.key());
    edges.get(place.ok()?).copied()
}

impl<'a> Walk<'a> {
    fn run(&mut self, first: Place, depth: u16) -> Flow {
        self.enter(first, depth)?;
        let mut at = 0;
        while let Some((place, depth)) = self.steps.get(at).copied() {
            self.expand(place, depth)?;
            at += 1;
        }
        Flow::Continue(())
    }

    /// Looks whether the user is at a place, and keeps it for later if it leads on.
    fn enter(&mut self, place: Place, depth: u16) -> Flow {
        let plan = self.model.plan(place.plan());
        self.deepest = self.deepest.max(depth);
        if self.is_direct(plan, place.object())? {
            return Flow::Break(End::Found { depth });
        }
        if !plan.is_open || self.steps.iter().any(|(own, _)| *own == place) {
            return Flow::Continue(());
        }
        if self.steps.len() == MOST {
            return Flow::Break(End::GaveUp);
        }
        self.steps.push((place, depth));
        Flow::Continue(())
    }

    #[inline]
    fn is_direct(&self, plan: &Plan, object: EntityId) -> ControlFlow<End, bool> {
        for probe in &plan.probes {
            if probe.kind != self.user.kind || probe.userset != RelationId::NONE {
                continue;
            }
            let found = if probe.is_wildcard {
                let Some(everybody) = self.user.wildcard else {
                    continue;
                };
                let key = Edge::new(probe.relation, RelationId::NONE, everybody).key();
                find(self.row(object)?, key, SHORT)
            } else {
                self.user.edge(probe.relation, object)
            };
            if let Some(edge) = found
                && counts(edge, probe.entry)?
            {
                return ControlFlow::Continue(true);
            }
        }
        ControlFlow::Continue(false)
    }

    fn expand(&mut self, place: Place, depth: u16) -> Flow {
        let plan = self.model.plan(place.plan());
        let row = self.row(place.object())?;
        for lane in &plan.lanes {
            let from = Edge::new(lane.relation, lane.userset, EntityId(0)).key();
            let start = if row.len() <= SHORT {
                row.iter().take_while(|edge| edge.key() < from).count()
            } else {
                row.partition_point(|edge| edge.key() < from)
            };
            for edge in row.get(start..).unwrap_or_default() {
                if edge.key() >> 32 != from >> 32 {
                    break;
                }
                self.follow(lane, *edge, depth.saturating_add(1))?;
            }
        }
        Flow::Continue(())
    }

    #[inline]
    fn follow(&mut self, lane: &Lane, edge: Edge, depth: u16) -> Flow {
        let Some(kind) = self.snapshot.kinds().of(edge.far()) else {
            return Flow::Continue(());
        };
        for way in lane.ways.iter().filter(|way| way.kind == kind) {
            if edge.is_conditioned() || depth >= self.limit {
                self.give_up_at(way)?;
            } else if way.entry.is_bare && way.reach.has(self.user.bit) {
                self.enter(Place::new(edge.far(), way.target), depth)?;
            }
        }
        Flow::Continue(())
    }

    /// A tuple with a condition, or too deep down, matters where the relation can be the user's.
    #[cold]
    fn give_up_at(&self, way: &Way) -> Flow {
        if self.model.plan(way.owner).reach.has(self.user.bit) {
            Flow::Break(End::GaveUp)
        } else {
            Flow::Continue(())
        }
    }

    /// The edges of an object, if none were written of late.
    #[inline]
    fn row(&self, object: EntityId) -> ControlFlow<End, &'a [Edge]> {
        match self.snapshot.settled(object) {
            Some(edges) => ControlFlow::Continue(edges),
            None => ControlFlow::Break(End::GaveUp),
        }
    }
}

/// Whether a tuple is allowed by the model. Conditions are nothing for a walk.
#[inline]
const fn counts(edge: Edge, entry: Entry) -> ControlFlow<End, bool> {
    if edge.is_conditioned() {
        ControlFlow::Break(End::GaveUp)
    } else {
        ControlFlow::Continue(entry.is_bare)
    }
}
