//! The published JSON Schemas accept every example and refuse what is broken in shape; the
//! compiler finds each fault of `fixtures/broken` at its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value as Json;
use tempfile::TempDir;
use ztag_config::{Finding, Report, Sources, Stores, compile, load};
use ztag_test_support::{Failure, from_yaml, workspace};
use ztag_types::{Code, SystemClock};

/// How examples call their main documents.
const MAIN: [&str; 3] = ["config.yaml", "forward-auth.yaml", "gateway.yaml"];

/// Marks a fixture that the schema must refuse, too.
const REFUSED: &str = "; refused by the schema";

#[test]
fn the_schema_accepts_every_example() -> Result<(), Failure> {
    let (whole, rules) = (
        validator(&ztag_config::schema())?,
        validator(&ztag_config::rules_schema())?,
    );
    let mut deviations = Vec::new();
    for path in documents(&workspace().join("examples"))? {
        if path.ends_with("broken.yaml") {
            // It shows what a mistake does to a bundle.
            continue;
        }
        let document = parsed(&path)?;
        let name = path.display();
        let is_main = MAIN.iter().any(|name| path.ends_with(name));
        let validator = if is_main { &whole } else { &rules };
        let errors = validator.iter_errors(&document);
        deviations
            .extend(errors.map(|error| format!("{name}: {}: {error}", error.instance_path())));
    }
    report(&deviations)
}

#[test]
fn the_configuration_of_the_readme_is_sound() -> Result<(), Failure> {
    let readme = fs::read_to_string(workspace().join("README.md"))?;
    let after = readme.split_once("```yaml\n").map(|(_, after)| after);
    let text = after.and_then(|after| after.split_once("```"));
    let (text, _) = text.ok_or_else(|| Failure::new("README.md shows no configuration"))?;
    let folder = TempDir::new()?;
    let path = folder.path().join("gateway.yaml");
    fs::write(&path, text)?;
    let findings = check(&Sources::file(&path));
    let lines = findings.findings().iter().map(Finding::to_line);
    report(&lines.collect::<Vec<_>>())
}

#[test]
fn the_schema_refuses_what_is_broken_in_shape() -> Result<(), Failure> {
    let validator = validator(&ztag_config::schema())?;
    let mut deviations = Vec::new();
    for fixture in fixtures()? {
        if fixture.is_refused && validator.is_valid(&parsed(&fixture.path)?) {
            deviations.push(format!("{}: accepted", fixture.path.display()));
        }
    }
    report(&deviations)
}

#[test]
fn every_fault_is_found_at_its_place() -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for fixture in fixtures()? {
        let found = found(&check(&Sources::file(&fixture.path)));
        if found != fixture.expected {
            let (name, expected) = (fixture.path.display(), &fixture.expected);
            deviations.push(format!("{name}: found `{found}`, expected `{expected}`"));
        }
    }
    report(&deviations)
}

#[test]
fn every_code_has_a_fixture() -> Result<(), Failure> {
    let fixtures = fixtures()?;
    let covered = |code: &Code| {
        fixtures
            .iter()
            .any(|fixture| fixture.expected.contains(code.as_str()))
    };
    // An environment variable, which no file can hold.
    let missing = Code::ALL
        .iter()
        .filter(|code| **code != Code::UnknownEnvironment && !covered(code));
    report(
        &missing
            .map(|code| format!("no fixture for {code}"))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn defect_03_04_a_fault_in_a_rules_document_is_found_like_one_in_the_main_document()
-> Result<(), Failure> {
    let mut deviations = Vec::new();
    for fixture in fixtures()? {
        let text = fs::read_to_string(&fixture.path)?;
        if text.contains("server:") {
            continue;
        }
        let folder = TempDir::new()?;
        let main = folder.path().join("main.yaml");
        fs::write(&main, "server: {rules: {rulesFile: rules.yaml}}\n")?;
        fs::write(folder.path().join("rules.yaml"), text)?;
        let found = found(&check(&Sources::file(&main)));
        if found != fixture.expected {
            let (name, expected) = (fixture.path.display(), &fixture.expected);
            deviations.push(format!(
                "{name}: as a rules document `{found}`, expected `{expected}`"
            ));
        }
    }
    report(&deviations)
}

/// A broken configuration with what its first line says of it.
struct Fixture {
    path: PathBuf,
    expected: String,
    is_refused: bool,
}

fn fixtures() -> Result<Vec<Fixture>, Failure> {
    let mut fixtures = Vec::new();
    for path in documents(&workspace().join("tests/fixtures/broken"))? {
        let text = fs::read_to_string(&path)?;
        let first = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let first =
            first.ok_or_else(|| Failure::new(format!("{}: says nothing", path.display())))?;
        fixtures.push(Fixture {
            expected: first.trim_end_matches(REFUSED).to_owned(),
            is_refused: first.ends_with(REFUSED),
            path,
        });
    }
    Ok(fixtures)
}

/// Every YAML, TOML and JSON document below `folder` that is a configuration.
fn documents(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(documents(&path)?);
        }
    }
    let files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    found.extend(files.filter(|path| is_configuration(path)));
    found.sort();
    Ok(found)
}

/// Examples keep ours in main documents, `rules.yaml` and a folder `rules`; beside them stand
/// files of proxies and `cases.yaml`.
fn is_configuration(path: &Path) -> bool {
    let named = |name: &str| path.file_name().is_some_and(|own| own == name);
    let inside = |name: &str| path.components().any(|part| part.as_os_str() == name);
    MAIN.iter().any(|name| named(name))
        || named("rules.yaml")
        || inside("broken")
        || inside("rules") && path.is_file()
}

fn parsed(path: &Path) -> Result<Json, Failure> {
    if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        let text = fs::read_to_string(path)?;
        let name = path.display();
        return toml::from_str(&text).map_err(|error| Failure::new(format!("{name}: {error}")));
    }
    // JSON is YAML.
    from_yaml(path)
}

fn validator(schema: &Json) -> Result<Validator, Failure> {
    jsonschema::draft202012::new(schema).map_err(|error| Failure::new(error.to_string()))
}

/// What `forward-auth check` does.
fn check(sources: &Sources) -> Report {
    let loaded = load(sources);
    match Stores::offline(&loaded, Arc::new(SystemClock::new())) {
        Ok(stores) => compile(&loaded, &stores).report,
        Err(report) => report,
    }
}

/// The findings as `CODE LINE:COLUMN`. That nothing is left to serve goes without saying.
fn found(report: &Report) -> String {
    let findings = report.findings();
    let telling = findings
        .iter()
        .filter(|finding| finding.code != Code::NoEndpoint || findings.len() == 1);
    telling.map(shown).collect::<Vec<_>>().join(", ")
}

fn shown(finding: &Finding) -> String {
    match finding.line.zip(finding.column) {
        Some((line, column)) => format!("{} {line}:{column}", finding.code),
        None => format!("{} -", finding.code),
    }
}

fn report(deviations: &[String]) -> Result<(), Failure> {
    if deviations.is_empty() {
        return Ok(());
    }
    Err(Failure::new(deviations.join("\n")))
}
