//! Making stores from what is written down, and following what others write.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Notify;
use ztag_fga::{Error, ModelId, Restore, Revision, Writer};

use super::{Open, Scribe};
use crate::error::{JournalError, OpenError};
use crate::image_file;
use crate::journal::{Journal, StoreNumber, StoreRow};
use crate::named::{Kept, NamedStore};
use crate::store_id::StoreId;

/// Changes that are read at once.
const PAGE: usize = 10_000;

impl<J: Journal> Scribe<J> {
    /// Makes a store from its image, if there is a good one, and the changes since.
    pub(super) async fn load(&mut self, row: StoreRow) -> Result<(), OpenError> {
        let mut restore = self.begin(&row);
        let imaged = restore.taken();
        let wrong = |error: Error| OpenError::Store {
            store: row.id.to_string(),
            error,
        };
        loop {
            let from = restore.taken();
            let page = self.journal.changes(row.number, from, PAGE).await?;
            for change in &page {
                restore.push(change).map_err(wrong)?;
            }
            if page.len() < PAGE {
                break;
            }
        }
        if restore.revision() < row.revision {
            let message = format!("changes of store {} are missing", row.id);
            return Err(JournalError::Damaged(message).into());
        }
        let mut writer = restore.finish().map_err(wrong)?;
        fold(&mut writer, row.folded);
        self.load_models(row.number, &mut writer).await?;
        let (id, generation) = (row.id.clone(), row.generation);
        self.show(row, writer);
        if let Some(own) = self.open.get_mut(&id) {
            own.generation = generation;
            own.imaged = imaged;
        }
        Ok(())
    }

    /// The image of a store, or nothing.
    fn begin(&self, row: &StoreRow) -> Restore {
        let settings = self.settings();
        let (limits, clock) = (&settings.limits, &settings.clock);
        let empty = || Restore::new(limits.clone(), Arc::clone(clock), row.folded);
        let why = match image_file::read(&self.images, &row.id, limits, clock) {
            Ok(None) => return empty(),
            Ok(Some(restore)) => {
                // Changes between the image and the fold may be gone.
                let is_old = restore.revision() < row.folded;
                let is_ahead = restore.revision() > row.revision;
                if !is_old && !is_ahead && restore.folded_until() <= row.folded {
                    return restore;
                }
                "it does not fit the journal".to_owned()
            }
            Err(error) => error.to_string(),
        };
        tracing::warn!(store = %row.id, why, "an image is not used: the store is made from its changes");
        empty()
    }

    /// Takes in the models and assertions that the store does not have yet.
    async fn load_models(
        &mut self,
        number: StoreNumber,
        writer: &mut Writer,
    ) -> Result<(), JournalError> {
        for text in self.journal.models(number).await? {
            let spec: ztag_fga::spec::ModelSpec = match serde_json::from_str(&text) {
                Ok(spec) => spec,
                Err(error) => {
                    tracing::error!(%error, "a model cannot be read: it answers nothing");
                    continue;
                }
            };
            let id = spec.id.as_deref().and_then(|id| ModelId::parse(id).ok());
            if id.is_some_and(|id| writer.store().model(Some(&id)).is_ok()) {
                continue;
            }
            if let Err(error) = writer.follow_model(spec) {
                tracing::error!(%error, "a model breaks a rule: it answers nothing");
            }
        }
        for (model, content) in self.journal.assertions(number).await? {
            let parsed = (ModelId::parse(&model), serde_json::from_str(&content));
            if let (Ok(model), Ok(assertions)) = parsed {
                writer.publish_assertions(&model, assertions);
            } else {
                tracing::error!(model, "assertions cannot be read: there are none");
            }
        }
        Ok(())
    }

    /// Lets everybody find a store.
    pub(super) fn show(&mut self, row: StoreRow, writer: Writer) -> Arc<NamedStore> {
        self.next = self.next.max(row.number.saturating_add(1));
        let moved = Arc::new(Notify::new());
        let kept = Kept {
            mailbox: self.mailbox.clone(),
            moved: Arc::clone(&moved),
            is_shared: self.journal.is_shared(),
        };
        let engine = Arc::clone(writer.store());
        let named = NamedStore::new(row.id.clone(), row.name, row.created, engine, Some(kept));
        let own = Open {
            number: row.number,
            writer,
            generation: row.generation,
            moved,
            imaged: Revision::default(),
            swept: Revision::default(),
        };
        self.open.insert(row.id, own);
        self.registry.put(Arc::new(named))
    }

    /// Lets nobody find a store any more.
    pub(super) fn forget(&mut self, id: &StoreId) {
        self.open.remove(id);
        self.registry.remove(id);
        image_file::remove(&self.images, id);
    }

    pub(super) async fn follow_or_tell(&mut self) {
        if let Err(error) = self.follow().await {
            tracing::warn!(%error, "what others wrote cannot be read: questions are answered by what is known");
        }
    }

    /// Takes in what others wrote, and what was written here without our knowing.
    pub(super) async fn follow(&mut self) -> Result<(), JournalError> {
        let rows = self.journal.stores().await?;
        let there: BTreeSet<_> = rows.iter().map(|row| row.id.clone()).collect();
        let gone: Vec<_> = self
            .open
            .keys()
            .filter(|id| !there.contains(id))
            .cloned()
            .collect();
        for id in gone {
            self.forget(&id);
        }
        for row in rows {
            if self.open.contains_key(&row.id) {
                self.catch_up(&row).await?;
            } else {
                let loaded = self.load(row).await;
                loaded.map_err(|error| JournalError::Damaged(error.to_string()))?;
            }
        }
        Ok(())
    }

    async fn catch_up(&mut self, row: &StoreRow) -> Result<(), JournalError> {
        let Some(mut own) = self.open.remove(&row.id) else {
            return Ok(());
        };
        let done = self.catch_up_with(row, &mut own).await;
        self.open.insert(row.id.clone(), own);
        done
    }

    async fn catch_up_with(&mut self, row: &StoreRow, own: &mut Open) -> Result<(), JournalError> {
        let damaged = |error: Error| JournalError::Damaged(format!("store {}: {error}", row.id));
        while own.writer.store().revision() < row.revision {
            let from = own.writer.store().revision();
            let page = self.journal.changes(row.number, from, PAGE).await?;
            if page.is_empty() {
                return Err(JournalError::Damaged(format!(
                    "changes of store {} are missing",
                    row.id
                )));
            }
            own.writer.follow(&page).map_err(damaged)?;
            own.moved.notify_waiters();
        }
        if own.writer.store().revision() > row.revision {
            let message = format!("store {} has gone back in time", row.id);
            return Err(JournalError::Damaged(message));
        }
        fold(&mut own.writer, row.folded);
        if own.generation != row.generation {
            self.load_models(row.number, &mut own.writer).await?;
            own.generation = row.generation;
        }
        Ok(())
    }
}

/// Forgets what the journal has forgotten: an image may be older than the last fold, and others
/// fold, too.
fn fold(writer: &mut Writer, until: Revision) {
    if writer.store().folded_until() < until
        && let Some(fold) = writer.plan_fold(until, usize::MAX)
    {
        writer.fold(&fold);
    }
}
