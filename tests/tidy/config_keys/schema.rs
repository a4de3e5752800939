//! From a JSON Schema to a list of keys.

use std::fmt::Write;

use serde_json::{Map, Value as Json};
use ztag_test_support::Failure;

/// Deepest nesting followed.
const MAX_DEPTH: usize = 16;

/// A key of the configuration.
pub(crate) struct Key {
    /// Where it stands; `<name>` for any name, `[]` for any item.
    pub(crate) path: String,
    /// What it takes, in words.
    pub(crate) kind: String,
    /// What counts without it, when that is a plain value.
    pub(crate) default: Option<String>,
    /// What it means.
    pub(crate) meaning: String,
}

/// Every key below the root. Sections of one shape stand together: `{error,fail,pass}`.
pub(crate) fn keys(schema: &Json) -> Result<Vec<Key>, Failure> {
    let mut walk = Walk {
        schema,
        keys: Vec::new(),
    };
    walk.inside(schema, "", 0)?;
    Ok(walk.keys)
}

struct Walk<'s> {
    schema: &'s Json,
    keys: Vec<Key>,
}

impl<'s> Walk<'s> {
    /// Adds what stands inside the value that `shape` describes.
    fn inside(&mut self, shape: &'s Json, path: &str, depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(Failure::new(format!("`{path}` nests without end")));
        }
        let shape = self.resolve(shape)?;
        if let Some(properties) = shape.get("properties").and_then(Json::as_object) {
            return self.properties(properties, path, depth);
        }
        if let Some(items) = shape.get("items") {
            return self.inside(items, &format!("{path}[]"), depth + 1);
        }
        match shape.get("additionalProperties") {
            Some(each @ Json::Object(_)) => self.inside(each, &format!("{path}.<name>"), depth + 1),
            _ => Ok(()),
        }
    }

    fn properties(
        &mut self,
        properties: &'s Map<String, Json>,
        path: &str,
        depth: usize,
    ) -> Result<(), Failure> {
        let mut done: Vec<&str> = Vec::new();
        for (name, property) in properties {
            if done.contains(&name.as_str()) {
                continue;
            }
            let alike = alike(properties, property).unwrap_or_else(|| vec![(name, property)]);
            for (name, property) in &alike {
                self.add(name, property, path)?;
            }
            let names: Vec<_> = alike.iter().map(|(name, _)| name.as_str()).collect();
            let shown = match names.as_slice() {
                [one] => (*one).to_owned(),
                several => format!("{{{}}}", several.join(",")),
            };
            self.inside(property, &join(path, &shown), depth + 1)?;
            done.extend(names);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, property: &'s Json, path: &str) -> Result<(), Failure> {
        let shape = self.resolve(property)?;
        let own = property
            .get("description")
            .or_else(|| shape.get("description"));
        let meaning = own.and_then(Json::as_str).unwrap_or_default();
        let mut meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ");
        for choice in choices(shape) {
            let name = choice
                .get("const")
                .and_then(Json::as_str)
                .unwrap_or_default();
            let text = choice
                .get("description")
                .and_then(Json::as_str)
                .unwrap_or_default();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            // Writing to a string cannot fail.
            let _ = write!(meaning, "<br>`{name}`: {text}");
        }
        self.keys.push(Key {
            path: join(path, name),
            kind: self.kind(property)?,
            default: default(property).or_else(|| default(shape)),
            meaning,
        });
        Ok(())
    }

    /// The type in words.
    fn kind(&self, property: &'s Json) -> Result<String, Failure> {
        let shape = self.resolve(property)?;
        if self.is_duration(shape) {
            return Ok(String::from("duration"));
        }
        if !choices(shape).is_empty() {
            return Ok(String::from("text, one of these"));
        }
        if let Some(options) = shape.get("anyOf").and_then(Json::as_array) {
            let kinds: Result<Vec<_>, _> = options.iter().map(|option| self.kind(option)).collect();
            return Ok(kinds?.join(" or "));
        }
        let secret = shape.get("writeOnly").is_some_and(|value| value == true);
        let kind = types(shape).first().copied().unwrap_or("");
        Ok(match kind {
            "string" if secret => String::from("secret text"),
            "string" => {
                words(shape).map_or_else(|| "text".to_owned(), |words| format!("text: {words}"))
            }
            "boolean" => String::from("`true` or `false`"),
            "integer" => format!("integer{}", range(shape)),
            "array" => match shape.get("items") {
                Some(items) => format!("list of {}", self.kind(items)?),
                None => String::from("list"),
            },
            "object" => match shape.get("additionalProperties") {
                Some(each @ Json::Object(_)) => format!("map of {}", self.kind(each)?),
                _ => String::from("section"),
            },
            other => other.to_owned(),
        })
    }

    fn is_duration(&self, shape: &Json) -> bool {
        let duration = self.schema.pointer("/$defs/Duration");
        duration.is_some_and(|duration| std::ptr::eq(duration, shape))
    }

    /// The shape behind references, without the choice of `null`.
    fn resolve(&self, shape: &'s Json) -> Result<&'s Json, Failure> {
        let mut shape = shape;
        for _ in 0..MAX_DEPTH {
            let options = shape.get("anyOf").and_then(Json::as_array);
            let mut real = options
                .into_iter()
                .flatten()
                .filter(|option| !is_null(option));
            if let (Some(only), None) = (real.next(), real.next()) {
                shape = only;
                continue;
            }
            let Some(target) = shape.get("$ref").and_then(Json::as_str) else {
                return Ok(shape);
            };
            let found = self.schema.pointer(target.trim_start_matches('#'));
            shape = found.ok_or_else(|| Failure::new(format!("no `{target}`")))?;
        }
        Err(Failure::new("references without end"))
    }
}

/// The keys of the very same shape, that one included; none when it has a shape of its own.
fn alike<'s>(
    properties: &'s Map<String, Json>,
    property: &Json,
) -> Option<Vec<(&'s String, &'s Json)>> {
    let target = property.get("$ref")?;
    let same = properties
        .iter()
        .filter(|(_, other)| other.get("$ref") == Some(target));
    Some(same.collect())
}

fn default(property: &Json) -> Option<String> {
    match property.get("default")? {
        Json::Null | Json::Object(_) => None,
        Json::String(text) if text.is_empty() => None,
        Json::Array(items) if items.is_empty() => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn choices(shape: &Json) -> &[Json] {
    let list = shape.get("oneOf").and_then(Json::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The words that a text may be.
fn words(shape: &Json) -> Option<String> {
    let list = shape
        .get("enum")
        .or_else(|| shape.get("examples"))?
        .as_array()?;
    let words = list
        .iter()
        .filter_map(Json::as_str)
        .filter(|word| !word.is_empty());
    Some(
        words
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
    )
}

fn range(shape: &Json) -> String {
    let bound = |name| shape.get(name).and_then(Json::as_u64);
    match (bound("minimum"), bound("maximum")) {
        (Some(low), Some(high)) => format!(", {low} to {high}"),
        (Some(low), None) if low > 0 => format!(", at least {low}"),
        _ => String::new(),
    }
}

fn types(shape: &Json) -> Vec<&str> {
    match shape.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_null(shape: &Json) -> bool {
    types(shape) == ["null"]
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        return name.to_owned();
    }
    format!("{path}.{name}")
}
