//! The models of a store: never changed, each under an id of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::AHashMap;

use crate::error::{Error, ErrorCode};
use crate::model::{Model, ModelId};
use crate::spec::ModelSpec;
use crate::store::Store;
use crate::ulid;

/// Models by id, and in the order written.
#[derive(Debug, Default)]
pub(super) struct Models {
    by_id: AHashMap<ModelId, Arc<Model>>,
    order: VecDeque<ModelId>,
    written: usize,
}

impl Store {
    /// Writes a model; it is the latest from now on.
    ///
    /// # Errors
    /// `invalid_authorization_model` or `exceeded_entity_limit`.
    pub fn write_model(&self, mut spec: ModelSpec) -> Result<ModelId, Error> {
        let mut models = self.models.write();
        models.written += 1;
        let id = ModelId::generated(ulid::generate(self.clock.now(), models.written));
        spec.id = Some(id.as_str().to_owned());
        let model = Model::compile(spec, id.clone(), &mut self.symbols.write(), &self.limits)?;
        models.by_id.insert(id.clone(), Arc::new(model));
        models.order.push_back(id.clone());
        if models.order.len() > self.limits.models
            && let Some(oldest) = models.order.pop_front()
        {
            models.by_id.remove(&oldest);
            self.assertions.write().forget(&oldest);
        }
        Ok(id)
    }

    /// The model of this id, or the latest.
    ///
    /// # Errors
    /// `authorization_model_not_found` or `latest_authorization_model_not_found`.
    pub fn model(&self, id: Option<&ModelId>) -> Result<Arc<Model>, Error> {
        let models = self.models.read();
        let Some(wanted) = id.or(models.order.back()) else {
            let message = "no authorization models found for store";
            return Err(Error::new(ErrorCode::LatestModelNotFound, message));
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
            order.find(|id| *id == before);
        }
        order
            .filter_map(|id| models.by_id.get(id))
            .take(limit)
            .cloned()
            .collect()
    }
}
