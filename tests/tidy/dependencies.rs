//! The table of `design/dependencies.md` and the workspace's `Cargo.toml`.

use std::fs;

use ztag_test_support::{Failure, workspace};

use crate::page::Page;
use crate::tree::{files, report};

#[test]
fn every_dependency_has_a_reason() -> Result<(), Failure> {
    let names = third_party()?;
    let mut names: Vec<_> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    Page::open("dependencies.md")?.expect_names("dependencies", 0, &names)
}

#[test]
fn every_dependency_is_used() -> Result<(), Failure> {
    let manifests = files("toml")?;
    let manifests: Vec<_> = manifests
        .iter()
        .filter(|file| file.name.ends_with("/Cargo.toml"))
        .collect();
    let is_used = |name: &str| {
        let line = format!("\n{name} = ");
        manifests
            .iter()
            .any(|manifest| manifest.text.contains(&line))
    };
    let names = third_party()?.into_iter();
    let unused: Vec<_> = names.filter(|name| !is_used(name)).collect();
    report(
        &unused
            .iter()
            .map(|name| format!("nobody uses `{name}`"))
            .collect::<Vec<_>>(),
    )
}

/// The names in `[workspace.dependencies]`, without our own.
fn third_party() -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(workspace().join("Cargo.toml"))?;
    let manifest: toml::Table = text
        .parse()
        .map_err(|error| Failure::new(format!("{error}")))?;
    let dependencies = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies")?.as_table());
    let names = dependencies.into_iter().flat_map(toml::Table::keys);
    let others = names.filter(|name| !name.starts_with("ztag-"));
    Ok(others.cloned().collect())
}
