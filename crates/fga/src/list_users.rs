//! The users that have a relation to an object.
//!
//! Users that tuples name on the way are candidates. Where an intersection or exclusion lies on
//! the way, each is checked as any other question.

use ahash::AHashSet;

use crate::check::{Session, too_complex};
use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, NodeId, PlanId, RelationId, TypeId};
use crate::index::{Found, Row};
use crate::model::{Admitted, ModelId, Operands, Parents, SubjectKind};
use crate::names::WILDCARD;
use crate::store::{Asked, Call, Store, Subject};
use crate::tuple::{Fields, Tuple};

/// Which users to list: objects of a type, or usersets of a type's relation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The type.
    pub type_name: String,
    /// The relation of usersets.
    pub relation: Option<String>,
}

/// A question for users.
#[derive(Clone, Debug, Default)]
pub struct ListUsersRequest {
    /// The model; the latest if none is named.
    pub model: Option<ModelId>,
    /// The object, `type:id`.
    pub object: String,
    /// The relation.
    pub relation: String,
    /// Which users.
    pub filter: UserFilter,
    /// Tuples to assume besides those stored.
    pub contextual_tuples: Vec<Tuple>,
    /// Parameters of conditions.
    pub context: Fields,
}

/// A user found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListedUser {
    /// An object, `type:id`.
    Object(String),
    /// A userset, `type:id#relation`.
    Userset(String),
    /// Every object of this type, except those that exclusions take away.
    Wildcard(String),
}

impl ListedUser {
    /// As tuples write it.
    pub fn to_user(&self) -> String {
        match self {
            Self::Object(name) | Self::Userset(name) => name.clone(),
            Self::Wildcard(kind) => format!("{kind}:{WILDCARD}"),
        }
    }
}

impl Store {
    /// The users that have the relation to the object. Each of them is one for which
    /// [`Store::check`] says yes. Whoever has the relation only as one of all users of its type is
    /// not named besides them.
    ///
    /// # Errors
    /// `type_not_found`, `relation_not_found`, `validation_error`, `invalid_tuple`,
    /// `authorization_model_resolution_too_complex`; a condition on the way that cannot be
    /// evaluated is an error even where it changes nothing.
    pub fn list_users(&self, request: &ListUsersRequest) -> Result<Vec<ListedUser>, Error> {
        let model = request.model.as_ref();
        let tuples = &request.contextual_tuples;
        let mut asked = self.ask(model, tuples, &request.context, Call::List)?;
        let wanted = Wanted::resolve(&asked, &request.filter)?;
        let kind = request.object.split_once(':').unwrap_or_default().0;
        asked.model.node_of(kind, &request.relation)?;
        let (object, node) = asked.target(&request.object, &request.relation)?;
        self.activity.listed();
        let mut walk = Walk {
            asked: &asked,
            wanted,
            wildcards: asked.wildcards(),
            steps: Vec::new(),
            seen: AHashSet::new(),
            named: AHashSet::new(),
            spared: AHashSet::new(),
            has_barrier: false,
            fault: None,
        };
        walk.run(object, node.plan());
        let Walk {
            named,
            spared,
            has_barrier,
            fault,
            ..
        } = walk;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let judge = Judge {
            asked: &asked,
            wanted,
            object,
            plan: node.plan(),
            has_barrier,
        };
        judge.list(&named, &spared)
    }
}

/// Which users are wanted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    kind: TypeId,
    /// The node of usersets.
    userset: Option<NodeId>,
    bit: Option<usize>,
    /// All objects of the type.
    wildcard: Option<EntityId>,
}

impl Wanted {
    fn resolve(asked: &Asked<'_>, filter: &UserFilter) -> Result<Self, Error> {
        let model = &asked.model;
        let Some(kind) = model.kind(&filter.type_name) else {
            let message = format!("type '{}' not found", filter.type_name);
            return Err(Error::new(ErrorCode::TypeNotFound, message));
        };
        let relation = filter
            .relation
            .as_deref()
            .filter(|relation| !relation.is_empty());
        let userset = match relation {
            Some(relation) => Some(model.node_of(&filter.type_name, relation)?),
            None => None,
        };
        let subject = userset.map_or(SubjectKind::Object(kind.id), SubjectKind::Userset);
        let wildcard = if userset.is_some() {
            None
        } else {
            asked.wildcard(kind.id)
        };
        Ok(Self {
            kind: kind.id,
            userset,
            bit: model.bit(subject),
            wildcard,
        })
    }
}

