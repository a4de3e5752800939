//! Requests.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use ztag_fga::{Fields, ModelId, OnDuplicate, OnMissing};

use crate::failure::Failure;
use crate::rule::Rule;
use crate::wire::or_default;
use crate::wire::tuple::{TupleKey, TupleKeys};

/// How fresh an answer has to be. Where only one process writes, all of them are as fresh as can
/// be; where others write, too, only some questions wait until it is known what they wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// What is known here will do.
    #[default]
    MinimizeLatency,
    /// As of the latest write, wherever that was.
    HigherConsistency,
}

/// The names and numbers of the levels.
const CONSISTENCIES: [(&str, i64, Consistency); 3] = [
    ("UNSPECIFIED", 0, Consistency::MinimizeLatency),
    ("MINIMIZE_LATENCY", 100, Consistency::MinimizeLatency),
    ("HIGHER_CONSISTENCY", 200, Consistency::HigherConsistency),
];

#[derive(Deserialize)]
#[serde(untagged)]
enum NameOrNumber {
    Name(String),
    Number(i64),
}

impl<'de> Deserialize<'de> for Consistency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = NameOrNumber::deserialize(deserializer)?;
        let found = CONSISTENCIES.iter().find(|(name, number, _)| match &given {
            NameOrNumber::Name(given) => given == name,
            NameOrNumber::Number(given) => given == number,
        });
        let found = found.map(|(_, _, consistency)| *consistency);
        found.ok_or_else(|| D::Error::custom("invalid value for enum field consistency"))
    }
}

/// The id of a model in a request; empty for the latest.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct ModelName(String);

