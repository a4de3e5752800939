//! Assertions: what a model should answer, kept for those who test it.

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode};
use crate::model::{Model, ModelId};
use crate::names::{ObjectName, UserName};
use crate::store::Store;
use crate::store::validate;
use crate::tuple::{Fields, Tuple};

/// What a check should answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// The user, relation and object to check.
    pub tuple_key: Tuple,
    /// The answer expected.
    pub expectation: bool,
    /// Tuples to assume.
    #[serde(default)]
    pub contextual_tuples: Vec<Tuple>,
    /// Parameters of conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Fields>,
}

/// Assertions by model.
#[derive(Debug, Default)]
pub(super) struct Assertions(AHashMap<ModelId, Vec<Assertion>>);

impl Assertions {
    pub(super) fn forget(&mut self, model: &ModelId) {
        self.0.remove(model);
    }
}

impl Store {
    /// Replaces the assertions of a model.
    ///
    /// # Errors
    /// `authorization_model_not_found`, `assertions_too_many_items`, `exceeded_entity_limit`, or
    /// `validation_error` where the model does not allow a tuple. `internal_error` where only a
    /// [`Writer`](crate::Writer) may write.
    pub fn write_assertions(&self, id: &ModelId, assertions: Vec<Assertion>) -> Result<(), Error> {
        self.refuse_if_journaled()?;
        self.judge_assertions(id, &assertions)?;
        self.show_assertions(id, assertions);
        Ok(())
    }

    pub(super) fn judge_assertions(
        &self,
        id: &ModelId,
        assertions: &[Assertion],
    ) -> Result<(), Error> {
        let model = self.model(Some(id))?;
        let limits = &self.limits;
        if assertions.len() > limits.assertions {
            let message = format!(
                "value must contain no more than {} item(s)",
                limits.assertions
            );
            return Err(Error::new(ErrorCode::TooManyAssertions, message));
        }
        let size = serde_json::to_string(assertions).map_or(usize::MAX, |text| text.len());
        if size > limits.assertion_bytes {
            let limit = limits.assertion_bytes;
            let message = format!("the number of bytes exceeds the allowed limit of {limit}");
            return Err(Error::new(ErrorCode::ExceededEntityLimit, message));
        }
        for assertion in assertions {
            self.check_assertion(&model, assertion)?;
        }
        Ok(())
    }

    pub(super) fn show_assertions(&self, id: &ModelId, assertions: Vec<Assertion>) {
        self.assertions.write().0.insert(id.clone(), assertions);
    }

    /// The assertions of a model; none if there are none.
    pub fn read_assertions(&self, id: &ModelId) -> Vec<Assertion> {
        self.assertions
            .read()
            .0
            .get(id)
            .cloned()
            .unwrap_or_default()
    }

    fn check_assertion(&self, model: &Model, assertion: &Assertion) -> Result<(), Error> {
        let limits = &self.limits;
        if assertion.contextual_tuples.len() > limits.contextual_tuples_per_assertion {
            let limit = limits.contextual_tuples_per_assertion;
            let message = format!("an assertion may have {limit} contextual tuples");
            return Err(Error::validation(message));
        }
        let key = &assertion.tuple_key;
        let object = ObjectName::parse(&key.object)?;
        UserName::parse(&key.user)?;
        let coded = |error: Error| error.coded(ErrorCode::Validation);
        model.node_of(object.kind, &key.relation).map_err(coded)?;
        for tuple in &assertion.contextual_tuples {
            validate::tuple(model, tuple, limits.tuple_context_bytes)
                .map_err(validate::Fault::on_write)?;
        }
        Ok(())
    }
}
