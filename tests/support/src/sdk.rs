//! SDKs that are not ours: programs that use all of them against a server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::oidc::NODE_STAMP;
use crate::{Failure, locate, tools_folder};

/// What `cargo xtask setup` installs with `npm` for [`run_node_sdk`]: the SDK of `OpenFGA`.
pub const SDK_MANIFEST: &str = include_str!("sdk/package.json");
/// The lock file of [`SDK_MANIFEST`].
pub const SDK_LOCK: &str = include_str!("sdk/package-lock.json");
/// What `cargo xtask setup` installs with `npm` for [`run_openai_sdk`].
pub const OPENAI_MANIFEST: &str = include_str!("sdk/openai/package.json");
/// The lock file of [`OPENAI_MANIFEST`].
pub const OPENAI_LOCK: &str = include_str!("sdk/openai/package-lock.json");
/// What `cargo xtask setup` installs with `npm` for [`run_anthropic_sdk`].
pub const ANTHROPIC_MANIFEST: &str = include_str!("sdk/anthropic/package.json");
/// The lock file of [`ANTHROPIC_MANIFEST`].
pub const ANTHROPIC_LOCK: &str = include_str!("sdk/anthropic/package-lock.json");
/// What `cargo xtask setup` installs with `pip` for [`run_python_sdk`].
pub const PYTHON_SDK: &str = "openfga-sdk==0.10.5";

const NODE_SCENARIO: &str = include_str!("sdk/scenario.mjs");
const OPENAI_SCENARIO: &str = include_str!("sdk/openai/scenario.mjs");
const ANTHROPIC_SCENARIO: &str = include_str!("sdk/anthropic/scenario.mjs");
const PYTHON_SCENARIO: &str = include_str!("sdk/scenario.py");

/// Where the packages of [`SDK_MANIFEST`] are installed.
pub fn sdk_folder() -> PathBuf {
    tools_folder().join("npm-sdk")
}

/// Where the packages of [`OPENAI_MANIFEST`] are installed.
pub fn openai_folder() -> PathBuf {
    tools_folder().join("npm-openai")
}

/// Where the packages of [`ANTHROPIC_MANIFEST`] are installed.
pub fn anthropic_folder() -> PathBuf {
    tools_folder().join("npm-anthropic")
}

/// Runs `sdk/scenario.mjs` with the SDK of `OpenFGA` for Node against the server at `url`, whose
/// preshared key is `key`.
pub fn run_node_sdk(url: &str, key: &str) -> Result<(), Failure> {
    run_with_node(&sdk_folder(), SDK_LOCK, NODE_SCENARIO, (url, key))
}

/// Runs `sdk/openai/scenario.mjs` with the SDK of `OpenAI` for Node against the gateway at `url`, to
/// which it shows the key `key`.
pub fn run_openai_sdk(url: &str, key: &str) -> Result<(), Failure> {
    run_with_node(&openai_folder(), OPENAI_LOCK, OPENAI_SCENARIO, (url, key))
}

/// Runs `sdk/anthropic/scenario.mjs` with the SDK of Anthropic for Node against the gateway at `url`, to
/// which it shows the key `key`.
pub fn run_anthropic_sdk(url: &str, key: &str) -> Result<(), Failure> {
    let folder = anthropic_folder();
    run_with_node(&folder, ANTHROPIC_LOCK, ANTHROPIC_SCENARIO, (url, key))
}

/// Runs `scenario` with the packages in `installed`, which are those of `lock`.
fn run_with_node(
    installed: &Path,
    lock: &str,
    scenario: &str,
    (url, key): (&str, &str),
) -> Result<(), Failure> {
    let stamp = fs::read_to_string(installed.join(NODE_STAMP)).unwrap_or_default();
    if stamp != lock {
        return Err(Failure::new(
            "an SDK of the tests is not installed, or another version of it: \
             run `cargo xtask setup`",
        ));
    }
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("scenario.mjs");
    fs::write(&script, scenario)?;
    // Imports are looked for beside the script.
    let modules = installed.join("node_modules");
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
