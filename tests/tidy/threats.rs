//! `design/threat-model.md` and the tests named after attacks and inherited defects.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ztag_test_support::Failure;

use crate::page::Page;
use crate::tree::{files, report};

/// Beginnings of the names of tests that the page must know.
const KINDS: [&str; 2] = ["attack_", "defect_"];

/// Names of functions, each with the crates that have it.
type Functions = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_class_of_attack_names_its_tests() -> Result<(), Failure> {
    let page = Page::open("threat-model.md")?;
    let tests = tests()?;
    let mut table = String::from("| # | class | what prevents it | tests |\n|---|---|---|---|\n");
    let mut untested = Vec::new();
    for row in page.rows("attacks")? {
        let [number, class, defence, ..] = row.as_slice() else {
            return Err(Failure::new(format!("not a row of attacks: {row:?}")));
        };
        let own = named_after(&tests, &format!("attack_{number:0>2}_"));
        if own.is_empty() {
            untested.push(format!("class {number} has no test"));
        }
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {number} | {class} | {defence} | {} |",
            own.join("<br>")
        );
    }
    report(&untested)?;
    page.expect_generated("attacks", &table)
}

#[test]
fn every_inherited_defect_names_its_tests() -> Result<(), Failure> {
    let page = Page::open("threat-model.md")?;
    let tests = tests()?;
    let mut untested = Vec::new();
    let mut table = String::from(
        "| # | what went wrong elsewhere | what holds here | tests |\n|---|---|---|---|\n",
    );
    for row in page.rows("defects")? {
        let [number, defect, rule, ..] = row.as_slice() else {
            return Err(Failure::new(format!("not a row of defects: {row:?}")));
        };
        let own = named_after(&tests, &format!("defect_{}_", number.replace('.', "_")));
        if own.is_empty() {
            untested.push(format!("defect {number} has no test"));
        }
        let _ = writeln!(
            table,
            "| {number} | {defect} | {rule} | {} |",
            own.join("<br>")
        );
    }
    report(&untested)?;
    page.expect_generated("defects", &table)
}

#[test]
fn the_page_names_every_such_test_and_no_other() -> Result<(), Failure> {
    let page = Page::open("threat-model.md")?;
    let (all, special) = (functions("")?, tests()?);
    let named: BTreeSet<_> = page.text().split('`').skip(1).step_by(2).collect();
    let is_gone = |name: &str| match name.rsplit_once("::") {
        Some((place, test)) => !all.get(test).is_some_and(|places| places.contains(place)),
        None => !all.contains_key(name),
    };
    // Metrics and reasons are written likewise, but with fewer words.
    let tests = named.iter().filter(|name| name.matches('_').count() > 2);
    let gone = tests.filter(|name| is_gone(name));
    let mut deviations: Vec<_> = gone.map(|name| format!("no test `{name}`")).collect();
    let is_named = |test: &str, place: &str| named.contains(format!("{place}::{test}").as_str());
    for (test, places) in &special {
        let unnamed = places.iter().filter(|place| !is_named(test, place));
        deviations.extend(unnamed.map(|place| format!("the page does not name `{place}::{test}`")));
    }
    report(&deviations)
}

/// The tests whose name holds `part`, each as `crate::name`.
fn named_after(tests: &Functions, part: &str) -> Vec<String> {
    let fitting = tests.iter().filter(|(name, _)| name.contains(part));
    let shown = fitting.flat_map(|(name, places)| {
        let shown = places.iter().map(move |place| format!("`{place}::{name}`"));
        shown.collect::<Vec<_>>()
    });
    shown.collect()
}

/// Every test named after a numbered attack or defect, with the crates that have it.
fn tests() -> Result<Functions, Failure> {
    let mut tests = Functions::new();
    for kind in KINDS {
        let named = functions(kind)?.into_iter();
        let is_numbered = |name: &str| {
            let rest = name.strip_prefix(kind);
            rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        tests.extend(named.filter(|(name, _)| is_numbered(name)));
    }
    Ok(tests)
}

/// Every function whose name begins with `start`.
fn functions(start: &str) -> Result<Functions, Failure> {
    let mut functions = Functions::new();
    for source in files("rs")? {
        let place = place_of(&source.name);
        let declared = source.text.split("fn ").skip(1);
        let names = declared.filter_map(|rest| rest.split(['(', '<']).next());
        for name in names.filter(|name| name.starts_with(start)) {
            let places = functions.entry(name.to_owned()).or_default();
            places.insert(place.to_owned());
        }
    }
    Ok(functions)
}

/// The crate of a source file, or `tests`.
fn place_of(name: &str) -> &str {
    let mut parts = name.split('/');
    match parts.next() {
        Some("crates" | "bins") => parts.next().unwrap_or(name),
        _ => "tests",
    }
}
