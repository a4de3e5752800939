//! Edits: many requests, one commit.

use std::collections::BTreeMap;

use ztag_fga::{Edited, Error, Staging};

use super::{ATTEMPTS, Open, Scribe, unknown};
use crate::error::{JournalError, unavailable};
use crate::journal::{Entry, Journal, StoreNumber};
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
            Err(error) => Err(error),
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

    async fn edit_until_done(&mut self, requests: &[EditRequest]) -> Result<Vec<Answer>, Error> {
        for _ in 0..ATTEMPTS {
            match self.edit_once(requests).await {
                Ok(answers) => return Ok(answers),
                Err(JournalError::Conflict) => {
                    self.follow().await.map_err(|error| self.fail(&error))?;
                }
                Err(error) => return Err(self.fail(&error)),
            }
        }
        Err(unavailable(&JournalError::Conflict))
    }

    async fn edit_once(&mut self, requests: &[EditRequest]) -> Result<Vec<Answer>, JournalError> {
        let mut answers = vec![Err(unknown()); requests.len()];
        let mut groups = self.take_groups(requests);
        let done = commit(&mut self.journal, &mut groups, requests, &mut answers).await;
        for group in groups {
            if done.is_ok() {
                group.own.moved.notify_waiters();
            }
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
        taken.collect()
    }
}

/// INVARIANT: nothing is published before the journal has committed it, and what it did not commit
/// never is.
async fn commit<J: Journal>(
    journal: &mut J,
    groups: &mut [Group],
    requests: &[EditRequest],
    answers: &mut [Answer],
) -> Result<(), JournalError> {
    let mut stagings = Vec::with_capacity(groups.len());
    let mut entries = Vec::new();
    for group in groups {
        let number = group.own.number;
        let mut staging = group.own.writer.stage();
        let before = staging.revision();
        for place in &group.places {
            if let (Some(request), Some(answer)) = (requests.get(*place), answers.get_mut(*place)) {
                *answer = staging.apply(&request.edit);
            }
        }
        if !staging.is_empty() {
            entries.push(entry(number, before, &staging));
            stagings.push(staging);
        }
    }
    if entries.is_empty() {
        return Ok(());
    }
    journal.commit(&entries).await?;
    for staging in stagings {
        staging.publish();
    }
    Ok(())
}

fn entry(store: StoreNumber, after: ztag_fga::Revision, staging: &Staging<'_>) -> Entry {
    Entry::Changes {
        store,
        after,
        changes: staging.changes(),
    }
}
