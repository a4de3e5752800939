//! One store, as others find it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use ztag_fga::spec::ModelSpec;
use ztag_fga::{Assertion, Edit, Edited, Error, ErrorCode, ModelId, Revision, Store, WriteRequest};
use ztag_types::Timestamp;

use crate::beginning::Beginning;
use crate::error::unconfirmed;
use crate::mailbox::{Command, EditRequest, Mailbox};
use crate::store_id::StoreId;

/// A store with what is told of it.
#[derive(Debug)]
pub struct NamedStore {
    id: StoreId,
    name: String,
    created: Timestamp,
    engine: Arc<Store>,
    mailbox: Option<Kept>,
}

/// How a store is written that is written down.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) mailbox: Mailbox,
    pub(crate) is_shared: bool,
}

impl NamedStore {
    pub(crate) const fn new(
        id: StoreId,
        name: String,
        created: Timestamp,
        engine: Arc<Store>,
        mailbox: Option<Kept>,
    ) -> Self {
        Self {
            id,
            name,
            created,
            engine,
            mailbox,
        }
    }

    /// The id.
    pub const fn id(&self) -> &StoreId {
        &self.id
    }

    /// The name given to it; several stores may have the same.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was created.
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// The engine, which answers every question. It can be written directly only where nothing is
    /// written down.
    pub const fn store(&self) -> &Arc<Store> {
        &self.engine
    }

    /// Whether what is written outlives the process.
    pub const fn is_durable(&self) -> bool {
        self.mailbox.is_some()
    }

    /// Edits tuples, all or none. When it returns, every question sees the changes, and where the
    /// store is durable they are on the disk.
    ///
    /// # Errors
    /// As [`Store::edit`]; `Unavailable` where they could not be written down, and then nobody sees
    /// them.
    pub async fn edit(&self, edit: Edit) -> Result<Edited, Error> {
        let Some(kept) = &self.mailbox else {
            return self.engine.edit(&edit);
        };
        let store = self.id.clone();
        let ask = |reply| Command::Edit(EditRequest { store, edit, reply });
        kept.mailbox.ask(ask).await
    }

    /// Writes and deletes tuples, all or none.
    ///
    /// # Errors
    /// As [`NamedStore::edit`].
    pub async fn write(&self, request: WriteRequest) -> Result<Revision, Error> {
        let edited = self.edit(Edit::Write(request)).await;
        edited.map(|edited| edited.revision)
    }

    /// Writes a model; it is the latest from now on.
    ///
    /// # Errors
    /// As [`Store::write_model`], or `Unavailable`.
    pub async fn write_model(&self, spec: ModelSpec) -> Result<ModelId, Error> {
        let Some(kept) = &self.mailbox else {
            return self.engine.write_model(spec);
        };
        let (store, spec) = (self.id.clone(), Box::new(spec));
        let ask = |reply| Command::WriteModel { store, spec, reply };
        kept.mailbox.ask(ask).await
    }

    /// Gives a store that has no model its first one, with tuples: all of it or nothing, and a crash
    /// leaves no part of it. Whether the store had none; else it stays as it is.
    ///
    /// # Errors
    /// As [`NamedStore::write_model`] and [`NamedStore::write`].
    pub async fn begin(&self, beginning: Beginning) -> Result<bool, Error> {
        let Some(kept) = &self.mailbox else {
            return self.begin_in_memory(beginning);
        };
        let (store, beginning) = (self.id.clone(), Box::new(beginning));
        let ask = |reply| Command::Begin {
            store,
            beginning,
            reply,
        };
        kept.mailbox.ask(ask).await
    }

    fn begin_in_memory(&self, beginning: Beginning) -> Result<bool, Error> {
        if self.engine.model(None).is_ok() {
            return Ok(false);
        }
        let (limits, clock) = (self.engine.limits(), Arc::clone(self.engine.clock()));
        // What was judged as a whole is not refused in parts.
        let draft = beginning.draft(limits, &clock)?;
        self.engine.write_model(draft.model.clone())?;
        for request in draft.writes(limits) {
            self.engine.write(&request)?;
        }
        Ok(true)
    }

    /// Replaces the assertions of a model.
    ///
    /// # Errors
    /// As [`Store::write_assertions`], or `Unavailable`.
    pub async fn write_assertions(
        &self,
        model: &ModelId,
        assertions: Vec<Assertion>,
    ) -> Result<(), Error> {
        let Some(kept) = &self.mailbox else {
            return self.engine.write_assertions(model, assertions);
        };
        let (store, model) = (self.id.clone(), model.clone());
        let ask = |reply| Command::WriteAssertions {
            store,
            model,
            assertions,
            reply,
        };
        kept.mailbox.ask(ask).await
    }

    /// Whether other processes may write to it as well.
    pub fn is_shared(&self) -> bool {
        self.mailbox.as_ref().is_some_and(|kept| kept.is_shared)
    }

    /// Returns when questions see everything that was written anywhere before this was asked: at
    /// once where only this process writes, after asking the journal where others do, too.
    ///
    /// # Errors
    /// `Unavailable` where the journal does not tell, or not within `patience`.
    pub async fn latest(&self, patience: Duration) -> Result<(), Error> {
        let Some(kept) = self.mailbox.as_ref().filter(|kept| kept.is_shared) else {
            return Ok(());
        };
        let store = Some(self.id.clone());
        let asked = kept.mailbox.ask(|reply| Command::Follow { store, reply });
        let answered = timeout(patience, asked).await;
        answered.unwrap_or_else(|_| Err(unconfirmed("the journal takes too long")))
    }

    /// Returns when questions see `revision`: at once where this process has it, after asking the
    /// journal where another one wrote it.
    ///
    /// # Errors
    /// `validation_error` for a revision that nobody wrote yet; `Unavailable` where the journal does
    /// not tell, or not within `patience`.
    pub async fn at_least(&self, revision: Revision, patience: Duration) -> Result<(), Error> {
        if self.engine.revision() < revision {
            self.latest(patience).await?;
        }
        if self.engine.revision() >= revision {
            return Ok(());
        }
        let message = format!("revision `{revision}` lies in the future");
        Err(Error::new(ErrorCode::Validation, message))
    }
}
