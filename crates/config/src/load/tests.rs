use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::diagnose;
use crate::report::{Finding, Report};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn loaded(folder: &Path, variables: &[(&str, &str)]) -> (Loaded, Report) {
    let pairs = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let loaded = load(&Sources::file(folder.join("gateway.yaml")).with_environment(pairs));
    let report = diagnose::report(&loaded, &[]);
    (loaded, report)
}

fn report(files: &[(&str, &str)]) -> Report {
    loaded(folder(files).path(), &[]).1
}

/// `file:line:column code path` of a finding.
fn place(finding: &Finding) -> String {
    let file = finding
        .file
        .as_deref()
        .map(|file| file.rsplit('/').next().unwrap_or(""));
    let number =
        |number: Option<usize>| number.map_or_else(String::new, |number| number.to_string());
    format!(
        "{}:{}:{} {} {}",
        file.unwrap_or("-"),
        number(finding.line),
        number(finding.column),
        finding.code,
        finding.path
    )
}

fn check(text: &str, expected: &[&str]) {
    let report = report(&[("gateway.yaml", text)]);
    let found: Vec<_> = report.findings().iter().map(place).collect();
    assert_eq!(found, expected, "{text}\n{}", report.to_human());
}

#[test]
fn broken_configurations_name_line_and_column() {
    check(
        "server:\n  listen:\n    prot: 1\n",
        &["gateway.yaml:3:5 C003 server.listen.prot"],
    );
    check("servr: {}\n", &["gateway.yaml:1:1 C003 servr"]);
    check(
        "server:\n  listen:\n    port: high\n",
        &["gateway.yaml:3:11 C004 server.listen.port"],
    );
    check("server: []\n", &["gateway.yaml:1:1 C004 server"]);
    check("endpoints: 5\n", &["gateway.yaml:1:1 C004 endpoints"]);
    check("- a\n", &["gateway.yaml:1:1 C004 "]);
    check(
        "endpoints:\n  a:\n    rules:\n      - nam: x\n",
        &[
            "gateway.yaml:4:9 C003 endpoints.a.rules[0].nam",
            "gateway.yaml:4:9 C005 endpoints.a.rules[0].name",
        ],
    );
    check(
        "server:\n  listen:\n    address: nowhere\n",
        &["gateway.yaml:3:14 C006 server.listen.address"],
    );
    check(
        "server:\n  limits:\n    drainTimeout: 5 s\n",
        &["gateway.yaml:3:19 C006 server.limits.drainTimeout"],
    );
    check("a: [\n", &["gateway.yaml:1:4 C002 "]);
    check("a: 1\na: 2\n", &["gateway.yaml:2:1 C002 "]);
    check(
        "server:\n  rules: {rulesFile: a.yaml, rulesFolder: b}\n",
        &["gateway.yaml:2:22 C007 server.rules.rulesFile"],
    );
    check(
        "server:\n  rules: {rulesFolder: nowhere}\n",
        &["gateway.yaml:2:24 C001 server.rules.rulesFolder"],
    );
    check(
        "server:\n  rules: {rulesFile: rules.txt}\n",
        &["gateway.yaml:2:22 C001 server.rules.rulesFile"],
    );
    check(
        "server:\n  variables: {environment: {x: NOT_SET}}\n",
        &["gateway.yaml:2:32 C009 server.variables.environment.x"],
    );
    check(
        "server:\n  variables: {secrets: {x: ../x}}\n",
        &["gateway.yaml:2:28 C010 server.variables.secrets.x"],
    );
    check(
        "endpoints:\n  a b: {}\n",
        &["gateway.yaml:2:3 C012 endpoints.a b"],
    );
    check("rules:\n  ' a': {}\n", &["gateway.yaml:2:3 C012 rules. a"]);
}

#[test]
fn a_missing_main_file_is_an_error() {
    let folder = folder(&[]);
    let (_, report) = loaded(folder.path(), &[]);
    let codes: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(codes, [Code::Unreadable]);
}

#[test]
fn defect_03_14_attack_60_unknown_keys_are_refused_everywhere() {
    let report = report(&[
        (
            "gateway.yaml",
            "server: {rules: {rulesFolder: rules}, nope: 1}\nendpoints: {a: {nope: 1, authentication: {allow: {nope: 1}}}}\n",
        ),
        (
            "rules/r.yaml",
            "rules:\n  r:\n    cache: {passTTL: 5m}\n    nope: 1\n    auth:\n      - forwardAs: []\n        match: []\n        type: bearer\n",
        ),
    ]);
    let found: Vec<_> = report.findings().iter().map(place).collect();
    assert_eq!(
        found,
        [
            "gateway.yaml:1:39 C003 server.nope",
            "gateway.yaml:2:17 C003 endpoints.a.nope",
            "gateway.yaml:2:51 C003 endpoints.a.authentication.allow.nope",
            "r.yaml:3:13 C003 rules.r.cache.passTTL",
            "r.yaml:4:5 C003 rules.r.nope",
            "r.yaml:8:9 C003 rules.r.auth[0].type",
        ]
    );
    let hint = report.findings()[3].hint.as_deref();
    assert_eq!(hint, Some("write it as `cache.ttl.pass`"));
}

