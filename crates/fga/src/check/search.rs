//! The search for a user along unions: breadth first, so that each place is looked at once, at
//! its least depth.

mod outcome;
mod steps;

use std::ops::ControlFlow;

use crate::check::memo::Place;
use crate::check::session::{Session, give_back, take_search};
use crate::check::verdict::{Answer, Verdict, too_complex};
use crate::ids::{BarrierId, EntityId, PlanId};
use crate::index::Found;
use crate::model::Lane;
use steps::Step;

pub(crate) use steps::Search;

/// The user was found: at this step, and this many dispatches below it.
struct Hit {
    step: u32,
    height: u16,
}

type Flow = ControlFlow<Hit>;

/// What is seen of a place from outside.
enum Sight {
    /// The user is there.
    Found { height: u16 },
    /// It is on the way to a barrier under way: this goes in circles.
    OnWay { level: usize },
    /// It is known that the user is not there.
    Missed { circular: bool, height: u16 },
    /// The user is not there by a tuple of its own.
    Ahead,
}

impl<'a> Session<'a> {
    /// Whether the user is in what the plan finds for `object`.
    pub(super) fn search(
        &mut self,
        object: EntityId,
        plan: PlanId,
        depth: u16,
        ask_circular: bool,
    ) -> Verdict {
        let place = Place::new(object, plan);
        if let Some(level) = self.level_on_way(place) {
            return Verdict::circular(2 * level);
        }
        let keeps = self.keeps();
        if let Some(known) = self.known(place, depth, ask_circular) {
            return known;
        }
        if let Some(verdict) = self.walk(place, depth, ask_circular) {
            return verdict;
        }
        let mut search = take_search();
        search.clear();
        let flow = self.run(
            &mut search,
            Step {
                place,
                depth,
                from: 0,
            },
            ask_circular,
        );
        let verdict = match flow {
            ControlFlow::Break(hit) => self.found(&search, &hit, depth, keeps),
            ControlFlow::Continue(()) => self.missed(&mut search, depth, ask_circular, keeps),
        };
        give_back(search);
        verdict
    }

    /// The level of the search under way that has come through `place`. Coming there again is a
    /// circle.
    fn level_on_way(&self, place: Place) -> Option<usize> {
        let mut way = self.way.iter();
        way.find(|(own, _)| *own == place).map(|(_, level)| *level)
    }

    fn known(&mut self, place: Place, depth: u16, ask_circular: bool) -> Option<Verdict> {
        let memo = self.memo.as_ref()?;
        let known = memo.plan(place, depth, self.limit(), ask_circular)?;
        self.hits += 1;
        Some(known)
    }

    fn run(&mut self, search: &mut Search, first: Step, ask_circular: bool) -> Flow {
        // An operand has no say of its own: conditions in it count even where nobody is found.
        let plan = first.place.plan();
        if self.model().is_whole(plan) && !self.can_reach(plan) {
            return Flow::Continue(());
        }
        search.deepest = first.depth;
        self.enter(search, first, ask_circular)?;
        let mut at = 0;
        while let Some(step) = search.steps.get(at).copied() {
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            self.expand(search, step, number, ask_circular)?;
            at += 1;
        }
        let mut next = 0;
        while let Some((barrier, number)) = search.barriers.get(next).copied() {
            let step = search.steps.get(number as usize).copied().unwrap_or(first);
            self.pass(search, barrier, step, number, ask_circular)?;
            next += 1;
        }
        Flow::Continue(())
    }

    /// Looks at a place: ends the search if the user is there, else leaves the place for later if
    /// anything leads on from it.
    fn enter(&mut self, search: &mut Search, step: Step, ask_circular: bool) -> Flow {
        match self.look(search, step, ask_circular) {
            Sight::Found { height } => {
                let number = u32::try_from(search.steps.len()).unwrap_or(u32::MAX);
                search.steps.push(step);
                // What was found by a tuple rests on nothing else.
                search.floor = usize::MAX;
                return Flow::Break(Hit {
                    step: number,
                    height,
                });
            }
            Sight::OnWay { level } => {
                search.circular = true;
                search.floor = search.floor.min(2 * level);
            }
            Sight::Missed { circular, height } => {
                search.circular |= circular;
                search.deepest = search.deepest.max(step.depth.saturating_add(height));
            }
            Sight::Ahead => {
                search.deepest = search.deepest.max(step.depth);
                if self.keeps() || self.model().plan(step.place.plan()).is_open {
                    search.push(step);
                }
            }
        }
        Flow::Continue(())
    }

