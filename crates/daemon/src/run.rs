//! Serving: assemble, listen, reload, drain.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use ztag_config::{Compiled, Loaded, ReloadOutcome, Report, ServerSpec, Sources, Stores, Watcher};
use ztag_config::{Program, compile, load};
use ztag_fga_api::FgaService;
use ztag_pipeline::{AdminService, Neighbour, Pipeline, PlanHandle};
use ztag_proxy::EdgeHandle;
use ztag_result_cache::ResultCache;
use ztag_server::{Answer, LimitsSpec, Listen, Server, Shutdown};
use ztag_telemetry::{FetchGauges, Telemetry, TokenGauges};
use ztag_token::Refusal;
use ztag_types::{Clock, SystemClock};

use crate::admin::{AdminDoor, Relations, serve_stores};
use crate::edge::Edges;
use crate::output::{REFUSED, ask_for_a_file, complain};

/// What the public listener of a program is for.
pub trait Door: Send + Sync + 'static {
    /// What answers there.
    type Answer: Answer;

    /// What the configuration is read for.
    const PROGRAM: Program;

    /// Makes one; called once in each worker.
    fn answer(&self, serving: &Serving) -> Self::Answer;
}

/// What a door is made with.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Decides.
    pub pipeline: Pipeline,
    /// The routes, which a gateway serves.
    pub edges: EdgeHandle,
    /// How the server runs.
    pub server: ServerSpec,
    /// The signal to stop.
    pub shutdown: Shutdown,
}

impl Serving {
    /// The header field that carries the correlation id.
    pub fn correlation(&self) -> Option<HeaderName> {
        self.server.logging.correlation_header.parse().ok()
    }
}

/// Why nothing is served.
pub(crate) enum Stop {
    /// The configuration.
    Refused(Report),
    /// The system.
    Failed(String),
}

pub(crate) fn run(sources: &Sources, door: impl Door) -> ExitCode {
    match serve(sources.clone(), door) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Stop::Refused(report)) => {
            complain(&report.to_human());
            complain("the configuration cannot be served");
            ask_for_a_file(sources);
        }
        Err(Stop::Failed(message)) => complain(&message),
    }
    ExitCode::from(REFUSED)
}

