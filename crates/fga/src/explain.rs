//! Why a check says what it says.
//!
//! For a yes: one way from the object to the user, tuple by tuple. For a no: what was tried, and
//! why each part failed. Every part is judged by the same engine that checks; this only chooses
//! which parts to show.

use ahash::AHashSet;

use crate::check::{CheckRequest, Session};
use crate::error::Error;
use crate::ids::{EntityId, NodeId, RelationId, TypeId};
use crate::index::Found;
use crate::model::{Rewrite, SubjectKind};
use crate::store::{Asked, Call, Store};
use crate::tuple::Tuple;

/// Parts of an explanation at the most.
const MAX_PARTS: usize = 256;
/// Parts inside each other at the most.
const MAX_DEPTH: usize = 48;

/// Why a check says what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What [`Store::check`] answers.
    pub allowed: Result<bool, Error>,
    /// The way to a yes, or what was tried.
    pub part: Part,
}

/// One part: a relation of an object, or an operand of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// `object#relation`.
    pub about: String,
    /// Whether the user is in this part; `None` where it could not be told, or was not looked at.
    pub holds: Option<bool>,
    /// Why.
    pub reason: Reason,
    /// The parts that this one rests on: for a yes those that make it one, for a no all tried.
    pub parts: Vec<Part>,
}

/// Why a part holds or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The user is the userset itself.
    Itself,
    /// A tuple names the user, or every user of its type.
    Tuple(Tuple),
    /// No tuple names the user.
    NoTuple,
    /// A tuple would count, but its condition is false, cannot be evaluated, or is not allowed.
    Condition {
        /// The tuple.
        tuple: Tuple,
        /// What the condition failed with.
        fault: Option<Error>,
    },
    /// Another relation of the same object.
    Computed,
    /// A tuple names a userset.
    Userset(Tuple),
    /// A tuple leads to another object.
    Parent(Tuple),
    /// Any of the parts.
    Union,
    /// All of the parts.
    Intersection,
    /// The first part without the second.
    Exclusion,
    /// It is being explained further up, or was explained before.
    Seen,
    /// The types alone rule it out.
    Unreachable,
    /// The explanation has become long enough.
    Cut,
}

impl Store {
    /// Answers a check, and why.
    ///
    /// # Errors
    /// Those of [`Store::check`] that come before any tuple is looked at.
    pub fn explain(&self, request: &CheckRequest) -> Result<Explanation, Error> {
        let model = request.model.as_ref();
        let tuples = &request.contextual_tuples;
        let mut asked = self.ask(model, tuples, &request.context, Call::Check)?;
        let (object, node) = asked.target(&request.object, &request.relation)?;
        let subject = asked.subject(&request.user)?;
        let mut session = Session::shared(&asked, subject);
        let allowed = session.check(object, node.plan());
        let mut writer = Writer {
            asked: &asked,
            session,
            wildcards: asked.wildcards(),
            seen: AHashSet::new(),
            left: MAX_PARTS,
        };
        let part = writer.relation(object, node, 0);
        Ok(Explanation { allowed, part })
    }
}

struct Writer<'a> {
    asked: &'a Asked<'a>,
    session: Session<'a>,
    wildcards: AHashSet<EntityId>,
    /// Relations of objects explained, or being explained.
    seen: AHashSet<(EntityId, NodeId)>,
    left: usize,
}

