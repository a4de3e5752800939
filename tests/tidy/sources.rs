//! The house style, as far as a program can see it.

use std::fs;

use ztag_test_support::Failure;

use crate::tree::{Source, files, packages, report};

/// Most lines of a source file.
const MAX_LINES: usize = 500;
/// Most lines of a file of tests.
const MAX_TEST_LINES: usize = 800;

/// Macros that stand for unfinished work.
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];
/// Words that hide what a type is for.
const EMPTY_WORDS: [&str; 4] = ["Manager", "Helper", "Util", "Handler"];
/// Beginnings of function names that say nothing.
const EMPTY_VERBS: [&str; 3] = ["get_", "do_", "process_"];
/// What such a beginning says together with its second word.
const SAYING: &str = "get_or_";
/// What declares a type.
const DECLARATIONS: [&str; 4] = ["struct ", "enum ", "trait ", "type "];

#[test]
fn every_file_begins_with_its_job() -> Result<(), Failure> {
    expect(|source| {
        let begins = |start| source.text.starts_with(start);
        // Modules of unit tests are described by the module that they test.
        let is_unit = source.name.contains("/src/") && is_test(source);
        let documented = is_unit || begins("//!") || begins("#![doc = include_str!(");
        (!documented).then(|| String::from("does not begin with `//!`"))
    })
}

#[test]
fn files_stay_small() -> Result<(), Failure> {
    expect(|source| {
        let limit = if is_test(source) {
            MAX_TEST_LINES
        } else {
            MAX_LINES
        };
        let lines = source.text.lines().count();
        (lines > limit).then(|| format!("has {lines} lines, more than {limit}"))
    })
}

#[test]
fn nothing_is_left_unfinished() -> Result<(), Failure> {
    expect(|source| {
        let mut calls = UNFINISHED.iter().map(|name| format!("{name}("));
        let found = calls.find(|call| code(source).any(|line| line.contains(call.as_str())));
        found.map(|call| format!("holds `{call}`"))
    })
}

#[test]
fn names_say_what_things_are() -> Result<(), Failure> {
    expect(|source| {
        let mut names = code(source).filter_map(declared);
        let empty = |name: &&str| EMPTY_WORDS.iter().any(|word| name.contains(word));
        let found = names.find(empty).map(|name| format!("declares `{name}`"));
        let mut verbs = code(source).filter_map(function);
        let found_verb = verbs.find(|name| {
            !name.starts_with(SAYING) && EMPTY_VERBS.iter().any(|verb| name.starts_with(verb))
        });
        found.or_else(|| found_verb.map(|name| format!("declares `{name}`")))
    })
}

#[test]
fn every_crate_shows_its_readme_and_keeps_the_lints() -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for package in packages()? {
        let name = package.display();
        let manifest = fs::read_to_string(package.join("Cargo.toml"))?;
        if !manifest.contains("[lints]\nworkspace = true") {
            deviations.push(format!("{name}: does not keep the lints of the workspace"));
        }
        let Ok(root) = fs::read_to_string(package.join("src/lib.rs")) else {
            continue;
        };
        if !root.starts_with("#![doc = include_str!(\"../README.md\")]") {
            deviations.push(format!(
                "{name}: the README is not the crate's documentation"
            ));
        }
    }
    report(&deviations)
}

fn expect(check: impl Fn(&Source) -> Option<String>) -> Result<(), Failure> {
    let sources = files("rs")?;
    let deviations = sources.iter().filter_map(|source| {
        let what = check(source)?;
        Some(format!("{} {what}", source.name))
    });
    report(&deviations.collect::<Vec<_>>())
}

fn is_test(source: &Source) -> bool {
    source.name.starts_with("tests/")
        || source.name.contains("/tests/")
        || source.name.ends_with("/tests.rs")
}

/// The lines that are not comments.
fn code(source: &Source) -> impl Iterator<Item = &str> {
    let lines = source.text.lines().map(str::trim_start);
    // This file names what it looks for.
    lines.filter(|line| !line.starts_with("//") && !source.name.ends_with("tidy/sources.rs"))
}

/// The type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let line = without_visibility(line);
    let name = DECLARATIONS
        .iter()
        .find_map(|word| line.strip_prefix(word))?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

/// The function that a line declares.
fn function(line: &str) -> Option<&str> {
    let line = without_visibility(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    let name = line.strip_prefix("fn ")?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

fn without_visibility(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("pub") else {
        return line;
    };
    let rest = rest.strip_prefix("(crate)").unwrap_or(rest);
    let rest = rest.strip_prefix("(super)").unwrap_or(rest);
    rest.trim_start()
}
