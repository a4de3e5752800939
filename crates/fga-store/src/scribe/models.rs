//! Models and assertions.

use std::collections::BTreeSet;

use ztag_fga::spec::ModelSpec;
use ztag_fga::{Assertion, Error, ErrorCode, ModelId};

use super::{Scribe, unknown};
use crate::error::refused;
use crate::journal::{Entry, Journal};
use crate::store_id::StoreId;

impl<J: Journal> Scribe<J> {
    pub(super) async fn write_model(
        &mut self,
        id: &StoreId,
        spec: ModelSpec,
    ) -> Result<ModelId, Error> {
        self.reserve_for_writing(id).await?;
        let written = self.write_model_reserved(id, spec).await;
        self.journal.release().await;
        written
    }

    /// The order of models is that of the journal, in every process that shares it.
    async fn write_model_reserved(
        &mut self,
        id: &StoreId,
        spec: ModelSpec,
    ) -> Result<ModelId, Error> {
        let own = self.open.get_mut(id).ok_or_else(unknown)?;
        let model = own.writer.stage_model(spec)?;
        let written = model.id().clone();
        let outdated = own.writer.outdated_models();
        let entry = Entry::Model {
            store: own.number,
            id: written.as_str().to_owned(),
            spec: text(model.spec())?,
            outdated: outdated.iter().map(|id| id.as_str().to_owned()).collect(),
        };
        self.commit(entry).await?;
        if let Some(own) = self.open.get_mut(id) {
            own.writer.publish_model(model);
            own.generation += 1;
        }
        Ok(written)
    }

    pub(super) async fn write_assertions(
        &mut self,
        id: &StoreId,
        model: &ModelId,
        assertions: Vec<Assertion>,
    ) -> Result<(), Error> {
        self.reserve_for_writing(id).await?;
        let written = self.write_assertions_reserved(id, model, assertions).await;
        self.journal.release().await;
        written
    }

    async fn write_assertions_reserved(
        &mut self,
        id: &StoreId,
        model: &ModelId,
        assertions: Vec<Assertion>,
    ) -> Result<(), Error> {
        let own = self.open.get_mut(id).ok_or_else(unknown)?;
        own.writer.judge_assertions(model, &assertions)?;
        let entry = Entry::Assertions {
            store: own.number,
            model: model.as_str().to_owned(),
            content: text(&assertions)?,
        };
        self.commit(entry).await?;
        if let Some(own) = self.open.get_mut(id) {
            own.writer.publish_assertions(model, assertions);
            own.generation += 1;
        }
        Ok(())
    }

    /// Sees to it that a store is as the journal has it, and stays so until it is released.
    pub(super) async fn reserve_for_writing(&mut self, id: &StoreId) -> Result<(), Error> {
        self.ready().await.map_err(|why| refused(&why))?;
        let number = self.open.get(id).ok_or_else(unknown)?.number;
        let reserved = self.reserve(BTreeSet::from([number])).await;
        reserved.map(drop).map_err(|error| self.fail(&error))
    }

    async fn commit(&mut self, entry: Entry) -> Result<(), Error> {
        let done = self.journal.commit(&[entry]).await;
        done.map_err(|error| self.fail(&error))
    }
}

pub(super) fn text(value: &(impl serde::Serialize + ?Sized)) -> Result<String, Error> {
    let text = serde_json::to_string(value);
    text.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))
}
