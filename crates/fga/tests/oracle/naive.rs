//! The rules of a check, one by one, over text: slow, and easy to compare with their description.
//!
//! - Asking the same about the same object on the way is a circle, and a circle is a no.
//! - A union is yes if any part is, even beside errors; an intersection no if any part is, even
//!   beside errors; an exclusion no if its base is no, or what it takes away is yes or a circle.
//! - A no is circular if a part of a union is, if the part that decides an intersection is, or
//!   what decides an exclusion is.
//! - Tuples that the model does not allow do not count. A condition without its parameter is an
//!   error.
//! - Whoever has a relation to an object is in the userset of that relation.
//!
//! By weights three of them are others: a circle is a no like any other, usersets are in what tuples
//! say they are in, and some questions about users that stand for many are refused.

use std::collections::BTreeSet;

use ztag_fga::spec::{ModelSpec, Restriction, RewriteSpec, TypeSpec};
use ztag_fga::{Fields, Semantics, Tuple};

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Yes,
    No { circular: bool },
    Fault,
}

const NO: Outcome = Outcome::No { circular: false };

/// All that an answer depends on but the object and relation.
pub(crate) struct Naive<'a> {
    pub(crate) semantics: Semantics,
    pub(crate) model: &'a ModelSpec,
    pub(crate) tuples: &'a [Tuple],
    pub(crate) context: &'a Fields,
    pub(crate) user: &'a str,
    /// Questions that may still be asked: there are exponentially many ways through a graph.
    pub(crate) budget: usize,
}

type Way = Vec<(String, String)>;

