//! Following what others write.

use std::collections::BTreeSet;

use ztag_fga::{Error, Revision};

use super::load::{PAGE, before, contradictory, fold, is_same, missing, read_changes};
use super::{Open, Scribe};
use crate::error::{JournalError, OpenError, unconfirmed};
use crate::journal::{Journal, StoreNumber, StoreRow, Touched};
use crate::mailbox::Reply;
use crate::store_id::StoreId;

impl<J: Journal> Scribe<J> {
    /// Takes in what others wrote without being asked to. While nothing can be written, whether it
    /// can again.
    pub(super) async fn follow_woken(&mut self, which: &Touched) {
        if self.broken.is_some() {
            // Who asks about new revisions should not have to wait for somebody who writes.
            let _ = self.ready().await;
            return;
        }
        if let Err(error) = self.follow(which).await {
            self.fail(&error);
        }
    }

    /// Answers those who want to know what others wrote.
    pub(super) async fn confirm(&mut self, asked: Vec<(Option<StoreId>, Reply<()>)>) {
        if asked.is_empty() {
            return;
        }
        let confirmed = self.confirm_for(&asked).await;
        for (_, reply) in asked {
            // Whoever does not wait any more does not need the answer.
            let _ = reply.send(confirmed.clone());
        }
    }

    async fn confirm_for(&mut self, asked: &[(Option<StoreId>, Reply<()>)]) -> Result<(), Error> {
        let number = |(id, _): &(Option<StoreId>, _)| Some(self.open.get(id.as_ref()?)?.number);
        let numbers: Option<BTreeSet<_>> = asked.iter().map(number).collect();
        let which = numbers.map_or(Touched::All, Touched::Some);
        self.ready().await.map_err(|why| unconfirmed(&why))?;
        let followed = self.follow(&which).await;
        followed.map_err(|error| {
            self.fail(&error);
            unconfirmed(&error.to_string())
        })
    }

    /// Takes in what others wrote, and what was written here without our knowing.
    pub(super) async fn follow(&mut self, which: &Touched) -> Result<(), JournalError> {
        let rows = self.journal.stores(which).await?;
        if self.knows(which, &rows) {
            return Ok(());
        }
        self.journal.freeze().await?;
        let taken = self.take_in(which).await;
        self.journal.release().await;
        taken.map(drop)
    }

    /// Keeps others from changing these stores until they are released, and takes in what they
    /// wrote before; whether they did.
    pub(super) async fn reserve(
        &mut self,
        numbers: BTreeSet<StoreNumber>,
    ) -> Result<bool, JournalError> {
        let reserved: Vec<_> = numbers.iter().copied().collect();
        self.journal.reserve(&reserved).await?;
        let taken = self.take_in(&Touched::Some(numbers)).await;
        if taken.is_err() {
            self.journal.release().await;
        }
        taken
    }

    /// Whether nothing is new in these rows.
    fn knows(&self, which: &Touched, rows: &[StoreRow]) -> bool {
        let is_known = |row: &StoreRow| {
            let own = self.open.get(&row.id);
            own.is_some_and(|own| own.number == row.number && own.is_at(row))
        };
        let expected = self.open.values();
        let expected = expected.filter(|own| which.contains(own.number)).count();
        expected == rows.len() && rows.iter().all(is_known)
    }

    /// Takes in what is new, as long as nobody changes what is read; whether anything was. A store
    /// that cannot be followed does not keep others from being.
    async fn take_in(&mut self, which: &Touched) -> Result<bool, JournalError> {
        let rows = self.journal.stores(which).await?;
        if self.knows(which, &rows) {
            return Ok(false);
        }
        let there: BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
        let open = self.open.iter();
        let gone = open.filter(|(id, own)| which.contains(own.number) && !there.contains(id));
        let gone: Vec<_> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.forget(&id);
        }
        let mut outcome = Ok(true);
        for row in rows {
            let taken = match self.open.remove(&row.id) {
                Some(own) => self.catch_up(&row, own).await,
                None => self.load(row).await,
            };
            if let (Err(error), true) = (taken, outcome.is_ok()) {
                outcome = Err(within(error));
            }
        }
        outcome
    }

    async fn catch_up(&mut self, row: &StoreRow, mut own: Open) -> Result<(), OpenError> {
        let done = self.catch_up_with(row, &mut own).await;
        self.open.insert(row.id.clone(), own);
        done
    }

    async fn catch_up_with(&mut self, row: &StoreRow, own: &mut Open) -> Result<(), OpenError> {
        if !self.append(row, own).await? {
            self.renew(row, own).await?;
        }
        fold(&mut own.writer, row.folded);
        if own.generation != row.generation {
            self.load_models(row.number, &mut own.writer).await?;
            own.generation = row.generation;
        }
        Ok(())
    }

    /// Appends the changes that are new. `false` where they do not follow what is known: some were
    /// folded, or the journal has gone another way.
    async fn append(&mut self, row: &StoreRow, own: &mut Open) -> Result<bool, OpenError> {
        loop {
            let known = own.writer.store().revision();
            if known > row.revision || known < row.folded {
                return Ok(false);
            }
            if known == row.revision {
                return Ok(true);
            }
            let last = own.writer.store().last_change();
            let last = last.filter(|last| last.revision > row.folded);
            let before = last.as_ref().map_or(known, |last| before(last.revision));
            let mut page = self.journal.changes(row.number, before, PAGE).await?;
            if let Some(last) = last {
                if !page.first().is_some_and(|first| is_same(first, &last)) {
                    return Ok(false);
                }
                page.remove(0);
            }
            if page.is_empty() {
                return Err(missing(row).into());
            }
            let followed = own.writer.follow(&page);
            followed.map_err(|error| contradictory(row, error))?;
        }
    }

    /// Reads everything anew, while questions are answered by what was known.
    async fn renew(&mut self, row: &StoreRow, own: &mut Open) -> Result<(), OpenError> {
        tracing::warn!(store = %row.id, "a store is made anew from its changes: they do not follow what was known");
        let mut renewal = own.writer.renew(row.folded);
        let from = renewal.taken();
        let push = |change: &_| renewal.push(change);
        read_changes(&mut self.journal, row, from, push).await?;
        if renewal.revision() < row.revision {
            return Err(missing(row).into());
        }
        let renewed = renewal.finish();
        renewed.map_err(|error| contradictory(row, error))?;
        own.imaged = Revision::default();
        own.swept = Revision::default();
        Ok(())
    }
}

impl Open {
    fn is_at(&self, row: &StoreRow) -> bool {
        let store = self.writer.store();
        store.revision() == row.revision
            && store.folded_until() >= row.folded
            && self.generation == row.generation
    }
}

fn within(error: OpenError) -> JournalError {
    match error {
        OpenError::Journal(error) => error,
        other => JournalError::Damaged(other.to_string()),
    }
}
