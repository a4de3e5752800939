//! What a store of relationships answered, as expressions see it.

use ztag_types::{Object, Sequence, Value, View};

/// The `fga` root of expressions.
#[derive(Debug, Default)]
pub(crate) struct FgaState {
    /// Whether all that must be so is.
    pub(crate) allowed: bool,
    /// The answers in the order `all`, `any`; none where a check has no answer.
    pub(crate) results: Vec<Option<bool>>,
    /// The objects listed, as text.
    pub(crate) objects: Vec<Value>,
    /// The same without their type.
    pub(crate) ids: Vec<Value>,
    pub(crate) is_truncated: bool,
}

impl FgaState {
    /// The same with the objects listed.
    pub(crate) fn listing(self, objects: &[String], is_truncated: bool) -> Self {
        let id = |object: &String| {
            let (_, id) = object.split_once(':').unwrap_or(("", object));
            Value::text(id)
        };
        Self {
            ids: objects.iter().map(id).collect(),
            objects: objects.iter().map(Value::text).collect(),
            is_truncated,
            ..self
        }
    }
}

impl Object for FgaState {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(match name {
            "allowed" => View::Bool(self.allowed),
            "results" => View::Sequence(self),
            "objects" => View::List(&self.objects),
            "ids" => View::List(&self.ids),
            "truncated" => View::Bool(self.is_truncated),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        vec!["allowed", "results", "objects", "ids", "truncated"]
    }
}

impl Sequence for FgaState {
    fn len(&self) -> usize {
        self.results.len()
    }

    fn at(&self, index: usize) -> Option<View<'_>> {
        self.results.get(index).map(|result| match result {
            Some(allowed) => View::Bool(*allowed),
            // Neither yes nor no: whatever reads it fails.
            None => View::Failed("the check has no answer"),
        })
    }
}
