//! Questions as they are sent.

use bytes::Bytes;
use serde::Serialize;
use ztag_fga::{Fields, Tuple};

use crate::authority::{Check, Consistency, Given, Wanted};
use crate::remote::desk::Question;

/// A check as a body of its own.
pub(in crate::remote) fn check(question: &Question, model: Option<&str>) -> Bytes {
    let Question { check, given } = question;
    let asked = Single {
        tuple_key: check.into(),
    };
    written(&Body {
        model,
        asked: Assuming::new(asked, given),
        consistency: given.consistency.into(),
    })
}

/// Checks that are asked together, each named by its place. They want one consistency.
pub(in crate::remote) fn batch(questions: &[&Question], model: Option<&str>) -> Bytes {
    let consistency = questions.first().map(|question| question.given.consistency);
    let checks = questions.iter().enumerate();
    let checks = checks.map(|(place, Question { check, given })| {
        let asked = Item {
            tuple_key: check.into(),
            correlation_id: place.to_string(),
        };
        Assuming::new(asked, given)
    });
    written(&Body {
        model,
        asked: Batch {
            checks: checks.collect(),
        },
        consistency: consistency.unwrap_or_default().into(),
    })
}

/// A question for objects.
pub(in crate::remote) fn list(wanted: &Wanted, given: &Given, model: Option<&str>) -> Bytes {
    let asked = List {
        type_name: &wanted.type_name,
        relation: &wanted.relation,
        user: &wanted.user,
    };
    written(&Body {
        model,
        asked: Assuming::new(asked, given),
        consistency: given.consistency.into(),
    })
}

fn written(body: &impl Serialize) -> Bytes {
    // Texts, numbers and maps with keys of text: there is nothing that cannot be written. Nothing
    // at all is no question, which no server answers with yes.
    serde_json::to_vec(body).unwrap_or_default().into()
}

/// What every question has.
#[derive(Serialize)]
struct Body<'a, Q> {
    #[serde(
        rename = "authorization_model_id",
        skip_serializing_if = "Option::is_none"
    )]
    model: Option<&'a str>,
    #[serde(flatten)]
    asked: Q,
    consistency: Preference,
}

/// What is asked, with what to assume.
#[derive(Serialize)]
struct Assuming<'a, Q> {
    #[serde(flatten)]
    asked: Q,
    #[serde(skip_serializing_if = "Option::is_none")]
    contextual_tuples: Option<Tuples<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a Fields>,
}

#[derive(Serialize)]
struct Single<'a> {
    tuple_key: TupleKey<'a>,
}

#[derive(Serialize)]
struct Item<'a> {
    tuple_key: TupleKey<'a>,
    correlation_id: String,
}

#[derive(Serialize)]
struct Batch<'a> {
    checks: Vec<Assuming<'a, Item<'a>>>,
}

#[derive(Serialize)]
struct List<'a> {
    #[serde(rename = "type")]
    type_name: &'a str,
    relation: &'a str,
    user: &'a str,
}

#[derive(Serialize)]
struct TupleKey<'a> {
    user: &'a str,
    relation: &'a str,
    object: &'a str,
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

impl<'a, Q> Assuming<'a, Q> {
    fn new(asked: Q, given: &'a Given) -> Self {
        let tuple_keys = given.contextual_tuples.as_slice();
        Self {
            asked,
            contextual_tuples: (!tuple_keys.is_empty()).then_some(Tuples { tuple_keys }),
            context: Some(&given.context).filter(|context| !context.is_empty()),
        }
    }
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

impl From<Consistency> for Preference {
    fn from(consistency: Consistency) -> Self {
        match consistency {
            Consistency::MinimizeLatency => Self::MinimizeLatency,
            Consistency::HigherConsistency => Self::HigherConsistency,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn question(given: Given) -> Question {
        let check = Check {
            user: "user:ada".into(),
            relation: "viewer".into(),
            object: "doc:1".into(),
        };
        Question { check, given }
    }

    fn read(body: &Bytes) -> Json {
        serde_json::from_slice(body).unwrap()
    }

    #[test]
    fn questions_hold_what_is_assumed() {
        let key = json!({"user": "user:ada", "relation": "viewer", "object": "doc:1"});
        let bare = question(Given::default());
        assert_eq!(
            read(&check(&bare, None)),
            json!({"tuple_key": key, "consistency": "MINIMIZE_LATENCY"})
        );
        let given = Given {
            contextual_tuples: vec![Tuple::new("user:ada", "viewer", "doc:1")],
            context: Fields::from_iter([("now".to_owned(), json!(1))]),
            consistency: Consistency::HigherConsistency,
        };
        let (full, assumed) = (question(given.clone()), json!({"tuple_keys": [key]}));
        assert_eq!(
            read(&batch(&[&full, &full], Some("M"))),
            json!({
                "authorization_model_id": "M",
                "checks": [
                    {"tuple_key": key, "contextual_tuples": assumed, "context": {"now": 1},
                        "correlation_id": "0"},
                    {"tuple_key": key, "contextual_tuples": assumed, "context": {"now": 1},
                        "correlation_id": "1"},
                ],
                "consistency": "HIGHER_CONSISTENCY",
            })
        );
        let wanted = Wanted {
            user: "user:ada".into(),
            relation: "viewer".into(),
            type_name: "doc".into(),
        };
        assert_eq!(
            read(&list(&wanted, &given, None)),
            json!({
                "type": "doc", "relation": "viewer", "user": "user:ada",
                "contextual_tuples": assumed, "context": {"now": 1},
                "consistency": "HIGHER_CONSISTENCY",
            })
        );
    }
}
