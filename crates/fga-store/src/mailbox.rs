//! What the writer of a journal is asked to do.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use ztag_fga::spec::ModelSpec;
use ztag_fga::{Assertion, Edit, Edited, Error, ModelId};

use crate::beginning::Beginning;
use crate::error::closed;
use crate::named::NamedStore;
use crate::store_id::StoreId;

/// Requests that wait at the most; whoever comes then waits before the door.
pub(crate) const QUEUE: usize = 1024;

/// Where the answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A request to the one who writes.
#[derive(Debug)]
pub(crate) enum Command {
    Edit(EditRequest),
    WriteModel {
        store: StoreId,
        spec: Box<ModelSpec>,
        reply: Reply<ModelId>,
    },
    /// A model and tuples for a store that has none.
    Begin {
        store: StoreId,
        beginning: Box<Beginning>,
        reply: Reply<bool>,
    },
    WriteAssertions {
        store: StoreId,
        model: ModelId,
        assertions: Vec<Assertion>,
        reply: Reply<()>,
    },
    /// A store of this id unless there is one, or of a new id.
    Create {
        id: Option<StoreId>,
        name: String,
        reply: Reply<Arc<NamedStore>>,
    },
    Delete {
        store: StoreId,
        reply: Reply<bool>,
    },
    /// What others wrote until now: to one store, or anywhere.
    Follow {
        store: Option<StoreId>,
        reply: Reply<()>,
    },
    Tidy {
        reply: Reply<()>,
    },
    Backup {
        to: PathBuf,
        reply: Reply<()>,
    },
    Close,
}

/// An edit of one store.
#[derive(Debug)]
pub(crate) struct EditRequest {
    pub(crate) store: StoreId,
    pub(crate) edit: Edit,
    pub(crate) reply: Reply<Edited>,
}

/// The way to the one who writes, as long as there is one.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox(mpsc::WeakSender<Command>);

impl Mailbox {
    pub(crate) fn new(sender: &mpsc::Sender<Command>) -> Self {
        Self(sender.downgrade())
    }

    /// Asks and waits for the answer. What was asked is done even if nobody waits any more.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let sender = self.0.upgrade().ok_or_else(closed)?;
        let sent = sender.send(command(reply)).await;
        sent.map_err(|_| closed())?;
        drop(sender);
        answer.await.map_err(|_| closed())?
    }
}
