//! Watching: reads the configuration again when a file changes, and publishes what is sound.
//!
//! File events make a reload quick; a slow look at the content of every file makes it certain,
//! also where events are lost (mounted volumes, network file systems). Whatever goes wrong, the
//! plan in force stays in force.

mod changes;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use ztag_pipeline::{Plan, PlanHandle, ReloadReport};
use ztag_server::TlsMaterial;
use ztag_types::EndpointName;

use self::changes::Changes;
use crate::compile::{Routing, compile};
use crate::inputs::{Inputs, State};
use crate::load::{Loaded, Sources, reload};
use crate::report::Report;
use crate::stores::Stores;

/// How long a folder must be quiet before it is read: tools write files in several steps.
const QUIET: Duration = Duration::from_millis(50);
/// How long a change waits at the most, however busy the folder is.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the content of every file is compared.
const POLL: Duration = Duration::from_secs(2);

/// How a reload ended.
#[derive(Clone, Debug)]
pub struct ReloadOutcome {
    /// Counts reloads in this process, from 1; 0 before the first.
    pub attempt: u64,
    /// The generation of the plan it published; none when the plan in force was kept.
    pub published: Option<u64>,
    /// What was found.
    pub report: Arc<Report>,
    /// The endpoints that do not serve, according to what was read.
    pub quarantined: Vec<EndpointName>,
}

/// Takes a plan in force with what a gateway routes by over it.
type Route = dyn Fn(Arc<Plan>, Routing) + Send + Sync;

/// Reads the configuration again, by command or when it changes. Clones share it.
#[derive(Clone, Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
}

struct Shared {
    sources: Sources,
    stores: Stores,
    plan: PlanHandle,
    route: Box<Route>,
    /// What the server started with.
    running: Loaded,
    /// The files that were last read, and what they held. Held while a reload is under way: one
    /// at a time.
    seen: Mutex<Seen>,
    outcomes: watch::Sender<ReloadOutcome>,
    /// Whether changes are noticed.
    watching: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
struct Seen {
    inputs: Arc<Inputs>,
    state: (State, State),
    /// The certificates in force.
    tls: Option<Arc<TlsMaterial>>,
}

impl Seen {
    fn of(loaded: &Loaded) -> Self {
        Self {
            inputs: Arc::clone(&loaded.inputs),
            state: loaded.state,
            tls: loaded.listen_tls.clone(),
        }
    }
}

impl Watcher {
    /// A watcher over the sources that `loaded` came from. It does nothing yet.
    pub fn new(sources: Sources, loaded: Loaded, stores: Stores, plan: PlanHandle) -> Self {
        Self::routing(sources, loaded, stores, plan, |_, _| ())
    }

    /// The same for a gateway: `route` is given each plan right after it was put in force, with
    /// what routes to it. It is called by one thread at a time, in order.
    pub fn routing(
        sources: Sources,
        mut loaded: Loaded,
        stores: Stores,
        plan: PlanHandle,
        route: impl Fn(Arc<Plan>, Routing) + Send + Sync + 'static,
    ) -> Self {
        loaded.forget_models();
        let none = ReloadOutcome {
            attempt: 0,
            published: None,
            report: Arc::default(),
            quarantined: Vec::new(),
        };
        Self {
            shared: Arc::new(Shared {
                sources,
                stores,
                plan,
                route: Box::new(route),
                seen: Mutex::new(Seen::of(&loaded)),
                running: loaded,
                outcomes: watch::Sender::new(none),
                watching: watch::Sender::new(false),
            }),
        }
    }

