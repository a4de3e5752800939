//! The modelling language: syntax, meaning, both ways of translation, modules.

use std::collections::BTreeSet;

use serde::Deserialize;
use ztag_fga::dsl::{self, Finding, FindingKind, ModFile, ModuleFile};
use ztag_fga::spec::ModelSpec;
use ztag_test_support::fga;

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    skip: bool,
    #[serde(default)]
    dsl: String,
    #[serde(default)]
    json: Option<String>,
    #[serde(rename = "modFile", default)]
    mod_file: String,
    #[serde(default)]
    valid: Option<bool>,
    #[serde(default)]
    error_message: Option<String>,
    #[serde(default)]
    object_id: String,
    #[serde(default)]
    expected_errors: Option<Vec<Expected>>,
}

#[derive(Deserialize)]
struct Expected {
    msg: String,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    line: Lines,
    #[serde(default)]
    column: Lines,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

#[derive(Deserialize, Default)]
struct Lines {
    start: usize,
    end: usize,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "errorType", default)]
    error_type: Option<String>,
}

fn cases(name: &str) -> Vec<Case> {
    let Some(folder) = fga::folder("language") else {
        return Vec::new();
    };
    fga::yaml(&folder.join(name)).unwrap()
}

#[test]
fn syntax() {
    for case in cases("dsl-syntax-validation-cases.yaml") {
        let expected = case.expected_errors.unwrap_or_default();
        match (dsl::parse(&case.dsl), expected.first()) {
            (Ok(_), None) => {}
            (Err(found), Some(expected)) => {
                let first = found.first().unwrap();
                let place = (first.line, first.column.start);
                let name = &case.name;
                assert_eq!(
                    place,
                    (expected.line.start, expected.column.start),
                    "{name}: {found:?}"
                );
            }
            (outcome, _) => panic!("{}: {outcome:?}", case.name),
        }
    }
}

/// Line, columns, and sort or message of mistakes.
fn places(findings: &[Finding]) -> BTreeSet<(Option<String>, usize, usize, usize, String)> {
    let places = findings.iter().map(|finding| {
        let columns = &finding.column;
        let what = match finding.kind {
            FindingKind::Syntax => "syntax",
            FindingKind::Module => finding.message.as_str(),
            kind => kind.as_str(),
        };
        (
            finding.file.clone(),
            finding.line,
            columns.start,
            columns.end,
            what.to_owned(),
        )
    });
    places.collect()
}

fn expected_places(
    expected: &[Expected],
) -> BTreeSet<(Option<String>, usize, usize, usize, String)> {
    let places = expected.iter().map(|expected| {
        let kind = expected
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.error_type.clone());
        let what = kind
            .or(expected.kind.clone())
            .unwrap_or(expected.msg.clone());
        let columns = &expected.column;
        (
            expected.file.clone(),
            expected.line.start,
            columns.start,
            columns.end,
            what,
        )
    });
    places.collect()
}

#[test]
fn meaning() {
    for case in cases("dsl-semantic-validation-cases.yaml") {
        if case.skip {
            continue;
        }
        let expected = expected_places(&case.expected_errors.unwrap_or_default());
        let found = dsl::validate(&case.dsl).err().unwrap_or_default();
        assert_eq!(places(&found), expected, "{}", case.name);
    }
}

#[test]
fn messages_are_those_that_editors_show() {
    for case in cases("dsl-semantic-validation-cases.yaml") {
        let expected = case.expected_errors.unwrap_or_default();
        let expected: BTreeSet<_> = expected
            .iter()
            .map(|expected| expected.msg.as_str())
            .collect();
        let found = dsl::validate(&case.dsl).err().unwrap_or_default();
        let found: BTreeSet<_> = found
            .iter()
            .map(|finding| finding.message.as_str())
            .collect();
        if !case.skip {
            assert_eq!(found, expected, "{}", case.name);
        }
    }
}

#[test]
fn json_alone() {
    for case in cases("json-validation-cases.yaml") {
        let model: ModelSpec = serde_json::from_str(&case.json.unwrap()).unwrap();
        let found = dsl::validate_json(&model);
        let expected = case.expected_errors.unwrap_or_default();
        let found: Vec<_> = found
            .iter()
            .map(|finding| finding.message.as_str())
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|expected| expected.msg.as_str())
            .collect();
        assert_eq!(found, expected, "{}", case.name);
    }
}

#[test]
fn json_to_text() {
    for case in cases("json-syntax-transformer-validation-cases.yaml") {
        let model: ModelSpec = serde_json::from_str(&case.json.unwrap()).unwrap();
        let printed = dsl::print(&model);
        match case.error_message {
            Some(message) => assert_eq!(printed.unwrap_err().to_string(), message, "{}", case.name),
            None => assert!(dsl::parse(&printed.unwrap()).is_ok(), "{}", case.name),
        }
    }
}

