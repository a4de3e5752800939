//! The search for a user along unions: breadth first, so that each place is looked at once, at
//! its least depth.

use std::ops::ControlFlow;

use ahash::AHashSet;

use crate::check::memo::Place;
use crate::check::session::{Session, give_back, take_search};
use crate::check::verdict::{Answer, Verdict, too_complex};
use crate::error::Error;
use crate::ids::{BarrierId, EntityId, NodeId, PlanId, RelationId};
use crate::index::Row;
use crate::model::Parents;

/// Places looked at, from which on a set is kept of them.
const FEW: usize = 24;

/// A place on the way.
#[derive(Clone, Copy, Debug)]
struct Step {
    object: EntityId,
    plan: PlanId,
    depth: u8,
    /// The step that led here.
    from: u32,
}

/// A search that is under way.
#[derive(Debug, Default)]
pub(crate) struct Search {
    steps: Vec<Step>,
    /// The places of all steps, where they are many.
    seen: AHashSet<Place>,
    /// Intersections and exclusions met, with the steps that met them.
    barriers: Vec<(BarrierId, u32)>,
    fault: Option<Box<Error>>,
    circular: bool,
    floor: usize,
    /// The depth that known answers reach down to.
    deepest: u8,
}

/// The user was found: at this step, and this many dispatches below it.
struct Hit {
    step: u32,
    height: u8,
}

type Flow = ControlFlow<Hit>;

/// What is seen of a place from outside.
enum Sight {
    /// The user is there.
    Found { height: u8 },
    /// It is on the way to a barrier under way: this goes in circles.
    OnWay { level: usize },
    /// It is known that the user is not there.
    Missed { circular: bool, height: u8 },
    /// The user is not there by a tuple of its own.
    Ahead,
}

impl Search {
    fn clear(&mut self) {
        self.steps.clear();
        self.seen.clear();
        self.barriers.clear();
        self.fault = None;
        self.circular = false;
        self.floor = usize::MAX;
        self.deepest = 0;
    }

    /// Whether it is worth keeping for the next question.
    pub(super) fn is_small(&self) -> bool {
        self.steps.capacity() <= 4096 && self.seen.capacity() <= 8192
    }

    /// The places from this step back to the first.
    fn way_to(&self, number: u32) -> impl Iterator<Item = Place> {
        let mut next = Some(number);
        std::iter::from_fn(move || {
            let at = next?;
            let step = self.steps.get(at as usize)?;
            next = (at > 0).then_some(step.from);
            Some(Place::new(step.object, step.plan))
        })
    }

    /// Adds a place, unless it is there.
    fn push(&mut self, step: Step) {
        let place = Place::new(step.object, step.plan);
        if self.steps.len() < FEW {
            let is_same = |own: &Step| own.object == step.object && own.plan == step.plan;
            if self.steps.iter().any(is_same) {
                return;
            }
        } else {
            if self.seen.is_empty() {
                let places = self
                    .steps
                    .iter()
                    .map(|own| Place::new(own.object, own.plan));
                self.seen.extend(places);
            }
            if !self.seen.insert(place) {
                return;
            }
        }
        self.steps.push(step);
    }
}

