//! Answers as they are read.

use std::collections::BTreeMap;

use serde::Deserialize;
use ztag_fga::Tuple;
use ztag_fga::spec::ModelSpec;

use crate::undecided::Undecided;

/// The answer to a check.
pub(in crate::remote) fn checked(body: &[u8]) -> Result<bool, Undecided> {
    let answer: Allowed = read(body)?;
    answer.allowed.ok_or_else(unreadable)
}

/// The answers to `count` checks, by place.
pub(in crate::remote) fn batched(
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

/// The objects of an answer.
pub(in crate::remote) fn listed(body: &[u8]) -> Result<Vec<String>, Undecided> {
    let answer: Objects = read(body)?;
    answer.objects.ok_or_else(unreadable)
}

/// The model of an answer.
pub(in crate::remote) fn model(body: &[u8]) -> Result<ModelSpec, Undecided> {
    let answer: ModelAnswer = read(body)?;
    Ok(answer.authorization_model)
}

/// The first model of a list, the latest.
pub(in crate::remote) fn latest_model(body: &[u8]) -> Result<ModelSpec, Undecided> {
    let answer: ModelsAnswer = read(body)?;
    answer
        .authorization_models
        .into_iter()
        .next()
        .ok_or_else(unreadable)
}

/// Changes of tuples, in their order.
pub(in crate::remote) fn changes(body: &[u8]) -> Result<Changes, Undecided> {
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
pub(in crate::remote) struct Change {
    pub(in crate::remote) tuple: Tuple,
    pub(in crate::remote) is_delete: bool,
}

/// Changes, and where to go on.
#[derive(Clone, Debug)]
pub(in crate::remote) struct Changes {
    pub(in crate::remote) changes: Vec<Change>,
    pub(in crate::remote) token: String,
}

/// Why the server refuses a question; `None` where it does not say so as `OpenFGA` does.
pub(in crate::remote) fn refusal(body: &[u8]) -> Option<Undecided> {
    let told: Refusal = serde_json::from_slice(body).ok()?;
    Some(Undecided::refused(told.code, told.message))
}

fn unreadable() -> Undecided {
    Undecided::unavailable("answer")
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Undecided> {
    serde_json::from_slice(body).map_err(|_| unreadable())
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
