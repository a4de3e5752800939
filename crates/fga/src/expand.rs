//! One level of how users come to have a relation to an object.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::ids::{EntityId, NodeId, RelationId};
use crate::index::Found;
use crate::model::{ModelId, Rewrite};
use crate::store::{Asked, Call, Store};
use crate::tuple::{Fields, Tuple};

/// A question for the tree of a relation.
#[derive(Clone, Debug, Default)]
pub struct ExpandRequest {
    /// The model; the latest if none is named.
    pub model: Option<ModelId>,
    /// The object, `type:id`.
    pub object: String,
    /// The relation.
    pub relation: String,
    /// Tuples to assume besides those stored.
    pub contextual_tuples: Vec<Tuple>,
}

/// A part of a relation of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// `type:id#relation` of the whole.
    pub name: String,
    /// What the part is.
    pub branch: Branch,
}

/// What a part of a relation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Branch {
    /// The users of tuples, sorted. Conditions are not evaluated.
    Users(Vec<String>),
    /// Another relation of the same object.
    Computed(String),
    /// A relation of the objects that a tupleset leads to.
    TupleToUserset {
        /// `type:id#relation` of the tupleset.
        tupleset: String,
        /// The relation of each object that it leads to.
        computed: Vec<String>,
    },
    /// Any of these.
    Union(Vec<Tree>),
    /// All of these.
    Intersection(Vec<Tree>),
    /// The first without the second.
    Difference(Box<[Tree; 2]>),
}

impl Store {
    /// The tree of a relation of an object, one level deep.
    ///
    /// # Errors
    /// `type_not_found`, `relation_not_found`, `validation_error` or `invalid_tuple`.
    pub fn expand(&self, request: &ExpandRequest) -> Result<Tree, Error> {
        let context = Fields::new();
        let model = request.model.as_ref();
        let mut asked = self.ask(model, &request.contextual_tuples, &context, Call::List)?;
        let kind = request.object.split_once(':').unwrap_or_default().0;
        asked.model.node_of(kind, &request.relation)?;
        let (object, node) = asked.target(&request.object, &request.relation)?;
        let expansion = Expansion {
            asked: &asked,
            object,
            node,
            name: format!("{}#{}", request.object, request.relation),
            wildcards: &asked.wildcards(),
        };
        Ok(expansion.tree(&asked.model.node(node).rewrite))
    }
}

struct Expansion<'a> {
    asked: &'a Asked<'a>,
    object: EntityId,
    node: NodeId,
    name: String,
    wildcards: &'a ahash::AHashSet<EntityId>,
}

impl Expansion<'_> {
    fn tree(&self, rewrite: &Rewrite) -> Tree {
        let all = |parts: &[Rewrite]| parts.iter().map(|part| self.tree(part)).collect();
        let branch = match rewrite {
            Rewrite::This => {
                Branch::Users(self.users(self.node, |name, relation| match relation {
                    "" => name,
                    relation => format!("{name}#{relation}"),
                }))
            }
            Rewrite::Computed(node) => Branch::Computed(self.userset(*node)),
            Rewrite::Parents(parents) => {
                let of = |name, _: &str| format!("{name}#{}", parents.computed);
                Branch::TupleToUserset {
                    tupleset: self.userset(parents.tupleset),
                    computed: self.users(parents.tupleset, of),
                }
            }
            Rewrite::Union(parts) => Branch::Union(all(parts)),
            Rewrite::Intersection(parts) => Branch::Intersection(all(parts)),
            Rewrite::Difference(pair) => {
                let [base, subtract] = &**pair;
                Branch::Difference(Box::new([self.tree(base), self.tree(subtract)]))
            }
        };
        Tree {
            name: self.name.clone(),
            branch,
        }
    }

    fn userset(&self, node: NodeId) -> String {
        let object = self.asked.object_name(self.object);
        format!("{object}#{}", self.asked.model.node(node).name)
    }

    /// The users of the tuples of a relation that the model allows, sorted.
    fn users(&self, node: NodeId, write: impl Fn(String, &str) -> String) -> Vec<String> {
        let relation = self.asked.model.node(node).relation;
        let row = self.asked.by_object(self.object);
        let allowed = row
            .relation(relation)
            .filter(|found| self.is_allowed(node, found));
        let users = allowed.map(|found| {
            let name = self.asked.object_name(found.edge.far());
            let relation = self.asked.relation_name(found.edge.second());
            write(name, &relation)
        });
        users.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn is_allowed(&self, node: NodeId, found: &Found<'_>) -> bool {
        let (far, relation) = (found.edge.far(), found.edge.second());
        let is_wildcard = relation == RelationId::NONE && self.wildcards.contains(&far);
        let direct = &self.asked.model.node(node).direct;
        let kind = self.asked.kind(far);
        let entry = kind.and_then(|kind| direct.entry(kind, relation, is_wildcard));
        entry.is_some_and(|entry| entry.allows(found.condition_name()))
    }
}