/// A place on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Step {
    object: EntityId,
    plan: PlanId,
    /// Who is in here is taken away further up.
    is_negated: bool,
    /// An exclusion lies between.
    is_beyond: bool,
}

/// The walk from the object to everybody whom tuples name.
struct Walk<'a> {
    asked: &'a Asked<'a>,
    wanted: Wanted,
    /// The users that stand for all objects of their types.
    wildcards: AHashSet<EntityId>,
    /// Places with their depths, breadth first.
    steps: Vec<(Step, u16)>,
    seen: AHashSet<Step>,
    /// Users named.
    named: AHashSet<EntityId>,
    /// Users named as exceptions from what is taken away: it may be only them who are left.
    spared: AHashSet<EntityId>,
    has_barrier: bool,
    fault: Option<Error>,
}

impl Walk<'_> {
    fn run(&mut self, object: EntityId, plan: PlanId) {
        let first = Step {
            object,
            plan,
            is_negated: false,
            is_beyond: false,
        };
        self.push(first, 0);
        let mut at = 0;
        while let Some((step, depth)) = self.steps.get(at).copied() {
            at += 1;
            if at > self.asked.limits().resolution_nodes {
                self.fault.get_or_insert_with(too_complex);
                return;
            }
            self.expand(step, depth);
        }
    }

    fn push(&mut self, step: Step, depth: u16) {
        let model = &self.asked.model;
        if depth >= self.asked.depth_limit() {
            self.fault.get_or_insert_with(too_complex);
            return;
        }
        let is_reachable = self
            .wanted
            .bit
            .is_some_and(|bit| model.reaches(step.plan, bit));
        if is_reachable && self.seen.insert(step) {
            self.steps.push((step, depth));
        }
    }

    fn expand(&mut self, step: Step, depth: u16) {
        let asked = self.asked;
        let plan = asked.model.plan(step.plan);
        let row = asked.by_object(step.object);
        let is_wanted = |node| plan.covered.contains(&node);
        if self.wanted.userset.is_some_and(is_wanted) && !asked.model.is_weighted() {
            self.name(step, step.object);
        }
        for node in &plan.directs {
            self.direct(step, depth, *node, row);
        }
        for parents in &plan.parents {
            self.parents(step, depth, parents, row);
        }
        for barrier in &plan.barriers {
            self.has_barrier = true;
            match &asked.model.barrier(*barrier).operands {
                Operands::All(operands) => {
                    for operand in operands {
                        self.push(
                            Step {
                                plan: *operand,
                                ..step
                            },
                            depth,
                        );
                    }
                }
                Operands::Without([base, subtract]) => {
                    self.push(
                        Step {
                            plan: *base,
                            ..step
                        },
                        depth,
                    );
                    let taken_away = Step {
                        plan: *subtract,
                        is_negated: !step.is_negated,
                        is_beyond: true,
                        ..step
                    };
                    self.push(taken_away, depth);
                }
            }
        }
    }

    fn parents(&mut self, step: Step, depth: u16, parents: &Parents, row: Row<'_>) {
        let tupleset = self.asked.model.node(parents.tupleset);
        for found in row.range(tupleset.relation, RelationId::NONE) {
            let far = found.edge.far();
            let kind = self.asked.kind(far);
            let entry = kind.and_then(|kind| tupleset.direct.entry(kind, RelationId::NONE, false));
            let mut targets = parents.targets.iter();
            let target = targets.find(|(own, _)| Some(*own) == kind);
            if self.counts(&found, entry)
                && let Some((_, target)) = target
            {
                self.push(
                    Step {
                        object: far,
                        plan: target.plan(),
                        ..step
                    },
                    depth + 1,
                );
            }
        }
    }

    fn direct(&mut self, step: Step, depth: u16, node: NodeId, row: Row<'_>) {
        let node = self.asked.model.node(node);
        for found in row.relation(node.relation) {
            let (far, relation) = (found.edge.far(), found.edge.second());
            let is_wildcard = self.wildcards.contains(&far);
            let kind = self.asked.kind(far);
            let entry = kind.and_then(|kind| node.direct.entry(kind, relation, is_wildcard));
            if !self.counts(&found, entry) {
                continue;
            }
            match entry.and_then(|entry| entry.node) {
                Some(userset) => {
                    if self.wanted.userset == Some(userset) && self.asked.model.is_weighted() {
                        self.name(step, far);
                    }
                    let next = Step {
                        object: far,
                        plan: userset.plan(),
                        ..step
                    };
                    self.push(next, depth + 1);
                }
                None if self.wanted.userset.is_none() && kind == Some(self.wanted.kind) => {
                    self.name(step, far);
                }
                None => {}
            }
        }
    }

    fn name(&mut self, step: Step, user: EntityId) {
        if !step.is_negated {
            let users = if step.is_beyond {
                &mut self.spared
            } else {
                &mut self.named
            };
            users.insert(user);
        }
    }

    fn counts(&mut self, found: &Found<'_>, entry: Option<&Admitted>) -> bool {
        let Some(entry) = entry else {
            return false;
        };
        match self.asked.condition_holds(found, entry) {
            Ok(holds) => holds,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                false
            }
        }
    }
}