impl Writer<'_> {
    fn relation(&mut self, object: EntityId, node: NodeId, depth: usize) -> Part {
        let about = self.about(object, node);
        let leaf = |holds, reason| Part {
            about: about.clone(),
            holds,
            reason,
            parts: Vec::new(),
        };
        if self.left == 0 || depth == MAX_DEPTH {
            return leaf(None, Reason::Cut);
        }
        self.left -= 1;
        if self.session.is_itself(object, node.plan()) {
            return leaf(Some(true), Reason::Itself);
        }
        if !self.session.can_reach(node.plan()) {
            return leaf(Some(false), Reason::Unreachable);
        }
        if !self.seen.insert((object, node)) {
            return leaf(None, Reason::Seen);
        }
        let asked = self.asked;
        self.rewrite(object, node, &asked.model.node(node).rewrite, depth)
    }

    fn rewrite(&mut self, object: EntityId, node: NodeId, rewrite: &Rewrite, depth: usize) -> Part {
        let about = self.about(object, node);
        if self.left == 0 || depth == MAX_DEPTH {
            return Part {
                about,
                holds: None,
                reason: Reason::Cut,
                parts: Vec::new(),
            };
        }
        let mut of = |part| self.rewrite(object, node, part, depth + 1);
        let (reason, parts, holds) = match rewrite {
            Rewrite::This => return self.direct(object, node, depth),
            Rewrite::Parents(parents) => {
                let (tupleset, targets) = (parents.tupleset, &parents.targets);
                let parts = self.parents(object, tupleset, targets, depth);
                let holds = any(&parts);
                (Reason::Union, parts, holds)
            }
            Rewrite::Computed(computed) => {
                let part = self.relation(object, *computed, depth + 1);
                let holds = self.answer(object, *computed);
                (Reason::Computed, vec![part], holds)
            }
            Rewrite::Union(operands) => {
                let parts = until(operands.iter().map(&mut of), Some(true));
                let holds = any(&parts);
                (Reason::Union, parts, holds)
            }
            Rewrite::Intersection(operands) => {
                let parts = until(operands.iter().map(&mut of), Some(false));
                let holds = all(&parts);
                (Reason::Intersection, parts, holds)
            }
            Rewrite::Difference(pair) => {
                let parts = until(pair.iter().map(&mut of), Some(false));
                let holds = match parts.as_slice() {
                    [base, subtract] => base
                        .holds
                        .zip(subtract.holds)
                        .map(|(base, out)| base && !out),
                    _ => Some(false),
                };
                (Reason::Exclusion, parts, holds)
            }
        };
        let is_union = matches!(reason, Reason::Union);
        let parts = if is_union && holds == Some(true) {
            decisive(parts)
        } else {
            parts
        };
        Part {
            about,
            holds,
            reason,
            parts,
        }
    }

    /// The tuples of the relation itself, and the usersets that they name.
    fn direct(&mut self, object: EntityId, node: NodeId, depth: usize) -> Part {
        let about = self.about(object, node);
        let asked = self.asked;
        let target = asked.model.node(node);
        let row = asked.by_object(object);
        let mut parts = Vec::new();
        for found in row.relation(target.relation) {
            if self.left == 0 || parts.len() >= MAX_PARTS {
                break;
            }
            let (far, relation) = (found.edge.far(), found.edge.second());
            let is_user = self.names_user(far, relation);
            if !is_user && relation == RelationId::NONE {
                continue;
            }
            let is_wildcard = relation == RelationId::NONE && self.wildcards.contains(&far);
            let kind = asked.kind(far);
            let entry = kind.and_then(|kind| target.direct.entry(kind, relation, is_wildcard));
            let Some(entry) = entry else {
                continue;
            };
            let tuple = self.tuple(object, node, &found);
            let part = |holds, reason, parts| Part {
                about: about.clone(),
                holds,
                reason,
                parts,
            };
            match asked.condition_holds(&found, entry) {
                Ok(true) if is_user => return part(Some(true), Reason::Tuple(tuple), Vec::new()),
                Ok(true) => {
                    let Some(userset) = entry.node else { continue };
                    let holds = self.answer(far, userset);
                    let below = self.relation(far, userset, depth + 1);
                    let found = part(holds, Reason::Userset(tuple), vec![below]);
                    if proves(&found) {
                        return found;
                    }
                    parts.push(found);
                }
                outcome => {
                    let reason = Reason::Condition {
                        tuple,
                        fault: outcome.err(),
                    };
                    parts.push(part(Some(false), reason, Vec::new()));
                }
            }
        }
        let reason = if parts.is_empty() {
            Reason::NoTuple
        } else {
            Reason::Union
        };
        let holds = any(&parts);
        Part {
            about,
            holds,
            reason,
            parts,
        }
    }

    fn parents(
        &mut self,
        object: EntityId,
        tupleset: NodeId,
        targets: &[(TypeId, NodeId)],
        depth: usize,
    ) -> Vec<Part> {
        let asked = self.asked;
        let about = self.about(object, tupleset);
        let node = asked.model.node(tupleset);
        let row = asked.by_object(object);
        let mut parts = Vec::new();
        for found in row.range(node.relation, RelationId::NONE) {
            if self.left == 0 {
                break;
            }
            let far = found.edge.far();
            let kind = asked.kind(far);
            let entry = kind.and_then(|kind| node.direct.entry(kind, RelationId::NONE, false));
            let target = targets.iter().find(|(own, _)| Some(*own) == kind);
            let (Some(entry), Some((_, target))) = (entry, target) else {
                continue;
            };
            let tuple = self.tuple(object, tupleset, &found);
            let part = |holds, reason, parts| Part {
                about: about.clone(),
                holds,
                reason,
                parts,
            };
            match asked.condition_holds(&found, entry) {
                Ok(true) => {
                    let holds = self.answer(far, *target);
                    let below = self.relation(far, *target, depth + 1);
                    parts.push(part(holds, Reason::Parent(tuple), vec![below]));
                }
                outcome => {
                    let reason = Reason::Condition {
                        tuple,
                        fault: outcome.err(),
                    };
                    parts.push(part(Some(false), reason, Vec::new()));
                }
            }
            if parts.last().is_some_and(proves) {
                break;
            }
        }
        parts
    }

    fn answer(&mut self, object: EntityId, node: NodeId) -> Option<bool> {
        self.session.check(object, node.plan()).ok()
    }

    fn names_user(&self, entity: EntityId, relation: RelationId) -> bool {
        let subject = self.session.subject();
        let is_own = entity == subject.entity && relation == subject.relation;
        let is_plain = matches!(subject.kind, SubjectKind::Object(_));
        is_own || is_plain && relation == RelationId::NONE && subject.wildcard == Some(entity)
    }

    fn about(&self, object: EntityId, node: NodeId) -> String {
        let name = self.asked.object_name(object);
        format!("{name}#{}", self.asked.model.node(node).name)
    }

    fn tuple(&self, object: EntityId, node: NodeId, found: &Found<'_>) -> Tuple {
        let mut user = self.asked.object_name(found.edge.far());
        let relation = self.asked.relation_name(found.edge.second());
        if !relation.is_empty() {
            user = format!("{user}#{relation}");
        }
        Tuple {
            user,
            relation: self.asked.model.node(node).name.to_string(),
            object: self.asked.object_name(object),
            condition: found.condition().map(|condition| (**condition).clone()),
        }
    }
}

