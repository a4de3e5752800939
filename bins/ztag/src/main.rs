//! `ztag`: the operator's tool.

mod cel;
mod fga;
mod jws;
mod progress;
mod scan;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The operator's tool of ZTAG, the Zero Trust Access Gateway.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Evaluate a CEL expression, or a stream of cases.
    Cel(cel::CelArguments),
    /// Serve, ask and test relationship-based authorization.
    Fga(fga::FgaArguments),
    /// Verify signed tokens.
    Jws(jws::JwsArguments),
    /// Ask the guard about texts: prompt injection, secrets, personal data.
    Scan(scan::ScanArguments),
}

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Cel(arguments) => cel::run(&arguments),
        Verb::Fga(arguments) => fga::run(&arguments),
        Verb::Jws(arguments) => jws::run(&arguments),
        Verb::Scan(arguments) => scan::run(&arguments),
    }
}

/// Tells the user; where standard error is closed there is nobody to tell.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
