//! Which kinds of users each plan can find at all, and which plans can lead in circles.

use ahash::AHashMap;

use crate::ids::{NodeId, TypeId};
use crate::limits::Semantics;
use crate::model::{Admitted, Barrier, Kind, Node, Plan};

/// A set of small numbers. Those of small models lie in the set itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    first: u64,
    rest: Box<[u64]>,
}

impl Bits {
    pub(super) fn new(len: usize) -> Self {
        Self {
            first: 0,
            rest: vec![0; len.saturating_sub(64).div_ceil(64)].into(),
        }
    }

    #[inline]
    pub(crate) fn has(&self, bit: usize) -> bool {
        let word = match (bit / 64).checked_sub(1) {
            None => self.first,
            Some(at) => self.rest.get(at).copied().unwrap_or_default(),
        };
        word >> (bit % 64) & 1 == 1
    }

    pub(super) fn set(&mut self, bit: usize) {
        let word = match (bit / 64).checked_sub(1) {
            None => Some(&mut self.first),
            Some(at) => self.rest.get_mut(at),
        };
        if let Some(word) = word {
            *word |= 1 << (bit % 64);
        }
    }

    /// Those that are in both.
    pub(super) fn common(&self, other: &Self) -> Self {
        let rest = self.rest.iter().zip(&other.rest);
        Self {
            first: self.first & other.first,
            rest: rest.map(|(own, other)| own & other).collect(),
        }
    }

    /// Adds the bits of `other`.
    fn join(&mut self, other: &Self) {
        self.first |= other.first;
        for (own, other) in self.rest.iter_mut().zip(&other.rest) {
            *own |= other;
        }
    }
}

/// Fills in what each plan reaches: objects, wildcards and usersets, in this order of bits.
pub(super) fn fill(
    kinds: &AHashMap<Box<str>, Kind>,
    nodes: &[Node],
    barriers: &[Barrier],
    plans: &mut [Plan],
    semantics: Semantics,
) {
    let types: AHashMap<TypeId, usize> = kinds.values().map(|kind| (kind.id, kind.index)).collect();
    let bits = 2 * types.len() + nodes.len();
    let own: Vec<Bits> = plans
        .iter()
        .map(|plan| own(nodes, &types, plan, bits, semantics))
        .collect();
    let next: Vec<Vec<usize>> = plans
        .iter()
        .map(|plan| next(nodes, barriers, plan))
        .collect();
    let reach = close(own, &next);
    let recursive = circular(&next);
    let plain = plain(plans, &next);
    for ((plan, reach), is_recursive) in plans.iter_mut().zip(reach).zip(recursive) {
        plan.reach = reach;
        plan.is_recursive = is_recursive;
    }
    for (plan, is_plain) in plans.iter_mut().zip(plain) {
        plan.is_plain = is_plain;
    }
}

/// Whether each plan leads to unions only.
fn plain(plans: &[Plan], next: &[Vec<usize>]) -> Vec<bool> {
    let before = before(next);
    let mut plain: Vec<_> = plans.iter().map(|plan| plan.barriers.is_empty()).collect();
    let mut waiting: Vec<_> = (0..plans.len())
        .filter(|at| plain.get(*at) == Some(&false))
        .collect();
    while let Some(at) = waiting.pop() {
        for from in before.get(at).into_iter().flatten() {
            if let Some(is_plain @ true) = plain.get_mut(*from) {
                *is_plain = false;
                waiting.push(*from);
            }
        }
    }
    plain
}

/// The plans that lead to each plan.
fn before(next: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut before = vec![Vec::new(); next.len()];
    for (at, targets) in next.iter().enumerate() {
        for target in targets {
            if let Some(before) = before.get_mut(*target) {
                before.push(at);
            }
        }
    }
    before
}

/// What a plan finds on its own.
fn own(
    nodes: &[Node],
    types: &AHashMap<TypeId, usize>,
    plan: &Plan,
    len: usize,
    semantics: Semantics,
) -> Bits {
    let mut bits = Bits::new(len);
    let of_node = |id: NodeId| 2 * types.len() + id.index();
    let is_itself = semantics == Semantics::V1;
    for id in plan.covered.iter().filter(|_| is_itself) {
        bits.set(of_node(*id));
    }
    let directs = plan.directs.iter().filter_map(|id| nodes.get(id.index()));
    for entry in directs.flat_map(|node| &node.direct.admitted) {
        let kind = types.get(&entry.kind).copied().unwrap_or_default();
        match entry {
            Admitted {
                node: Some(node), ..
            } => bits.set(of_node(*node)),
            Admitted { wildcard: true, .. } => {
                bits.set(kind);
                bits.set(types.len() + kind);
            }
            _ => bits.set(kind),
        }
    }
    bits
}

/// The plans that a plan leads to. What an exclusion takes away adds nobody, but can still lead
/// in a circle, so it is listed too.
pub(super) fn next(nodes: &[Node], barriers: &[Barrier], plan: &Plan) -> Vec<usize> {
    let directs = plan.directs.iter().filter_map(|id| nodes.get(id.index()));
    let admitted = directs.flat_map(|node| &node.direct.admitted);
    let usersets = admitted.filter_map(|entry| entry.node).map(NodeId::index);
    let targets = plan.parents.iter().flat_map(|parents| &parents.targets);
    let targets = targets.map(|(_, node)| node.index());
    let barriers = plan
        .barriers
        .iter()
        .filter_map(|id| barriers.get(id.index()));
    let operands = barriers.flat_map(Barrier::operands).map(|id| id.index());
    usersets.chain(targets).chain(operands).collect()
}

/// The least sets that hold their own bits and those of all they lead to. Sweeps go both ways in
/// turn, so that chains are done in two, however they are ordered.
pub(super) fn close(mut sets: Vec<Bits>, next: &[Vec<usize>]) -> Vec<Bits> {
    let mut has_grown = true;
    while has_grown {
        has_grown = false;
        for at in (0..next.len()).chain((0..next.len()).rev()) {
            let Some(mut joined) = sets.get(at).cloned() else {
                continue;
            };
            let targets = next.get(at).into_iter().flatten();
            for other in targets.filter_map(|at| sets.get(*at)) {
                joined.join(other);
            }
            if let Some(set) = sets.get_mut(at).filter(|set| **set != joined) {
                *set = joined;
                has_grown = true;
            }
        }
    }
    sets
}

/// Whether each plan leads to one that leads back to itself.
fn circular(next: &[Vec<usize>]) -> Vec<bool> {
    let len = next.len();
    // The plans after which nothing leads on are not part of a circle, again and again.
    let mut ahead: Vec<usize> = next.iter().map(Vec::len).collect();
    let before = before(next);
    let mut done: Vec<_> = (0..len).filter(|at| ahead.get(*at) == Some(&0)).collect();
    let mut straight = Bits::new(len);
    while let Some(at) = done.pop() {
        straight.set(at);
        for from in before.get(at).into_iter().flatten() {
            if let Some(count) = ahead.get_mut(*from) {
                *count -= 1;
                if *count == 0 {
                    done.push(*from);
                }
            }
        }
    }
    (0..len).map(|at| !straight.has(at)).collect()
}
