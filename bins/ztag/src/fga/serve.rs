//! `ztag fga serve`: the engine alone, as a server that speaks the HTTP API of `OpenFGA`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_fga_api::{Access, AccessSpec, FgaService, KeySpec};
use ztag_server::{Server, Shutdown};
use ztag_token::{KeyStores, Places, Revocations, TokenCache, TokenCacheSpec};
use ztag_types::{ConfigPath, Findings, Secret, SystemClock};

use super::door::DoorArguments;
use super::load;
use super::log::LogArguments;
use super::place::PlaceArguments;
use super::semantics::SemanticsArguments;
use super::target::secret;
use super::trouble::{Outcome, Trouble};

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with SIGINT or SIGTERM, after the requests under way.\n\n\
    Everybody may call unless --access or ZTAG_FGA_KEY says who. What is asked is counted: /metrics \
    for Prometheus, /api/v1/fga/metrics as JSON."
)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    door: DoorArguments,

    #[command(flatten)]
    place: PlaceArguments,

    #[command(flatten)]
    semantics: SemanticsArguments,

    #[command(flatten)]
    log: LogArguments,

    /// Who may call: a file with `keys`, `issuers` and `clients`.
    #[arg(long, value_name = "FILE")]
    access: Option<PathBuf>,

    /// One preshared key that opens everything. Better in the environment than on the command line.
    #[arg(long, env = "ZTAG_FGA_KEY", hide_env_values = true, value_parser = secret())]
    key: Option<Secret<String>>,
}

pub(super) fn run(arguments: &ServeArguments) -> Outcome {
    let access = access(arguments)?;
    // Before the stores: whatever they meet while they open is logged.
    let telemetry = arguments.log.start()?;
    if access.is_open() && !arguments.door.is_local() {
        tracing::warn!("everybody who reaches this address may call");
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stores = Arc::new(arguments.place.open(arguments.semantics.limits())?);
    let count = stores.list(None, usize::MAX, |_| true).len();
    tracing::info!(stores = count, "stores opened");
    let service = FgaService::new(Arc::clone(&stores), access);
    let shutdown = Shutdown::new();
    let listen = arguments.door.listen()?;
    // Before anybody can see us listen: until then a signal would end the process.
    let ended = runtime.block_on(async { signals() })?;
    let server = Server::start(&listen, &shutdown, move || service.clone())?;
    tracing::info!(address = %server.address(), "listening");
    runtime.block_on(ended);
    tracing::info!("draining");
    shutdown.begin();
    server.join();
    stores.close();
    tracing::info!("stopped");
    telemetry.flush();
    Ok(ExitCode::SUCCESS)
}

/// What ends when the process is told to end.
fn signals() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn access(arguments: &ServeArguments) -> Result<Access, Trouble> {
    let mut spec: AccessSpec = match &arguments.access {
        Some(path) => load::yaml(path)?,
        None => AccessSpec::default(),
    };
    if let Some(key) = &arguments.key {
        spec.keys.push(KeySpec {
            key: key.clone(),
            stores: Vec::new(),
        });
    }
    if arguments.access.is_none() && arguments.key.is_none() {
        return Ok(Access::open());
    }
    let place = arguments.access.as_deref().unwrap_or(Path::new("access"));
    compile(&spec).map_err(|found| Trouble::with_file(place, found))
}

fn compile(spec: &AccessSpec) -> Result<Access, String> {
    let clock = Arc::new(SystemClock::new());
    let client = Client::new(&ClientSpec::default(), TlsMaterial::none());
    let client = Arc::new(client.map_err(|error| error.to_string())?);
    let stores = KeyStores::new(client, clock.clone());
    let places = Places {
        cache: Arc::new(TokenCache::new(TokenCacheSpec::default())),
        revocations: Arc::new(Revocations::new(0)),
        clock,
    };
    let mut findings = Findings::new();
    let access = Access::compile(spec, &stores, places, &ConfigPath::root(), &mut findings);
    let found = findings.as_slice().iter();
    let found: Vec<_> = found
        .map(|found| format!("{}: {}", found.path, found.message))
        .collect();
    access.ok_or_else(|| found.join("; "))
}
