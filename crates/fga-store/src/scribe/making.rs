//! Making and deleting stores.

use std::sync::Arc;

use ztag_fga::{Error, Revision, Writer};
use ztag_types::Timestamp;

use super::{ATTEMPTS, Scribe};
use crate::error::{JournalError, refused, unavailable};
use crate::journal::{Entry, Journal, StoreRow, Touched};
use crate::named::NamedStore;
use crate::store_id::StoreId;

impl<J: Journal> Scribe<J> {
    /// Makes a store.
    pub(super) async fn create(
        &mut self,
        id: Option<StoreId>,
        name: String,
    ) -> Result<Arc<NamedStore>, Error> {
        self.ready().await.map_err(|why| refused(&why))?;
        for _ in 0..ATTEMPTS {
            if let Some(found) = id.as_ref().and_then(|id| self.registry.find(id)) {
                return Ok(found);
            }
            self.registry.admit()?;
            let written = self.create_once(id.clone(), name.clone()).await;
            match written {
                Ok(created) => return Ok(created),
                // Somebody else has made a store of this id.
                Err(JournalError::Conflict) => {
                    let followed = self.follow(&Touched::All).await;
                    followed.map_err(|error| self.fail(&error))?;
                }
                Err(error) => return Err(self.fail(&error)),
            }
        }
        Err(unavailable(&JournalError::Conflict))
    }

    async fn create_once(
        &mut self,
        id: Option<StoreId>,
        name: String,
    ) -> Result<Arc<NamedStore>, JournalError> {
        let number = self.journal.next_number().await?;
        let settings = self.settings();
        let now = settings.clock.now();
        let writer = Writer::new(settings.limits.clone(), Arc::clone(&settings.clock));
        // A journal keeps milliseconds.
        let created = Timestamp::new(now.seconds(), now.nanos() / 1_000_000 * 1_000_000);
        let row = StoreRow {
            number,
            id: id.unwrap_or_else(|| StoreId::generate(now)),
            name,
            created: created.unwrap_or_default(),
            revision: Revision::default(),
            folded: Revision::default(),
            generation: 0,
        };
        let entry = Entry::Created(row.clone());
        self.journal.commit(&[entry]).await?;
        Ok(self.show(row, writer))
    }

    pub(super) async fn delete(&mut self, id: &StoreId) -> Result<bool, Error> {
        self.ready().await.map_err(|why| refused(&why))?;
        let Some(own) = self.open.get(id) else {
            return Ok(false);
        };
        let gone = Entry::Deleted { store: own.number };
        let done = self.journal.commit(&[gone]).await;
        done.map_err(|error| self.fail(&error))?;
        self.forget(id);
        Ok(true)
    }
}
