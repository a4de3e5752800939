//! Many questions at once.
//!
//! Questions that assume the same tuples and parameters see one snapshot, and those about one user
//! share what is found out about it.

use std::collections::BTreeSet;

use ahash::AHashMap;

use crate::check::Session;
use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, PlanId};
use crate::model::ModelId;
use crate::store::{Asked, Call, NamedSubject, NamedTarget, Store, Subject};
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

/// An answer with the place of its question.
type Placed = (usize, Result<bool, Error>);

/// The questions about one user, by their places.
struct OfUser {
    subject: Result<Subject, Error>,
    targets: Vec<(usize, EntityId, PlanId)>,
}

impl Store {
    /// Answers each question as [`Store::check`] would, all of one model.
    ///
    /// # Errors
    /// `validation_error` where there are no questions, too many, or their names are not unique
    /// and well-formed; `authorization_model_not_found` or `latest_authorization_model_not_found`.
    pub fn batch_check(&self, request: &BatchCheckRequest) -> Result<Vec<BatchCheckResult>, Error> {
        self.check_batch(request)?;
        let model = self.model(request.model.as_ref())?;
        let mut answers = vec![None; request.checks.len()];
        for items in alike(&request.checks) {
            for (at, answer) in self.answer_alike(&items, model.id()) {
                self.activity.answered(&answer);
                if let Some(own) = answers.get_mut(at) {
                    *own = Some(answer);
                }
            }
        }
        let answers = request.checks.iter().zip(answers);
        Ok(answers
            .map(|(item, answer)| BatchCheckResult {
                correlation_id: item.correlation_id.clone(),
                allowed: answer.unwrap_or_else(|| Err(lost())),
            })
            .collect())
    }

    /// Answers questions that assume the same.
    fn answer_alike(&self, items: &[(usize, &BatchCheckItem)], model: &ModelId) -> Vec<Placed> {
        let Some((_, first)) = items.first() else {
            return Vec::new();
        };
        let tuples = &first.contextual_tuples;
        let asked = self.ask(Some(model), tuples, &first.context, Call::Check);
        let mut asked = match asked {
            Ok(asked) => asked,
            Err(error) => {
                return items
                    .iter()
                    .map(|(at, _)| (*at, Err(error.clone())))
                    .collect();
            }
        };
        let mut answers = Vec::with_capacity(items.len());
        for user in by_user(&mut asked, items, &mut answers) {
            match user.subject {
                Ok(subject) => {
                    let mut session = Session::shared(&asked, subject);
                    answers.extend(user.targets.into_iter().map(|(at, object, plan)| {
                        (at, self.timed(|| session.check(object, plan)))
                    }));
                }
                Err(error) => {
                    let targets = user.targets.iter();
                    answers.extend(targets.map(|(at, ..)| (*at, Err(error.clone()))));
                }
            }
        }
        answers
    }

    pub(super) fn timed(&self, check: impl FnOnce() -> Result<bool, Error>) -> Result<bool, Error> {
        let began = self.activity.begin();
        let answer = check();
        if let Some(began) = began {
            self.activity.timed(began);
        }
        answer
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

/// Users in the order of their first questions, with what is asked about each. Questions whose
/// objects are none have their answers at once.
fn by_user(
    asked: &mut Asked<'_>,
    items: &[(usize, &BatchCheckItem)],
    answers: &mut Vec<Placed>,
) -> Vec<OfUser> {
    let mut subjects: Vec<Result<NamedSubject<'_>, Error>> = Vec::new();
    let mut targets: Vec<(usize, usize, NamedTarget<'_>)> = Vec::with_capacity(items.len());
    let mut by_name: AHashMap<&str, usize> = AHashMap::new();
    for (at, item) in items {
        let target = match asked.named_target(&item.object, &item.relation) {
            Ok(target) => target,
            Err(error) => {
                answers.push((*at, Err(error)));
                continue;
            }
        };
        let user = *by_name.entry(&item.user).or_insert_with(|| {
            subjects.push(asked.named_subject(&item.user));
            subjects.len() - 1
        });
        targets.push((*at, user, target));
    }
    let objects = targets.iter().map(|(_, _, own)| (own.kind, own.id));
    let objects = asked.place_each(&objects.collect::<Vec<_>>());
    let users = subjects.into_iter().map(|subject| OfUser {
        subject: subject.map(|own| {
            let [entity] = asked.place([(own.kind, own.id)]);
            own.numbered(entity)
        }),
        targets: Vec::new(),
    });
    let mut users: Vec<OfUser> = users.collect();
    for ((at, user, target), object) in targets.iter().zip(objects) {
        if let Some(user) = users.get_mut(*user) {
            user.targets.push((*at, object, target.node.plan()));
        }
    }
    users
}

/// Questions that assume the same tuples and parameters, with their places.
fn alike(items: &[BatchCheckItem]) -> Vec<Vec<(usize, &BatchCheckItem)>> {
    let mut bare = Vec::with_capacity(items.len());
    let mut others: AHashMap<Vec<u8>, Vec<_>> = AHashMap::new();
    for (at, item) in items.iter().enumerate() {
        if item.contextual_tuples.is_empty() && item.context.is_empty() {
            bare.push((at, item));
        } else {
            let own = others.entry(assumptions(item)).or_default();
            own.push((at, item));
        }
    }
    let mut alike: Vec<_> = others.into_values().collect();
    alike.push(bare);
    alike
}

/// What an answer depends on besides the question, each part with its length before it.
fn assumptions(item: &BatchCheckItem) -> Vec<u8> {
    let tuples = serde_json::to_string(&item.contextual_tuples).unwrap_or_default();
    let context = serde_json::to_string(&item.context).unwrap_or_default();
    let mut key = Vec::with_capacity(tuples.len() + context.len() + 16);
    for part in [tuples, context] {
        key.extend(part.len().to_le_bytes());
        key.extend(part.as_bytes());
    }
    key
}

/// Every question is given an answer.
fn lost() -> Error {
    Error::new(ErrorCode::Internal, "a question of the batch has no answer")
}
