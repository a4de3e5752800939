//! Every test.

use ztag_test_support::Failure;

use crate::command::{cargo, execute};
use crate::setup;

/// Installs what tests run, then runs them: unit, integration, end-to-end and documentation
/// tests. The last lines are those of cargo.
pub(crate) fn run() -> Result<(), Failure> {
    setup::install()?;
    execute(&mut cargo(&["test", "--workspace"]))
}
