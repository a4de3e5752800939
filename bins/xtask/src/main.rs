//! `cargo xtask`: what developers of ZTAG run.

#![expect(clippy::print_stdout, reason = "a command line tool talks to its user")]

mod bench;
mod ci;
mod command;
mod demo;
mod dist;
mod fuzz;
mod oracle;
mod setup;
mod soak;
mod test;
mod train_guard;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ztag_test_support::Failure;

/// What developers of ZTAG run.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what tests, demo and benchmarks run: proxies, Redis, `PostgreSQL`, load generators.
    Setup,
    /// Show both doors at work: the gateway, and forward-auth behind Traefik and nginx; then stay up
    /// to be tried.
    Demo(demo::Options),
    /// Run every test, after `setup`.
    Test,
    /// Build the programs as they are released: compiled with what loads of every kind were seen to do.
    Dist,
    /// Measure side by side with other servers.
    Bench(bench::Options),
    /// Constant load of every kind while everything around changes: nothing wrong, lost or kept.
    Soak(soak::Options),
    /// Feed random input to everything that reads input from outside.
    Fuzz(fuzz::Options),
    /// Train the linear model of the guard and measure it on sources it was not trained on.
    TrainGuard(train_guard::Options),
    /// Run everything that must hold before a change goes in.
    Ci(ci::Options),
}

fn main() -> ExitCode {
    let done = match Line::parse().verb {
        Verb::Setup => setup::run(),
        Verb::Demo(options) => demo::run(&options),
        Verb::Test => test::run(),
        Verb::Dist => dist::run(),
        Verb::Bench(options) => bench::run(&options),
        Verb::Soak(options) => soak::run(&options),
        Verb::Fuzz(options) => fuzz::run(&options),
        Verb::TrainGuard(options) => train_guard::run(&options),
        Verb::Ci(options) => ci::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "where errors of a command line tool go"
)]
fn report(failure: &Failure) -> ExitCode {
    eprintln!("xtask: {failure}");
    ExitCode::FAILURE
}