impl Naive<'_> {
    /// `None` where the budget does not suffice.
    pub(crate) fn check(&mut self, object: &str, relation: &str) -> Option<Outcome> {
        if self.is_weighted() && self.is_refused(kind_of(object), relation, &mut BTreeSet::new()) {
            return Some(Outcome::Fault);
        }
        self.resolve(object, relation, &mut Way::new())
    }

    fn is_weighted(&self) -> bool {
        self.semantics == Semantics::Weighted
    }

    /// Whether an operator that the user cannot be looked for through lies ahead by the types, with
    /// a part in which users of its kind can be: an exclusion for usersets, an intersection as well
    /// for all of a type.
    fn is_refused(
        &self,
        kind: &str,
        relation: &str,
        seen: &mut BTreeSet<(String, String)>,
    ) -> bool {
        let is_whole = self.user.ends_with(":*");
        if !(is_whole || self.user.contains('#'))
            || !seen.insert((kind.to_owned(), relation.to_owned()))
        {
            return false;
        }
        let Some((spec, rewrite)) = self.definition(kind, relation) else {
            return false;
        };
        let blocks = |part: &RewriteSpec| {
            let is_kind = match part {
                RewriteSpec::Difference(_) => true,
                RewriteSpec::Intersection(_) => is_whole,
                _ => false,
            };
            let mut parts = part.children().iter();
            is_kind
                && parts.any(|part| self.can_reach_by(part, (kind, relation), &mut BTreeSet::new()))
        };
        let next = |leaf: &RewriteSpec| -> Vec<(String, String)> {
            let parents = |tupleset: &str| spec.restrictions(tupleset).to_vec().into_iter();
            match leaf {
                RewriteSpec::Computed(other) => vec![(kind.to_owned(), other.clone())],
                RewriteSpec::TupleToUserset { tupleset, computed } => parents(tupleset)
                    .map(|parent| (parent.name, computed.clone()))
                    .collect(),
                _ => parents(relation)
                    .filter_map(|entry| Some((entry.name, entry.relation?)))
                    .collect(),
            }
        };
        every(rewrite).into_iter().any(blocks)
            || leaves(rewrite)
                .into_iter()
                .flat_map(next)
                .any(|(kind, relation)| self.is_refused(&kind, &relation, seen))
    }

    fn resolve(&mut self, object: &str, relation: &str, way: &mut Way) -> Option<Outcome> {
        self.budget = self.budget.checked_sub(1)?;
        let place = (object.to_owned(), relation.to_owned());
        if way.contains(&place) {
            let circular = !self.is_weighted();
            return Some(Outcome::No { circular });
        }
        if !self.is_weighted() && self.user == format!("{object}#{relation}") {
            return Some(Outcome::Yes);
        }
        let kind = kind_of(object);
        let Some((_, rewrite)) = self.definition(kind, relation) else {
            return Some(NO);
        };
        if !self.can_reach(kind, relation, &mut BTreeSet::new()) {
            return Some(NO);
        }
        way.push(place);
        let outcome = self.rewrite(rewrite.clone(), object, relation, way);
        way.pop();
        outcome
    }

    fn rewrite(
        &mut self,
        rewrite: RewriteSpec,
        object: &str,
        relation: &str,
        way: &mut Way,
    ) -> Option<Outcome> {
        match rewrite {
            RewriteSpec::This => self.direct(object, relation, way),
            RewriteSpec::Computed(other) => self.resolve(object, &other, way),
            RewriteSpec::TupleToUserset { tupleset, computed } => {
                self.parents(object, &tupleset, &computed, way)
            }
            RewriteSpec::Union(parts) => {
                let outcomes = parts
                    .into_iter()
                    .map(|part| self.rewrite(part, object, relation, way));
                outcomes
                    .collect::<Option<Vec<_>>>()
                    .map(|outcomes| union(&outcomes))
            }
            RewriteSpec::Intersection(parts) => {
                let outcomes = parts
                    .into_iter()
                    .map(|part| self.rewrite(part, object, relation, way));
                let outcomes: Vec<_> = outcomes.collect::<Option<_>>()?;
                let no = outcomes
                    .iter()
                    .find(|outcome| matches!(outcome, Outcome::No { .. }));
                let fault = outcomes.iter().find(|outcome| **outcome == Outcome::Fault);
                Some(no.or(fault).copied().unwrap_or(Outcome::Yes))
            }
            RewriteSpec::Difference(pair) => {
                let [base, subtract] = *pair;
                let base = self.rewrite(base, object, relation, way)?;
                if let Outcome::No { .. } = base {
                    return Some(base);
                }
                let subtract = self.rewrite(subtract, object, relation, way)?;
                Some(match (base, subtract) {
                    (_, Outcome::Yes) => NO,
                    (_, Outcome::No { circular: true }) => subtract,
                    (Outcome::Fault, _) | (_, Outcome::Fault) => Outcome::Fault,
                    _ => Outcome::Yes,
                })
            }
        }
    }

    fn direct(&mut self, object: &str, relation: &str, way: &mut Way) -> Option<Outcome> {
        let mut outcomes = Vec::new();
        for tuple in self.of(object, relation) {
            let user_kind = kind_of(&tuple.user).to_owned();
            let is_wildcard = tuple.user == format!("{user_kind}:*");
            let matches = tuple.user == self.user
                || is_wildcard && kind_of(self.user) == user_kind && !self.user.contains('#');
            let userset = tuple.user.split_once('#').filter(|_| !matches);
            if !matches && userset.is_none() {
                continue;
            }
            outcomes.push(match (self.condition(&tuple), userset) {
                (Outcome::Yes, Some((object, relation))) => self.resolve(object, relation, way)?,
                (condition, _) => condition,
            });
        }
        Some(union(&outcomes))
    }

    fn parents(
        &mut self,
        object: &str,
        tupleset: &str,
        computed: &str,
        way: &mut Way,
    ) -> Option<Outcome> {
        let mut outcomes = Vec::new();
        for tuple in self.of(object, tupleset) {
            outcomes.push(match self.condition(&tuple) {
                Outcome::Yes => self.resolve(&tuple.user, computed, way)?,
                condition => condition,
            });
        }
        Some(union(&outcomes))
    }

    /// The tuples of a relation of an object that the model allows.
    fn of(&self, object: &str, relation: &str) -> Vec<Tuple> {
        let restrictions = self
            .kind(kind_of(object))
            .map(|kind| kind.restrictions(relation));
        let restrictions = restrictions.unwrap_or_default();
        let own = |tuple: &&Tuple| tuple.object == object && tuple.relation == relation;
        let allowed = |tuple: &&Tuple| restrictions.iter().any(|entry| allows(entry, tuple));
        self.tuples
            .iter()
            .filter(own)
            .filter(allowed)
            .cloned()
            .collect()
    }

    fn condition(&self, tuple: &Tuple) -> Outcome {
        let Some(condition) = &tuple.condition else {
            return Outcome::Yes;
        };
        let fixed = condition
            .context
            .as_ref()
            .and_then(|fields| fields.get("x"));
        match fixed
            .or(self.context.get("x"))
            .and_then(serde_json::Value::as_i64)
        {
            Some(x) if x < 10 => Outcome::Yes,
            Some(_) => NO,
            None => Outcome::Fault,
        }
    }

    /// The type of the user, with the relation of a userset.
    fn user_kind(&self) -> (&str, Option<&str>) {
        match self.user.split_once('#') {
            Some((object, relation)) => (kind_of(object), Some(relation)),
            None => (kind_of(self.user), None),
        }
    }

    fn definition(&self, kind: &str, relation: &str) -> Option<(&TypeSpec, &RewriteSpec)> {
        let spec = self.kind(kind)?;
        Some((spec, spec.relations.get(relation)?))
    }

    fn kind(&self, name: &str) -> Option<&TypeSpec> {
        self.model
            .type_definitions
            .iter()
            .find(|kind| kind.name == name)
    }

    /// Whether the types alone allow the user to be found here.
    fn can_reach(&self, kind: &str, relation: &str, seen: &mut BTreeSet<(String, String)>) -> bool {
        if !seen.insert((kind.to_owned(), relation.to_owned())) {
            return false;
        }
        let is_itself = self.user_kind() == (kind, Some(relation));
        if is_itself && !self.is_weighted() {
            return true;
        }
        let definition = self.definition(kind, relation);
        definition.is_some_and(|(_, rewrite)| self.can_reach_by(rewrite, (kind, relation), seen))
    }

    /// The same by a part of the definition of a relation.
    fn can_reach_by(
        &self,
        rewrite: &RewriteSpec,
        (kind, relation): (&str, &str),
        seen: &mut BTreeSet<(String, String)>,
    ) -> bool {
        let (user_kind, user_relation) = self.user_kind();
        let Some(spec) = self.kind(kind) else {
            return false;
        };
        leaves(rewrite).into_iter().any(|leaf| match leaf {
            RewriteSpec::Computed(other) => self.can_reach(kind, other, seen),
            RewriteSpec::TupleToUserset { tupleset, computed } => {
                let parents = spec.restrictions(tupleset).iter();
                parents
                    .clone()
                    .any(|parent| self.can_reach(&parent.name, computed, seen))
            }
            _ => spec
                .restrictions(relation)
                .iter()
                .any(|entry| match &entry.relation {
                    Some(set) if user_kind == entry.name && user_relation == Some(set) => true,
                    Some(set) => self.can_reach(&entry.name, set, seen),
                    None if self.user.ends_with(":*") => {
                        entry.wildcard.is_some() && entry.name == user_kind
                    }
                    None => user_relation.is_none() && entry.name == user_kind,
                }),
        })
    }
}

