//! What a session knows already about its one user.

use ahash::AHashMap;

use crate::check::verdict::{Answer, Verdict};
use crate::ids::{BarrierId, EntityId, PlanId};

/// A plan of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place(u64);

impl Place {
    pub(super) const fn new(object: EntityId, plan: PlanId) -> Self {
        Self((object.0 as u64) << 16 | plan.0 as u64)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "48 bits hold an object and a plan"
    )]
    pub(super) const fn object(self) -> EntityId {
        EntityId((self.0 >> 16) as u32)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bits above are those of the object"
    )]
    pub(super) const fn plan(self) -> PlanId {
        PlanId(self.0 as u16)
    }
}

/// An answer that holds for every question of the session, if it is not asked too deep down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) is_yes: bool,
    /// Dispatches that the answer rests on.
    pub(super) height: u16,
    /// Whether a no is circular; `None` where nobody asked.
    pub(super) circular: Option<bool>,
}

/// Answers of a session.
#[derive(Debug, Default)]
pub(super) struct Memo {
    plans: AHashMap<Place, Known>,
    barriers: AHashMap<(EntityId, BarrierId), Known>,
}

impl Known {
    /// Whether the answer can be used at `depth` where `limit` ends every search.
    const fn holds(self, depth: u16, limit: u16, ask_circular: bool) -> bool {
        let is_deep = depth.saturating_add(self.height) >= limit;
        let is_told = self.is_yes || !ask_circular || self.circular.is_some();
        !is_deep && is_told
    }

    fn verdict(self) -> Verdict {
        let mut verdict = if self.is_yes {
            Verdict::yes(self.height)
        } else {
            Verdict::no(self.height)
        };
        verdict.circular = self.circular.unwrap_or_default();
        verdict
    }

    /// What can be kept of a verdict: faults, and what rests on open barriers, cannot.
    fn of(verdict: &Verdict, ask_circular: bool) -> Option<Self> {
        let is_yes = match verdict.answer {
            Answer::Yes => true,
            Answer::No => false,
            Answer::Fault(_) => return None,
        };
        let circular = (ask_circular || verdict.circular).then_some(verdict.circular);
        (verdict.floor == usize::MAX).then_some(Self {
            is_yes,
            height: verdict.height,
            circular,
        })
    }
}

impl Memo {
    /// Whether it is worth keeping for the next session.
    pub(super) fn is_small(&self) -> bool {
        self.plans.capacity() + self.barriers.capacity() <= 1024
    }

    pub(super) fn clear(&mut self) {
        self.plans.clear();
        self.barriers.clear();
    }

    pub(super) fn plan(
        &self,
        place: Place,
        depth: u16,
        limit: u16,
        ask_circular: bool,
    ) -> Option<Verdict> {
        let known = self.plans.get(&place)?;
        known
            .holds(depth, limit, ask_circular)
            .then(|| known.verdict())
    }

    pub(super) fn barrier(
        &self,
        key: (EntityId, BarrierId),
        depth: u16,
        limit: u16,
        ask_circular: bool,
    ) -> Option<Verdict> {
        let known = self.barriers.get(&key)?;
        known
            .holds(depth, limit, ask_circular)
            .then(|| known.verdict())
    }

    pub(super) fn keep_plan(&mut self, place: Place, verdict: &Verdict, ask_circular: bool) {
        if let Some(known) = Known::of(verdict, ask_circular) {
            self.plans.insert(place, known);
        }
    }

    pub(super) fn keep_barrier(
        &mut self,
        key: (EntityId, BarrierId),
        verdict: &Verdict,
        ask_circular: bool,
    ) {
        if let Some(known) = Known::of(verdict, ask_circular) {
            self.barriers.insert(key, known);
        }
    }
}