#[test]
fn defect_03_04_rules_from_files_are_checked_like_inline_ones() {
    let rule = "rules:\n  r:\n    cache: {ttl: {pass: zz}}\n";
    let inline = report(&[("gateway.yaml", rule)]);
    let in_file = report(&[
        ("gateway.yaml", "server: {rules: {rulesFile: r.yaml}}\n"),
        ("r.yaml", rule),
    ]);
    let messages = |report: &Report| -> Vec<_> {
        report
            .findings()
            .iter()
            .map(|f| (f.code, f.message.clone(), f.line, f.column))
            .collect()
    };
    assert_eq!(messages(&inline), messages(&in_file));
    assert_eq!(inline.errors(), 1);
}

#[test]
fn documents_of_the_rules_folder_merge_by_name() {
    let folder = folder(&[
        (
            "gateway.yaml",
            "server: {rules: {rulesFolder: rules}}\nrules: {inline: {}}\n",
        ),
        ("rules/b.json", "{\"rules\": {\"from-json\": {}}}"),
        (
            "rules/sub/deeper/c.toml",
            "[rules.from-toml]\ndescription = 'x'\n",
        ),
        ("rules/a.yml", "endpoints:\n  api: {}\nrules:\n"),
        ("rules/readme.md", "not a document"),
        ("rules/.hidden.yaml", "{{ broken"),
        ("rules/backup.yaml~", "{{ broken"),
    ]);
    let (loaded, report) = loaded(folder.path(), &[]);
    assert!(report.is_empty(), "{}", report.to_human());
    let names: Vec<_> = loaded.rules.keys().map(String::as_str).collect();
    assert_eq!(names, ["from-json", "from-toml", "inline"]);
    assert!(loaded.endpoints.contains_key("api"));
}

#[test]
fn attack_60_duplicate_definitions_are_nobodys() {
    let folder = folder(&[
        (
            "gateway.yaml",
            "server: {rules: {rulesFolder: rules}}\nrules: {r: {}, once: {}}\n",
        ),
        ("rules/a.yaml", "rules:\n  r: {description: other}\n"),
        (
            "rules/b.yaml",
            "endpoints:\n  uses: {rules: [{name: r}]}\nrules:\n  r: {}\n",
        ),
    ]);
    let (loaded, report) = loaded(folder.path(), &[]);
    let [finding] = report.findings() else {
        panic!("{}", report.to_human())
    };
    assert_eq!(place(finding), "gateway.yaml:2:9 C011 rules.r");
    for part in [
        "defined 3 times",
        "gateway.yaml:2:9",
        "a.yaml:2:3",
        "b.yaml:4:3",
    ] {
        assert!(finding.message.contains(part), "{}", finding.message);
    }
    assert_eq!(
        finding.effect.as_deref(),
        Some("endpoint `uses` is quarantined and answers 503")
    );
    assert!(matches!(loaded.rules.get("r"), Some(Definition::Broken)));
    assert!(matches!(
        loaded.rules.get("once"),
        Some(Definition::Sound(_))
    ));
}

#[test]
fn defect_2_5_endpoints_that_differ_in_letter_case_are_duplicates() {
    let folder = folder(&[(
        "gateway.yaml",
        "endpoints:\n  API: {}\n  api: {authentication: {required: false}}\n",
    )]);
    let (loaded, report) = loaded(folder.path(), &[]);
    let found: Vec<_> = report.findings().iter().map(place).collect();
    assert_eq!(found, ["gateway.yaml:2:3 C011 endpoints.API"]);
    assert!(
        loaded
            .endpoints
            .values()
            .all(|definition| matches!(definition, Definition::Broken))
    );
}

#[test]
fn environment_outranks_file_outranks_default() {
    let text = "server: {listen: {port: 2000}, admin: {port: 3000}, rules: {rulesFile: r.yaml}}\n";
    let rules = "rules: {r: {description: file}}\n";
    let folder = folder(&[("gateway.yaml", text), ("r.yaml", rules)]);
    let (loaded, report) = loaded(
        folder.path(),
        &[
            ("ZTAG_SERVER__LISTEN__PORT", "1000"),
            ("ZTAG_RULES__R__DESCRIPTION", "environment"),
        ],
    );
    assert!(report.is_empty(), "{}", report.to_human());
    let server = loaded.server().unwrap();
    assert_eq!((server.listen.port, server.admin.port), (1000, 3000));
    assert_eq!(server.listen.address.to_string(), "0.0.0.0");
    let Some(Definition::Sound(rule)) = loaded.rules.get("r") else {
        panic!()
    };
    assert_eq!(rule.description, "environment");
}

