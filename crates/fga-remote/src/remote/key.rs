//! What an answer depends on, as bytes: equal exactly when it is the same question.

use std::sync::Arc;

use url::Url;
use ztag_fga::{Fields, Tuple};

use crate::authority::{Check, Given};

/// A question as bytes. Each part stands behind its length, so that no two questions read alike,
/// whatever their parts hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(Arc<[u8]>);

/// What the keys of one store begin with.
pub(super) fn scope(base: &Url, model: Option<&str>) -> Box<[u8]> {
    let mut bytes = Vec::new();
    add(&mut bytes, base.as_str().as_bytes());
    add_option(&mut bytes, model);
    bytes.into()
}

impl Key {
    /// The key of a check with what is given, below `scope`.
    pub(super) fn of(scope: &[u8], check: &Check, given: &Given) -> Self {
        let mut bytes = Vec::with_capacity(scope.len() + 128);
        bytes.extend_from_slice(scope);
        for part in [&check.user, &check.relation, &check.object] {
            add(&mut bytes, part.as_bytes());
        }
        add_length(&mut bytes, given.contextual_tuples.len());
        for tuple in &given.contextual_tuples {
            add_tuple(&mut bytes, tuple);
        }
        add_fields(&mut bytes, Some(&given.context));
        Self(bytes.into())
    }

    /// Bytes that it takes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn add_tuple(bytes: &mut Vec<u8>, tuple: &Tuple) {
    for part in [&tuple.user, &tuple.relation, &tuple.object] {
        add(bytes, part.as_bytes());
    }
    let condition = tuple.condition.as_ref();
    add_option(bytes, condition.map(|own| own.name.as_str()));
    add_fields(bytes, condition.and_then(|own| own.context.as_ref()));
}

/// Fields as JSON, which tells types apart.
fn add_fields(bytes: &mut Vec<u8>, fields: Option<&Fields>) {
    let text = fields.and_then(|fields| serde_json::to_string(fields).ok());
    add_option(bytes, text.as_deref());
}

fn add_option(bytes: &mut Vec<u8>, text: Option<&str>) {
    bytes.push(u8::from(text.is_some()));
    add(bytes, text.unwrap_or_default().as_bytes());
}

fn add(bytes: &mut Vec<u8>, part: &[u8]) {
    add_length(bytes, part.len());
    bytes.extend_from_slice(part);
}

fn add_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&(length as u64).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn check(user: &str, relation: &str, object: &str) -> Check {
        Check {
            user: user.into(),
            relation: relation.into(),
            object: object.into(),
        }
    }

    #[test]
    fn attack_40_no_two_questions_have_one_key() {
        let base = Url::parse("https://fga.example/stores/S").unwrap();
        let given = |tuples: &[Tuple], context: serde_json::Value| Given {
            contextual_tuples: tuples.to_vec(),
            context: context.as_object().cloned().unwrap(),
            ..Given::default()
        };
        let none = || given(&[], json!({}));
        let tuple = Tuple::new("user:a", "r", "doc:1");
        let fixed = json!({"n": 1}).as_object().cloned();
        let questions = [
            (None, check("user:a", "viewer", "doc:1"), none()),
            (Some("M"), check("user:a", "viewer", "doc:1"), none()),
            (None, check("user:a", "viewerd", "oc:1"), none()),
            (None, check("user:av", "iewer", "doc:1"), none()),
            (None, check("user:a", "viewer", "doc:1/"), none()),
            (
                None,
                check("user:a", "viewer", "doc:1"),
                given(std::slice::from_ref(&tuple), json!({})),
            ),
            (
                None,
                check("user:a", "viewer", "doc:1"),
                given(&[tuple.clone(), tuple.clone()], json!({})),
            ),
            (
                None,
                check("user:a", "viewer", "doc:1"),
                given(&[tuple.clone().when("c", None)], json!({})),
            ),
            (
                None,
                check("user:a", "viewer", "doc:1"),
                given(&[tuple.when("c", fixed)], json!({})),
            ),
            (
                None,
                check("user:a", "viewer", "doc:1"),
                given(&[], json!({"n": 1})),
            ),
            (
                None,
                check("user:a", "viewer", "doc:1"),
                given(&[], json!({"n": "1"})),
            ),
            (
                None,
                check("user:a", "viewer", "doc:1"),
                given(&[], json!({"n": 1.0})),
            ),
        ];
        let keys: BTreeSet<_> = questions
            .iter()
            .map(|(model, check, given)| Key::of(&scope(&base, *model), check, given).0)
            .collect();
        assert_eq!(keys.len(), questions.len());
    }
}
