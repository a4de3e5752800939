//! The floors of `design/architecture.md` and the dependencies of the crates.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::Command;

use serde_json::Value as Json;
use ztag_test_support::{Failure, workspace};

use crate::page::Page;
use crate::tree::report;

/// Tools of developers, which stand beside the house.
const BESIDE: [&str; 5] = ["xtask", "tests", "test-support", "benches", "fuzz"];

/// A crate by its name without `ztag-`, with what it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

#[test]
fn crates_use_lower_floors_and_only_what_the_table_lists() -> Result<(), Failure> {
    let page = Page::open("architecture.md")?;
    let mut floors = BTreeMap::new();
    let mut listed = Uses::new();
    for row in page.rows("floors")? {
        let [floor, name, uses] = row.as_slice() else {
            return Err(Failure::new(format!("not a row of floors: {row:?}")));
        };
        let floor: u8 = floor
            .parse()
            .map_err(|_| Failure::new(format!("no floor: {floor}")))?;
        floors.insert(name.clone(), floor);
        let uses = uses.split(", ").filter(|name| !name.is_empty());
        listed.insert(name.clone(), uses.map(str::to_owned).collect());
    }
    let real = dependencies()?;
    let mut deviations = Vec::new();
    for (name, uses) in &real {
        if listed.get(name) != Some(uses) {
            let listed = listed.get(name);
            deviations.push(format!("`{name}` uses {uses:?}; the table says {listed:?}"));
        }
        let (own, floor) = (floors.get(name), |used| floors.get(used));
        let level = uses.iter().filter(|used| floor(used.as_str()) >= own);
        deviations.extend(level.map(|used| format!("`{used}` is not below `{name}`")));
    }
    let gone = listed.keys().filter(|name| !real.contains_key(*name));
    deviations.extend(gone.map(|name| format!("there is no crate `{name}`")));
    report(&deviations)
}

/// What each crate of the house uses of the others, without what only its tests use.
fn dependencies() -> Result<Uses, Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(workspace())
        .output()?;
    let metadata: Json = serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::new(format!("`cargo metadata`: {error}")))?;
    let packages = items(&metadata, "packages");
    let uses = packages.iter().filter_map(|package| {
        let name = short(package)?;
        Some((name, used_by(package)))
    });
    Ok(uses
        .filter(|(name, _)| !BESIDE.contains(&name.as_str()))
        .collect())
}

fn used_by(package: &Json) -> BTreeSet<String> {
    let all = items(package, "dependencies").iter();
    let normal = all.filter(|used| used.get("kind").is_none_or(Json::is_null));
    let own = normal.filter(|used| used.get("path").is_some());
    own.filter_map(short).collect()
}

fn items<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    let list = json.get(key).and_then(Json::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn short(package: &Json) -> Option<String> {
    let name = package.get("name")?.as_str()?;
    Some(name.strip_prefix("ztag-").unwrap_or(name).to_owned())
}
