//! Measurements side by side with other servers.

use clap::Args;
use ztag_test_support::Failure;

use crate::command::{cargo, execute};
use crate::setup;

#[derive(Args)]
pub(crate) struct Options {
    /// Passed on to the benchmarks, such as a filter.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs the benchmarks of the package `ztag-benches`.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    setup::install()?;
    let mut command = cargo(&["bench", "--package", "ztag-benches", "--"]);
    execute(command.args(&options.arguments))
}
