//! Questions and answers as the HTTP API of `OpenFGA` writes them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use ztag_fga::spec::ModelSpec;
use ztag_fga::{Fields, Tuple};

use crate::authority::{Check, Consistency, Given, Wanted};
use crate::undecided::Undecided;

use super::desk::Question;

/// A check as a body of its own.
pub(super) fn check(question: &Question, model: Option<&str>) -> Bytes {
    let Question { check, given } = question;
    written(&CheckBody {
        model,
        tuple_key: check.into(),
        contextual_tuples: tuples(given),
        context: context(given),
        consistency: given.consistency.into(),
    })
}

/// The answer to a check.
pub(super) fn checked(body: &[u8]) -> Result<bool, Undecided> {
    let answer: Allowed = read(body)?;
    answer.allowed.ok_or_else(unreadable)
}

/// Checks that are asked together, each named by its place. They want one consistency.
pub(super) fn batch(questions: &[&Question], model: Option<&str>) -> Bytes {
    let consistency = questions.first().map(|question| question.given.consistency);
    let checks = questions.iter().enumerate();
    let checks = checks.map(|(place, Question { check, given })| BatchItem {
        tuple_key: check.into(),
        contextual_tuples: tuples(given),
        context: context(given),
        correlation_id: place.to_string(),
    });
    written(&BatchBody {
        model,
        checks: checks.collect(),
        consistency: consistency.unwrap_or_default().into(),
    })
}

/// The answers to `count` checks, by place.
pub(super) fn batched(
    body: &[u8],
    count: usize,
) -> Result<Vec<Result<bool, Undecided>>, Undecided> {
    let mut answers: BatchAnswer = read(body)?;
    let answer = |place: usize| {
        let own = answers.result.remove(&place.to_string());
        let own = own.ok_or_else(unreadable)?;
        match (own.allowed, own.error) {
            (_, Some(error)) => Err(error.into()),
            (Some(allowed), None) => Ok(allowed),
            (None, None) => Err(unreadable()),
        }
    };
    Ok((0..count).map(answer).collect())
}

/// A question for objects.
pub(super) fn list(wanted: &Wanted, given: &Given, model: Option<&str>) -> Bytes {
    written(&ListBody {
        model,
        type_name: &wanted.type_name,
        relation: &wanted.relation,
        user: &wanted.user,
        contextual_tuples: tuples(given),
        context: context(given),
        consistency: given.consistency.into(),
    })
}

/// The objects of an answer.
pub(super) fn listed(body: &[u8]) -> Result<Vec<String>, Undecided> {
    let answer: Objects = read(body)?;
    answer.objects.ok_or_else(unreadable)
}

/// The model of an answer.
pub(super) fn model(body: &[u8]) -> Result<ModelSpec, Undecided> {
    let answer: ModelAnswer = read(body)?;
    Ok(answer.authorization_model)
}

/// The first model of a list, the latest.
pub(super) fn latest_model(body: &[u8]) -> Result<ModelSpec, Undecided> {
    let answer: ModelsAnswer = read(body)?;
    answer
        .authorization_models
        .into_iter()
        .next()
        .ok_or_else(unreadable)
}

/// Changes of tuples, in their order.
pub(super) fn changes(body: &[u8]) -> Result<Changes, Undecided> {
    let answer: ChangesAnswer = read(body)?;
    let changes = answer.changes.into_iter().map(|told| Change {
        tuple: told.tuple_key,
        is_delete: told.operation == Operation::Delete,
    });
    Ok(Changes {
        changes: changes.collect(),
        token: answer.continuation_token,
    })
}

/// A change of a tuple.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) tuple: Tuple,
    pub(super) is_delete: bool,
}

/// Changes, and where to go on.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    pub(super) changes: Vec<Change>,
    pub(super) token: String,
}

/// Why the server refuses a question; `None` where it does not say so as `OpenFGA` does.
pub(super) fn refusal(body: &[u8]) -> Option<Undecided> {
    let told: Refusal = serde_json::from_slice(body).ok()?;
    Some(Undecided::refused(told.code, told.message))
}

fn unreadable() -> Undecided {
    Undecided::unavailable("answer")
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Undecided> {
    serde_json::from_slice(body).map_err(|_| unreadable())
}

fn written(body: &impl Serialize) -> Bytes {
    // Texts, numbers and maps with keys of text: there is nothing that cannot be written. Nothing
    // at all is no question, which no server answers with yes.
    serde_json::to_vec(body).unwrap_or_default().into()
}

fn tuples(given: &Given) -> Option<Tuples<'_>> {
    let tuple_keys = given.contextual_tuples.as_slice();
    (!tuple_keys.is_empty()).then_some(Tuples { tuple_keys })
}

fn context(given: &Given) -> Option<&Fields> {
    Some(&given.context).filter(|context| !context.is_empty())
}

