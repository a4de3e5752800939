//! Every test.

use std::process::Command;

use ztag_test_support::Failure;

use crate::command::{cargo, execute};
use crate::{oracle, setup};

/// Seeds the generators of property tests.
const SEED: &str = "PROPTEST_RNG_SEED";

/// The same cases on every run. Set the variable to explore others; what they find becomes a
/// test of its own.
const DEFAULT_SEED: &str = "20260101";

/// Installs what tests run, then runs them: the comparison with another verifier, then unit,
/// integration, end-to-end and documentation tests. The last lines are those of cargo.
pub(crate) fn run() -> Result<(), Failure> {
    setup::install()?;
    oracle::run(seeded(&["test"]))?;
    execute(&mut seeded(&["test", "--workspace"]))
}

fn seeded(arguments: &[&str]) -> Command {
    let mut tests = cargo(arguments);
    if std::env::var_os(SEED).is_none() {
        tests.env(SEED, DEFAULT_SEED);
    }
    tests
}