    /// Reads the configuration again, now, and publishes a plan if there is a sound one.
    pub async fn reload_now(&self) -> ReloadOutcome {
        let mut seen = self.shared.seen.lock().await;
        let shared = Arc::clone(&self.shared);
        let before = seen.clone();
        let work = tokio::task::spawn_blocking(move || shared.reload(before));
        let (now, published, report, quarantined) = work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the configuration could not be read");
            (seen.clone(), None, Report::default(), Vec::new())
        });
        *seen = now;
        let outcome = ReloadOutcome {
            attempt: self.shared.outcomes.borrow().attempt + 1,
            published,
            report: Arc::new(report),
            quarantined,
        };
        self.shared.announce(&outcome);
        outcome
    }

    /// How each reload ended; the receiver wakes with the next one.
    pub fn outcomes(&self) -> watch::Receiver<ReloadOutcome> {
        self.shared.outcomes.subscribe()
    }

    /// Waits until changes are noticed, which is soon after [`Watcher::run`] began.
    pub async fn watching(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self
            .shared
            .watching
            .subscribe()
            .wait_for(|watching| *watching)
            .await;
    }

    /// Reloads on every change until the future is dropped.
    pub async fn run(&self) {
        let (sender, events) = mpsc::channel(1);
        self.follow(Changes::start(sender), events).await;
    }

    async fn follow(&self, mut changes: Changes, mut events: mpsc::Receiver<()>) {
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let now = self.look(&mut changes).await;
            self.shared.watching.send_replace(true);
            if self.differs(now).await {
                settle(&mut events).await;
                self.reload_now().await;
                continue;
            }
            tokio::select! {
                Some(()) = events.recv() => {}
                _ = poll.tick() => {}
            }
        }
    }

    /// Whether the files hold something else than when they were last read.
    async fn differs(&self, now: Option<(State, State)>) -> bool {
        let seen = self.shared.seen.lock().await;
        now.is_some_and(|now| now != seen.state)
    }

    /// What every file holds now; new folders are put under watch first, so that nothing happens
    /// unnoticed between the two.
    async fn look(&self, changes: &mut Changes) -> Option<(State, State)> {
        let folders = self.off_thread(Inputs::folders).await?;
        changes.watch(&folders);
        self.off_thread(Inputs::state).await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inputs) -> T + Send + 'static,
    ) -> Option<T> {
        let inputs = Arc::clone(&self.shared.seen.lock().await.inputs);
        tokio::task::spawn_blocking(move || work(&inputs))
            .await
            .ok()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Reads everything again and publishes what is sound.
    fn reload(&self, before: Seen) -> (Seen, Option<u64>, Report, Vec<EndpointName>) {
        let mut loaded = reload(&self.sources, &self.running);
        if !loaded.is_settled() {
            loaded.note_unsettled();
        }
        let compiled = compile(&loaded, &self.stores);
        let mut now = Seen::of(&loaded);
        let Some(plan) = compiled.plan else {
            now.tls = before.tls;
            return (now, None, compiled.report, compiled.quarantined);
        };
        // Sessions are kept where nothing changed.
        if now.tls != before.tls
            && let Some((store, new)) = self.stores.certificates.as_ref().zip(compiled.certificates)
        {
            store.replace(new);
        }
        let generation = self.plan.publish(plan);
        self.stores.tokens.warm();
        if let Some(routing) = compiled.routing {
            (self.route)(self.plan.load_full(), routing);
        }
        (now, Some(generation), compiled.report, compiled.quarantined)
    }

    fn announce(&self, outcome: &ReloadOutcome) {
        let (errors, warnings) = (outcome.report.errors(), outcome.report.warnings());
        if let Some(generation) = outcome.published {
            tracing::info!(generation, errors, warnings, "configuration reloaded");
        } else {
            let message = "configuration not reloaded, the one in force stays in force";
            tracing::error!(errors, warnings, "{message}");
        }
        for finding in outcome.report.findings() {
            tracing::warn!("{}", finding.to_line());
        }
        let diagnostics = outcome.report.findings().iter();
        self.plan.report(ReloadReport {
            at: self.stores.clock.now(),
            published: outcome.published.is_some(),
            diagnostics: diagnostics.map(crate::report::Finding::to_line).collect(),
        });
        self.outcomes.send_replace(outcome.clone());
    }
}

/// Waits until no event has come for [`QUIET`], but no longer than [`PATIENCE`].
async fn settle(events: &mut mpsc::Receiver<()>) {
    let quiet =
        async { while let Ok(Some(())) = tokio::time::timeout(QUIET, events.recv()).await {} };
    // Running out of patience is not an error: the folder is read as it is.
    let _ = tokio::time::timeout(PATIENCE, quiet).await;
}

#[cfg(test)]
mod tests;