/// A rewrite and all parts of it.
fn every(rewrite: &RewriteSpec) -> Vec<&RewriteSpec> {
    let parts = rewrite.children().iter().flat_map(every);
    std::iter::once(rewrite).chain(parts).collect()
}

fn leaves(rewrite: &RewriteSpec) -> Vec<&RewriteSpec> {
    if rewrite.children().is_empty() {
        return vec![rewrite];
    }
    rewrite.children().iter().flat_map(leaves).collect()
}

fn allows(entry: &Restriction, tuple: &Tuple) -> bool {
    let (object, relation) = match tuple.user.split_once('#') {
        Some((object, relation)) => (object, Some(relation)),
        None => (tuple.user.as_str(), None),
    };
    let is_wildcard = object.ends_with(":*");
    let condition = tuple.condition.as_ref().map(|condition| &condition.name);
    kind_of(object) == entry.name
        && relation == entry.relation.as_deref()
        && is_wildcard == entry.wildcard.is_some()
        && condition == entry.condition.as_ref()
}

fn union(outcomes: &[Outcome]) -> Outcome {
    if outcomes.contains(&Outcome::Yes) {
        return Outcome::Yes;
    }
    if outcomes.contains(&Outcome::Fault) {
        return Outcome::Fault;
    }
    let circular = outcomes.contains(&Outcome::No { circular: true });
    Outcome::No { circular }
}

fn kind_of(name: &str) -> &str {
    name.split_once(':').map_or(name, |(kind, _)| kind)
}
