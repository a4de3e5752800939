//! Random input for everything that reads input from outside, guided by coverage.
//!
//! What `cargo fuzz` does, on stable Rust: the compiler's coverage pass is a stable code generation
//! option, and libFuzzer brings the rest. Sanitizers would need nightly; without unsafe code there
//! is nothing for them to find.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use ztag_test_support::{Failure, locate, workspace};

use crate::command::{cargo, execute};

/// Tells the program which target to run.
const TARGET_VARIABLE: &str = "ZTAG_FUZZ_TARGET";

/// What makes the compiler count which edges of the program are taken, and which comparisons fail.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// Longest input in bytes, longest time for one in seconds, most memory in MiB.
const BOUNDS: [&str; 3] = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"];

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

/// Builds the fuzz targets and runs those chosen; the first input that breaks one ends it.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let chosen = chosen(&options.targets)?;
    let program = build()?;
    chosen
        .iter()
        .try_for_each(|name| feed(&program, name, options.seconds))
}

/// The targets by their folders of seeds, sorted.
fn chosen(wanted: &[String]) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(source().join("seeds"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let there = names.join(", ");
    names.retain(|name| wanted.is_empty() || wanted.iter().any(|part| name.contains(part)));
    if names.is_empty() {
        return Err(Failure::new(format!("no such target; there are {there}")));
    }
    Ok(names)
}

/// Builds with coverage counters, in a folder of its own.
fn build() -> Result<PathBuf, Failure> {
    locate("c++").map_err(|_| Failure::new("libFuzzer needs a C++ compiler: install `g++`"))?;
    // With a target named, the flags do not reach build scripts and macros.
    let host = host()?;
    let manifest = source().join("Cargo.toml");
    let mut command = cargo(&["build", "--release", "--target", &host]);
    command
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(shelf())
        .env("RUSTFLAGS", COVERAGE);
    execute(&mut command)?;
    Ok(shelf().join(host).join("release").join("ztag-fuzz"))
}

/// Runs one target from its seeds and from what earlier runs found interesting.
fn feed(program: &Path, name: &str, seconds: u32) -> Result<(), Failure> {
    let corpus = shelf().join("corpus").join(name);
    let artifacts = shelf().join("artifacts").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let mut command = Command::new(program);
    command
        .env(TARGET_VARIABLE, name)
        .args([corpus, source().join("seeds").join(name)])
        .args(BOUNDS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-verbosity=0", "-print_final_stats=1"]);
    execute(&mut command).map_err(|failure| {
        let kept = artifacts.display();
        failure.during(&format!(
            "fuzz target `{name}`, whose input is kept in {kept}"
        ))
    })
}

fn source() -> PathBuf {
    workspace().join("tests").join("fuzz")
}

fn shelf() -> PathBuf {
    workspace().join("target").join("fuzz")
}

/// The platform that the compiler builds for.
fn host() -> Result<String, Failure> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned)
        .ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}
