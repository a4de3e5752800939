//! Model to text.

use std::fmt::Write;

use crate::spec::{
    ConditionSpec, ModelSpec, Origin, ParameterSpec, RelationMetadata, Restriction, RewriteSpec,
    TypeSpec,
};

/// A relation that the modelling language has no words for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the '{relation}' relation definition under the '{type_name}' type is not supported by the \
     OpenFGA DSL syntax yet"
)]
pub struct Unprintable {
    type_name: String,
    relation: String,
}

/// Rewrites inside each other at the most.
const MAX_NESTING: usize = 32;

/// Writes `model`, with the module and file of each part where `sources` is set. A model made of
/// modules is ordered by them.
pub(super) fn model(model: &ModelSpec, sources: bool) -> Result<String, Unprintable> {
    let mut text = format!("model\n  schema {}\n", model.schema_version);
    let mut types: Vec<_> = model.type_definitions.iter().collect();
    if types.iter().any(|spec| !origin_of(spec).module.is_empty()) {
        types.sort_by_key(|spec| (&origin_of(spec).module, &spec.name));
    }
    for spec in types {
        type_spec(&mut text, spec, sources)?;
    }
    let mut conditions: Vec<_> = model.conditions.values().collect();
    conditions.sort_by(|a, b| (&a.metadata, &a.name).cmp(&(&b.metadata, &b.name)));
    for spec in conditions {
        condition(&mut text, spec, sources);
    }
    Ok(text)
}

fn type_spec(text: &mut String, spec: &TypeSpec, sources: bool) -> Result<(), Unprintable> {
    text.push_str("\ntype ");
    text.push_str(&spec.name);
    if sources {
        comment(text, "", origin_of(spec));
    }
    text.push('\n');
    if spec.relations.is_empty() {
        return Ok(());
    }
    text.push_str("  relations\n");
    let metadata = |name: &String| spec.metadata.as_ref()?.relations.get(name);
    let mut names: Vec<_> = spec.relations.iter().collect();
    names.sort_by_key(|(name, _)| (metadata(name).map(|metadata| &metadata.origin), *name));
    for (name, rewrite) in names {
        let restrictions = spec.restrictions(name);
        let words = Words { restrictions };
        let written = words
            .write(rewrite, true, false, 0)
            .ok_or_else(|| Unprintable {
                type_name: spec.name.clone(),
                relation: name.clone(),
            })?;
        text.push_str("    define ");
        text.push_str(name);
        text.push_str(": ");
        text.push_str(&written);
        if let Some(RelationMetadata { origin, .. }) = metadata(name).filter(|_| sources) {
            comment(text, "extended by: ", origin);
        }
        text.push('\n');
    }
    Ok(())
}

fn origin_of(spec: &TypeSpec) -> &Origin {
    const NONE: &Origin = &Origin {
        module: String::new(),
        source_info: None,
    };
    spec.metadata
        .as_ref()
        .map_or(NONE, |metadata| &metadata.origin)
}

fn comment(text: &mut String, prefix: &str, origin: &Origin) {
    if origin.module.is_empty() {
        return;
    }
    let file = origin
        .source_info
        .as_ref()
        .map_or("", |info| info.file.as_str());
    // Writing to a string cannot fail.
    let _ = write!(text, " # {prefix}module: {}, file: {file}", origin.module);
}

/// Writes the rewrites of one relation.
struct Words<'a> {
    restrictions: &'a [Restriction],
}

impl Words<'_> {
    /// `None` where restrictions would stand elsewhere than in the first operand, the only place
    /// that the grammar has for them.
    fn write(&self, spec: &RewriteSpec, first: bool, inner: bool, depth: usize) -> Option<String> {
        if depth > MAX_NESTING {
            return None;
        }
        let written = match spec {
            RewriteSpec::This => {
                let restrictions = self.restrictions.iter().map(restriction);
                let list: Vec<_> = restrictions.collect();
                return first.then(|| format!("[{}]", list.join(", ")));
            }
            RewriteSpec::Computed(name) => return Some(name.clone()),
            RewriteSpec::TupleToUserset { tupleset, computed } => {
                return Some(format!("{computed} from {tupleset}"));
            }
            RewriteSpec::Union(parts) => self.join(parts, " or ", first, depth)?,
            RewriteSpec::Intersection(parts) => self.join(parts, " and ", first, depth)?,
            RewriteSpec::Difference(pair) => {
                let [base, subtract] = &**pair;
                let base = self.write(base, first, true, depth + 1)?;
                let subtract = self.write(subtract, false, true, depth + 1)?;
                format!("{base} but not {subtract}")
            }
        };
        Some(if inner {
            format!("({written})")
        } else {
            written
        })
    }

    /// The order of operands does not matter, so restrictions are moved to the front.
    fn join(&self, parts: &[RewriteSpec], word: &str, first: bool, depth: usize) -> Option<String> {
        let is_this = |part: &&RewriteSpec| matches!(part, RewriteSpec::This);
        let own = parts.iter().filter(is_this);
        let others = parts.iter().filter(|part| !is_this(part));
        let written = own
            .chain(others)
            .enumerate()
            .map(|(place, part)| self.write(part, first && place == 0, true, depth + 1));
        written
            .collect::<Option<Vec<_>>>()
            .map(|parts| parts.join(word))
    }
}

pub(super) fn restriction(restriction: &Restriction) -> String {
    let mut text = restriction.name.clone();
    if let Some(relation) = &restriction.relation {
        text.push('#');
        text.push_str(relation);
    }
    if restriction.wildcard.is_some() {
        text.push_str(":*");
    }
    if let Some(condition) = &restriction.condition {
        text.push_str(" with ");
        text.push_str(condition);
    }
    text
}

fn condition(text: &mut String, spec: &ConditionSpec, sources: bool) {
    let parameters = spec.parameters.iter();
    let parameters: Vec<_> = parameters
        .map(|(name, spec)| format!("{name}: {}", parameter(spec)))
        .collect();
    let (name, parameters, expression) = (&spec.name, parameters.join(", "), &spec.expression);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\ncondition {name}({parameters}) {{\n  {expression}\n}}"
    );
    if let Some(origin) = spec.metadata.as_ref().filter(|_| sources) {
        comment(text, "", origin);
    }
    text.push('\n');
}

fn parameter(spec: &ParameterSpec) -> String {
    match spec.generic_types.first() {
        Some(inner) => format!("{}<{}>", spec.type_name.as_str(), inner.type_name.as_str()),
        None => spec.type_name.as_str().to_owned(),
    }
}