#[test]
fn faults_in_variables_name_the_variable_and_not_its_value() {
    let folder = folder(&[("gateway.yaml", "")]);
    let (_, report) = loaded(
        folder.path(),
        &[("ZTAG_SERVER__LISTEN__ADDRESS", "hunter2")],
    );
    let [finding] = report.findings() else {
        panic!("{}", report.to_human())
    };
    assert_eq!(
        finding.variable.as_deref(),
        Some("ZTAG_SERVER__LISTEN__ADDRESS")
    );
    assert!(!report.to_human().contains("hunter2"));
}

#[cfg(unix)]
#[test]
fn attack_60_links_out_of_the_rules_folder_are_refused() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[
        ("gateway.yaml", "server: {rules: {rulesFolder: rules}}\n"),
        ("outside.yaml", "rules: {out: {}}\n"),
        ("rules/a.yaml", "rules: {a: {}}\n"),
    ]);
    symlink("../outside.yaml", folder.path().join("rules/link.yaml")).unwrap();
    let (_, report) = loaded(folder.path(), &[]);
    let [finding] = report.findings() else {
        panic!("{}", report.to_human())
    };
    assert_eq!(finding.code, Code::Unreadable);
    assert!(
        finding.message.contains("leaves the rules folder"),
        "{}",
        finding.message
    );
    fs::remove_file(folder.path().join("rules/link.yaml")).unwrap();
    symlink("missing.yaml", folder.path().join("rules/dangling.yaml")).unwrap();
    assert_eq!(loaded(folder.path(), &[]).1.errors(), 1);
}

#[test]
fn a_report_reads_like_this() {
    let report = report(&[(
        "gateway.yaml",
        "endpoints:\n  api:\n    rules: []\n    cache:\n      resultTTl: 5s\nserver:\n  cache:\n    keySalt: [hunter2]\n",
    )]);
    let text = report.to_human();
    let text = text.replace(
        text.split("--> ")
            .nth(1)
            .unwrap()
            .split("gateway")
            .next()
            .unwrap(),
        "",
    );
    assert_eq!(text, "\
error[C003]: unknown key `resultTTl`
  --> gateway.yaml:5:7
 5 |       resultTTl: 5s
   |       ^^^^^^^^^ no such key here
   = help: did you mean `resultTTL`?      = effect: endpoint `api` is quarantined and answers 503

error[C004]: expected text, found a list
  --> gateway.yaml:8:5
 8 |     keySalt: [***]
   |     ^^^^^^^ of the wrong type
   = help: put quotes around the whole expression or text      = effect: no start; a reload keeps the configuration in force

2 errors, 0 warnings
");
    let json = report.to_json();
    let first = json.get(0).unwrap();
    let keys: Vec<_> = first
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "code", "column", "effect", "file", "hint", "line", "message", "path", "severity",
            "variable"
        ]
    );
    assert_eq!(
        first.get("code").and_then(|code| code.as_str()),
        Some("C003")
    );
    assert!(!json.to_string().contains("hunter2"));
}

#[test]
fn contract_11_quoting_hints_reach_the_report() {
    let report = report(&[(
        "gateway.yaml",
        "rules:\n  r:\n    conditions:\n      pass:\n        - \"admin\" in request.headers\n",
    )]);
    let [finding] = report.findings() else {
        panic!()
    };
    assert_eq!((finding.code, finding.line), (Code::Syntax, Some(5)));
    assert!(
        finding
            .hint
            .as_deref()
            .unwrap()
            .contains("put quotes around the whole expression")
    );
}

#[test]
fn debug_shows_no_secret() {
    let text = "server: {cache: {keySalt: hunter2}}\nrules: {r: {backendApi: {headers: {x-api-key: hunter2}}}}\n";
    let folder = folder(&[("gateway.yaml", text)]);
    let (loaded, report) = loaded(
        folder.path(),
        &[("ZTAG_SERVER__CACHE__REDIS__PASSWORD", "hunter2")],
    );
    let tree = format!("{:?} {:?} {:?}", loaded.tree, loaded.archive, loaded.server);
    assert!(!tree.contains("hunter2"), "{tree}");
    assert!(!format!("{report:?}").contains("hunter2"));
    let sources = Sources::default().with_environment([("A".to_owned(), "hunter2".to_owned())]);
    assert!(!format!("{sources:?}").contains("hunter2"));
}

mod never_panics {
    use proptest::prelude::*;

    use super::*;

    const WORDS: &str = "(server|endpoints|rules|api|: |\n|  |- |\\[|\\]|\\{|\\}|name|listen|port|5|x|'|\"|auth|cache|ttl|variables|~|,|é|true){0,60}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn on_any_configuration(text in WORDS, name in "ZTAG_[A-Z_]{0,20}", value in "\\PC{0,10}") {
            let folder = folder(&[("gateway.yaml", &text)]);
            let (_, report) = loaded(folder.path(), &[(&name, &value)]);
            let _ = report.to_human();
            let _ = report.to_json();
        }
    }
}