#[derive(Serialize)]
struct CheckBody<'a> {
    #[serde(
        rename = "authorization_model_id",
        skip_serializing_if = "Option::is_none"
    )]
    model: Option<&'a str>,
    tuple_key: TupleKey<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contextual_tuples: Option<Tuples<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a Fields>,
    consistency: Preference,
}

#[derive(Serialize)]
struct BatchBody<'a> {
    #[serde(
        rename = "authorization_model_id",
        skip_serializing_if = "Option::is_none"
    )]
    model: Option<&'a str>,
    checks: Vec<BatchItem<'a>>,
    consistency: Preference,
}

#[derive(Serialize)]
struct BatchItem<'a> {
    tuple_key: TupleKey<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contextual_tuples: Option<Tuples<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a Fields>,
    correlation_id: String,
}

#[derive(Serialize)]
struct ListBody<'a> {
    #[serde(
        rename = "authorization_model_id",
        skip_serializing_if = "Option::is_none"
    )]
    model: Option<&'a str>,
    #[serde(rename = "type")]
    type_name: &'a str,
    relation: &'a str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contextual_tuples: Option<Tuples<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a Fields>,
    consistency: Preference,
}

#[derive(Serialize)]
struct TupleKey<'a> {
    user: &'a str,
    relation: &'a str,
    object: &'a str,
}

impl<'a> From<&'a Check> for TupleKey<'a> {
    fn from(check: &'a Check) -> Self {
        Self {
            user: &check.user,
            relation: &check.relation,
            object: &check.object,
        }
    }
}

#[derive(Serialize)]
struct Tuples<'a> {
    tuple_keys: &'a [Tuple],
}

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Preference {
    MinimizeLatency,
    HigherConsistency,
}

impl From<Consistency> for Preference {
    fn from(consistency: Consistency) -> Self {
        match consistency {
            Consistency::MinimizeLatency => Self::MinimizeLatency,
            Consistency::HigherConsistency => Self::HigherConsistency,
        }
    }
}

#[derive(Deserialize)]
struct Allowed {
    allowed: Option<bool>,
}

#[derive(Deserialize)]
struct BatchAnswer {
    result: BTreeMap<String, BatchResult>,
}

#[derive(Deserialize)]
struct BatchResult {
    allowed: Option<bool>,
    error: Option<BatchError>,
}

#[derive(Deserialize)]
struct BatchError {
    input_error: Option<String>,
    internal_error: Option<String>,
    #[serde(default)]
    message: String,
}

impl From<BatchError> for Undecided {
    fn from(error: BatchError) -> Self {
        match (error.input_error, error.internal_error) {
            (Some(code), _) => Self::refused(code, error.message),
            (None, _) => Self::unavailable("internal"),
        }
    }
}

#[derive(Deserialize)]
struct Objects {
    objects: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ModelAnswer {
    authorization_model: ModelSpec,
}

#[derive(Deserialize)]
struct ModelsAnswer {
    authorization_models: Vec<ModelSpec>,
}

#[derive(Deserialize)]
struct ChangesAnswer {
    changes: Vec<ToldChange>,
    #[serde(default)]
    continuation_token: String,
}

#[derive(Deserialize)]
struct ToldChange {
    tuple_key: Tuple,
    operation: Operation,
}

/// Another operation than these makes an answer unreadable.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operation {
    #[serde(rename = "TUPLE_OPERATION_WRITE")]
    Write,
    #[serde(rename = "TUPLE_OPERATION_DELETE")]
    Delete,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert_eq!(checked(br#"{"allowed":true,"resolution":""}"#), Ok(true));
        assert_eq!(checked(br#"{"allowed":false}"#), Ok(false));
        for odd in [
            "",
            "{}",
            "true",
            r#"{"allowed":"true"}"#,
            r#"{"allowed":null}"#,
            "[]",
        ] {
            assert!(checked(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    #[test]
    fn every_check_of_a_batch_has_an_answer_of_its_own() {
        let body = br#"{"result":{
            "0":{"allowed":true},
            "1":{"allowed":false},
            "2":{"error":{"input_error":"validation_error","message":"m"}},
            "3":{"allowed":true,"error":{"internal_error":"internal_error"}},
            "9":{"allowed":true}}}"#;
        let answers = batched(body, 5).unwrap();
        let shown: Vec<_> = answers
            .iter()
            .map(|own| {
                own.as_ref()
                    .map_err(|error| (error.class(), error.is_unavailable()))
            })
            .collect();
        let expected = [
            Ok(&true),
            Ok(&false),
            Err(("validation_error", false)),
            Err(("internal", true)),
            Err(("answer", true)),
        ];
        assert_eq!(shown, expected);
        assert!(batched(b"{}", 1).is_err());
    }
}