impl ModelName {
    pub(crate) fn id(&self, message: &str) -> Result<Option<ModelId>, Failure> {
        Rule::Ulid.check_given(message, "AuthorizationModelId", &self.0)?;
        if self.0.is_empty() {
            return Ok(None);
        }
        Ok(Some(ModelId::parse(&self.0)?))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CreateStore {
    #[serde(deserialize_with = "or_default")]
    pub(crate) name: String,
}

/// Which tuples to delete, and where the call before ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeleteTuples {
    #[serde(alias = "tupleKey")]
    pub(crate) tuple_key: Option<TupleKey>,
    #[serde(alias = "continuationToken", deserialize_with = "or_default")]
    pub(crate) continuation_token: String,
}

/// The users that a relation of an object shall have.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReplaceRelation {
    #[serde(deserialize_with = "or_default")]
    pub(crate) object: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) relation: String,
    /// Keys whose object and relation are left out.
    pub(crate) users: Option<Vec<TupleKey>>,
    #[serde(alias = "authorizationModelId", deserialize_with = "or_default")]
    pub(crate) authorization_model_id: ModelName,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Check {
    #[serde(alias = "tupleKey")]
    pub(crate) tuple_key: Option<TupleKey>,
    #[serde(alias = "contextualTuples", deserialize_with = "or_default")]
    pub(crate) contextual_tuples: TupleKeys,
    #[serde(alias = "authorizationModelId", deserialize_with = "or_default")]
    pub(crate) authorization_model_id: ModelName,
    #[serde(deserialize_with = "or_default")]
    pub(crate) context: Fields,
    #[serde(deserialize_with = "or_default")]
    pub(crate) consistency: Consistency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BatchCheck {
    #[serde(deserialize_with = "or_default")]
    pub(crate) checks: Vec<BatchCheckItem>,
    #[serde(alias = "authorizationModelId", deserialize_with = "or_default")]
    pub(crate) authorization_model_id: ModelName,
    #[serde(deserialize_with = "or_default")]
    pub(crate) consistency: Consistency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BatchCheckItem {
    #[serde(alias = "tupleKey")]
    pub(crate) tuple_key: Option<TupleKey>,
    #[serde(alias = "contextualTuples", deserialize_with = "or_default")]
    pub(crate) contextual_tuples: TupleKeys,
    #[serde(deserialize_with = "or_default")]
    pub(crate) context: Fields,
    #[serde(alias = "correlationId", deserialize_with = "or_default")]
    pub(crate) correlation_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Expand {
    #[serde(alias = "tupleKey")]
    pub(crate) tuple_key: Option<TupleKey>,
    #[serde(alias = "contextualTuples", deserialize_with = "or_default")]
    pub(crate) contextual_tuples: TupleKeys,
    #[serde(alias = "authorizationModelId", deserialize_with = "or_default")]
    pub(crate) authorization_model_id: ModelName,
    #[serde(deserialize_with = "or_default")]
    pub(crate) consistency: Consistency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListObjects {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(crate) type_name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) relation: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) user: String,
    #[serde(alias = "contextualTuples", deserialize_with = "or_default")]
    pub(crate) contextual_tuples: TupleKeys,
    #[serde(alias = "authorizationModelId", deserialize_with = "or_default")]
    pub(crate) authorization_model_id: ModelName,
    #[serde(deserialize_with = "or_default")]
    pub(crate) context: Fields,
    #[serde(deserialize_with = "or_default")]
    pub(crate) consistency: Consistency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListUsers {
    pub(crate) object: Option<Object>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) relation: String,
    #[serde(alias = "userFilters", deserialize_with = "or_default")]
    pub(crate) user_filters: Vec<UserFilter>,
    #[serde(alias = "contextualTuples", deserialize_with = "or_default")]
    pub(crate) contextual_tuples: Vec<TupleKey>,
    #[serde(alias = "authorizationModelId", deserialize_with = "or_default")]
    pub(crate) authorization_model_id: ModelName,
    #[serde(deserialize_with = "or_default")]
    pub(crate) context: Fields,
    #[serde(deserialize_with = "or_default")]
    pub(crate) consistency: Consistency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Object {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(crate) type_name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UserFilter {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(crate) type_name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) relation: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Read {
    #[serde(alias = "tupleKey")]
    pub(crate) tuple_key: Option<TupleKey>,
    #[serde(alias = "pageSize")]
    pub(crate) page_size: Option<i32>,
    #[serde(alias = "continuationToken", deserialize_with = "or_default")]
    pub(crate) continuation_token: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) consistency: Consistency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Write {
    pub(crate) writes: Option<Writes>,
    pub(crate) deletes: Option<Deletes>,
    #[serde(alias = "authorizationModelId", deserialize_with = "or_default")]
    pub(crate) authorization_model_id: ModelName,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Writes {
    #[serde(alias = "tupleKeys", deserialize_with = "or_default")]
    pub(crate) tuple_keys: Vec<TupleKey>,
    #[serde(alias = "onDuplicate", deserialize_with = "or_default")]
    pub(crate) on_duplicate: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Deletes {
    #[serde(alias = "tupleKeys", deserialize_with = "or_default")]
    pub(crate) tuple_keys: Vec<TupleKey>,
    #[serde(alias = "onMissing", deserialize_with = "or_default")]
    pub(crate) on_missing: String,
}

impl Writes {
    pub(crate) fn on_duplicate(&self) -> Result<OnDuplicate, Failure> {
        let ignored = is_ignored("WriteRequestWrites", "OnDuplicate", &self.on_duplicate)?;
        let ignored = ignored.then_some(OnDuplicate::Ignore);
        Ok(ignored.unwrap_or(OnDuplicate::Error))
    }
}

impl Deletes {
    pub(crate) fn on_missing(&self) -> Result<OnMissing, Failure> {
        let ignored = is_ignored("WriteRequestDeletes", "OnMissing", &self.on_missing)?;
        let ignored = ignored.then_some(OnMissing::Ignore);
        Ok(ignored.unwrap_or(OnMissing::Error))
    }
}

fn is_ignored(message: &str, field: &str, text: &str) -> Result<bool, Failure> {
    match text {
        "" | "error" => Ok(false),
        "ignore" => Ok(true),
        _ => {
            let reason = "value must be in list [error ignore]";
            Err(Failure::field(message, field, reason))
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WriteAssertions {
    #[serde(deserialize_with = "or_default")]
    pub(crate) assertions: Vec<AssertionSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AssertionSpec {
    #[serde(alias = "tupleKey")]
    pub(crate) tuple_key: Option<TupleKey>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) expectation: bool,
    #[serde(alias = "contextualTuples", deserialize_with = "or_default")]
    pub(crate) contextual_tuples: Vec<TupleKey>,
    pub(crate) context: Option<Fields>,
}
