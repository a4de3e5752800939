//! Everything that must hold before a change goes in.

use clap::Args;
use ztag_test_support::Failure;

use crate::command::{cargo, execute};
use crate::{fuzz, setup, test};

/// Tests of what is off by default, which the workspace never sees: all at once, or what they share
/// is built anew for each.
const OPTIONAL: [&str; 13] = [
    "test",
    "--package",
    "ztag-ai-security",
    "--package",
    "ztag-rule-chain",
    "--package",
    "ztag-proxy",
    "--package",
    "ztag-config",
    "--package",
    "ztag",
    "--features",
    "transformer",
];

#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the tests, which have just run.
    #[arg(long)]
    after_test: bool,
}

/// Format, lints, tests with the examples, those of optional features, documentation, dependencies,
/// fuzz targets; the quick ones first.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    execute(&mut cargo(&["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    execute(&mut cargo(&clippy))?;
    if !options.after_test {
        test::run()?;
    }
    execute(&mut cargo(&OPTIONAL))?;
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps"]);
    execute(documentation.env("RUSTDOCFLAGS", "-D warnings"))?;
    setup::install_deny()?;
    execute(&mut cargo(&[
        "deny", "check", "bans", "licenses", "sources",
    ]))?;
    fuzz::run(&fuzz::Options::brief())
}
