//! The search for a user along unions: breadth first, so that each place is looked at once, at
//! its least depth.

use std::ops::ControlFlow;

use ahash::AHashSet;

use crate::check::memo::Place;
use crate::check::session::Session;
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
        let limit = self.limit();
        let keeps = self.keeps || !self.open.is_empty();
        let place = Place::new(object, plan);
        if keeps && let Some(known) = self.memo.plan(place, depth, limit, ask_circular) {
            return known;
        }
        let mut search = self.spare.pop().unwrap_or_default();
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
        self.spare.push(search);
        verdict
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

    /// Looks at a place: whether the user is there already, else it is left for later if
    /// anything leads on from it.
    fn enter(&mut self, search: &mut Search, step: Step, ask_circular: bool) -> Flow {
        let number = u32::try_from(search.steps.len()).unwrap_or(u32::MAX);
        let hit = |height| {
            Flow::Break(Hit {
                step: number,
                height,
            })
        };
        if self.is_itself(step.object, step.plan) {
            search.steps.push(step);
            return hit(0);
        }
        let keeps = self.keeps || !self.open.is_empty();
        if keeps {
            let place = Place::new(step.object, step.plan);
            let known = self
                .memo
                .plan(place, step.depth, self.limit(), ask_circular);
            if let Some(known) = known {
                if matches!(known.answer, Answer::Yes) {
                    search.steps.push(step);
                    return hit(known.height);
                }
                search.circular |= known.circular;
                search.deepest = search.deepest.max(step.depth.saturating_add(known.height));
                return Flow::Continue(());
            }
        }
        let plan = self.model().plan(step.plan);
        let mut row = None;
        for node in &plan.directs {
            if self.is_direct(*node, step.object, &mut row, &mut search.fault) {
                search.steps.push(step);
                return hit(0);
            }
        }
        search.deepest = search.deepest.max(step.depth);
        if plan.is_open || keeps {
            search.push(step);
        }
        Flow::Continue(())
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
        let verdict = self.barrier(step.object, barrier, step.depth, ask);
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
        let mut number = hit.step;
        let bottom = search
            .steps
            .get(number as usize)
            .map_or(depth, |step| step.depth)
            + hit.height;
        while let Some(step) = search.steps.get(number as usize).filter(|_| keeps) {
            let verdict = Verdict {
                floor: search.floor,
                ..Verdict::yes(bottom - step.depth)
            };
            self.memo
                .keep_plan(Place::new(step.object, step.plan), &verdict, false);
            if number == 0 {
                break;
            }
            number = step.from;
        }
        Verdict {
            floor: search.floor,
            ..Verdict::yes(bottom.saturating_sub(depth))
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
                floor: search.floor,
                ..Verdict::fault(fault)
            };
        }
        let first = search.steps.first().copied();
        let mut verdict = Verdict::no(search.deepest.saturating_sub(depth));
        verdict.floor = search.floor;
        verdict.circular = search.circular;
        if let Some(first) = first.filter(|_| ask_circular && !search.circular) {
            verdict.circular = self.is_circular(first.object, first.plan);
        }
        let Some(first) = first.filter(|_| keeps) else {
            return verdict;
        };
        self.memo
            .keep_plan(Place::new(first.object, first.plan), &verdict, ask_circular);
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
            floor: whole.floor,
            ..Verdict::no(height)
        };
        for step in search.steps.iter().skip(1) {
            self.memo
                .keep_plan(Place::new(step.object, step.plan), &verdict, false);
        }
    }
}