    fn look(&mut self, search: &mut Search, step: Step, ask_circular: bool) -> Sight {
        let place = step.place;
        if let Some(level) = self.level_on_way(place) {
            return Sight::OnWay { level };
        }
        if self.is_itself(place.object(), place.plan()) {
            return Sight::Found { height: 0 };
        }
        if let Some(known) = self.known(place, step.depth, ask_circular) {
            let Verdict {
                circular, height, ..
            } = known;
            return match known.answer {
                Answer::Yes => Sight::Found { height },
                Answer::No | Answer::Fault(_) => Sight::Missed { circular, height },
            };
        }
        let plan = self.model().plan(place.plan());
        if self.is_direct(plan, place.object(), &mut search.fault) {
            return Sight::Found { height: 0 };
        }
        Sight::Ahead
    }

    /// Follows everything that leads on from a place.
    fn expand(&mut self, search: &mut Search, step: Step, number: u32, ask: bool) -> Flow {
        let plan = self.model().plan(step.place.plan());
        if !plan.is_open {
            return Flow::Continue(());
        }
        if self.budget == 0 {
            search.fault.get_or_insert_with(|| Box::new(too_complex()));
            return Flow::Continue(());
        }
        self.budget -= 1;
        for barrier in &plan.barriers {
            if self.can_reach(self.model().barrier(*barrier).owner.plan()) {
                search.barriers.push((*barrier, number));
            }
        }
        let row = self.asked.by_object(step.place.object());
        for lane in &plan.lanes {
            row.visit(lane.relation, lane.userset, |found| {
                self.turn(search, lane, found, (step.depth, number), ask)
            })?;
        }
        Flow::Continue(())
    }

    /// Follows one tuple.
    #[inline]
    fn turn(
        &mut self,
        search: &mut Search,
        lane: &Lane,
        found: Found<'a>,
        (depth, number): (u16, u32),
        ask: bool,
    ) -> Flow {
        let object = found.edge.far();
        let Some(kind) = self.asked.kind(object) else {
            return Flow::Continue(());
        };
        for way in lane.ways.iter().filter(|way| way.kind == kind) {
            let is_way = self.can_reach(way.owner);
            if is_way && self.counts(Some(found), way.entry, &mut search.fault) {
                self.follow(search, Place::new(object, way.target), (depth, number), ask)?;
            }
        }
        Flow::Continue(())
    }

    fn follow(
        &mut self,
        search: &mut Search,
        place: Place,
        (depth, number): (u16, u32),
        ask: bool,
    ) -> Flow {
        let depth = depth.saturating_add(1);
        if depth >= self.limit() {
            search.fault.get_or_insert_with(|| Box::new(too_complex()));
            return Flow::Continue(());
        }
        if !self.can_reach(place.plan()) {
            return Flow::Continue(());
        }
        let next = Step {
            place,
            depth,
            from: number,
        };
        self.enter(search, next, ask)
    }

    fn pass(
        &mut self,
        search: &mut Search,
        barrier: BarrierId,
        step: Step,
        number: u32,
        ask: bool,
    ) -> Flow {
        let (mark, level) = (self.way.len(), self.open.len());
        self.way
            .extend(search.way_to(number).map(|place| (place, level)));
        let verdict = self.barrier(step.place.object(), barrier, step.depth, ask);
        self.way.truncate(mark);
        search.deepest = search
            .deepest
            .max(step.depth.saturating_add(verdict.height));
        match verdict.answer {
            Answer::Yes => {
                // A yes that rests on open barriers is not known for good.
                search.floor = verdict.floor;
                return Flow::Break(Hit {
                    step: number,
                    height: verdict.height,
                });
            }
            Answer::No => search.circular |= verdict.circular,
            Answer::Fault(fault) => {
                search.fault.get_or_insert(fault);
            }
        }
        search.floor = search.floor.min(verdict.floor);
        Flow::Continue(())
    }
}
