//! Many questions at once.

use std::collections::BTreeSet;

use ahash::AHashMap;

use crate::check::CheckRequest;
use crate::error::{Error, ErrorCode};
use crate::model::ModelId;
use crate::store::Store;
use crate::tuple::{Fields, Tuple};

/// One question of a batch.
#[derive(Clone, Debug, Default)]
pub struct BatchCheckItem {
    /// Who.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// To what.
    pub object: String,
    /// Tuples to assume besides those stored.
    pub contextual_tuples: Vec<Tuple>,
    /// Parameters of conditions.
    pub context: Fields,
    /// Names the answer: 1 to 36 letters, digits, `_` and `-`.
    pub correlation_id: String,
}

/// Many questions.
#[derive(Clone, Debug, Default)]
pub struct BatchCheckRequest {
    /// The model; the latest if none is named.
    pub model: Option<ModelId>,
    /// The questions.
    pub checks: Vec<BatchCheckItem>,
}

/// The answer to one question of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchCheckResult {
    /// The name of the question.
    pub correlation_id: String,
    /// Its answer.
    pub allowed: Result<bool, Error>,
}

impl Store {
    /// Answers each question as [`Store::check`] would, all of one model. The same question is
    /// answered once.
    ///
    /// # Errors
    /// `validation_error` where there are no questions, too many, or their names are not unique
    /// and well-formed.
    pub fn batch_check(&self, request: &BatchCheckRequest) -> Result<Vec<BatchCheckResult>, Error> {
        self.check_batch(request)?;
        let model = self.model(request.model.as_ref())?;
        let mut answers: AHashMap<Vec<u8>, Result<bool, Error>> = AHashMap::new();
        let mut results = Vec::with_capacity(request.checks.len());
        for item in &request.checks {
            let key = key(item);
            let allowed = if let Some(known) = answers.get(&key) {
                known.clone()
            } else {
                let answer = self.check(&question(item, model.id()));
                answers.insert(key, answer.clone());
                answer
            };
            results.push(BatchCheckResult {
                correlation_id: item.correlation_id.clone(),
                allowed,
            });
        }
        Ok(results)
    }

    fn check_batch(&self, request: &BatchCheckRequest) -> Result<(), Error> {
        let limit = self.limits().checks_per_batch;
        if request.checks.is_empty() {
            let message =
                "batch check requires at least one check to evaluate, no checks were received";
            return Err(Error::validation(message));
        }
        if request.checks.len() > limit {
            let count = request.checks.len();
            let message =
                format!("batchCheck received {count} checks, the maximum allowed is {limit}");
            return Err(Error::new(ErrorCode::Validation, message));
        }
        let mut seen = BTreeSet::new();
        for item in &request.checks {
            let id = item.correlation_id.as_str();
            let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if id.is_empty() || id.len() > 36 || !id.chars().all(is_good) {
                let message = format!("received an invalid correlation id: '{id}'");
                return Err(Error::validation(message));
            }
            if !seen.insert(id) {
                let message = format!("received duplicate correlation id: '{id}'");
                return Err(Error::validation(message));
            }
        }
        Ok(())
    }
}

fn question(item: &BatchCheckItem, model: &ModelId) -> CheckRequest {
    CheckRequest {
        model: Some(model.clone()),
        user: item.user.clone(),
        relation: item.relation.clone(),
        object: item.object.clone(),
        contextual_tuples: item.contextual_tuples.clone(),
        context: item.context.clone(),
    }
}

/// Everything that an answer depends on, each part with its length before it.
fn key(item: &BatchCheckItem) -> Vec<u8> {
    let tuples = serde_json::to_string(&item.contextual_tuples).unwrap_or_default();
    let context = serde_json::to_string(&item.context).unwrap_or_default();
    let parts = [&item.user, &item.relation, &item.object, &tuples, &context];
    let mut key = Vec::new();
    for part in parts {
        key.extend(part.len().to_le_bytes());
        key.extend(part.as_bytes());
    }
    key
}
