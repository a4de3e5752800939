//! The one who writes: a thread that takes what is asked for, writes it down, and then shows it.

mod begin;
mod edits;
mod follow;
mod load;
mod making;
mod models;
mod tidy;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc as blocking};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use ztag_fga::{Error, ErrorCode, Revision, Writer};

use crate::error::{JournalError, OpenError, Outage, unavailable};
use crate::folder::Lock;
use crate::journal::{Journal, StoreNumber, Touched};
use crate::mailbox::{Command, Mailbox, QUEUE};
use crate::settings::Settings;
use crate::store_id::StoreId;
use crate::stores::Registry;
use tidy::Imaging;

/// Requests that are written down at once.
const GROUP: usize = 64;
/// How often a write is tried again because others got ahead.
const ATTEMPTS: usize = 8;

/// The thread of a scribe, and the way to it.
#[derive(Debug)]
pub(crate) struct Thread {
    sender: mpsc::Sender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the scribe knows and does.
#[derive(Debug)]
struct Scribe<J> {
    journal: J,
    registry: Arc<Registry>,
    mailbox: Mailbox,
    /// The folder of images, if any are kept.
    images: Option<PathBuf>,
    open: BTreeMap<StoreId, Open>,
    /// Whether others write to the same stores, so that the next attempt would come too late.
    is_contended: bool,
    /// Why nothing can be written, since when.
    broken: Option<(String, Instant)>,
    imaging: Option<Imaging>,
}

/// A store that is written.
#[derive(Debug)]
struct Open {
    number: StoreNumber,
    writer: Writer,
    generation: i64,
    /// The last change of its image.
    imaged: Revision,
    /// How far expired tuples were looked for.
    swept: Revision,
}

impl Thread {
    /// Starts the thread and waits until all stores can be asked. Whether others may write, too.
    pub(crate) fn start<J: Journal>(
        registry: Arc<Registry>,
        images: Option<(PathBuf, Lock)>,
        open: impl AsyncFnOnce() -> Result<J, OpenError> + Send + 'static,
    ) -> Result<(Self, bool), OpenError> {
        let (sender, commands) = mpsc::channel(QUEUE);
        let mailbox = Mailbox::new(&sender);
        let (ready, is_ready) = blocking::channel();
        let work = move || {
            let (images, _lock) = images.unzip();
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = ready.send(Err(failed(&error)));
                    return;
                }
            };
            runtime.block_on(async {
                let opened = match open().await {
                    Ok(journal) => Scribe::open(journal, registry, mailbox, images).await,
                    Err(error) => Err(error),
                };
                match opened {
                    Ok(scribe) => {
                        let _ = ready.send(Ok(scribe.journal.is_shared()));
                        scribe.run(commands).await;
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            });
        };
        let thread = thread::Builder::new().name("fga-scribe".into()).spawn(work);
        let thread = thread.map_err(|error| failed(&error))?;
        let gone = |_| JournalError::Failed("its thread ended".into());
        let is_shared = is_ready.recv().map_err(gone)??;
        let own = Self {
            sender,
            thread: Mutex::new(Some(thread)),
        };
        Ok((own, is_shared))
    }

    pub(crate) fn mailbox(&self) -> Mailbox {
        Mailbox::new(&self.sender)
    }

