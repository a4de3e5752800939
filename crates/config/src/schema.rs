//! The JSON Schema of the configuration, and steps through it.

use serde_json::Value as Json;

/// What `DocumentSpec` is turned into. Programs carry the text, not what makes it: that is several
/// times as large, and each load would run all of it. Tests hold text and types together.
const DOCUMENT: &str = include_str!("../schema/document.json");

/// What `RulesDocumentSpec` is turned into.
const RULES: &str = include_str!("../schema/rules.json");

/// How deep references and choices may lead before a schema counts as endless.
const MAX_STEPS: usize = 32;

/// The JSON Schema (draft 2020-12) of the main document, for editors and other tools.
pub fn schema() -> Json {
    Schema::document().root
}

/// The JSON Schema (draft 2020-12) of a rules document, which holds endpoints and rules only.
pub fn rules_schema() -> Json {
    Schema::parse(RULES).root
}

/// A schema document with its definitions.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    root: Json,
}

/// What is asked of one value: every part must hold.
#[derive(Clone, Debug)]
pub(crate) struct Shape<'s> {
    schema: &'s Schema,
    parts: Vec<&'s Json>,
    /// Whether a choice among alternatives is already made.
    settled: bool,
}

/// What a map allows beside its named keys.
#[derive(Clone, Debug)]
pub(crate) enum Others<'s> {
    /// Nothing.
    Refused,
    /// Anything.
    Open,
    /// Values of this shape.
    Each(Shape<'s>),
}

impl Schema {
    /// The schema of the main document. Parsed anew each time, so that it takes no memory between
    /// loads.
    pub(crate) fn document() -> Self {
        Self::parse(DOCUMENT)
    }

    /// The schema that `text` holds. One that cannot be read knows no section, so that nothing is
    /// configured by it; the tests read each that there is.
    fn parse(text: &str) -> Self {
        let root = serde_json::from_str(text).unwrap_or_default();
        Self { root }
    }

    /// The shape of the whole document.
    pub(crate) fn shape(&self) -> Shape<'_> {
        self.expand(&self.root)
    }

    fn expand<'s>(&'s self, json: &'s Json) -> Shape<'s> {
        let mut parts = Vec::new();
        self.collect(json, &mut parts, 0);
        Shape {
            schema: self,
            parts,
            settled: false,
        }
    }

    fn collect<'s>(&'s self, json: &'s Json, parts: &mut Vec<&'s Json>, steps: usize) {
        if steps > MAX_STEPS {
            return;
        }
        parts.push(json);
        let pointer = json.get("$ref").and_then(Json::as_str);
        let target = pointer.and_then(|text| self.root.pointer(text.trim_start_matches('#')));
        let joint = json.get("allOf").and_then(Json::as_array);
        for next in target.into_iter().chain(joint.into_iter().flatten()) {
            self.collect(next, parts, steps + 1);
        }
    }
}

#[cfg(test)]
impl Schema {
    /// The schema of `T`.
    pub(crate) fn of<T: schemars::JsonSchema>() -> Self {
        let settings = schemars::generate::SchemaSettings::draft2020_12();
        let generator = settings.into_generator();
        Self {
            root: generator.into_root_schema_for::<T>().to_value(),
        }
    }
}

impl<'s> Shape<'s> {
    /// The shapes of which one must hold; itself when there is no choice.
    pub(crate) fn alternatives(&self) -> Vec<Self> {
        self.choices(0)
    }

    fn choices(&self, steps: usize) -> Vec<Self> {
        let list = self
            .parts
            .iter()
            .find_map(|part| part.get("anyOf").or_else(|| part.get("oneOf")))
            .and_then(Json::as_array);
        let Some(list) = list.filter(|_| !self.settled && steps < MAX_STEPS) else {
            return vec![Self {
                settled: true,
                ..self.clone()
            }];
        };
        let choices = list.iter().map(|choice| self.schema.expand(choice));
        choices
            .flat_map(|choice| choice.choices(steps + 1))
            .map(|choice| Self {
                parts: self.parts.iter().copied().chain(choice.parts).collect(),
                settled: true,
                ..*self
            })
            .collect()
    }

