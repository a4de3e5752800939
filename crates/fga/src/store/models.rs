//! The models of a store: never changed, each under an id of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::AHashMap;

use crate::error::{Error, ErrorCode};
use crate::limits::Limits;
use crate::model::{Model, ModelId};
use crate::spec::ModelSpec;
use crate::store::Store;
use crate::ulid;

/// Models by id, and in the order written.
#[derive(Debug, Default)]
pub(super) struct Models {
    by_id: AHashMap<ModelId, Arc<Model>>,
    order: VecDeque<Arc<Model>>,
    written: usize,
}

impl Models {
    pub(super) fn clear(&mut self) {
        self.by_id.clear();
        self.order.clear();
    }
}

impl Store {
    /// Writes a model; it is the latest from now on.
    ///
    /// # Errors
    /// `invalid_authorization_model` or `exceeded_entity_limit`. `internal_error` where only a
    /// [`Writer`](crate::Writer) may write.
    pub fn write_model(&self, spec: ModelSpec) -> Result<ModelId, Error> {
        self.refuse_if_journaled()?;
        let model = self.compile_model(spec)?;
        let id = model.id().clone();
        self.show_model(model);
        Ok(id)
    }

    /// Judges a model and gives it an id.
    pub(super) fn compile_model(&self, mut spec: ModelSpec) -> Result<Arc<Model>, Error> {
        let written = {
            let mut models = self.models.write();
            models.written += 1;
            models.written
        };
        let id = ModelId::generated(ulid::generate(self.clock.now(), written));
        spec.id = Some(id.as_str().to_owned());
        Model::compile(spec, id, &mut self.symbols.write(), &self.limits).map(Arc::new)
    }

    /// Makes a model the latest; the ids of those that had to make room for it.
    pub(super) fn show_model(&self, model: Arc<Model>) -> Vec<ModelId> {
        let outdated = self.outdated_models();
        let mut models = self.models.write();
        models.by_id.insert(model.id().clone(), Arc::clone(&model));
        models.order.push_back(model);
        for id in &outdated {
            models.order.retain(|own| own.id() != id);
            models.by_id.remove(id);
            self.assertions.write().forget(id);
        }
        outdated
    }

    /// The models that must make room when one more is written.
    pub(super) fn outdated_models(&self) -> Vec<ModelId> {
        let models = self.models.read();
        let count = (models.order.len() + 1).saturating_sub(self.limits.models);
        let outdated = models.order.iter().take(count);
        outdated.map(|model| model.id().clone()).collect()
    }

    /// The model of this id, or the latest.
    ///
    /// # Errors
    /// `authorization_model_not_found` or `latest_authorization_model_not_found`.
    pub fn model(&self, id: Option<&ModelId>) -> Result<Arc<Model>, Error> {
        let models = self.models.read();
        let Some(wanted) = id else {
            let message = "no authorization models found for store";
            let none = || Error::new(ErrorCode::LatestModelNotFound, message);
            return models.order.back().cloned().ok_or_else(none);
        };
        models.by_id.get(wanted).cloned().ok_or_else(|| {
            let message = format!("Authorization Model '{wanted}' not found");
            Error::new(ErrorCode::ModelNotFound, message)
        })
    }

    /// Models, the latest first: up to `limit` of those written before `before`.
    pub fn models(&self, before: Option<&ModelId>, limit: usize) -> Vec<Arc<Model>> {
        let models = self.models.read();
        let mut order = models.order.iter().rev();
        if let Some(before) = before {
            order.find(|model| model.id() == before);
        }
        order.take(limit).cloned().collect()
    }
}

/// Limits that no model breaks.
pub(super) fn unlimited() -> Limits {
    Limits {
        types_per_model: usize::MAX,
        model_bytes: usize::MAX,
        conditions_per_model: usize::MAX,
        parameters_per_condition: usize::MAX,
        condition_bytes: usize::MAX,
        ..Limits::default()
    }
}