/// Decides who of those named is listed.
struct Judge<'a> {
    asked: &'a Asked<'a>,
    wanted: Wanted,
    object: EntityId,
    plan: PlanId,
    has_barrier: bool,
}

impl Judge<'_> {
    /// Those named, and those spared unless everybody is listed.
    fn list(
        &self,
        named: &AHashSet<EntityId>,
        spared: &AHashSet<EntityId>,
    ) -> Result<Vec<ListedUser>, Error> {
        let wildcard = self
            .wanted
            .wildcard
            .filter(|wildcard| named.contains(wildcard));
        let has_wildcard = match wildcard {
            Some(wildcard) => self.is_in(wildcard)?,
            None => false,
        };
        let left = spared.difference(named).filter(|_| !has_wildcard);
        let candidates: Vec<_> = named.iter().chain(left).copied().collect();
        let mut listed = Vec::new();
        for entity in candidates {
            if listed.len() >= self.asked.limits().listed_users {
                break;
            }
            if !self.has_barrier || self.is_in(entity)? {
                listed.push(self.user(entity));
            }
        }
        Ok(listed)
    }

    fn is_in(&self, entity: EntityId) -> Result<bool, Error> {
        let is_wildcard = self.wanted.wildcard == Some(entity);
        let kind = match self.wanted.userset {
            Some(node) => SubjectKind::Userset(node),
            None if is_wildcard => SubjectKind::Wildcard(self.wanted.kind),
            None => SubjectKind::Object(self.wanted.kind),
        };
        let node = self.wanted.userset.map(|node| self.asked.model.node(node));
        let subject = Subject {
            kind,
            entity,
            relation: node.map_or(RelationId::NONE, |node| node.relation),
            wildcard: self.wanted.wildcard.filter(|_| !is_wildcard),
            bit: self.asked.model.bit(kind),
        };
        Session::new(self.asked, subject).look_up(self.object, self.plan)
    }

    fn user(&self, entity: EntityId) -> ListedUser {
        let name = self.asked.object_name(entity);
        match self.wanted.userset {
            Some(node) => {
                let relation = &self.asked.model.node(node).name;
                ListedUser::Userset(format!("{name}#{relation}"))
            }
            None if self.wanted.wildcard == Some(entity) => {
                let kind = name.split_once(':').map_or("", |(kind, _)| kind);
                ListedUser::Wildcard(kind.to_owned())
            }
            None => ListedUser::Object(name),
        }
    }
}
