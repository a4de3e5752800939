//! Which intersections and exclusions lie ahead of each plan, for answers by weights.

use crate::error::Error;
use crate::ids::{NodeId, PlanId};
use crate::model::reach::{self, Bits};
use crate::model::{Barrier, Node, Plan, rules};

/// The barriers ahead of each plan.
#[derive(Debug)]
pub(super) struct Crossings {
    ahead: Vec<Bits>,
    barriers: usize,
    /// The relations that each plan depends on, its own included. Where answers do not go by weights
    /// they are the usersets that it reaches.
    uses: Vec<Bits>,
}

impl Crossings {
    /// Finds the barriers ahead of all plans. A relation that recurs through one has no weight.
    pub(super) fn of(nodes: &[Node], barriers: &[Barrier], plans: &[Plan]) -> Result<Self, Error> {
        let own = plans.iter().map(|plan| {
            let mut own = Bits::new(barriers.len());
            for barrier in &plan.barriers {
                own.set(barrier.index());
            }
            own
        });
        let next: Vec<_> = plans
            .iter()
            .map(|plan| reach::next(nodes, barriers, plan))
            .collect();
        let used = plans.iter().map(|plan| {
            let mut used = Bits::new(nodes.len());
            for node in &plan.covered {
                used.set(node.index());
            }
            used
        });
        let crossings = Self {
            ahead: reach::close(own.collect(), &next),
            barriers: barriers.len(),
            uses: reach::close(used.collect(), &next),
        };
        for (at, barrier) in barriers.iter().enumerate() {
            let recurs = |plan: &PlanId| crossings.has(*plan, at);
            let owner = nodes.get(barrier.owner.index());
            if let Some(owner) = owner.filter(|_| barrier.operands().iter().any(recurs)) {
                let why = "it recurs through an intersection or an exclusion";
                return Err(rules::impossible(owner, why));
            }
        }
        Ok(crossings)
    }

    /// The places of the barriers ahead of a plan.
    pub(super) fn ahead(&self, plan: PlanId) -> impl Iterator<Item = usize> {
        (0..self.barriers).filter(move |at| self.has(plan, *at))
    }

    /// Whether a plan depends on a relation.
    pub(super) fn depends(&self, plan: PlanId, on: NodeId) -> bool {
        let uses = self.uses.get(plan.index());
        uses.is_some_and(|uses| uses.has(on.index()))
    }

    fn has(&self, plan: PlanId, barrier: usize) -> bool {
        let ahead = self.ahead.get(plan.index());
        ahead.is_some_and(|ahead| ahead.has(barrier))
    }
}
