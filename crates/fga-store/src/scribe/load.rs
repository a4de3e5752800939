//! Making stores from what is written down.

use std::sync::Arc;

use ztag_fga::{Error, ModelId, NumberedChange, Restore, Revision, Writer};

use super::{Open, Scribe};
use crate::error::{JournalError, OpenError};
use crate::image_file;
use crate::journal::{Journal, StoreNumber, StoreRow, Touched};
use crate::named::{Kept, NamedStore};
use crate::store_id::StoreId;

/// Changes that are read at once.
pub(super) const PAGE: usize = 10_000;

impl<J: Journal> Scribe<J> {
    /// Makes every store, as all of them are at one moment.
    pub(super) async fn load_all(&mut self) -> Result<(), OpenError> {
        self.journal.freeze().await?;
        let loaded = self.load_frozen().await;
        self.journal.release().await;
        loaded
    }

    async fn load_frozen(&mut self) -> Result<(), OpenError> {
        for row in self.journal.stores(&Touched::All).await? {
            self.load(row).await?;
        }
        Ok(())
    }

    /// Makes a store from its image, if there is a good one, and the changes since.
    pub(super) async fn load(&mut self, row: StoreRow) -> Result<(), OpenError> {
        let mut restore = self.image_of(&row).await?;
        let imaged = restore.taken();
        let push = |change: &NumberedChange| restore.push(change);
        read_changes(&mut self.journal, &row, imaged, push).await?;
        if restore.revision() < row.revision {
            return Err(missing(&row).into());
        }
        let mut writer = restore
            .finish()
            .map_err(|error| contradictory(&row, error))?;
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
    async fn image_of(&mut self, row: &StoreRow) -> Result<Restore, JournalError> {
        let settings = self.settings();
        let (limits, clock) = (settings.limits.clone(), Arc::clone(&settings.clock));
        let found = match &self.images {
            Some(images) => image_file::read(images, &row.id, &limits, &clock),
            None => Ok(None),
        };
        let why = match found {
            Ok(None) => return Ok(Restore::new(limits, clock, row.folded)),
            Ok(Some(restore)) => {
                // Changes between the image and the fold may be gone.
                let is_old = restore.revision() < row.folded;
                let is_ahead = restore.revision() > row.revision;
                let fits = !is_old && !is_ahead && restore.folded_until() <= row.folded;
                if fits && self.is_of(row, restore.last_change()).await? {
                    return Ok(restore);
                }
                "it does not fit the journal".to_owned()
            }
            Err(error) => error.to_string(),
        };
        tracing::warn!(store = %row.id, why, "an image is not used: the store is made from its changes");
        Ok(Restore::new(limits, clock, row.folded))
    }

    /// Whether the last change that is known is the one that the journal has. A journal that others
    /// write to may have been put back to an earlier day and have gone another way from there.
    async fn is_of(
        &mut self,
        row: &StoreRow,
        last: Option<NumberedChange>,
    ) -> Result<bool, JournalError> {
        // Where it was folded away, it may be gone here and there.
        let Some(last) = last.filter(|last| last.revision > row.folded) else {
            return Ok(true);
        };
        let before = before(last.revision);
        let found = self.journal.changes(row.number, before, 1).await?;
        Ok(found.first().is_some_and(|own| is_same(own, &last)))
    }

    /// Takes in the models and assertions that the store does not have yet.
    pub(super) async fn load_models(
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
        let kept = Kept {
            mailbox: self.mailbox.clone(),
            is_shared: self.journal.is_shared(),
        };
        let engine = Arc::clone(writer.store());
        let named = NamedStore::new(row.id.clone(), row.name, row.created, engine, Some(kept));
        let own = Open {
            number: row.number,
            writer,
            generation: row.generation,
            imaged: Revision::default(),
            swept: Revision::default(),
        };
        self.open.insert(row.id, own);
        self.registry.put(Arc::new(named))
    }

    /// Lets nobody find a store any more.
    pub(super) fn forget(&mut self, id: &StoreId) {
        self.registry.remove(id);
        if let Some(own) = self.open.remove(id) {
            own.writer.retire();
        }
        if let Some(images) = &self.images {
            image_file::remove(images, id);
        }
    }
}

/// Hands all changes after `after` on, page by page.
pub(super) async fn read_changes<J: Journal>(
    journal: &mut J,
    row: &StoreRow,
    mut after: Revision,
    mut push: impl FnMut(&NumberedChange) -> Result<(), Error>,
) -> Result<(), OpenError> {
    loop {
        let page = journal.changes(row.number, after, PAGE).await?;
        for change in &page {
            push(change).map_err(|error| contradictory(row, error))?;
            after = change.revision;
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// Forgets what the journal has forgotten: an image may be older than the last fold, and others
/// fold, too.
pub(super) fn fold(writer: &mut Writer, until: Revision) {
    if writer.store().folded_until() < until
        && let Some(fold) = writer.plan_fold(until, usize::MAX)
    {
        writer.fold(&fold);
    }
}

/// Whether both are the same change. Conditions do not tell: a deletion has none.
pub(super) fn is_same(one: &NumberedChange, other: &NumberedChange) -> bool {
    let key = |own: &NumberedChange| {
        let tuple = own.change.tuple.clone();
        let of = (own.revision, own.change.is_delete, own.change.at);
        (of, tuple.object, tuple.relation, tuple.user)
    };
    key(one) == key(other)
}

pub(super) fn contradictory(row: &StoreRow, error: Error) -> OpenError {
    OpenError::Store {
        store: row.id.to_string(),
        error,
    }
}

pub(super) fn missing(row: &StoreRow) -> JournalError {
    JournalError::Damaged(format!("changes of store {} are missing", row.id))
}

pub(super) fn before(revision: Revision) -> Revision {
    Revision::from_number(revision.number().saturating_sub(1)).unwrap_or_default()
}
