//! A copy of a remote store in this process, kept up by the changes that its server tells.
//!
//! The copy answers while it is known to be no older than the configuration allows; then the server
//! is asked again. Changes are applied in their order, so that the copy is in no state that the store
//! was never in.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::sleep;
use ztag_fga::spec::ModelSpec;
use ztag_fga::{ErrorCode, Limits, OnDuplicate, OnMissing, Store, Tuple, WriteRequest};
use ztag_types::Clock;

use super::line::Line;
use super::wire::Change;
use crate::authority::{Answers, Check, Given, Source};
use crate::local::LocalStore;
use crate::undecided::Undecided;

/// Changes of one page, as many as servers give.
const PAGE: usize = 100;
/// Pages that are read at once; those left are read the next time.
const PAGES: usize = 10_000;
/// Pause after which a server that failed is asked again, at the least.
const PAUSE: Duration = Duration::from_secs(1);

/// A copy of a remote store.
#[derive(Debug)]
pub(super) struct Replica {
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    max_staleness: Duration,
    every: Duration,
    max_tuples: usize,
    /// The copy, once it has caught up.
    copy: ArcSwapOption<Copy>,
    /// When it was as new as the server, the last time. Monotonic.
    as_of: Mutex<Duration>,
    is_followed: AtomicBool,
}

/// A copy under one model.
#[derive(Debug)]
struct Copy {
    local: LocalStore,
    /// The id of the model at the server.
    model: String,
    /// Up to where changes were applied.
    token: Mutex<String>,
}

impl Replica {
    pub(super) fn new(
        line: Arc<Line>,
        clock: Arc<dyn Clock>,
        (max_staleness, every, max_tuples): (Duration, Duration, usize),
    ) -> Self {
        Self {
            line,
            clock,
            max_staleness,
            every,
            max_tuples,
            copy: ArcSwapOption::empty(),
            as_of: Mutex::default(),
            is_followed: AtomicBool::new(false),
        }
    }

    /// The answers of the copy, unless it may be too old. Whoever asks first sets out to follow the
    /// server, in the background.
    pub(super) fn check(replica: &Arc<Self>, checks: &[Check], given: &Given) -> Option<Answers> {
        Self::follow(replica);
        let copy = replica.copy.load_full()?;
        let now = replica.clock.monotonic();
        let age = now.saturating_sub(*replica.as_of.lock());
        let left = replica.max_staleness.checked_sub(age)?;
        let mut answers = copy.local.check(checks, given);
        answers.provenance.source = Source::Replica;
        answers.provenance.age = age;
        answers.provenance.fresh_for = left;
        Some(answers)
    }