impl<'a> Session<'a> {
    /// Whether the user is in what the plan finds for `object`.
    pub(super) fn search(
        &mut self,
        object: EntityId,
        plan: PlanId,
        depth: u8,
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
        let mut search = take_search();
        search.clear();
        let flow = self.run(
            &mut search,
            Step {
                object,
                plan,
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

    fn known(&self, place: Place, depth: u8, ask_circular: bool) -> Option<Verdict> {
        let memo = self.memo.as_ref()?;
        memo.plan(place, depth, self.limit(), ask_circular)
    }

    fn run(&mut self, search: &mut Search, first: Step, ask_circular: bool) -> Flow {
        // An operand has no say of its own: conditions in it count even where nobody is found.
        if self.model().is_whole(first.plan) && !self.can_reach(first.plan) {
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
                if self.keeps() || self.model().plan(step.plan).is_open {
                    search.push(step);
                }
            }
        }
        Flow::Continue(())
    }

    fn look(&mut self, search: &mut Search, step: Step, ask_circular: bool) -> Sight {
        let place = Place::new(step.object, step.plan);
        if let Some(level) = self.level_on_way(place) {
            return Sight::OnWay { level };
        }
        if self.is_itself(step.object, step.plan) {
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
        let mut row = None;
        for node in &self.model().plan(step.plan).directs {
            if self.is_direct(*node, step.object, &mut row, &mut search.fault) {
                return Sight::Found { height: 0 };
            }
        }
        Sight::Ahead
    }

    /// Follows everything that leads on from a place.
    fn expand(&mut self, search: &mut Search, step: Step, number: u32, ask: bool) -> Flow {
        let plan = self.model().plan(step.plan);
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
        let row = self.asked.by_object(step.object);
        for node in &plan.directs {
            self.usersets(search, *node, row, (step, number), ask)?;
        }
        for parents in &plan.parents {
            self.parents(search, parents, row, (step, number), ask)?;
        }
        Flow::Continue(())
    }

    fn usersets(
        &mut self,
        search: &mut Search,
        node: NodeId,
        row: Row<'a>,
        (step, number): (Step, u32),
        ask: bool,
    ) -> Flow {
        if !self.can_reach(node.plan()) {
            return Flow::Continue(());
        }
        let node = self.model().node(node);
        for userset in &node.direct.usersets {
            for found in row.range(node.relation, *userset) {
                let far = found.edge.far();
                let Some(kind) = self.asked.kind(far) else {
                    continue;
                };
                let entry = node.direct.entry(kind, *userset, false);
                let Some((entry, target)) = entry.and_then(|entry| Some((entry, entry.node?)))
                else {
                    continue;
                };
                if self.counts(Some(found), entry, &mut search.fault) {
                    self.follow(search, far, target, (step, number), ask)?;
                }
            }
        }
        Flow::Continue(())
    }

    fn parents(
        &mut self,
        search: &mut Search,
        parents: &Parents,
        row: Row<'a>,
        (step, number): (Step, u32),
        ask: bool,
    ) -> Flow {
        if !self.can_reach(parents.owner.plan()) {
            return Flow::Continue(());
        }
        let tupleset = self.model().node(parents.tupleset);
        for found in row.range(tupleset.relation, RelationId::NONE) {
            let far = found.edge.far();
            let Some(kind) = self.asked.kind(far) else {
                continue;
            };
            let Some(entry) = tupleset.direct.entry(kind, RelationId::NONE, false) else {
                continue;
            };
            if self.counts(Some(found), entry, &mut search.fault) {
                let mut targets = parents.targets.iter();
                if let Some((_, target)) = targets.find(|(own, _)| *own == kind) {
                    self.follow(search, far, *target, (step, number), ask)?;
                }
            }
        }
        Flow::Continue(())
    }

    fn follow(
        &mut self,
        search: &mut Search,
        object: EntityId,
        target: NodeId,
        (step, number): (Step, u32),
        ask: bool,
    ) -> Flow {
        let (plan, depth) = (target.plan(), step.depth + 1);
        if depth >= self.limit() {
            search.fault.get_or_insert_with(|| Box::new(too_complex()));
            return Flow::Continue(());
        }
        if !self.can_reach(plan) {
            return Flow::Continue(());
        }
        let next = Step {
            object,
            plan,
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
        let verdict = self.barrier(step.object, barrier, step.depth, ask);
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

    /// The verdict where the user was found; every step on the way there has found it too.
    fn found(&mut self, search: &Search, hit: &Hit, depth: u8, keeps: bool) -> Verdict {
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
            let place = Place::new(step.object, step.plan);
            let memo = self.memo.get_or_insert_default();
            memo.keep_plan(place, &verdict, false);
            next = (number > 0).then_some(step.from);
        }
        Verdict {
            floor: self.settled(search.floor),
            ..Verdict::yes(bottom.saturating_sub(depth))
        }
    }

    /// Whether answers are kept: a single question without barriers has no use for them.
    fn keeps(&self) -> bool {
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
    fn missed(
        &mut self,
        search: &mut Search,
        depth: u8,
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
            verdict.circular = self.is_circular(first.object, first.plan);
        }
        let Some(first) = first.filter(|_| keeps) else {
            return verdict;
        };
        self.memo.get_or_insert_default().keep_plan(
            Place::new(first.object, first.plan),
            &verdict,
            ask_circular,
        );
        if search.steps.len() < FEW {
            self.keep_misses(search, &verdict);
        }
        verdict
    }

    /// No step has found the user. A way between steps is no longer than there are steps.
    fn keep_misses(&mut self, search: &Search, whole: &Verdict) {
        let height = u8::try_from(search.steps.len()).unwrap_or(u8::MAX);
        let height = height.saturating_add(whole.height);
        let verdict = Verdict {
            floor: search.floor,
            ..Verdict::no(height)
        };
        for step in search.steps.iter().skip(1) {
            self.memo.get_or_insert_default().keep_plan(
                Place::new(step.object, step.plan),
                &verdict,
                false,
            );
        }
    }
}
