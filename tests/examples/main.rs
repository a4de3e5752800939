//! Every example does what its `cases.yaml` says, run by the real programs: those with a
//! `config.yaml` by forward-auth, against a backend that records what it is asked; the others by
//! the gateway, before an application that records what reaches it, and where they hold a
//! `forward-auth.yaml` by both.

#![cfg(test)]

mod asked;
mod front;
mod issuer;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ztag_test_support::{Failure, forward_auth_binary, from_yaml, gateway_binary, workspace};

/// The configuration of an example of forward-auth.
const ASKED: &str = "config.yaml";
/// The requests of an example.
const CASES: &str = "cases.yaml";
/// The configuration of an example of the gateway, unless its environment says everything.
const FRONT: &str = "gateway.yaml";
/// The configuration of the other door of such an example.
const OTHER_DOOR: &str = "forward-auth.yaml";

#[test]
fn every_example_of_forward_auth_answers_its_requests() -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for folder in folders(CASES)? {
        if folder.join(ASKED).exists() {
            deviations.extend(asked::play(&folder)?);
        }
    }
    report(&deviations)
}

#[test]
fn every_example_of_the_gateway_answers_its_requests() -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for folder in folders(CASES)? {
        if !folder.join(ASKED).exists() {
            deviations.extend(front::play(&folder)?);
        }
    }
    report(&deviations)
}

#[test]
fn every_example_is_checked_without_a_word() -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for (file, program) in [
        (ASKED, forward_auth_binary()?),
        (OTHER_DOOR, forward_auth_binary()?),
        (FRONT, gateway_binary()?),
    ] {
        for folder in folders(file)? {
            let prepared = front::certified(&folder)?;
            let here = prepared.as_ref().map_or(&*folder, |copy| copy.path());
            let mut check = Command::new(&program);
            check.args(["check", "--format", "json", "--config"]);
            check.arg(here.join(file));
            let mut has_findings = false;
            if file == ASKED && folder.join(CASES).exists() {
                let script: asked::Script = from_yaml(&folder.join(CASES))?;
                check.envs(&script.environment);
                has_findings = script.diagnostics;
            }
            let output = check.output()?;
            let silent = output.status.success() && output.stdout.trim_ascii() == b"[]";
            if silent == has_findings {
                deviations.push(format!(
                    "{}: {}\n{}{}",
                    folder.join(file).display(),
                    output.status,
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                ));
            }
        }
    }
    report(&deviations)
}

/// The examples that have `file`, in order.
fn folders(file: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(workspace().join("examples"))? {
        let folder = entry?.path();
        if folder.join(file).exists() {
            folders.push(folder);
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(Failure::new(format!("no example has a {file}")));
    }
    Ok(folders)
}

fn report(deviations: &[String]) -> Result<(), Failure> {
    if deviations.is_empty() {
        return Ok(());
    }
    Err(Failure::new(deviations.join("\n")))
}
