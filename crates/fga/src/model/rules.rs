//! The rules that a model must follow.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorCode};
use crate::limits::{Limits, Semantics};
use crate::model::{Node, Rewrite};
use crate::names;
use crate::spec::{ModelSpec, Restriction, RewriteSpec, TypeSpec};

/// Operators inside each other at the most.
const MAX_NESTING: usize = 32;

/// Checks version, sizes and names.
pub(super) fn names(spec: &ModelSpec, limits: &Limits) -> Result<(), Error> {
    if !matches!(spec.schema_version.as_str(), "1.1" | "1.2") {
        let message = format!("invalid schema version: '{}'", spec.schema_version);
        return Err(Error::new(ErrorCode::InvalidModel, message));
    }
    let size = serde_json::to_string(spec).map_or(usize::MAX, |text| text.len());
    let counts = [
        (
            spec.type_definitions.len(),
            limits.types_per_model,
            "type definitions",
        ),
        (
            spec.conditions.len(),
            limits.conditions_per_model,
            "conditions",
        ),
        (size, limits.model_bytes, "bytes"),
    ];
    for (count, limit, what) in counts {
        if count > limit {
            let message = format!("the number of {what} in a model exceeds the limit of {limit}");
            return Err(Error::new(ErrorCode::ExceededEntityLimit, message));
        }
    }
    let mut seen = BTreeSet::new();
    for kind in &spec.type_definitions {
        let name = kind.name.as_str();
        check_name("type", name, names::is_type_name(name))?;
        if !seen.insert(name) {
            return Err(Error::model(
                "an authorization model cannot contain duplicate types",
            ));
        }
        for relation in kind.relations.keys() {
            check_name("relation", relation, names::is_relation_name(relation))?;
        }
    }
    Ok(())
}

fn check_name(what: &str, name: &str, is_well_formed: bool) -> Result<(), Error> {
    if matches!(name, "self" | "this") {
        return Err(Error::model(format!("a {what} cannot be named '{name}'")));
    }
    if !is_well_formed {
        return Err(Error::model(format!(
            "the {what} name '{name}' is malformed"
        )));
    }
    Ok(())
}

/// Checks one relation.
pub(super) fn relation(
    spec: &ModelSpec,
    kind: &TypeSpec,
    name: &str,
    rewrite: &RewriteSpec,
    semantics: Semantics,
) -> Result<(), Error> {
    let rules = Rules {
        spec,
        kind,
        name,
        semantics,
    };
    rules.rewrite(rewrite, 0)?;
    rules.restrictions(rewrite.has_this())
}

struct Rules<'a> {
    spec: &'a ModelSpec,
    kind: &'a TypeSpec,
    name: &'a str,
    semantics: Semantics,
}

