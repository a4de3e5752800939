//! Edits: many requests, one commit.

use std::collections::BTreeMap;

use ztag_fga::{Edited, Error, Revision, Staging};

use super::{ATTEMPTS, Open, Scribe, unknown};
use crate::error::{JournalError, refused, unavailable};
use crate::journal::{Entry, Journal, StoreNumber, Touched};
use crate::mailbox::EditRequest;
use crate::store_id::StoreId;

/// The edits of one store.
struct Group {
    id: StoreId,
    own: Open,
    /// The places of its requests.
    places: Vec<usize>,
}

type Answer = Result<Edited, Error>;

impl<J: Journal> Scribe<J> {
    /// Judges all requests in order, writes down what is accepted, shows it and answers.
    pub(super) async fn edit(&mut self, requests: Vec<EditRequest>) {
        if requests.is_empty() {
            return;
        }
        let answers = match self.ready().await {
            Ok(()) => self.edit_until_done(&requests).await,
            Err(why) => Err(refused(&why)),
        };
        match answers {
            Ok(answers) => {
                for (request, answer) in requests.into_iter().zip(answers) {
                    // Whoever does not wait any more does not need the answer.
                    let _ = request.reply.send(answer);
                }
            }
            Err(error) => {
                for request in requests {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// While others write to the same stores, these are reserved before edits are judged: an
    /// attempt that comes too late would be an attempt for nothing.
    async fn edit_until_done(&mut self, requests: &[EditRequest]) -> Result<Vec<Answer>, Error> {
        for _ in 0..ATTEMPTS {
            let done = if self.is_contended {
                self.edit_reserved(requests).await
            } else {
                self.edit_once(requests, !self.journal.is_shared()).await
            };
            match done {
                Ok(answers) => return Ok(answers),
                Err(JournalError::Conflict) => self.is_contended = true,
                Err(error) => return Err(self.fail(&error)),
            }
        }
        Err(unavailable(&JournalError::Conflict))
    }

    async fn edit_reserved(
        &mut self,
        requests: &[EditRequest],
    ) -> Result<Vec<Answer>, JournalError> {
        let open = requests.iter().filter_map(|own| self.open.get(&own.store));
        let numbers = open.map(|own| own.number).collect();
        self.is_contended = self.reserve(numbers).await?;
        let done = self.edit_once(requests, true).await;
        // Where all were refused, nothing was committed.
        self.journal.release().await;
        done
    }

    /// Judges and commits. What is known is `certain` where nobody else can have written meanwhile.
    async fn edit_once(
        &mut self,
        requests: &[EditRequest],
        is_certain: bool,
    ) -> Result<Vec<Answer>, JournalError> {
        let mut answers = vec![Err(unknown()); requests.len()];
        let mut groups = self.take_groups(requests);
        let round = Round {
            journal: &mut self.journal,
            requests,
            is_certain,
        };
        let done = round.commit(&mut groups, &mut answers).await;
        for group in groups {
            self.open.insert(group.id, group.own);
        }
        done.map(|()| answers)
    }

    /// Takes the stores out that the requests are about.
    fn take_groups(&mut self, requests: &[EditRequest]) -> Vec<Group> {
        let mut places: BTreeMap<&StoreId, Vec<usize>> = BTreeMap::new();
        for (place, request) in requests.iter().enumerate() {
            places.entry(&request.store).or_default().push(place);
        }
        let taken = places.into_iter().filter_map(|(id, places)| {
            let (id, own) = self.open.remove_entry(id)?;
            Some(Group { id, own, places })
        });
        let mut taken: Vec<_> = taken.collect();
        // Whoever changes several stores does it in one order, so that nobody waits for each other.
        taken.sort_unstable_by_key(|group| group.own.number);
        taken
    }
}

/// One attempt to commit.
struct Round<'a, J> {
    journal: &'a mut J,
    requests: &'a [EditRequest],
    is_certain: bool,
}

impl<J: Journal> Round<'_, J> {
    /// INVARIANT: nothing is published before the journal has committed it, and what it did not
    /// commit never is. No answer is given, be it a refusal, that rests on anything but the truth: a
    /// commit proves what its edits were judged by, and where nothing is to be committed, the
    /// journal is asked.
    async fn commit(
        self,
        groups: &mut [Group],
        answers: &mut [Answer],
    ) -> Result<(), JournalError> {
        let mut stagings = Vec::with_capacity(groups.len());
        let mut entries = Vec::new();
        let mut unproven = Vec::new();
        for group in groups {
            let base = Base::of(&group.own);
            let mut staging = group.own.writer.stage();
            for place in &group.places {
                let request = self.requests.get(*place);
                if let (Some(request), Some(answer)) = (request, answers.get_mut(*place)) {
                    *answer = staging.apply(&request.edit);
                }
            }
            if staging.is_empty() {
                unproven.push(base);
            } else {
                entries.push(base.followed_by(&staging));
                stagings.push(staging);
            }
        }
        if !self.is_certain {
            prove(self.journal, &unproven).await?;
        }
        if !entries.is_empty() {
            self.journal.commit(&entries).await?;
        }
        for staging in stagings {
            staging.publish();
        }
        Ok(())
    }
}

/// Where a store was when edits were judged.
struct Base {
    store: StoreNumber,
    revision: Revision,
    generation: i64,
}

impl Base {
    fn of(own: &Open) -> Self {
        Self {
            store: own.number,
            revision: own.writer.store().revision(),
            generation: own.generation,
        }
    }

    fn followed_by(&self, staging: &Staging<'_>) -> Entry {
        Entry::Changes {
            store: self.store,
            after: self.revision,
            generation: self.generation,
            changes: staging.changes(),
        }
    }
}

/// Whether the stores are where we think they are.
async fn prove<J: Journal>(journal: &mut J, bases: &[Base]) -> Result<(), JournalError> {
    if bases.is_empty() {
        return Ok(());
    }
    let numbers = bases.iter().map(|base| base.store).collect();
    let rows = journal.stores(&Touched::Some(numbers)).await?;
    let is_there = |base: &Base| {
        rows.iter().any(|row| {
            let found = (row.number, row.revision, row.generation);
            found == (base.store, base.revision, base.generation)
        })
    };
    if bases.iter().all(is_there) {
        return Ok(());
    }
    Err(JournalError::Conflict)
}
