//! What leads back from a relation to those that are built on it.

use ahash::AHashMap;

use crate::ids::{NodeId, RelationId, TypeId};
use crate::model::{Node, Rewrite};

/// The relations built on each relation.
#[derive(Debug, Default)]
pub(crate) struct Reverse {
    by_relation: AHashMap<(TypeId, RelationId), NodeId>,
    /// For each relation, those of the same object computed from it.
    computed: Vec<Vec<NodeId>>,
    /// For each relation, the tuplesets that lead to its objects, and the relations behind them.
    parents: Vec<Vec<Child>>,
}

/// A relation that is had by way of a tupleset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    /// The type of the objects behind the tupleset.
    pub(crate) kind: TypeId,
    /// The relation of the tupleset.
    pub(crate) tupleset: RelationId,
    /// The relation there.
    pub(crate) node: NodeId,
}

impl Reverse {
    pub(super) fn of(nodes: &[Node]) -> Self {
        let mut reverse = Self {
            by_relation: AHashMap::new(),
            computed: vec![Vec::new(); nodes.len()],
            parents: vec![Vec::new(); nodes.len()],
        };
        for (node, id) in nodes.iter().zip((0..=u16::MAX).map(NodeId)) {
            reverse.by_relation.insert((node.kind, node.relation), id);
            reverse.add(nodes, node, id, &node.rewrite);
        }
        reverse
    }

    fn add(&mut self, nodes: &[Node], node: &Node, id: NodeId, rewrite: &Rewrite) {
        match rewrite {
            Rewrite::This => {}
            Rewrite::Computed(from) => {
                if let Some(computed) = self.computed.get_mut(from.index()) {
                    computed.push(id);
                }
            }
            Rewrite::Parents(parents) => {
                let Some(tupleset) = nodes.get(parents.tupleset.index()) else {
                    return;
                };
                let child = Child {
                    kind: node.kind,
                    tupleset: tupleset.relation,
                    node: id,
                };
                for (_, target) in &parents.targets {
                    if let Some(own) = self.parents.get_mut(target.index())
                        && !own.contains(&child)
                    {
                        own.push(child);
                    }
                }
            }
            Rewrite::Union(parts) | Rewrite::Intersection(parts) => {
                for part in parts {
                    self.add(nodes, node, id, part);
                }
            }
            // Nobody is let in by being taken away.
            Rewrite::Difference(pair) => {
                let [base, _] = &**pair;
                self.add(nodes, node, id, base);
            }
        }
    }

    /// The node of a relation of a type.
    pub(crate) fn node(&self, kind: TypeId, relation: RelationId) -> Option<NodeId> {
        self.by_relation.get(&(kind, relation)).copied()
    }

    /// Relations of the same object computed from `node`.
    pub(crate) fn computed(&self, node: NodeId) -> &[NodeId] {
        self.computed.get(node.index()).map_or(&[], Vec::as_slice)
    }

    /// Relations had by way of a tupleset that leads to objects with `node`.
    pub(crate) fn children(&self, node: NodeId) -> &[Child] {
        self.parents.get(node.index()).map_or(&[], Vec::as_slice)
    }
}
