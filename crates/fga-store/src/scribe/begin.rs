//! The beginning of a store.

use ztag_fga::{Error, Revision};

use super::{Scribe, unknown};
use crate::beginning::{Beginning, Draft};
use crate::journal::{Entry, Journal};
use crate::scribe::models::text;
use crate::store_id::StoreId;

impl<J: Journal> Scribe<J> {
    /// Gives a store that has no model its first one, with tuples, in one commit; whether it had
    /// none.
    pub(super) async fn begin(
        &mut self,
        id: &StoreId,
        beginning: Beginning,
    ) -> Result<bool, Error> {
        self.reserve_for_writing(id).await?;
        let begun = self.begin_reserved(id, beginning).await;
        self.journal.release().await;
        begun
    }

    async fn begin_reserved(&mut self, id: &StoreId, beginning: Beginning) -> Result<bool, Error> {
        let own = self.open.get(id).ok_or_else(unknown)?;
        let store = own.writer.store();
        if store.model(None).is_ok() || store.revision() > Revision::default() {
            return Ok(false);
        }
        let (number, generation) = (own.number, own.generation + 1);
        let settings = self.settings();
        let Draft { model, changes } = beginning.draft(&settings.limits, &settings.clock)?;
        let entries = [
            Entry::Model {
                store: number,
                id: model.id.clone().unwrap_or_default(),
                spec: text(&model)?,
                outdated: Vec::new(),
            },
            // The model has made one more generation of it.
            Entry::Changes {
                store: number,
                after: Revision::default(),
                generation,
                changes: changes.clone(),
            },
        ];
        let written = self.journal.commit(&entries).await;
        written.map_err(|error| self.fail(&error))?;
        let own = self.open.get_mut(id).ok_or_else(unknown)?;
        own.writer.follow_model(model)?;
        own.writer.follow(&changes)?;
        own.generation = generation;
        Ok(true)
    }
}
