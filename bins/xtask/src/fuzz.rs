//! Random input for everything that reads input from outside.

use clap::Args;
use ztag_test_support::Failure;

use crate::command::{cargo, execute};

/// Tells the fuzz targets how long each runs.
const SECONDS_VARIABLE: &str = "ZTAG_FUZZ_SECONDS";

#[derive(Args)]
pub(crate) struct Options {
    /// Seconds per target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Targets to run, by part of their name; all when none is named.
    targets: Vec<String>,
}

impl Options {
    /// As long as `ci` can wait.
    pub(crate) const fn brief() -> Self {
        Self {
            seconds: 5,
            targets: Vec::new(),
        }
    }
}

/// Runs the fuzz targets, which are the tests of the package `ztag-fuzz`.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let arguments = ["test", "--profile", "ci", "--package", "ztag-fuzz", "--"];
    let mut command = cargo(&arguments);
    command
        .args(&options.targets)
        .env(SECONDS_VARIABLE, options.seconds.to_string());
    execute(&mut command)
}