    /// Ends the thread after what was asked so far, and waits for it.
    pub(crate) fn close(&self) {
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        // Only a queue that is full keeps us here, and it is worked off.
        let mut command = Command::Close;
        while let Err(mpsc::error::TrySendError::Full(back)) = self.sender.try_send(command) {
            command = back;
            thread::yield_now();
        }
        if thread.join().is_err() {
            tracing::error!("the thread that writes stores ended in a panic");
        }
    }
}

impl<J: Journal> Scribe<J> {
    async fn open(
        journal: J,
        registry: Arc<Registry>,
        mailbox: Mailbox,
        images: Option<PathBuf>,
    ) -> Result<Self, OpenError> {
        let mut scribe = Self {
            journal,
            registry,
            mailbox,
            images,
            open: BTreeMap::new(),
            is_contended: false,
            broken: None,
            imaging: None,
        };
        scribe.load_all().await?;
        Ok(scribe)
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut tidy = interval(self.settings().tidy_every);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                count = commands.recv_many(&mut waiting, GROUP) => {
                    let is_last = waiting.iter().any(|own| matches!(own, Command::Close));
                    self.serve(&mut waiting).await;
                    if count == 0 || is_last {
                        break;
                    }
                }
                which = self.journal.woken() => self.follow_woken(&which).await,
                _ = tidy.tick() => self.tidy_or_tell().await,
            }
        }
        commands.close();
        while commands.recv_many(&mut waiting, GROUP).await > 0 {
            self.serve(&mut waiting).await;
        }
        self.end().await;
    }

    /// Does everything that waits, edits that stand next to each other as one.
    async fn serve(&mut self, waiting: &mut Vec<Command>) {
        let follows = waiting.extract_if(.., |own| matches!(own, Command::Follow { .. }));
        let follows = follows.filter_map(|command| match command {
            Command::Follow { store, reply } => Some((store, reply)),
            _ => None,
        });
        let follows = follows.collect();
        self.confirm(follows).await;
        let mut edits = Vec::new();
        for command in waiting.drain(..) {
            match command {
                Command::Edit(request) => edits.push(request),
                command => {
                    self.edit(std::mem::take(&mut edits)).await;
                    self.carry_out(command).await;
                }
            }
        }
        self.edit(edits).await;
    }

    /// Does what is not an edit. Whoever does not wait for the answer any more does not get it.
    async fn carry_out(&mut self, command: Command) {
        match command {
            Command::WriteModel { store, spec, reply } => {
                let _ = reply.send(self.write_model(&store, *spec).await);
            }
            Command::Begin {
                store,
                beginning,
                reply,
            } => {
                let _ = reply.send(self.begin(&store, *beginning).await);
            }
            Command::WriteAssertions {
                store,
                model,
                assertions,
                reply,
            } => {
                let written = self.write_assertions(&store, &model, assertions).await;
                let _ = reply.send(written);
            }
            Command::Create { id, name, reply } => {
                let _ = reply.send(self.create(id, name).await);
            }
            Command::Delete { store, reply } => {
                let _ = reply.send(self.delete(&store).await);
            }
            Command::Tidy { reply } => {
                let tidied = self.tidy().await;
                let _ = reply.send(tidied.map_err(|error| self.fail(&error)));
            }
            Command::Backup { to, reply } => {
                let done = self.journal.backup(&to).await;
                let failed =
                    |error: JournalError| Error::new(ErrorCode::Internal, error.to_string());
                let _ = reply.send(done.map_err(failed));
            }
            Command::Edit(_) | Command::Follow { .. } | Command::Close => {}
        }
    }

    /// Whether anything can be written. After a failure, tries so before it says no, and why.
    async fn ready(&mut self) -> Result<(), String> {
        let Some((why, since)) = &self.broken else {
            return Ok(());
        };
        if since.elapsed() < self.settings().retry_after {
            return Err(why.clone());
        }
        let mut found = self.journal.probe().await;
        if found.is_ok() {
            // What failed last may have been written all the same.
            found = self.follow(&Touched::All).await;
        }
        found.map_err(|error| {
            self.fail(&error);
            error.to_string()
        })?;
        self.broken = None;
        self.registry.tell_outage(None);
        tracing::info!("stores can be written again");
        Ok(())
    }

    /// Refuses writes from now on, until one can be expected to go well.
    fn fail(&mut self, error: &JournalError) -> Error {
        let why = error.to_string();
        if self.broken.as_ref().is_none_or(|(known, _)| *known != why) {
            tracing::error!(
                why,
                "stores cannot be written; questions are answered by what is known"
            );
        }
        let since = self.settings().clock.now();
        self.registry.tell_outage(Some(Outage {
            since,
            why: why.clone(),
        }));
        self.broken = Some((why, Instant::now()));
        unavailable(error)
    }

    fn settings(&self) -> &Settings {
        &self.registry.settings
    }
}

/// There is no such store, or no more.
fn unknown() -> Error {
    Error::new(ErrorCode::StoreNotFound, "Store ID not found")
}

/// The system has no room for a thread of ours.
fn failed(error: &io::Error) -> OpenError {
    JournalError::Failed(error.to_string()).into()
}
