//! Every test.

use ztag_test_support::Failure;

use crate::command::{cargo, execute};
use crate::setup;

/// Seeds the generators of property tests.
const SEED: &str = "PROPTEST_RNG_SEED";

/// The same cases on every run. Set the variable to explore others; what they find becomes a
/// test of its own.
const DEFAULT_SEED: &str = "20260101";

/// Installs what tests run, then runs them: unit, integration, end-to-end and documentation
/// tests. The last lines are those of cargo.
pub(crate) fn run() -> Result<(), Failure> {
    setup::install()?;
    let mut tests = cargo(&["test", "--workspace"]);
    if std::env::var_os(SEED).is_none() {
        tests.env(SEED, DEFAULT_SEED);
    }
    execute(&mut tests)
}