/// Whether a part is a yes that is shown down to its tuples.
fn proves(part: &Part) -> bool {
    let is_shown = |part: &Part| !matches!(part.reason, Reason::Seen | Reason::Cut);
    part.holds == Some(true) && part.parts.iter().all(is_shown)
}

/// Parts up to and with the first that decides.
fn until(parts: impl Iterator<Item = Part>, deciding: Option<bool>) -> Vec<Part> {
    let mut taken = Vec::new();
    for part in parts {
        let decides = part.holds == deciding;
        taken.push(part);
        if decides {
            break;
        }
    }
    taken
}

fn any(parts: &[Part]) -> Option<bool> {
    if parts.iter().any(|part| part.holds == Some(true)) {
        return Some(true);
    }
    parts
        .iter()
        .all(|part| part.holds == Some(false))
        .then_some(false)
}

fn all(parts: &[Part]) -> Option<bool> {
    if parts.iter().any(|part| part.holds == Some(false)) {
        return Some(false);
    }
    parts
        .iter()
        .all(|part| part.holds == Some(true))
        .then_some(true)
}

/// Of a yes by union, only the part that makes it one.
fn decisive(parts: Vec<Part>) -> Vec<Part> {
    match parts.iter().position(proves) {
        Some(at) => parts.into_iter().skip(at).take(1).collect(),
        None => parts,
    }
}
