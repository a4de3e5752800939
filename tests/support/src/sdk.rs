//! The SDKs of `OpenFGA`, which are not ours: programs that use all of them against a server.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::oidc::NODE_STAMP;
use crate::{Failure, locate, tools_folder};

/// What `cargo xtask setup` installs with `npm` for [`run_node_sdk`].
pub const SDK_MANIFEST: &str = include_str!("sdk/package.json");
/// The lock file of [`SDK_MANIFEST`].
pub const SDK_LOCK: &str = include_str!("sdk/package-lock.json");
/// What `cargo xtask setup` installs with `pip` for [`run_python_sdk`].
pub const PYTHON_SDK: &str = "openfga-sdk==0.10.5";

const NODE_SCENARIO: &str = include_str!("sdk/scenario.mjs");
const PYTHON_SCENARIO: &str = include_str!("sdk/scenario.py");

/// Where the packages of [`SDK_MANIFEST`] are installed.
pub fn sdk_folder() -> PathBuf {
    tools_folder().join("npm-sdk")
}

/// Runs `sdk/scenario.mjs` with the SDK for Node against the server at `url`, whose preshared key
/// is `key`.
pub fn run_node_sdk(url: &str, key: &str) -> Result<(), Failure> {
    let installed = fs::read_to_string(sdk_folder().join(NODE_STAMP)).unwrap_or_default();
    if installed != SDK_LOCK {
        return Err(Failure::new(
            "the OpenFGA SDK of the tests is not installed, or another version of it: \
             run `cargo xtask setup`",
        ));
    }
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("scenario.mjs");
    fs::write(&script, NODE_SCENARIO)?;
    // Imports are looked for beside the script.
    let modules = sdk_folder().join("node_modules");
    std::os::unix::fs::symlink(modules, folder.path().join("node_modules"))?;
    run(Command::new(locate("node")?).arg(script), url, key)
}

/// Runs `sdk/scenario.py` with the SDK for Python against the server at `url`, whose preshared key
/// is `key`.
pub fn run_python_sdk(url: &str, key: &str) -> Result<(), Failure> {
    let python = tools_folder().join("bin/python");
    run(Command::new(python).args(["-c", PYTHON_SCENARIO]), url, key)
}

fn run(command: &mut Command, url: &str, key: &str) -> Result<(), Failure> {
    let output = command.args([url, key]).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{}: {said}", output.status)))
}
