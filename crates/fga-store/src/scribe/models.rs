//! Models and assertions.

use ztag_fga::spec::ModelSpec;
use ztag_fga::{Assertion, Error, ErrorCode, ModelId};

use super::{Scribe, unknown};
use crate::error::{JournalError, unavailable};
use crate::journal::{Entry, Journal};
use crate::store_id::StoreId;

impl<J: Journal> Scribe<J> {
    pub(super) async fn write_model(
        &mut self,
        id: &StoreId,
        spec: ModelSpec,
    ) -> Result<ModelId, Error> {
        self.ready().await?;
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
        self.ready().await?;
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

    async fn commit(&mut self, entry: Entry) -> Result<(), Error> {
        match self.journal.commit(&[entry]).await {
            // Somebody else has deleted the store.
            Err(JournalError::Conflict) => {
                self.follow().await.map_err(|error| self.fail(&error))?;
                Err(unavailable(&JournalError::Conflict))
            }
            done => done.map_err(|error| self.fail(&error)),
        }
    }
}

fn text(value: &(impl serde::Serialize + ?Sized)) -> Result<String, Error> {
    let text = serde_json::to_string(value);
    text.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))
}
