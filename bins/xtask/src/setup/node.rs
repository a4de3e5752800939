//! The Node packages of the tests: an `OpenID` provider and a client.

use std::fs;
use std::process::Command;

use ztag_test_support::{Failure, NODE_LOCK, NODE_MANIFEST, NODE_STAMP, locate, node_folder};

use crate::command::execute;

/// The oldest Node with the Web Crypto interface that the packages use.
const OLDEST: u32 = 20;

/// Installs exactly what the lock file names, unless that is there.
pub(super) fn install() -> Result<(), Failure> {
    let folder = node_folder();
    let stamp = folder.join(NODE_STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == NODE_LOCK) {
        return Ok(());
    }
    check_version()?;
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), NODE_MANIFEST)?;
    fs::write(folder.join("package-lock.json"), NODE_LOCK)?;
    let mut npm = Command::new(locate("npm")?);
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--loglevel", "error"])
        .current_dir(&folder);
    execute(&mut npm)?;
    // Last, so that half an installation is none.
    Ok(fs::write(stamp, NODE_LOCK)?)
}

fn check_version() -> Result<(), Failure> {
    let output = Command::new(locate("node")?).arg("--version").output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = said.trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse().ok()) >= Some(OLDEST) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Node {said} is too old for the tests: install {OLDEST} or later on the PATH"
    )))
}
