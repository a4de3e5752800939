//! Tuples in requests.

use serde::Deserialize;
use ztag_fga::{Fields, Tuple, TupleCondition};

use crate::failure::Failure;
use crate::rule::Rule;
use crate::wire::or_default;

/// Bytes of a user.
const MAX_USER: usize = 512;

/// User, relation and object, and the condition if there is one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TupleKey {
    #[serde(deserialize_with = "or_default")]
    pub(crate) user: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) relation: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) object: String,
    pub(crate) condition: Option<Condition>,
}

/// The condition of a tuple.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Condition {
    #[serde(deserialize_with = "or_default")]
    name: String,
    context: Option<Fields>,
}

/// A list of tuples in an object of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TupleKeys {
    #[serde(alias = "tupleKeys", deserialize_with = "or_default")]
    pub(crate) tuple_keys: Vec<TupleKey>,
}

impl TupleKey {
    /// The tuple, where its fields follow the protocol. `message` names what it is part of.
    pub(crate) fn tuple(self, message: &str) -> Result<Tuple, Failure> {
        if self.user.len() > MAX_USER {
            let reason = format!("value length must be at most {MAX_USER} bytes");
            return Err(Failure::field(message, "User", &reason));
        }
        Rule::Relation.check_given(message, "Relation", &self.relation)?;
        Rule::Object.check_given(message, "Object", &self.object)?;
        let condition = self.condition.map(Condition::checked).transpose()?;
        Ok(Tuple {
            user: self.user,
            relation: self.relation,
            object: self.object,
            condition,
        })
    }

    /// The fields of a question, all of which must be given.
    pub(crate) fn question(self, message: &str) -> Result<Self, Failure> {
        Rule::User.check(message, "User", &self.user)?;
        Rule::Relation.check(message, "Relation", &self.relation)?;
        Rule::Object.check(message, "Object", &self.object)?;
        Ok(self)
    }
}

impl Condition {
    fn checked(self) -> Result<TupleCondition, Failure> {
        Rule::Condition.check("RelationshipCondition", "Name", &self.name)?;
        Ok(TupleCondition {
            name: self.name,
            context: self.context,
        })
    }
}

/// The tuples of a list.
pub(crate) fn tuples(keys: Vec<TupleKey>) -> Result<Vec<Tuple>, Failure> {
    keys.into_iter().map(|key| key.tuple("TupleKey")).collect()
}
