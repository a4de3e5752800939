//! A store behind the HTTP API of `OpenFGA`.

mod breaker;
mod compile;
mod desk;
mod key;
mod line;
mod memory;
mod replica;
mod spec;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use ztag_types::Clock;

use crate::authority::{Answers, Check, Consistency, Given, Listed, Provenance, Source, Wanted};
use crate::undecided::Undecided;
use desk::{Desk, Question, Ticket};
use key::Key;
use memory::Remembered;
use replica::Replica;

pub use compile::RemoteDeps;
pub use spec::{FailMode, RemoteAuthSpec, RemoteCacheSpec, RemoteSpec, ReplicaSpec};

/// Most objects that servers list where nothing else is configured there: as many may be a part.
const LISTED: usize = 1_000;

/// A store of a server that speaks the HTTP API of `OpenFGA`, such as Auth0 FGA.
///
/// Checks that are asked at the same time travel together; equal ones travel once. Answers are
/// remembered as long as the configuration says, under keys that hold everything the answer
/// depends on. What the server does not answer is undecided.
#[derive(Debug)]
pub struct RemoteStore {
    desk: Arc<Desk>,
    /// What keys begin with: the server, the store and the model.
    scope: Box<[u8]>,
    timeout: Duration,
    replica: Option<Arc<Replica>>,
    clock: Arc<dyn Clock>,
}

/// An answer, now or later.
enum Pending {
    Known(Remembered),
    Asked(Ticket),
}

/// An answer, and how long it may be remembered from now on.
#[derive(Clone, Copy, Debug)]
struct Answer {
    allowed: bool,
    age: Duration,
    fresh_for: Duration,
    is_remembered: bool,
}

impl RemoteStore {
    pub(crate) async fn check(&self, checks: &[Check], given: &Given) -> Answers {
        if let Some(replica) = &self.replica
            && given.consistency == Consistency::MinimizeLatency
            && let Some(answers) = Replica::check(replica, checks, given)
        {
            return answers;
        }
        let deadline = Instant::now() + self.timeout;
        // All of them wait before the first is waited for, so that they travel together.
        let pending: Vec<_> = checks.iter().map(|check| self.ask(check, given)).collect();
        let mut results = Vec::with_capacity(checks.len());
        let mut provenance = Provenance {
            fresh_for: Duration::MAX,
            ..Provenance::now(Source::Remote, None)
        };
        for pending in pending {
            let answer = self.answer(pending, deadline).await;
            match &answer {
                Ok(answer) => provenance.add(answer),
                Err(_) => provenance.fresh_for = Duration::ZERO,
            }
            results.push(answer.map(|answer| answer.allowed));
        }
        Answers {
            results,
            provenance,
        }
    }

    pub(crate) async fn list_objects(
        &self,
        wanted: &Wanted,
        given: &Given,
    ) -> Result<Listed, Undecided> {
        let line = self.desk.line();
        let body = wire::list(wanted, given, line.model());
        let reply = line.post("list-objects", body).await?;
        let mut objects = wire::listed(&reply)?;
        objects.sort_unstable();
        Ok(Listed {
            is_truncated: objects.len() >= LISTED,
            objects,
            provenance: Provenance::now(Source::Remote, None),
        })
    }

    fn ask(&self, check: &Check, given: &Given) -> Pending {
        let key = Key::of(&self.scope, check, given);
        let remembers = given.consistency == Consistency::MinimizeLatency;
        if remembers && let Some(known) = self.desk.memory().find(&key, self.clock.monotonic()) {
            return Pending::Known(known);
        }
        let question = Question {
            check: check.clone(),
            given: given.clone(),
        };
        Pending::Asked(Desk::ask(&self.desk, key, question))
    }

    async fn answer(&self, pending: Pending, deadline: Instant) -> Result<Answer, Undecided> {
        let now = || self.clock.monotonic();
        match pending {
            Pending::Known(known) => Ok(Answer {
                allowed: known.allowed,
                age: now().saturating_sub(known.since),
                fresh_for: known.until.saturating_sub(now()),
                is_remembered: true,
            }),
            Pending::Asked(ticket) => {
                let waited = timeout_at(deadline, ticket.answer()).await;
                let allowed = waited.unwrap_or_else(|_| Err(Undecided::unavailable("timeout")))?;
                Ok(Answer {
                    allowed,
                    age: Duration::ZERO,
                    fresh_for: self.desk.memory().lifetime(allowed),
                    is_remembered: false,
                })
            }
        }
    }
}

impl Provenance {
    fn add(&mut self, answer: &Answer) {
        self.remembered += usize::from(answer.is_remembered);
        self.age = self.age.max(answer.age);
        self.fresh_for = self.fresh_for.min(answer.fresh_for);
    }
}
