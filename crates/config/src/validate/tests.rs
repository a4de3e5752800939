use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::document::Format;
use crate::place::SourceId;
use crate::schema::Schema;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Sample {
    name: String,
    port: Option<u16>,
    enabled: bool,
    level: Level,
    timeout: Option<ztag_types::DurationSpec>,
    headers: BTreeMap<String, Option<String>>,
    steps: Vec<Step>,
    value: Option<ztag_types::OneOrMany<String>>,
    password: Option<Level>,
    needy: Option<Needy>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Level {
    #[default]
    Info,
    /// With a description of its own.
    Debug,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only read by serde")]
enum Step {
    Bearer { token: String },
    Named { name: String, value: u8 },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only read by serde")]
struct Needy {
    must: u8,
}

fn json_schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let generator = settings.into_generator();
    generator.into_root_schema_for::<Sample>().to_value()
}

/// Code, path, message and hint of everything wrong with `text`.
fn findings(text: &str) -> Vec<(String, String, String, String)> {
    let mut node = Format::Yaml.parse(text, SourceId::FIRST).unwrap();
    let mut found = Vec::new();
    let schema = Schema::of::<Sample>();
    validate(&mut node, &schema.shape(), &ConfigPath::root(), &mut found);
    assert_eq!(
        found.is_empty(),
        node.decode::<Sample>().is_ok(),
        "schema and serde disagree: {text}"
    );
    // Letter case of listed words is ours to forgive; editors hold to the list.
    let json: serde_json::Value = Format::Yaml
        .parse(text, SourceId::FIRST)
        .unwrap()
        .decode()
        .unwrap();
    let forgiven = text.contains("DEBUG") || text.contains("Named");
    assert!(
        forgiven || found.is_empty() == jsonschema::is_valid(&json_schema(), &json),
        "an editor disagrees: {text}"
    );
    let parts = |d: Diagnostic| {
        (
            d.code.to_string(),
            d.path.to_string(),
            d.message,
            d.hint.unwrap_or_default(),
        )
    };
    found.into_iter().map(parts).collect()
}

/// Checks a table of lines `text => code path => message => hint`.
fn check(table: &str) {
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let [text, place, message, hint] = line.split("=>").map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("not four parts: {line}");
        };
        let found = findings(text);
        let found: Vec<_> = found
            .iter()
            .map(|(code, path, message, hint)| (format!("{code} {path}"), &**message, &**hint))
            .collect();
        assert_eq!(found, [(place.to_owned(), message, hint)], "{text}");
    }
}

#[test]
fn sound_documents_pass() {
    for text in [
        "name: x\nport: 1\nenabled: true\nlevel: debug\ntimeout: 1h30m",
        "port: ~\nlevel: DEBUG",
        "headers: {a: ~, b: text}",
        "steps: [{type: bearer, token: t}, {type: Named, name: n, value: 3}]",
        "value: x",
        "value: [x, y]",
        "needy: {must: 1}",
    ] {
        assert_eq!(findings(text), [], "{text}");
    }
}

#[test]
fn every_fault_is_found_with_its_place_and_cure() {
    check(
        "
nam: x => C003 nam => unknown key `nam` => did you mean `name`?
whenAll: [] => C003 whenAll => unknown key `whenAll` => write it as `conditions.pass`
needy: {must: 1, zzz: 2} => C003 needy.zzz => unknown key `zzz` => allowed here: `must`
port: x => C004 port => expected an integer or nothing, found text => write a number, without quotes
enabled: no => C004 enabled => expected a boolean, found text => write `true` or `false`, without quotes
name: 5 => C004 name => expected text, found an integer => put quotes around it to make it text
name: {a: b} => C004 name => expected text, found a map => put quotes around the whole expression or text
steps: => C004 steps => expected a list, found nothing => give it a value or remove the key
needy: {} => C005 needy.must => key `must` is missing =>
level: debgu => C006 level => `debgu` is not one of `info`, `debug` => did you mean `debug`?
port: 70000 => C006 port => `70000` must be 0 to 65535 =>
timeout: zz => C006 timeout => `zz` is not a valid value => write something like `30s`, `250ms`, `1h30m`
headers: {a: 1} => C004 headers.a => expected text or nothing, found an integer => put quotes around it to make it text
steps: [{type: barer}] => C006 steps[0].type => `barer` is not one of `bearer`, `named` => did you mean `bearer`?
steps: [{token: x}] => C005 steps[0].type => key `type` is missing or not text =>
steps: [{type: bearer, token: x, tokn: y}] => C003 steps[0].tokn => unknown key `tokn` => did you mean `token`?
",
    );
}

#[test]
fn secret_values_are_not_quoted() {
    check("password: hunter2 => C006 password => the value is not one of `info`, `debug` =>");
}

#[test]
fn everything_is_found_at_once() {
    let found = findings("nam: x\nport: x\nsteps: [{type: bearer}, 5]\nheaders: {a: 1, b: 2}");
    let paths: Vec<_> = found.iter().map(|(_, path, ..)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "nam",
            "port",
            "steps[0].token",
            "steps[1]",
            "headers.a",
            "headers.b"
        ]
    );
}
