//! A compiled model.

mod compile;
mod crossing;
mod entry;
mod lane;
mod plan;
mod reach;
mod reverse;
mod rules;

use std::fmt;
use std::sync::Arc;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::condition::Condition;
use crate::error::{Error, ErrorCode};
use crate::ids::{BarrierId, NodeId, PlanId, RelationId, TypeId};
use crate::limits::Limits;
use crate::spec::ModelSpec;
use crate::symbols::Symbols;
use crossing::Crossings;
pub(crate) use lane::{Entry, Lane, Probe, Way};
use reach::Bits;
pub(crate) use reverse::Reverse;

/// The id of a model: a ULID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelId(Arc<str>);

impl ModelId {
    /// Reads a ULID as `OpenFGA` accepts it.
    ///
    /// # Errors
    /// Text that is not one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is_good =
            |c: char| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c));
        if text.len() == 26 && text.chars().all(is_good) {
            return Ok(Self(text.into()));
        }
        let message = format!("invalid authorization model id: `{text}`");
        Err(Error::validation(message))
    }

    pub(crate) fn generated(text: String) -> Self {
        Self(text.into())
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A model that follows all rules, ready to be asked.
#[derive(Debug)]
pub struct Model {
    id: ModelId,
    spec: ModelSpec,
    kinds: AHashMap<Box<str>, Kind>,
    /// The places of types among those of this model.
    by_type: AHashMap<TypeId, usize>,
    nodes: Vec<Node>,
    plans: Vec<Plan>,
    barriers: Vec<Barrier>,
    conditions: AHashMap<Box<str>, Condition>,
    reverse: Reverse,
    /// Only where answers go by weights.
    crossings: Option<Crossings>,
}

/// A type of the model.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) id: TypeId,
    /// Its place among the types of this model.
    pub(crate) index: usize,
    pub(crate) relations: AHashMap<Box<str>, NodeId>,
}

/// A relation of a type.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: TypeId,
    pub(crate) kind_name: Box<str>,
    pub(crate) relation: RelationId,
    pub(crate) name: Box<str>,
    pub(crate) direct: Direct,
    pub(crate) rewrite: Rewrite,
}

/// How a relation comes about.
#[derive(Clone, Debug)]
pub(crate) enum Rewrite {
    This,
    Computed(NodeId),
    Parents(Parents),
    Union(Box<[Rewrite]>),
    Intersection(Box<[Rewrite]>),
    Difference(Box<[Rewrite; 2]>),
}

/// The same relation, or another, of the objects that a tupleset leads to.
#[derive(Clone, Debug)]
pub(crate) struct Parents {
    /// The relation that this is part of.
    pub(crate) owner: NodeId,
    /// The relation to follow.
    pub(crate) tupleset: NodeId,
    /// The relation there, by the type found. Types without it lead nowhere.
    pub(crate) targets: Box<[(TypeId, NodeId)]>,
    /// The name of the relation there.
    pub(crate) computed: Box<str>,
}

/// The users that can be related directly.
#[derive(Clone, Debug, Default)]
pub(crate) struct Direct {
    pub(crate) admitted: Box<[Admitted]>,
    /// The relations of the usersets among them.
    pub(crate) usersets: Box<[RelationId]>,
}

/// One kind of user that can be related directly.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) kind: TypeId,
    /// The relation of a userset.
    pub(crate) relation: RelationId,
    /// The node of the userset.
    pub(crate) node: Option<NodeId>,
    /// All objects of the type at once.
    pub(crate) wildcard: bool,
    /// Whether a tuple needs no condition.
    pub(crate) bare: bool,
    /// The conditions that a tuple may have.
    pub(crate) conditions: SmallVec<[Box<str>; 1]>,
}

/// A union of everything that leads from an object on: the rewrites of a relation with the
/// relations that it is computed from put in their places.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The relations of the object that are part of the union: who is one of them is in.
    pub(crate) covers: SmallVec<[RelationId; 2]>,
    /// The same as nodes.
    pub(crate) covered: SmallVec<[NodeId; 2]>,
    /// Relations whose own tuples count.
    pub(crate) directs: SmallVec<[NodeId; 2]>,
    pub(crate) parents: SmallVec<[Parents; 1]>,
    pub(crate) barriers: SmallVec<[BarrierId; 1]>,
    /// The users of [`Self::directs`].
    pub(crate) probes: Box<[Probe]>,
    /// The usersets of [`Self::directs`], and [`Self::parents`].
    pub(crate) lanes: Box<[Lane]>,
    /// Whether anything but direct users leads on.
    pub(crate) is_open: bool,
    /// Whether no intersection or exclusion lies ahead, however far.
    pub(crate) is_plain: bool,
    /// Whether data can lead in a circle from here.
    pub(crate) is_recursive: bool,
    pub(crate) reach: Bits,
}

/// What is not a union.
#[derive(Debug)]
pub(crate) struct Barrier {
    /// The relation that this is part of.
    pub(crate) owner: NodeId,
    pub(crate) operands: Operands,
}

/// All of these, or the first without the second.
#[derive(Debug)]
pub(crate) enum Operands {
    All(Box<[PlanId]>),
    Without([PlanId; 2]),
}

impl Model {
    /// Compiles a model, with the numbers of `symbols`.
    pub(crate) fn compile(
        spec: ModelSpec,
        id: ModelId,
        symbols: &mut Symbols,
        limits: &Limits,
    ) -> Result<Self, Error> {
        compile::compile(spec, id, symbols, limits)
    }

