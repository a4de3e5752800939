//! Builds the programs of this workspace that tests run.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::Failure;

type Built = Result<PathBuf, Failure>;

static BUILT: Mutex<BTreeMap<&'static str, Built>> = Mutex::new(BTreeMap::new());

/// The path of the program of `package`: what `variable` names, such as a packaged one, or else
/// that of this workspace under the profile of this program, built now, once, if it is not up to
/// date.
pub(crate) fn program(package: &'static str, variable: &str) -> Built {
    if let Some(named) = env::var_os(variable) {
        return Ok(PathBuf::from(named));
    }
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built
        .entry(package)
        .or_insert_with(|| build(package))
        .clone()
}

fn build(package: &str) -> Built {
    let this = env::current_exe()?;
    // `target/debug/xtask` or `target/debug/deps/e2e-0123`.
    let folder = this
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps"))
        .ok_or_else(|| Failure::new("this program has no folder"))?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(other) => other,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--package", package, "--profile", profile])
        .current_dir(crate::workspace())
        .output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("cannot build {package}\n{errors}")));
    }
    Ok(folder.join(format!("{package}{}", env::consts::EXE_SUFFIX)))
}