#[test]
fn text_and_json_are_the_same_model() {
    let Some(folder) = fga::folder("language/transformer") else {
        return;
    };
    for case in fga::entries(&folder).unwrap() {
        let text = fga::text(&case.join("authorization-model.fga")).unwrap();
        let json = case.join("authorization-model.json");
        let model =
            dsl::parse(&text).unwrap_or_else(|found| panic!("{}: {found:?}", case.display()));
        let expected: ModelSpec = fga::json(&json).unwrap();
        assert_eq!(model, expected, "{}", case.display());
        let expected: serde_json::Value = fga::json(&json).unwrap();
        assert_eq!(
            serde_json::to_value(&model).unwrap(),
            expected,
            "{}",
            case.display()
        );
        let printed = dsl::print(&model).unwrap();
        assert_eq!(plain(&printed), plain(&text), "{}", case.display());
    }
}

/// A text without comments and empty lines.
fn plain(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim_end);
    lines
        .filter(|line| !line.is_empty() && !line.trim_start().starts_with('#'))
        .collect()
}

#[test]
fn modules_are_put_together() {
    let Some(folder) = fga::folder("language/transformer-module") else {
        return;
    };
    for case in fga::entries(&folder).unwrap() {
        let name = case.display();
        let modules = case.join("expected_modules.json");
        if !case.join("module").exists() {
            let model: ModelSpec = fga::json(&case.join("authorization-model.json")).unwrap();
            let modules: Vec<String> = fga::json(&modules).unwrap();
            assert_eq!(model.modules(), modules, "{name}");
            continue;
        }
        let files = fga::entries(&case.join("module"))
            .unwrap()
            .into_iter()
            .map(|path| ModuleFile {
                name: path.file_name().unwrap().to_str().unwrap().to_owned(),
                contents: fga::text(&path).unwrap(),
            });
        let files: Vec<_> = files.collect();
        let combined = dsl::combine(&files, "1.2");
        let errors = case.join("expected_errors.json");
        if errors.exists() {
            let expected: Vec<Expected> = fga::json(&errors).unwrap();
            let found = combined.unwrap_err();
            assert_eq!(places(&found), expected_places(&expected), "{name}");
            continue;
        }
        let model = combined.unwrap_or_else(|found| panic!("{name}: {found:?}"));
        let expected: ModelSpec = fga::json(&case.join("authorization-model.json")).unwrap();
        assert_eq!(sorted(model.clone()), sorted(expected), "{name}");
        let modules: Vec<String> = fga::json(&modules).unwrap();
        assert_eq!(model.modules(), modules, "{name}");
        let combined = case.join("combined.fga");
        if combined.exists() {
            assert_eq!(
                dsl::print(&model).unwrap(),
                fga::text(&combined).unwrap(),
                "{name}"
            );
            let sources = fga::text(&case.join("combined-sourceinfo.fga")).unwrap();
            assert_eq!(dsl::print_with_sources(&model).unwrap(), sources, "{name}");
        }
    }
}

fn sorted(mut model: ModelSpec) -> ModelSpec {
    model.type_definitions.sort_by(|a, b| a.name.cmp(&b.name));
    model
}

#[test]
fn lists_of_modules() {
    for case in cases("fga-mod-transformer-cases.yaml") {
        let found = ModFile::parse(&case.mod_file);
        let Some(expected) = case.expected_errors else {
            let expected: serde_json::Value = serde_json::from_str(&case.json.unwrap()).unwrap();
            let found = found.unwrap();
            assert_eq!(
                found.schema.value,
                expected["schema"]["value"].as_str().unwrap()
            );
            let expected = expected["contents"]["value"].as_array().unwrap();
            assert_eq!(found.contents.len(), expected.len());
            for (item, expected) in found.contents.iter().zip(expected) {
                assert_eq!(item.value, expected["value"].as_str().unwrap());
                assert_eq!(
                    item.line as u64,
                    expected["line"]["start"].as_u64().unwrap()
                );
                assert_eq!(
                    item.column.start as u64,
                    expected["column"]["start"].as_u64().unwrap()
                );
                assert_eq!(
                    item.column.end as u64,
                    expected["column"]["end"].as_u64().unwrap()
                );
            }
            continue;
        };
        let found = found.unwrap_err();
        assert_eq!(places(&found), expected_places(&expected), "{}", case.name);
    }
}

#[test]
fn object_ids() {
    for case in cases("object-id-validation-cases.yaml") {
        let valid = ztag_fga::is_plain_object_id(&case.object_id);
        assert_eq!(Some(valid), case.valid, "{}", case.name);
    }
}