    /// Checks a model against every rule without keeping it.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn validate(spec: &ModelSpec, limits: &Limits) -> Result<(), Error> {
        let id = ModelId::generated(String::new());
        Self::compile(spec.clone(), id, &mut Symbols::default(), limits).map(drop)
    }

    /// The id.
    pub const fn id(&self) -> &ModelId {
        &self.id
    }

    /// The model as written.
    pub const fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    pub(crate) fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(name)
    }

    pub(crate) fn types(&self) -> impl Iterator<Item = TypeId> {
        self.by_type.keys().copied()
    }

    pub(crate) fn condition(&self, name: &str) -> Option<&Condition> {
        self.conditions.get(name)
    }

    /// The node of a relation: unknown types and relations have codes of their own.
    pub(crate) fn node_of(&self, kind: &str, relation: &str) -> Result<NodeId, Error> {
        let Some(found) = self.kind(kind) else {
            let message = format!("type '{kind}' not found");
            return Err(Error::new(ErrorCode::TypeNotFound, message));
        };
        found.relations.get(relation).copied().ok_or_else(|| {
            let message = format!("relation '{kind}#{relation}' not found");
            Error::new(ErrorCode::RelationNotFound, message)
        })
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "nodes are numbered by their places"
    )]
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "plans are numbered by their places"
    )]
    pub(crate) fn plan(&self, id: PlanId) -> &Plan {
        &self.plans[id.index()]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "barriers are numbered by their places"
    )]
    pub(crate) fn barrier(&self, id: BarrierId) -> &Barrier {
        &self.barriers[id.index()]
    }

    /// The restriction that a tuple found must meet.
    pub(crate) fn admitted(&self, entry: Entry) -> Option<&Admitted> {
        entry.admitted(&self.nodes)
    }

    /// What leads back from relations to those built on them.
    pub(crate) const fn reverse(&self) -> &Reverse {
        &self.reverse
    }

    /// The bit of a user's kind in the reach of plans.
    pub(crate) fn bit(&self, subject: SubjectKind) -> Option<usize> {
        let types = self.kinds.len();
        match subject {
            SubjectKind::Object(id) => self.by_type.get(&id).copied(),
            SubjectKind::Wildcard(id) => Some(types + self.by_type.get(&id)?),
            SubjectKind::Userset(node) => Some(2 * types + node.index()),
        }
    }

    /// Whether users of this kind can be in what the plan finds.
    pub(crate) fn reaches(&self, plan: PlanId, bit: usize) -> bool {
        self.plan(plan).reach.has(bit)
    }

    /// Whether what the plan finds can depend on who has a relation to some object.
    pub(crate) fn depends(&self, plan: PlanId, on: NodeId) -> bool {
        if let Some(crossings) = &self.crossings {
            return crossings.depends(plan, on);
        }
        let bit = self.bit(SubjectKind::Userset(on));
        bit.is_some_and(|bit| self.reaches(plan, bit))
    }

    /// Whether answers are those of the weighted graph.
    pub(crate) const fn is_weighted(&self) -> bool {
        self.crossings.is_some()
    }

    /// What lies between the plan and users of a kind that a userset cannot be looked for through,
    /// or all of a type at once; always nothing where answers do not go by weights.
    pub(crate) fn crossing(
        &self,
        plan: PlanId,
        bit: Option<usize>,
        is_wildcard: bool,
    ) -> Option<&'static str> {
        let ahead = self.crossings.as_ref()?.ahead(plan);
        let mut barriers = ahead
            .filter_map(|at| self.barriers.get(at))
            .filter(|barrier| {
                let mut operands = barrier.operands().iter();
                operands.any(|operand| bit.is_some_and(|bit| self.reaches(*operand, bit)))
            });
        barriers.find_map(|barrier| match barrier.operands {
            Operands::Without(_) => Some("an exclusion"),
            Operands::All(_) => is_wildcard.then_some("an intersection"),
        })
    }

    /// Whether the plan is that of a relation, not of an operand.
    pub(crate) fn is_whole(&self, plan: PlanId) -> bool {
        plan.index() < self.nodes.len()
    }
}

/// What users are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    Object(TypeId),
    Wildcard(TypeId),
    Userset(NodeId),
}

impl Direct {
    /// The entry for users of this kind, whatever their tuples' conditions.
    pub(crate) fn entry(
        &self,
        kind: TypeId,
        relation: RelationId,
        wildcard: bool,
    ) -> Option<&Admitted> {
        let mut admitted = self.admitted.iter();
        admitted.find(|entry| {
            entry.kind == kind && entry.relation == relation && entry.wildcard == wildcard
        })
    }
}

impl Admitted {
    /// Whether a tuple may have this condition, or none.
    pub(crate) fn allows(&self, condition: Option<&str>) -> bool {
        match condition {
            None => self.bare,
            Some(name) => self.conditions.iter().any(|own| **own == *name),
        }
    }
}

impl Rewrite {
    /// The rewrites right below this one.
    pub(crate) fn children(&self) -> &[Self] {
        match self {
            Self::Union(children) | Self::Intersection(children) => children,
            Self::Difference(pair) => pair.as_slice(),
            Self::This | Self::Computed(_) | Self::Parents(_) => &[],
        }
    }
}
