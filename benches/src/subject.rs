//! A whole forward-auth without sockets, and a way to run it without a runtime.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tempfile::TempDir;
use tokio::runtime::{self, Runtime};
use ztag_admission::Hop;
use ztag_config::{Sources, Stores, compile, load};
use ztag_pipeline::{Decided, Endpoint, EndpointState, Pipeline, Plan, PlanHandle, Selection};
use ztag_telemetry::{LoggingSpec, Telemetry};
use ztag_test_support::{Failure, MockServer, Ports, Reply, copy_rendered, workspace};
use ztag_types::{Outcome, SystemClock};

/// What the backend says of every token.
pub const INTROSPECTION: &str =
    r#"{"active":true,"sub":"alice","groups":"staff,admin","tier":"pro"}"#;

/// The port that the configuration gives the backend.
const BACKEND: u16 = 3100;

/// The pipeline of `load/forward-auth.yaml` with its backend, in this process.
pub struct Subject {
    pipeline: Pipeline,
    stores: Stores,
    runtime: Runtime,
    _backend: MockServer,
    _folder: TempDir,
}

impl Subject {
    /// Loads the configuration with `overrides`, such as `("ZTAG_SERVER__CACHE__EPOCH", "2")`.
    ///
    /// # Errors
    /// When the configuration has findings or the backend cannot start.
    pub fn load(overrides: &[(&str, &str)]) -> Result<Self, Failure> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let backend = MockServer::start(|_| introspected())?;
        let folder = tempfile::tempdir()?;
        let ports = Ports::new().with(BACKEND, backend.address().port());
        copy_rendered(&workspace().join("benches/load"), folder.path(), &ports)?;
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let sources = Sources::file(folder.path().join("forward-auth.yaml"))
            .with_environment(overrides.iter().map(owned));
        let loaded = load(&sources);
        let clock = Arc::new(SystemClock::new());
        let stores = Stores::offline(&loaded, Arc::clone(&clock) as _)
            .map_err(|report| Failure::new(report.to_human()))?;
        let compiled = compile(&loaded, &stores);
        let plan = compiled
            .plan
            .filter(|plan| plan.quarantined().next().is_none())
            .ok_or_else(|| Failure::new(compiled.report.to_human()))?;
        let telemetry = Telemetry::new(&LoggingSpec::default(), io::sink())
            .map_err(|error| Failure::new(error.to_string()))?;
        plan.publish_to(&telemetry);
        Ok(Self {
            pipeline: Pipeline::new(PlanHandle::new(plan), telemetry, clock),
            stores,
            runtime,
            _backend: backend,
            _folder: folder,
        })
    }

    /// The long-lived places.
    pub const fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The pipeline.
    pub const fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Asks the endpoint called `name`, waiting for backends where it must, and expects a pass.
    ///
    /// # Errors
    /// When there is no such endpoint or it does not let the request pass.
    pub fn warm(&self, name: &str, hop: Hop) -> Result<(), Failure> {
        let decided = self.runtime.block_on(self.ask(name, hop));
        match decided {
            Some(decided) if decided.record.outcome == Outcome::Pass => Ok(()),
            Some(decided) => Err(Failure::new(format!("{name}: {}", decided.record.reason))),
            None => Err(Failure::new(format!("no endpoint `{name}`"))),
        }
    }

    /// Decides and observes as the server does, for a decision that waits for nothing: it ends
    /// at the first poll.
    pub fn decide(&self, name: &str, hop: Hop) -> Option<Decided> {
        ready(self.ask(name, hop)).flatten()
    }

    async fn ask(&self, name: &str, hop: Hop) -> Option<Decided> {
        let plan = self.pipeline.plans().load();
        let endpoint = select(&plan, name)?;
        let decided = self.pipeline.decide(endpoint, plan.generation(), hop).await;
        self.pipeline.telemetry().observe(&decided.record);
        Some(decided)
    }

    /// Calls `look` with the compiled endpoint called `name`.
    pub fn at<T>(&self, name: &str, look: impl FnOnce(&Endpoint) -> T) -> Option<T> {
        let plan = self.pipeline.plans().load();
        select(&plan, name).map(look)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("pipeline", &self.pipeline)
            .finish_non_exhaustive()
    }
}

/// The output of a future that waits for nothing; `None` if it does.
pub fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn introspected() -> Reply {
    let json = ("Content-Type".to_owned(), "application/json".to_owned());
    Reply {
        status: 200,
        headers: vec![json],
        body: INTROSPECTION.as_bytes().to_vec(),
        abort: false,
    }
}

fn select<'p>(plan: &'p Plan, name: &str) -> Option<&'p Endpoint> {
    match plan.select(Some(name)) {
        Selection::Endpoint(EndpointState::Ready(endpoint)) => Some(endpoint),
        _ => None,
    }
}
