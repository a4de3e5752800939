//! The Node packages of the tests, an `OpenID` provider with a client and the SDKs of `OpenFGA`,
//! `OpenAI` and Anthropic; and those of a benchmark.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ztag_test_support::{
    ANTHROPIC_LOCK, ANTHROPIC_MANIFEST, Failure, NODE_LOCK, NODE_MANIFEST, NODE_STAMP, OPENAI_LOCK,
    OPENAI_MANIFEST, SDK_LOCK, SDK_MANIFEST, anthropic_folder, locate, node_folder, openai_folder,
    sdk_folder, tools_folder,
};

use crate::command::execute;

/// The oldest Node with the Web Crypto interface that the packages use.
const OLDEST: u32 = 20;

/// Packages that go into a folder together.
struct Packages {
    folder: PathBuf,
    manifest: &'static str,
    lock: &'static str,
}

/// Installs exactly what the lock files name, unless that is there.
pub(super) fn install() -> Result<(), Failure> {
    let provider = Packages {
        folder: node_folder(),
        manifest: NODE_MANIFEST,
        lock: NODE_LOCK,
    };
    let sdk = Packages {
        folder: sdk_folder(),
        manifest: SDK_MANIFEST,
        lock: SDK_LOCK,
    };
    let openai = Packages {
        folder: openai_folder(),
        manifest: OPENAI_MANIFEST,
        lock: OPENAI_LOCK,
    };
    let anthropic = Packages {
        folder: anthropic_folder(),
        manifest: ANTHROPIC_MANIFEST,
        lock: ANTHROPIC_LOCK,
    };
    [provider, sdk, openai, anthropic]
        .iter()
        .try_for_each(Packages::install)
}

/// The packages of `SpiceDB`, which a benchmark asks the same as ours.
pub(super) fn install_spicedb() -> Result<PathBuf, Failure> {
    let packages = Packages {
        folder: tools_folder().join("spicedb"),
        manifest: include_str!("../../../../benches/fga/spicedb/package.json"),
        lock: include_str!("../../../../benches/fga/spicedb/package-lock.json"),
    };
    packages.install()?;
    Ok(packages.folder)
}

impl Packages {
    fn install(&self) -> Result<(), Failure> {
        let stamp = self.folder.join(NODE_STAMP);
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == self.lock) {
            return Ok(());
        }
        check_version()?;
        fs::create_dir_all(&self.folder)?;
        fs::write(self.folder.join("package.json"), self.manifest)?;
        fs::write(self.folder.join("package-lock.json"), self.lock)?;
        let mut npm = Command::new(locate("npm")?);
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(["--loglevel", "error"])
            .current_dir(&self.folder);
        execute(&mut npm)?;
        // Last, so that half an installation is none.
        Ok(fs::write(stamp, self.lock)?)
    }
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
