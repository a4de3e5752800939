//! `gateway`: a reverse proxy that forwards what policy permits, and nothing else.

use std::process::ExitCode;

use clap::Parser;
use ztag_daemon::{Command, Door, Program, Serving};
use ztag_pipeline::Intake;
use ztag_proxy::GatewayService;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Verifies who asks, decides whether they may, and forwards what they asked for.
///
/// Without a verb it serves until SIGTERM or SIGINT; SIGHUP reads the configuration again.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(flatten)]
    command: Command,
}

/// The public listener serves the routes.
struct Gateway;

impl Door for Gateway {
    type Answer = GatewayService;

    const PROGRAM: Program = Program::Gateway;

    fn answer(&self, serving: &Serving) -> GatewayService {
        GatewayService::new(
            serving.pipeline.clone(),
            serving.edges.clone(),
            serving.correlation(),
            Intake::new(&serving.server.limits),
            serving.shutdown.clone(),
        )
    }
}

fn main() -> ExitCode {
    ztag_daemon::run(Arguments::parse().command, Gateway)
}
