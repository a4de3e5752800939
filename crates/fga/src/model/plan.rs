//! Rewrites to plans: unions flattened, so that most questions are one search.

use crate::error::{Error, ErrorCode};
use crate::ids::{BarrierId, NodeId, PlanId};
use crate::model::{Barrier, Node, Operands, Plan, Rewrite};

/// Parts of all plans together at the most.
const MAX_PARTS: usize = 500_000;
/// Intersections and exclusions inside each other on one object at the most.
const MAX_NESTING: usize = 32;

/// Builds the plans of a model.
pub(super) struct Planner<'a> {
    nodes: &'a [Node],
    plans: Vec<Plan>,
    barriers: Vec<Barrier>,
    /// The barriers of each node, in the order in which its rewrite names them.
    owned: Vec<Vec<BarrierId>>,
    parts: usize,
}

/// The rewrites that become one plan, with the node that each was written for.
struct Flat<'a> {
    plan: Plan,
    barriers: Vec<(NodeId, &'a Rewrite)>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(nodes: &'a [Node]) -> Self {
        Self {
            nodes,
            plans: Vec::new(),
            barriers: Vec::new(),
            owned: vec![Vec::new(); nodes.len()],
            parts: 0,
        }
    }

    pub(super) fn plan(mut self) -> Result<(Vec<Plan>, Vec<Barrier>), Error> {
        let ids = || (0..=u16::MAX).map(NodeId);
        // Barriers get their numbers first, so that plans can name those of other relations.
        let mut waiting = Vec::new();
        for (node, id) in self.nodes.iter().zip(ids()) {
            self.number_barriers(id, &node.rewrite, &mut waiting)?;
        }
        for (node, id) in self.nodes.iter().zip(ids()) {
            let plan = self.flatten(id, &node.rewrite, true)?;
            self.plans.push(plan);
        }
        for (id, rewrite) in waiting {
            let barrier = self.barrier(id, rewrite)?;
            self.barriers.push(barrier);
        }
        self.check_nesting()?;
        Ok((self.plans, self.barriers))
    }

    /// Numbers the barriers in `rewrite` that no other barrier of it contains, then those inside.
    fn number_barriers(
        &mut self,
        node: NodeId,
        rewrite: &'a Rewrite,
        waiting: &mut Vec<(NodeId, &'a Rewrite)>,
    ) -> Result<(), Error> {
        if matches!(rewrite, Rewrite::Intersection(_) | Rewrite::Difference(_)) {
            let number = u16::try_from(waiting.len()).map_err(|_| too_large())?;
            waiting.push((node, rewrite));
            if let Some(owned) = self.owned.get_mut(node.index()) {
                owned.push(BarrierId(number));
            }
        }
        let mut children = rewrite.children().iter();
        children.try_for_each(|child| self.number_barriers(node, child, waiting))
    }

    fn flatten(&mut self, node: NodeId, rewrite: &'a Rewrite, whole: bool) -> Result<Plan, Error> {
        let mut flat = Flat {
            plan: Plan::default(),
            barriers: Vec::new(),
        };
        if whole {
            self.cover(&mut flat, node);
        }
        self.add(&mut flat, node, rewrite);
        let Flat { mut plan, barriers } = flat;
        for (owner, rewrite) in barriers {
            plan.barriers.extend(self.number_of(owner, rewrite));
        }
        let direct = |id: &NodeId| self.nodes.get(id.index());
        let has_usersets = |node: &Node| !node.direct.usersets.is_empty();
        let leads_on = plan.directs.iter().filter_map(direct).any(has_usersets);
        plan.is_open = leads_on || !plan.parents.is_empty() || !plan.barriers.is_empty();
        self.parts += 1 + plan.covers.len() + plan.directs.len() + plan.parents.len();
        if self.parts > MAX_PARTS {
            return Err(too_large());
        }
        Ok(plan)
    }

    fn cover(&self, flat: &mut Flat<'a>, id: NodeId) {
        flat.plan.covered.push(id);
        let node = self.nodes.get(id.index());
        flat.plan.covers.extend(node.map(|node| node.relation));
    }

    fn add(&self, flat: &mut Flat<'a>, node: NodeId, rewrite: &'a Rewrite) {
        match rewrite {
            Rewrite::This => {
                if !flat.plan.directs.contains(&node) {
                    flat.plan.directs.push(node);
                }
            }
            Rewrite::Computed(id) => {
                if !flat.plan.covered.contains(id) {
                    self.cover(flat, *id);
                    if let Some(computed) = self.nodes.get(id.index()) {
                        self.add(flat, *id, &computed.rewrite);
                    }
                }
            }
            Rewrite::Parents(parents) => flat.plan.parents.push(parents.clone()),
            Rewrite::Union(parts) => {
                for part in parts {
                    self.add(flat, node, part);
                }
            }
            Rewrite::Intersection(_) | Rewrite::Difference(_) => {
                flat.barriers.push((node, rewrite));
            }
        }
    }

    /// The number of a barrier: its place among those of its node, counted as they were numbered.
    fn number_of(&self, owner: NodeId, wanted: &Rewrite) -> Option<BarrierId> {
        fn place(rewrite: &Rewrite, wanted: &Rewrite, count: &mut usize) -> Option<usize> {
            if matches!(rewrite, Rewrite::Intersection(_) | Rewrite::Difference(_)) {
                if std::ptr::eq(rewrite, wanted) {
                    return Some(*count);
                }
                *count += 1;
            }
            let mut children = rewrite.children().iter();
            children.find_map(|child| place(child, wanted, count))
        }
        let node = self.nodes.get(owner.index())?;
        let at = place(&node.rewrite, wanted, &mut 0)?;
        self.owned.get(owner.index())?.get(at).copied()
    }

    fn barrier(&mut self, node: NodeId, rewrite: &'a Rewrite) -> Result<Barrier, Error> {
        if let Rewrite::Difference(pair) = rewrite {
            let [base, subtract] = &**pair;
            let base = self.operand(node, base)?;
            let operands = Operands::Without([base, self.operand(node, subtract)?]);
            return Ok(Barrier {
                owner: node,
                operands,
            });
        }
        let operands = rewrite.children().iter();
        let operands = operands.map(|operand| self.operand(node, operand));
        let operands = operands.collect::<Result<_, _>>().map(Operands::All)?;
        Ok(Barrier {
            owner: node,
            operands,
        })
    }

    fn operand(&mut self, node: NodeId, rewrite: &'a Rewrite) -> Result<PlanId, Error> {
        if let Rewrite::Computed(id) = rewrite {
            return Ok(id.plan());
        }
        let plan = self.flatten(node, rewrite, false)?;
        let number = u16::try_from(self.plans.len()).map_err(|_| too_large())?;
        self.plans.push(plan);
        Ok(PlanId(number))
    }

    /// Evaluation recurses once per barrier, so chains of them are kept short.
    fn check_nesting(&self) -> Result<(), Error> {
        let mut depths = vec![0_usize; self.barriers.len()];
        for _ in 0..=MAX_NESTING {
            let next: Vec<_> = self
                .barriers
                .iter()
                .map(|own| 1 + self.depth(own, &depths))
                .collect();
            if next == depths {
                return Ok(());
            }
            depths = next;
        }
        Err(Error::model(
            "intersections and exclusions are nested too deeply",
        ))
    }

    fn depth(&self, barrier: &Barrier, depths: &[usize]) -> usize {
        let plans = barrier
            .operands()
            .iter()
            .filter_map(|id| self.plans.get(id.index()));
        let inner = plans.flat_map(|plan| &plan.barriers);
        inner
            .filter_map(|id| depths.get(id.index()))
            .copied()
            .max()
            .unwrap_or_default()
    }
}

impl Barrier {
    pub(crate) fn operands(&self) -> &[PlanId] {
        match &self.operands {
            Operands::All(operands) => operands,
            Operands::Without(pair) => pair,
        }
    }
}

fn too_large() -> Error {
    Error::new(
        ErrorCode::ExceededEntityLimit,
        "the model is too large to be planned",
    )
}
