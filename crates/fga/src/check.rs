//! Whether a user has a relation to an object.

mod batch;
mod circle;
mod memo;
mod resolved;
mod search;
mod session;
mod verdict;
mod walk;

use crate::error::Error;
use crate::model::ModelId;
use crate::store::{Call, Store};
use crate::tuple::{Fields, Tuple};

pub use batch::{BatchCheckItem, BatchCheckRequest, BatchCheckResult};
pub use resolved::{Checker, ResolvedRelation, ResolvedUser};
pub(crate) use session::Session;
pub(crate) use verdict::too_complex;

/// A question: has this user this relation to this object?
#[derive(Clone, Debug, Default)]
pub struct CheckRequest {
    /// The model; the latest if none is named.
    pub model: Option<ModelId>,
    /// Who: `type:id`, `type:*` or `type:id#relation`.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// To what: `type:id`.
    pub object: String,
    /// Tuples to assume besides those stored.
    pub contextual_tuples: Vec<Tuple>,
    /// Parameters of conditions.
    pub context: Fields,
}

impl CheckRequest {
    /// A question about the latest model, without contextual tuples and context.
    pub fn new(
        user: impl Into<String>,
        relation: impl Into<String>,
        object: impl Into<String>,
    ) -> Self {
        Self {
            user: user.into(),
            relation: relation.into(),
            object: object.into(),
            ..Self::default()
        }
    }
}

impl Store {
    /// Whether the user has the relation to the object.
    ///
    /// # Errors
    /// `validation_error`: a name that the model does not know, or a condition that cannot be
    /// evaluated; `invalid_tuple`; `authorization_model_resolution_too_complex`;
    /// `authorization_model_not_found` or `latest_authorization_model_not_found`.
    pub fn check(&self, request: &CheckRequest) -> Result<bool, Error> {
        let began = self.activity.begin();
        let answer = self.answer(request);
        self.activity.answered(&answer);
        if let Some(began) = began {
            self.activity.timed(began);
        }
        answer
    }

    fn answer(&self, request: &CheckRequest) -> Result<bool, Error> {
        let model = request.model.as_ref();
        let tuples = &request.contextual_tuples;
        let mut asked = self.ask(model, tuples, &request.context, Call::Check)?;
        let CheckRequest {
            user,
            relation,
            object,
            ..
        } = request;
        let (subject, object, node) = asked.question(user, relation, object)?;
        Session::new(&asked, subject).check(object, node.plan())
    }
}