    /// The value of a keyword, the most specific part first.
    pub(crate) fn keyword(&self, name: &str) -> Option<&'s Json> {
        self.parts.iter().rev().find_map(|part| part.get(name))
    }

    /// The JSON types allowed; empty when any is.
    pub(crate) fn types(&self) -> Vec<&'s str> {
        match self.keyword("type") {
            Some(Json::String(one)) => vec![one],
            Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The values allowed, when they are listed.
    pub(crate) fn allowed(&self) -> Option<Vec<&'s Json>> {
        if let Some(value) = self.keyword("const") {
            return Some(vec![value]);
        }
        let list = self.keyword("enum")?.as_array()?;
        Some(list.iter().collect())
    }

    /// The shape of the key `name`.
    pub(crate) fn property(&self, name: &str) -> Option<Self> {
        let mut properties = self
            .parts
            .iter()
            .rev()
            .filter_map(|part| part.get("properties"));
        let found = properties.find_map(|properties| properties.get(name))?;
        Some(self.schema.expand(found))
    }

    /// The named keys.
    pub(crate) fn properties(&self) -> impl Iterator<Item = &'s str> {
        let objects = self.parts.iter().filter_map(|part| part.get("properties"));
        objects
            .filter_map(Json::as_object)
            .flat_map(|object| object.keys().map(String::as_str))
    }

    /// The keys that must be there.
    pub(crate) fn required(&self) -> impl Iterator<Item = &'s str> {
        let lists = self.parts.iter().filter_map(|part| part.get("required"));
        let keys = lists.filter_map(Json::as_array).flatten();
        keys.filter_map(Json::as_str)
    }

    /// What is allowed beside the named keys.
    pub(crate) fn others(&self) -> Others<'s> {
        let keyword = |name| self.keyword(name);
        match keyword("additionalProperties").or_else(|| keyword("unevaluatedProperties")) {
            Some(Json::Bool(false)) => Others::Refused,
            Some(each @ Json::Object(_)) => Others::Each(self.schema.expand(each)),
            _ => Others::Open,
        }
    }

    /// The shape of list items.
    pub(crate) fn items(&self) -> Option<Self> {
        self.keyword("items").map(|items| self.schema.expand(items))
    }

    /// Whether the shape, in one of its alternatives, is made of keys or items.
    pub(crate) fn holds(&self, kind: &str) -> bool {
        self.types().contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::spec::{DocumentSpec, RulesDocumentSpec};

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Sample {
        inner: Option<Inner>,
        list: Vec<Choice>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Inner {
        port: u16,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    enum Choice {
        Bearer { token: String },
        Named(Inner),
    }

    /// In builds with optional features as well: all of them read one kind of document.
    #[test]
    fn the_texts_say_what_the_types_say() {
        let pairs = [
            (DOCUMENT, Schema::of::<DocumentSpec>()),
            (RULES, Schema::of::<RulesDocumentSpec>()),
        ];
        for (text, typed) in pairs {
            assert!(
                Schema::parse(text).root == typed.root,
                "the types have changed: run `ZTAG_BLESS=1 cargo test -p ztag-tests --test tidy`"
            );
        }
    }

    #[test]
    fn a_text_that_is_no_schema_configures_nothing() {
        for text in ["", "{", "null", "true"] {
            let schema = Schema::parse(text);
            assert!(schema.shape().property("server").is_none(), "{text}");
        }
    }

    #[test]
    fn steps_lead_through_references_and_choices() {
        let schema = Schema::of::<Sample>();
        let inner = schema.shape().property("inner").unwrap();
        let kinds: Vec<_> = inner.alternatives().iter().map(Shape::types).collect();
        assert_eq!(kinds, [vec!["object"], vec!["null"]]);
        let inner = inner.alternatives().swap_remove(0);
        assert_eq!(inner.property("port").unwrap().types(), ["integer"]);
        let items = schema.shape().property("list").unwrap().items().unwrap();
        let keys: Vec<Vec<_>> = items
            .alternatives()
            .iter()
            .map(|choice| choice.properties().collect())
            .collect();
        assert_eq!(keys, [vec!["token", "type"], vec!["type", "port"]]);
        assert!(matches!(schema.shape().others(), Others::Refused));
    }

    #[test]
    fn the_schemas_are_valid_and_closed() {
        for schema in [super::schema(), rules_schema()] {
            jsonschema::meta::validate(&schema).unwrap();
            let validator = jsonschema::validator_for(&schema).unwrap();
            assert!(validator.is_valid(&serde_json::json!({"rules": {}, "endpoints": {}})));
            assert!(!validator.is_valid(&serde_json::json!({"rulez": {}})));
            assert!(!validator.is_valid(&serde_json::json!({"rules": {"a": {"nope": 1}}})));
        }
        let server = serde_json::json!({"server": {"listen": {"port": 1}}});
        assert!(jsonschema::is_valid(&super::schema(), &server));
        assert!(!jsonschema::is_valid(&rules_schema(), &server));
    }

    #[test]
    fn every_key_is_described() {
        let schema = super::schema();
        let definitions = schema.get("$defs").and_then(Json::as_object).unwrap();
        for (name, definition) in definitions {
            let properties = definition.get("properties").and_then(Json::as_object);
            for (key, property) in properties.into_iter().flatten() {
                assert!(
                    property.get("description").is_some(),
                    "{name}.{key} has no description"
                );
            }
        }
    }
}