    fn follow(replica: &Arc<Self>) {
        if replica.is_followed.swap(true, Ordering::AcqRel) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            replica.is_followed.store(false, Ordering::Release);
            return;
        };
        let follower = Follower(Arc::clone(replica));
        runtime.spawn(follower.run());
    }

    /// Catches up with the server.
    async fn sync(&self) -> Result<(), Undecided> {
        let begun = self.clock.monotonic();
        let model = self.line.model_spec().await?;
        let id = model.id.clone().unwrap_or_default();
        let known = self.copy.load_full().filter(|copy| copy.model == id);
        let copy = match known {
            Some(copy) => copy,
            None => Arc::new(Copy::new(model, id)?),
        };
        if self.catch_up(&copy).await? {
            *self.as_of.lock() = begun;
            self.copy.store(Some(copy));
        }
        Ok(())
    }

    /// Applies what is new. Says whether nothing is left.
    async fn catch_up(&self, copy: &Copy) -> Result<bool, Undecided> {
        for _ in 0..PAGES {
            let token = copy.token.lock().clone();
            let page = self.line.changes(&token, PAGE).await?;
            copy.apply(&page.changes)?;
            if copy.local.store().size().tuples > self.max_tuples {
                return Err(Undecided::unavailable("too_large"));
            }
            let is_last = page.changes.is_empty() || page.token == token;
            if !page.token.is_empty() {
                *copy.token.lock() = page.token;
            }
            if is_last {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Copy {
    fn new(model: ModelSpec, id: String) -> Result<Self, Undecided> {
        let store = Store::new(Limits {
            tuples_per_write: PAGE,
            ..Limits::default()
        });
        let own = store.write_model(model)?;
        Ok(Self {
            local: LocalStore::new(Arc::new(store), Some(own)),
            model: id,
            token: Mutex::default(),
        })
    }

    /// Applies changes in their order: those of different tuples at once, as a write would.
    fn apply(&self, changes: &[Change]) -> Result<(), Undecided> {
        let mut rest = changes;
        while !rest.is_empty() {
            let mut seen = HashSet::new();
            let fresh = |change: &&Change| {
                let Tuple {
                    user,
                    relation,
                    object,
                    ..
                } = &change.tuple;
                seen.insert((user.clone(), relation.clone(), object.clone()))
            };
            let count = rest.iter().take_while(fresh).count();
            let (run, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            self.write(run)?;
            rest = later;
        }
        Ok(())
    }

    fn write(&self, run: &[Change]) -> Result<(), Undecided> {
        let Err(error) = self.local.store().write(&request(run)) else {
            return Ok(());
        };
        match run {
            // What the model does not allow any more does not count in checks either.
            [_] if error.code() == ErrorCode::Validation => Ok(()),
            [_] | [] => Err(error.into()),
            several => several
                .iter()
                .try_for_each(|own| self.write(std::slice::from_ref(own))),
        }
    }
}

fn request(run: &[Change]) -> WriteRequest {
    let tuples = |is_delete: bool| {
        let own = run
            .iter()
            .filter(move |change| change.is_delete == is_delete);
        own.map(|change| change.tuple.clone()).collect()
    };
    WriteRequest {
        writes: tuples(false),
        deletes: tuples(true),
        on_duplicate: OnDuplicate::Ignore,
        on_missing: OnMissing::Ignore,
        ..WriteRequest::default()
    }
}

/// Follows the server until nobody else knows the replica.
struct Follower(Arc<Replica>);

impl Follower {
    async fn run(self) {
        // The store and this task.
        while Arc::strong_count(&self.0) > 1 {
            let pause = match Box::pin(self.0.sync()).await {
                Ok(()) => self.0.every,
                Err(undecided) => {
                    tracing::warn!(%undecided, "the copy of a store is not up to date");
                    self.0.every.max(PAUSE)
                }
            };
            sleep(pause).await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // With its runtime: whoever asks next sets out anew.
        self.0.is_followed.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ztag_fga::dsl;

    use super::*;

    const MODEL: &str = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user, user with c]

condition c(n: int) {
  n > 1
}
";

    fn change(is_delete: bool, tuple: &Tuple) -> Change {
        Change {
            tuple: tuple.clone(),
            is_delete,
        }
    }

    #[test]
    fn changes_count_in_their_order() {
        let copy = Copy::new(dsl::parse(MODEL).unwrap(), "M".into()).unwrap();
        let plain = Tuple::new("user:ada", "viewer", "doc:1");
        let fixed = json!({"n": 2}).as_object().cloned();
        let bound = plain.clone().when("c", fixed);
        let other = Tuple::new("user:ben", "viewer", "doc:1");
        let unknown = Tuple::new("user:ben", "owner", "doc:1");
        let changes = [
            change(false, &plain),
            change(false, &unknown),
            change(true, &plain),
            change(false, &bound),
            change(false, &other),
            change(true, &other),
            change(true, &unknown),
        ];
        copy.apply(&changes).unwrap();
        assert_eq!(copy.local.store().size().tuples, 1);
        let check = |user: &str| Check {
            user: user.into(),
            relation: "viewer".into(),
            object: "doc:1".into(),
        };
        let asked = [check("user:ada"), check("user:ben")];
        let answers = copy.local.check(&asked, &Given::default());
        assert_eq!(answers.results, [Ok(true), Ok(false)]);
        // Told twice, they change nothing.
        copy.apply(&changes[3..]).unwrap();
        assert_eq!(
            copy.local.check(&asked, &Given::default()).results,
            [Ok(true), Ok(false)]
        );
    }
}
