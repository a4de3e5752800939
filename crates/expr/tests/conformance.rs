//! The CEL conformance suite, through the door that the operator tool uses.
//!
//! The cases are shared data beside the workspace; without them the test says so and passes.
//! `ZTAG_SHARED` names another place for them, `ZTAG_BLESS=1` rewrites the table in `design/`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that reads known files and says when it skips"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use ztag_expr::case::evaluate_case;

/// Groups of cases that must pass, each by its tags.
const OFFERED: &[(&str, &str)] = &[
    ("core", "the standard library"),
    ("container", "names looked up in a namespace"),
    ("optional", "optional values"),
    ("ext:bindings", "`cel.bind`"),
    ("ext:block", "`cel.block`"),
    ("ext:encoders", "`base64`"),
    ("ext:macros2", "comprehensions of two variables"),
    ("ext:math", "`math`"),
    ("ext:network", "addresses and networks"),
    ("ext:string", "text"),
];

/// Why groups are not offered.
const REFUSED: &[(&str, &str)] = &[
    ("proto", "protobuf messages are no policy input"),
    (
        "wkt",
        "protobuf messages are no policy input; timestamps and durations work",
    ),
    ("typecheck", "types are checked, not printed"),
    ("ext:proto2", "protobuf messages are no policy input"),
];

/// Cases of offered groups that are not offered.
const EXCLUDED: &[(&str, &str)] = &[
    ("block_ext/basic/multiple_macros_2", ITER_VAR),
    ("block_ext/basic/macro_shadowed_variable_1", ITER_VAR),
    ("block_ext/basic/macro_shadowed_variable_2", ITER_VAR),
];

/// `cel.iterVar` stands for the variable of a macro, in the output of optimizers only; nobody writes it.
const ITER_VAR: &str = "`cel.iterVar` is not source text";

fn shared() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("ZTAG_SHARED").map_or(default, PathBuf::from);
    Some(root.join("conformance/cel")).filter(|folder| folder.is_dir())
}

fn cases(folder: &Path) -> Vec<Json> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        serde_json::from_str::<Vec<Json>>(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    files.into_iter().flat_map(read).collect()
}

/// The group of a case: its first tag that is refused, else its last.
fn group(case: &Json) -> String {
    let tags: Vec<&str> = case["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag.as_str().unwrap())
        .collect();
    let refused = REFUSED
        .iter()
        .find(|(name, _)| tags.contains(name))
        .map(|(name, _)| *name);
    let wanted = tags
        .iter()
        .rev()
        .find(|tag| **tag != "container")
        .or(tags.first());
    refused.unwrap_or(wanted.unwrap()).to_owned()
}

fn passes(case: &Json, answer: &Json) -> bool {
    let expect = &case["expect"];
    if expect.get("error").is_some() || expect.get("any_error").is_some() {
        return answer.get("error").is_some();
    }
    match (expect.get("value"), answer.get("value")) {
        (Some(expected), Some(value)) => same(expected, value),
        _ => false,
    }
}

/// Equality of tagged values; the order of map entries does not matter.
fn same(expected: &Json, value: &Json) -> bool {
    if let (Some(a), Some(b)) = (expected["map"].as_array(), value["map"].as_array()) {
        let entry = |a: &Json| b.iter().any(|b| same(&a[0], &b[0]) && same(&a[1], &b[1]));
        return a.len() == b.len() && a.iter().all(entry);
    }
    if let (Some(a), Some(b)) = (expected["list"].as_array(), value["list"].as_array()) {
        return a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    }
    for kind in ["timestamp", "duration"] {
        if expected.get(kind).is_some() && value.get(kind).is_some() {
            return expected["seconds"] == value["seconds"] && expected["nanos"] == value["nanos"];
        }
    }
    expected == value
}

#[derive(Default)]
struct Count {
    cases: usize,
    passed: usize,
}

fn table(counts: &BTreeMap<String, Count>) -> String {
    let mut text = String::from(
        "# CEL conformance\n\nThe public cases of the CEL specification's suite, run by `crates/expr/tests/conformance.rs`, \
         which also writes this table\n(`ZTAG_BLESS=1`). Every case of an offered group passes, save those listed \
         in that test with a reason.\n\n| group | cases | passed | |\n|---|---|---|---|\n",
    );
    for (name, count) in counts {
        let offered = OFFERED
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, what)| format!("offered: {what}"));
        let refused = REFUSED
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, why)| format!("refused: {why}"));
        let note = offered
            .or(refused)
            .unwrap_or_else(|| "not offered".to_owned());
        writeln!(
            text,
            "| {name} | {} | {} | {note} |",
            count.cases, count.passed
        )
        .unwrap();
    }
    text
}

fn compare_table(counts: &BTreeMap<String, Count>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../design/cel-conformance.md");
    let text = table(counts);
    if std::env::var_os("ZTAG_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        written, text,
        "design/cel-conformance.md is out of date: run with ZTAG_BLESS=1"
    );
}

#[test]
fn offered_groups_pass() {
    let Some(folder) = shared() else {
        println!("skipped: no conformance data");
        return;
    };
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in cases(&folder) {
        let answer: Json = serde_json::from_str(&evaluate_case(&case.to_string())).unwrap();
        assert_eq!(answer["id"], case["id"]);
        let name = group(&case);
        let passed = passes(&case, &answer);
        let id = case["id"].as_str().unwrap();
        let excluded = EXCLUDED.iter().any(|(own, _)| *own == id);
        if OFFERED.iter().any(|(own, _)| *own == name) && !passed && !excluded {
            failures.push(format!(
                "{id}: {}\n    expected {}\n    answered {answer}",
                case["expr"], case["expect"]
            ));
        }
        let count = counts.entry(name).or_default();
        count.cases += 1;
        count.passed += usize::from(passed);
    }
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures.join("\n")
    );
    compare_table(&counts);
}
