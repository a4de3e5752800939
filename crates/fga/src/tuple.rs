//! Tuples as callers write them.

use serde::{Deserialize, Serialize};

/// JSON fields of a context: parameters of conditions by name.
pub type Fields = serde_json::Map<String, serde_json::Value>;

/// A relationship: `user` has `relation` to `object`, where the condition holds if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tuple {
    /// Who: `type:id`, `type:*` or `type:id#relation`.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// To what: `type:id`.
    pub object: String,
    /// When: a condition of the model, with the parameters it fixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<TupleCondition>,
}

/// A condition that a tuple depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TupleCondition {
    /// The name of a condition of the model.
    pub name: String,
    /// Parameters fixed by the tuple. They win over those of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Fields>,
}

impl TupleCondition {
    /// The parameters fixed; none where the context is absent.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&String, &serde_json::Value)> {
        self.context.iter().flatten()
    }

    /// Whether both name the same condition with the same parameters.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let empty = Fields::new();
        let of = |condition: &Self| condition.context.clone().unwrap_or_else(|| empty.clone());
        self.name == other.name && of(self) == of(other)
    }
}

impl Tuple {
    /// An unconditional tuple.
    pub fn new(
        user: impl Into<String>,
        relation: impl Into<String>,
        object: impl Into<String>,
    ) -> Self {
        Self {
            user: user.into(),
            relation: relation.into(),
            object: object.into(),
            condition: None,
        }
    }

    /// The same under a condition.
    #[must_use]
    pub fn when(mut self, name: impl Into<String>, context: Option<Fields>) -> Self {
        let name = name.into();
        self.condition = Some(TupleCondition { name, context });
        self
    }
}