/// The runtime of everything that is not a decision: files, signals, Redis.
pub(crate) fn control_runtime() -> io::Result<Runtime> {
    runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

fn serve(sources: Sources, door: impl Door) -> Result<(), Stop> {
    let (loaded, program) = (load(&sources), sources.program);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let runtime = control_runtime().map_err(failed("cannot start a runtime"))?;
    let _inside = runtime.enter();
    // Before the stores: whatever they meet while they open is logged.
    let logging = loaded.server().map(|server| server.logging.clone());
    let telemetry =
        ztag_telemetry::init(&logging.unwrap_or_default()).map_err(failed("cannot log"))?;
    let stores = Stores::open(&loaded, Arc::clone(&clock)).map_err(Stop::Refused)?;
    let compiled = compile(&loaded, &stores);
    let server = serving(&loaded, &compiled)?;
    for finding in compiled.report.findings() {
        tracing::warn!("{}", finding.to_line());
    }
    let (Some(plan), Some(routing)) = (compiled.plan, compiled.routing) else {
        return Err(Stop::Refused(compiled.report));
    };
    let plans = PlanHandle::new(plan);
    plans.load().publish_to(&telemetry);
    let edges = Edges::open(plans.load_full(), routing, telemetry.clone());
    count_tokens(&stores, &telemetry);
    let relations = Arc::clone(stores.fga.metrics());
    telemetry.count_others(move || relations.text_if_used());
    stores.tokens.warm();
    let pipeline = Pipeline::new(plans.clone(), telemetry.clone(), clock);

    // Before anybody can see us listen: until then a signal would end the process.
    let signals = Signals::install()?;
    let shutdown = Shutdown::new();
    let routes = (program == Program::Gateway).then(|| edges.handle());
    let (api, on_admin) = serve_stores(&server, &stores, &shutdown)?;
    let admin = administer(&server, &stores, &shutdown, (&pipeline, routes, on_admin))?;
    // Last, so that whoever reaches it finds everything else in place.
    let public = listen(
        Serving {
            pipeline: pipeline.clone(),
            edges: edges.handle(),
            server,
            shutdown: shutdown.clone(),
        },
        &stores,
        door,
    )?;
    announce(&telemetry, &plans, &public, admin.as_ref());
    let (cache, relations) = (Arc::clone(&stores.cache), Arc::clone(&stores.fga));
    let publish = move |plan, routing| edges.publish(plan, routing);
    let watcher = Watcher::routing(sources, loaded, stores, plans.clone(), publish);
    let sweeping = runtime.spawn(sweep(cache));
    runtime.block_on(live(&watcher, signals, &shutdown, (&plans, &telemetry)));
    sweeping.abort();
    tracing::info!("draining");
    if !shutdown.is_begun() {
        shutdown.begin();
    }
    public.join();
    for listener in [admin, api].into_iter().flatten() {
        listener.join();
    }
    relations.served().close();
    tracing::info!("stopped");
    telemetry.flush();
    Ok(())
}

/// Says where we listen, and counts who connects.
fn announce(telemetry: &Telemetry, plans: &PlanHandle, public: &Server, admin: Option<&Server>) {
    for (name, listener) in [("public", Some(public)), ("admin", admin)] {
        if let Some(connections) = listener.map(Server::connections) {
            telemetry.count_connections(name, move || connections.open());
        }
    }
    tracing::info!(
        public = %public.address(),
        admin = admin.map(|admin| admin.address().to_string()),
        endpoints = plans.load().endpoints().len(),
        "listening",
    );
}

/// The server section of a configuration that can be served.
fn serving(loaded: &Loaded, compiled: &Compiled) -> Result<ServerSpec, Stop> {
    match (loaded.server(), &compiled.plan) {
        (Some(server), Some(_)) => Ok(server.clone()),
        _ => Err(Stop::Refused(compiled.report.clone())),
    }
}

fn listen(serving: Serving, stores: &Stores, door: impl Door) -> Result<Server, Stop> {
    let address = serving.server.listen.socket();
    let refused = || Stop::Failed(String::from("the listener cannot be set up"));
    let listen = stores.listen(&serving.server).ok_or_else(refused)?;
    let shutdown = serving.shutdown.clone();
    Server::start(&listen, &shutdown, move || door.answer(&serving))
        .map_err(failed(&format!("cannot listen on {address}")))
}

fn administer(
    server: &ServerSpec,
    stores: &Stores,
    shutdown: &Shutdown,
    (pipeline, routes, on_admin): (&Pipeline, Option<EdgeHandle>, Option<FgaService>),
) -> Result<Option<Server>, Stop> {
    if !server.admin.enabled {
        return Ok(None);
    }
    let address = server.admin.socket();
    let limits = LimitsSpec {
        workers: 1,
        ..server.limits.clone()
    };
    let (pipeline, cache) = (pipeline.clone(), Arc::clone(&stores.cache));
    let revocations = Arc::clone(&stores.tokens.judged.revocations);
    let relations: Arc<dyn Neighbour> = Arc::new(Relations(Arc::clone(&stores.fga)));
    let answer = move || {
        let revocations = Arc::clone(&revocations);
        let own = AdminService::new(pipeline.clone(), Arc::clone(&cache), revocations)
            .with_neighbour(Arc::clone(&relations));
        let admin = match &routes {
            Some(routes) => own.with_routes(Arc::new(routes.clone())),
            None => own,
        };
        AdminDoor {
            admin,
            stores: on_admin.clone(),
        }
    };
    Server::start(&Listen::plain(address, limits), shutdown, answer)
        .map(Some)
        .map_err(failed(&format!("cannot listen on {address}")))
}

/// Tells of tokens and of the keys of their issuers in metrics.
fn count_tokens(stores: &Stores, telemetry: &Telemetry) {
    let names: Vec<_> = Refusal::ALL
        .iter()
        .map(|refusal| refusal.as_str())
        .collect();
    telemetry.name_refusals(&names);
    let tokens = Arc::clone(&stores.tokens);
    telemetry.count_tokens(move || {
        let counts = tokens.judged.cache.counts();
        TokenGauges {
            hits: counts.hits,
            misses: counts.misses,
            entries: counts.entries,
            bytes: counts.bytes,
        }
    });
    let tokens = Arc::clone(&stores.tokens);
    telemetry.count_fetches(move || {
        let counts = tokens.keys.counts().into_iter();
        let gauges = counts.map(|(issuer, counts)| FetchGauges {
            issuer,
            fetched: counts.fetched,
            failed: counts.failed,
        });
        gauges.collect()
    });
}

/// What the process is told from outside.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> Result<Self, Stop> {
        let on = |kind| signal(kind).map_err(failed("cannot listen for signals"));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }
}

/// Reloads when told to or when files change, until told to stop or another process serves.
async fn live(
    watcher: &Watcher,
    mut told: Signals,
    shutdown: &Shutdown,
    (plans, telemetry): (&PlanHandle, &Telemetry),
) {
    let mut outcomes = watcher.outcomes();
    // Tasks of their own: reloads wait for each other, and one that is not polled would be waited
    // for without end.
    let own = watcher.clone();
    let watching = tokio::spawn(async move { own.run().await });
    loop {
        tokio::select! {
            () = stop(&mut told.terminate, &mut told.interrupt) => break,
            () = shutdown.begun() => break,
            _ = told.hangup.recv() => {
                let own = watcher.clone();
                tokio::spawn(async move { own.reload_now().await });
            }
            changed = outcomes.changed() => {
                if changed.is_ok() {
                    let outcome = outcomes.borrow_and_update().clone();
                    note(&outcome, plans, telemetry);
                }
            }
        }
    }
    watching.abort();
}

/// Gives the memory of expired verdicts back also while nothing is stored; runs for ever.
async fn sweep(cache: Arc<ResultCache>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        cache.sweep();
    }
}

async fn stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn note(outcome: &ReloadOutcome, plans: &PlanHandle, telemetry: &Telemetry) {
    telemetry.reload(outcome.published.is_some());
    plans.load().publish_to(telemetry);
}

pub(crate) fn failed<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Stop + use<'_, E> {
    move |error| Stop::Failed(format!("{what}: {error}"))
}
