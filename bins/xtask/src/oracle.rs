//! Tokens judged by another verifier as well, which needs OpenSSL: a workspace of its own.

use std::process::{Command, Stdio};

use ztag_test_support::{Failure, workspace};

use crate::command::execute;

/// What it takes to build against OpenSSL, as Debian packages it.
const PACKAGES: [&str; 2] = ["pkg-config", "libssl-dev"];

/// The packages to install, if OpenSSL cannot be built against.
pub(crate) fn missing() -> &'static [&'static str] {
    if can_build() { &[] } else { &PACKAGES }
}

/// Runs the comparison with `tests`, the command that runs every other test; says so where it
/// cannot be built.
pub(crate) fn run(mut tests: Command) -> Result<(), Failure> {
    if !can_build() {
        let names = PACKAGES.join(", ");
        println!("tests/oracle is skipped: `cargo xtask setup` installs {names}");
        return Ok(());
    }
    let folder = workspace().join("tests").join("oracle");
    tests
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        // The same dependencies, built once.
        .arg("--target-dir")
        .arg(workspace().join("target"));
    execute(&mut tests)
}

fn can_build() -> bool {
    let found = Command::new("pkg-config")
        .args(["--exists", "openssl"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok_and(|status| status.success())
}
