//! `forward-auth`: decides for reverse proxies whether a request may pass.

use std::process::ExitCode;

use clap::Parser;
use ztag_daemon::{Command, Door, Program, Serving};
use ztag_pipeline::DecisionService;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Decides for Traefik, nginx, Caddy, HAProxy and Envoy whether a request may pass.
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

/// The public listener answers the questions of proxies.
struct ForwardAuth;

impl Door for ForwardAuth {
    type Answer = DecisionService;
    const PROGRAM: Program = Program::ForwardAuth;

    fn answer(&self, serving: &Serving) -> DecisionService {
        DecisionService::new(
            serving.pipeline.clone(),
            serving.correlation(),
            &serving.server.limits,
            serving.shutdown.clone(),
        )
    }
}

fn main() -> ExitCode {
    ztag_daemon::run(Arguments::parse().command, ForwardAuth)
}