impl Rules<'_> {
    fn broken(&self, why: &str) -> Error {
        let (name, kind) = (self.name, &self.kind.name);
        Error::model(format!(
            "the definition of relation '{name}' in object type '{kind}' is invalid: {why}"
        ))
    }

    fn has(&self, kind: &str, relation: &str) -> bool {
        let mut types = self.spec.type_definitions.iter();
        types.any(|spec| spec.name == kind && spec.relations.contains_key(relation))
    }

    fn rewrite(&self, rewrite: &RewriteSpec, depth: usize) -> Result<(), Error> {
        if depth > MAX_NESTING {
            return Err(self.broken("operators are nested too deeply"));
        }
        match rewrite {
            RewriteSpec::Computed(relation) if relation == self.name => {
                return Err(self.broken("invalid userset rewrite definition"));
            }
            RewriteSpec::Computed(relation) if !self.has(&self.kind.name, relation) => {
                let kind = &self.kind.name;
                return Err(self.broken(&format!("'{kind}#{relation}' relation is undefined")));
            }
            RewriteSpec::TupleToUserset { tupleset, computed } => {
                self.tupleset(tupleset, computed)?;
            }
            RewriteSpec::Union(parts) | RewriteSpec::Intersection(parts) if parts.len() < 2 => {
                return Err(self.broken("an operator needs two operands"));
            }
            _ => {}
        }
        let mut children = rewrite.children().iter();
        children.try_for_each(|child| self.rewrite(child, depth + 1))
    }

    fn tupleset(&self, tupleset: &str, computed: &str) -> Result<(), Error> {
        let kind = &self.kind.name;
        let restrictions = self.kind.restrictions(tupleset);
        match self.kind.relations.get(tupleset) {
            None => Err(self.broken(&format!("'{kind}#{tupleset}' relation is undefined"))),
            Some(RewriteSpec::This) => {
                let is_plain = |r: &Restriction| r.relation.is_none() && r.wildcard.is_none();
                if !restrictions.iter().all(is_plain) {
                    let why = "is referenced in a tupleset and thus must list plain types";
                    return Err(self.broken(&format!("'{kind}#{tupleset}' {why}")));
                }
                let mut behind = restrictions.iter().map(|r| self.has(&r.name, computed));
                let (is_there, why) = match self.semantics {
                    Semantics::V1 => (behind.any(|has| has), "any"),
                    Semantics::Weighted => (behind.all(|has| has), "all"),
                };
                if !is_there {
                    return Err(self.broken(&format!(
                        "'{computed}' does not appear as a relation in {why} of the types of \
                         '{tupleset}'"
                    )));
                }
                Ok(())
            }
            Some(_) => {
                let why = "is referenced in a tupleset and thus must be a direct relation";
                Err(self.broken(&format!("'{kind}#{tupleset}' {why}")))
            }
        }
    }

    fn restrictions(&self, has_this: bool) -> Result<(), Error> {
        let restrictions = self.kind.restrictions(self.name);
        match (has_this, restrictions.is_empty()) {
            (true, true) => return Err(self.broken("it must contain at least one relation type")),
            (false, false) => return Err(self.broken("it should not contain a relation type")),
            _ => {}
        }
        restrictions
            .iter()
            .try_for_each(|restriction| self.restriction(restriction))
    }

    fn restriction(&self, restriction: &Restriction) -> Result<(), Error> {
        let mut types = self.spec.type_definitions.iter();
        let name = &restriction.name;
        let Some(kind) = types.find(|kind| kind.name == *name) else {
            return Err(self.broken(&format!("the relation type '{name}' is not valid")));
        };
        let is_known = |relation: &String| kind.relations.contains_key(relation);
        let relation = restriction.relation.as_ref();
        if relation.is_some() && restriction.wildcard.is_some() {
            return Err(self.broken("a relation type is a userset or a wildcard, not both"));
        }
        if let Some(relation) = relation.filter(|relation| !is_known(relation)) {
            return Err(self.broken(&format!(
                "the relation type '{name}#{relation}' is not valid"
            )));
        }
        let condition = restriction.condition.as_ref();
        match condition.filter(|name| !self.spec.conditions.contains_key(*name)) {
            Some(name) => Err(self.broken(&format!("condition '{name}' is undefined"))),
            None => Ok(()),
        }
    }
}

/// Refuses relations that are computed from themselves.
pub(super) fn computed_cycles(nodes: &[Node]) -> Result<(), Error> {
    let mut computed = vec![Vec::new(); nodes.len()];
    for (node, from) in nodes.iter().zip(&mut computed) {
        collect(&node.rewrite, from);
    }
    let mut sources = vec![0_usize; nodes.len()];
    for target in computed.iter().flatten() {
        if let Some(count) = sources.get_mut(*target) {
            *count += 1;
        }
    }
    // What is left after all relations without sources are taken away goes in circles.
    let mut free: Vec<_> = (0..nodes.len())
        .filter(|at| sources.get(*at) == Some(&0))
        .collect();
    while let Some(at) = free.pop() {
        for target in computed.get(at).into_iter().flatten() {
            if let Some(count) = sources.get_mut(*target) {
                *count -= 1;
                if *count == 0 {
                    free.push(*target);
                }
            }
        }
    }
    let in_circle = nodes.iter().zip(&sources).find(|(_, count)| **count > 0);
    in_circle.map_or(Ok(()), |(node, _)| {
        Err(impossible(node, "a cycle was detected"))
    })
}

fn collect(rewrite: &Rewrite, into: &mut Vec<usize>) {
    if let Rewrite::Computed(node) = rewrite {
        into.push(node.index());
    }
    for child in rewrite.children() {
        collect(child, into);
    }
}

pub(super) fn impossible(node: &Node, why: &str) -> Error {
    let (name, kind) = (&node.name, &node.kind_name);
    Error::model(format!(
        "the definition of relation '{name}' in object type '{kind}' is invalid: {why}"
    ))
}
