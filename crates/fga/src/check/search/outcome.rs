//! What comes of a search, and what of it is remembered.

use crate::check::search::Hit;
use crate::check::search::steps::{FEW, Search};
use crate::check::session::Session;
use crate::check::verdict::Verdict;

impl Session<'_> {
    /// The verdict where the user was found; every step on the way there has found it too.
    pub(super) fn found(&mut self, search: &Search, hit: &Hit, depth: u16, keeps: bool) -> Verdict {
        let step = search.steps.get(hit.step as usize);
        let bottom = step.map_or(depth, |step| step.depth) + hit.height;
        let mut next = Some(hit.step).filter(|_| keeps);
        while let Some(number) = next {
            let Some(step) = search.steps.get(number as usize) else {
                break;
            };
            let verdict = Verdict {
                floor: search.floor,
                ..Verdict::yes(bottom - step.depth)
            };
            let memo = self.memo();
            memo.keep_plan(step.place, &verdict, false);
            next = (number > 0).then_some(step.from);
        }
        Verdict {
            floor: self.settled(search.floor),
            ..Verdict::yes(bottom.saturating_sub(depth))
        }
    }

    /// Whether answers are kept: a single question without barriers has no use for them.
    pub(super) fn keeps(&self) -> bool {
        self.keeps || !self.open.is_empty()
    }

    /// What rested on this search alone is settled at its end.
    fn settled(&self, floor: usize) -> usize {
        if floor >= 2 * self.open.len() {
            usize::MAX
        } else {
            floor
        }
    }

    /// The verdict where the user was not found.
    pub(super) fn missed(
        &mut self,
        search: &mut Search,
        depth: u16,
        ask_circular: bool,
        keeps: bool,
    ) -> Verdict {
        if let Some(fault) = search.fault.take() {
            return Verdict {
                floor: self.settled(search.floor),
                ..Verdict::fault(fault)
            };
        }
        let first = search.steps.first().copied();
        let mut verdict = Verdict::no(search.deepest.saturating_sub(depth));
        verdict.floor = self.settled(search.floor);
        verdict.circular = search.circular;
        if let Some(first) = first.filter(|_| ask_circular && !search.circular) {
            verdict.circular = self.is_circular(first.place.object(), first.place.plan());
        }
        let Some(first) = first.filter(|_| keeps) else {
            return verdict;
        };
        self.memo().keep_plan(first.place, &verdict, ask_circular);
        if search.steps.len() < FEW {
            self.keep_misses(search, &verdict);
        }
        verdict
    }

    /// No step has found the user. A way between steps is no longer than there are steps.
    fn keep_misses(&mut self, search: &Search, whole: &Verdict) {
        let height = u16::try_from(search.steps.len()).unwrap_or(u16::MAX);
        let height = height.saturating_add(whole.height);
        let verdict = Verdict {
            floor: search.floor,
            ..Verdict::no(height)
        };
        for step in search.steps.iter().skip(1) {
            self.memo().keep_plan(step.place, &verdict, false);
        }
    }
}
