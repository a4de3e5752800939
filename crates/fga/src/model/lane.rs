//! What a plan looks for among the tuples of an object, laid out as their edges are: so that a
//! search compares numbers and asks the model nothing.

use smallvec::SmallVec;

use crate::ids::{NodeId, PlanId, RelationId, TypeId};
use crate::model::reach::Bits;
use crate::model::{Admitted, Node, Plan};

/// A kind of user who is in by one tuple.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The relation of the tuple.
    pub(crate) relation: RelationId,
    /// The type of the user.
    pub(crate) kind: TypeId,
    /// The relation of a userset.
    pub(crate) userset: RelationId,
    /// All objects of the type at once.
    pub(crate) is_wildcard: bool,
    pub(crate) entry: Entry,
}

/// Tuples that lead on to other objects: those with these relations.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The relation of the tuples.
    pub(crate) relation: RelationId,
    /// The relation of the usersets that they name; none where they name parents.
    pub(crate) userset: RelationId,
    pub(crate) ways: SmallVec<[Way; 1]>,
}

/// Where a lane leads.
#[derive(Debug)]
pub(crate) struct Way {
    /// The type of the object found.
    pub(crate) kind: TypeId,
    /// The relation that this is part of.
    pub(crate) owner: PlanId,
    /// What to look for there.
    pub(crate) target: PlanId,
    pub(crate) entry: Entry,
    /// The kinds of users that both can find.
    pub(crate) reach: Bits,
}

/// The restriction that a tuple must meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    node: NodeId,
    place: u16,
    /// Whether a tuple needs no condition.
    pub(crate) is_bare: bool,
}

impl Entry {
    /// The restriction itself.
    pub(crate) fn admitted(self, nodes: &[Node]) -> Option<&Admitted> {
        let node = nodes.get(self.node.index())?;
        node.direct.admitted.get(usize::from(self.place))
    }
}

/// Fills in the probes and lanes of all plans.
pub(super) fn fill(nodes: &[Node], plans: &mut [Plan]) {
    let reaches: Vec<Bits> = plans.iter().map(|plan| plan.reach.clone()).collect();
    for plan in plans {
        plan.probes = probes(nodes, plan);
        plan.lanes = lanes(nodes, plan, &reaches);
    }
}

fn probes(nodes: &[Node], plan: &Plan) -> Box<[Probe]> {
    let directs = plan.directs.iter().flat_map(|id| entries(nodes, *id));
    let probes = directs.map(|(node, admitted, entry)| Probe {
        relation: node.relation,
        kind: admitted.kind,
        userset: admitted.relation,
        is_wildcard: admitted.wildcard,
        entry,
    });
    probes.collect()
}

fn lanes(nodes: &[Node], plan: &Plan, reaches: &[Bits]) -> Box<[Lane]> {
    let mut lanes: Vec<Lane> = Vec::new();
    let reach = |owner: PlanId, target: PlanId| {
        let of = |plan: PlanId| reaches.get(plan.index());
        let both = of(owner).zip(of(target));
        both.map_or_else(Bits::default, |(owner, target)| owner.common(target))
    };
    for id in &plan.directs {
        for (node, admitted, entry) in entries(nodes, *id) {
            if let Some(userset) = admitted.node {
                let way = Way {
                    kind: admitted.kind,
                    owner: id.plan(),
                    target: userset.plan(),
                    reach: reach(id.plan(), userset.plan()),
                    entry,
                };
                add(&mut lanes, node.relation, admitted.relation, way);
            }
        }
    }
    for parents in &plan.parents {
        for (node, admitted, entry) in entries(nodes, parents.tupleset) {
            let mut targets = parents.targets.iter();
            let target = targets.find(|(kind, _)| *kind == admitted.kind);
            let is_object = admitted.node.is_none() && !admitted.wildcard;
            if let Some((_, target)) = target.filter(|_| is_object) {
                let way = Way {
                    kind: admitted.kind,
                    owner: parents.owner.plan(),
                    target: target.plan(),
                    reach: reach(parents.owner.plan(), target.plan()),
                    entry,
                };
                add(&mut lanes, node.relation, RelationId::NONE, way);
            }
        }
    }
    lanes.into()
}

/// The restrictions of a node, with what finds them again.
fn entries(nodes: &[Node], id: NodeId) -> impl Iterator<Item = (&Node, &Admitted, Entry)> {
    let node = nodes.get(id.index());
    node.into_iter().flat_map(move |node| {
        let admitted = node.direct.admitted.iter().zip(0..=u16::MAX);
        admitted.map(move |(admitted, place)| {
            let entry = Entry {
                node: id,
                place,
                is_bare: admitted.bare,
            };
            (node, admitted, entry)
        })
    })
}

fn add(lanes: &mut Vec<Lane>, relation: RelationId, userset: RelationId, way: Way) {
    let mut own = lanes.iter_mut();
    match own.find(|lane| lane.relation == relation && lane.userset == userset) {
        Some(lane) => lane.ways.push(way),
        None => lanes.push(Lane {
            relation,
            userset,
            ways: SmallVec::from_iter([way]),
        }),
    }
}
