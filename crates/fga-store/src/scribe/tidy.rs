//! What is done now and then: expired tuples, folding, deleted stores, images.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use ztag_fga::{Edit, ExpireRequest, Revision};
use ztag_types::Timestamp;

use super::{Open, Scribe};
use crate::error::JournalError;
use crate::image_file;
use crate::journal::{Entry, Journal};
use crate::mailbox::EditRequest;
use crate::store_id::StoreId;

/// Changes that one fold looks at: as many as can be forgotten without keeping writers waiting.
const FOLDED_AT_ONCE: usize = 20_000;
/// Changes of deleted stores that are removed at once.
const PURGED_AT_ONCE: usize = 20_000;
/// Steps of a sweep at a time.
const SWEPT_AT_ONCE: usize = 16;
/// Changes without an image for which an image is written at the end: fewer are read in no time.
const WORTH_AN_IMAGE: u64 = 10_000;

/// An image on its way.
#[derive(Debug)]
pub(super) struct Imaging {
    id: StoreId,
    thread: JoinHandle<io::Result<Revision>>,
}

impl<J: Journal> Scribe<J> {
    pub(super) async fn tidy_or_tell(&mut self) {
        if self.broken.is_some() {
            // Questions about new revisions should not have to wait for somebody who writes.
            let _ = self.ready().await;
            return;
        }
        if let Err(error) = self.tidy().await {
            self.fail(&error);
        }
    }

    pub(super) async fn tidy(&mut self) -> Result<(), JournalError> {
        // One process cleans up for all: two at once would be in each other's way.
        if self.journal.leads().await? {
            self.sweep().await;
            self.fold_all().await?;
            self.journal.purge(PURGED_AT_ONCE).await?;
        }
        self.image();
        Ok(())
    }

    /// Deletes tuples whose time is over, some steps at a time.
    async fn sweep(&mut self) {
        let Some(key) = self.settings().expire_by.clone() else {
            return;
        };
        let ids: Vec<_> = self.open.keys().cloned().collect();
        for store in ids {
            for _ in 0..SWEPT_AT_ONCE {
                let after = self
                    .open
                    .get(&store)
                    .map_or(Revision::default(), |own| own.swept);
                let edit = Edit::Expire(ExpireRequest {
                    key: key.clone(),
                    before: self.settings().clock.now(),
                    after,
                });
                let (reply, mut answer) = oneshot::channel();
                let request = EditRequest {
                    store: store.clone(),
                    edit,
                    reply,
                };
                self.edit(vec![request]).await;
                let Ok(Ok(edited)) = answer.try_recv() else {
                    return;
                };
                let looked_until = edited.looked_until;
                if let Some(own) = self.open.get_mut(&store) {
                    own.swept = looked_until.unwrap_or_default();
                }
                if looked_until.is_none() {
                    break;
                }
            }
        }
    }

    async fn fold_all(&mut self) -> Result<(), JournalError> {
        let Some(keep) = self.settings().keep_changes else {
            return Ok(());
        };
        // An image is made of a log that stays as it is.
        if self.imaging.is_some() {
            return Ok(());
        }
        let horizon = before(self.settings().clock.now(), keep);
        for own in self.open.values_mut() {
            let until = own.writer.store().revision_before(horizon);
            let Some(fold) = own.writer.plan_fold(until, FOLDED_AT_ONCE) else {
                continue;
            };
            let entry = Entry::Folded {
                store: own.number,
                until: fold.until(),
                dropped: fold.dropped().collect(),
            };
            match self.journal.commit(&[entry]).await {
                Ok(()) => own.writer.fold(&fold),
                // Somebody else folds, too: what they folded is followed.
                Err(JournalError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Begins to write an image where one is due. One at a time.
    fn image(&mut self) {
        if let Some(imaging) = self.imaging.take_if(|own| own.thread.is_finished()) {
            self.note(imaging);
        }
        if self.imaging.is_some() {
            return;
        }
        let least = self.settings().image_after;
        let due = self.open.iter().find(|(_, own)| {
            let tuples = own.writer.store().size().tuples;
            let wanted = least.max(tuples / 16);
            own.unimaged() >= u64::try_from(wanted).unwrap_or(u64::MAX)
        });
        if let Some((id, own)) = due {
            self.imaging = self.begin_image(id, own);
        }
    }

    fn begin_image(&self, id: &StoreId, own: &Open) -> Option<Imaging> {
        let store = Arc::clone(own.writer.store());
        let (folder, name) = (self.images.clone()?, id.clone());
        let work = move || image_file::write(&folder, &name, &store);
        let thread = thread::Builder::new().name("fga-image".into()).spawn(work);
        let id = id.clone();
        thread.ok().map(|thread| Imaging { id, thread })
    }

    fn note(&mut self, imaging: Imaging) {
        let Imaging { id, thread } = imaging;
        let written = thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a panic")));
        match (written, self.open.get_mut(&id)) {
            (Ok(revision), Some(own)) => own.imaged = revision,
            // The store was deleted meanwhile.
            (Ok(_), None) => self
                .images
                .iter()
                .for_each(|images| image_file::remove(images, &id)),
            (Err(error), _) => tracing::warn!(%error, store = %id, "an image was not written"),
        }
    }

    /// Writes what makes the next start fast, and lets go.
    pub(super) async fn end(mut self) {
        if let Some(imaging) = self.imaging.take() {
            self.note(imaging);
        }
        for (id, own) in &self.open {
            if own.unimaged() >= WORTH_AN_IMAGE
                && let Some(images) = &self.images
                && let Err(error) = image_file::write(images, id, own.writer.store())
            {
                tracing::warn!(%error, store = %id, "an image was not written");
            }
        }
        if let Err(error) = self.journal.close().await {
            tracing::warn!(%error, "the journal was not closed in good order");
        }
    }
}

impl Open {
    /// Changes since the image.
    fn unimaged(&self) -> u64 {
        let revision = self.writer.store().revision().number();
        revision.saturating_sub(self.imaged.number())
    }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
    Timestamp::new(now.seconds().saturating_sub(seconds), now.nanos()).unwrap_or_default()
}
