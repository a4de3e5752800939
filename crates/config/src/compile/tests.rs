use std::fs;
use std::sync::Arc;

use ztag_pipeline::Selection;
use ztag_types::ManualClock;

use super::*;
use crate::load::{Sources, load};

fn compiled(text: &str) -> Compiled {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, text).unwrap();
    let loaded = load(&Sources::file(file));
    match Stores::offline(&loaded, Arc::new(ManualClock::new())) {
        Ok(stores) => compile(&loaded, &stores),
        Err(report) => Compiled {
            plan: None,
            routing: None,
            certificates: None,
            report,
            quarantined: Vec::new(),
        },
    }
}

/// `line code path` of every finding.
fn findings(compiled: &Compiled) -> Vec<String> {
    let findings = compiled.report.findings().iter();
    let short = |finding: &crate::report::Finding| {
        format!(
            "{} {} {}",
            finding.line.unwrap_or(0),
            finding.code,
            finding.path
        )
    };
    findings.map(short).collect()
}

fn quarantined(compiled: &Compiled) -> Vec<&str> {
    compiled
        .quarantined
        .iter()
        .map(EndpointName::as_str)
        .collect()
}

const ALLOW: &str = "authentication: {allow: {authorization: [bearer]}}";

#[test]
fn a_sound_configuration_becomes_a_plan() {
    let compiled = compiled(&format!(
        "endpoints:\n  api: {{{ALLOW}, rules: [{{name: get}}], cache: {{resultTTL: 5s}}}}\nrules:\n  get: {{conditions: {{pass: [\"request.method == 'GET'\"]}}}}\n"
    ));
    assert!(compiled.report.is_empty(), "{}", compiled.report.to_human());
    let plan = compiled.plan.unwrap();
    assert!(matches!(
        plan.select(Some("API")),
        Selection::Endpoint(EndpointState::Ready(_))
    ));
}

#[test]
fn defect_03_01_nothing_usable_means_no_plan() {
    for text in [
        "",
        "endpoints: {}\n",
        "rules: {r: {}}\n",
        "endpoints:\n  api: {rules: [{name: missing}]}\n",
        "endpoints:\n  api: {}\n",
        &format!(
            "endpoints:\n  api: {{{ALLOW}, rules: [{{name: r}}]}}\nrules:\n  r: {{conditions: {{pass: ['(((']}}}}\n"
        ),
        &format!("endpoints:\n  api: {{{ALLOW}, nope: 1}}\n"),
    ] {
        let compiled = compiled(text);
        assert!(compiled.plan.is_none(), "{text}");
        let codes: Vec<_> = compiled
            .report
            .findings()
            .iter()
            .map(|finding| finding.code)
            .collect();
        assert!(codes.contains(&Code::NoEndpoint), "{text}: {codes:?}");
    }
}

#[test]
fn defect_03_01_a_bad_rule_quarantines_exactly_the_endpoints_that_name_it() {
    let compiled = compiled(&format!(
        "endpoints:
  bad: {{{ALLOW}, rules: [{{name: broken}}]}}
  both: {{{ALLOW}, rules: [{{name: fine}}, {{name: broken}}]}}
  good: {{{ALLOW}, rules: [{{name: fine}}]}}
rules:
  broken: {{conditions: {{pass: ['request.methud == 1']}}}}
  fine: {{}}
"
    ));
    assert_eq!(quarantined(&compiled), ["bad", "both"]);
    let plan = compiled.plan.as_ref().unwrap();
    assert!(matches!(
        plan.select(Some("good")),
        Selection::Endpoint(EndpointState::Ready(_))
    ));
    let Selection::Endpoint(EndpointState::Quarantined(closed)) = plan.select(Some("bad")) else {
        panic!("`bad` is not closed");
    };
    assert!(
        closed
            .reasons
            .iter()
            .any(|reason| reason.contains("gateway.yaml:6:")),
        "{:?}",
        closed.reasons
    );
    let finding = compiled
        .report
        .findings()
        .iter()
        .find(|finding| finding.path.starts_with("rules.broken"))
        .unwrap();
    assert_eq!(
        finding.effect.as_deref(),
        Some("endpoints `bad`, `both` are quarantined and answer 503")
    );
}

#[test]
fn defect_03_02_a_quarantined_endpoint_still_counts() {
    let compiled = compiled(&format!(
        "endpoints:\n  good: {{{ALLOW}}}\n  bad: {{{ALLOW}, rules: [{{name: missing}}]}}\n"
    ));
    let plan = compiled.plan.as_ref().unwrap();
    assert!(
        matches!(plan.select(None), Selection::Unnamed),
        "the survivor is no default"
    );
}

#[test]
fn a_rule_fault_points_into_the_expression() {
    let compiled = compiled(&format!(
        "endpoints:\n  api: {{{ALLOW}, rules: [{{name: r}}]}}\nrules:\n  r:\n    conditions:\n      pass:\n        - >-\n          request.method == 'GET' &&\n          nope == 1\n"
    ));
    let text = compiled.report.to_human();
    assert!(
        text.contains(" 9 |           nope == 1\n   |           ^^^^ "),
        "{text}"
    );
}

#[test]
fn unused_rules_are_compiled_too() {
    let compiled = compiled(&format!(
        "endpoints:\n  api: {{{ALLOW}}}\nrules:\n  spare: {{conditions: {{pass: ['nope']}}}}\n"
    ));
    assert!(compiled.plan.is_some() && compiled.quarantined.is_empty());
    let [finding] = compiled.report.findings() else {
        panic!("{}", compiled.report.to_human())
    };
    assert_eq!(finding.path, "rules.spare.conditions.pass[0]");
    assert_eq!(
        finding.effect.as_deref(),
        Some("none yet: no endpoint names this rule")
    );
}

#[test]
fn unknown_rules_are_named_with_the_nearest() {
    let compiled = compiled(&format!(
        "endpoints:\n  api:\n    {ALLOW}\n    rules:\n      - name: introspect-tokn\n  other: {{{ALLOW}}}\nrules:\n  introspect-token: {{}}\n"
    ));
    let [finding] = compiled.report.findings() else {
        panic!("{}", compiled.report.to_human())
    };
    assert_eq!((finding.line, finding.column), (Some(5), Some(15)));
    let text = finding.to_human();
    assert!(
        text.starts_with("error[C014]: unknown rule `introspect-tokn`\n"),
        "{text}"
    );
    assert!(
        text.contains("^^^^^^^^^^^^^^^ nothing has this name"),
        "{text}"
    );
    assert!(text.ends_with("= help: did you mean `introspect-token`?      = effect: endpoint `api` is quarantined and answers 503\n"), "{text}");
}

#[test]
fn duplicates_quarantine_themselves_and_their_users() {
    let compiled = compiled(&format!(
        "endpoints:\n  API: {{{ALLOW}}}\n  api: {{{ALLOW}, description: other}}\n  good: {{{ALLOW}}}\n"
    ));
    assert_eq!(quarantined(&compiled), ["API"]);
    let plan = compiled.plan.as_ref().unwrap();
    for name in ["API", "api", "Api"] {
        let Selection::Endpoint(EndpointState::Quarantined(closed)) = plan.select(Some(name))
        else {
            panic!("`{name}` is not closed");
        };
        assert!(
            closed
                .reasons
                .iter()
                .any(|reason| reason.contains("defined 2 times"))
        );
    }
}

#[test]
fn faults_outside_endpoints_and_rules_refuse_everything() {
    for text in [
        "servr: {}\n",
        "server: {nope: 1}\n",
        "server: {variables: {environment: {a: NOT_SET}}}\n",
        "server: {rules: {rulesFolder: nowhere}}\n",
    ] {
        let compiled = compiled(&format!("{text}endpoints:\n  api: {{{ALLOW}}}\n"));
        assert!(compiled.plan.is_none(), "{text}");
        assert!(
            findings(&compiled)
                .iter()
                .all(|finding| !finding.contains("C016")),
            "{text}"
        );
    }
}

#[test]
fn the_fingerprint_follows_everything_an_endpoint_can_say() {
    let fingerprint = |text: &str, secret: &str, template: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("t")).unwrap();
        for (name, text) in [
            ("gateway.yaml", text),
            ("secret", secret),
            ("t/t.txt", template),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let loaded = load(&Sources::file(folder.path().join("gateway.yaml")));
        let stores = Stores::offline(&loaded, Arc::new(ManualClock::new())).unwrap();
        let server = loaded.server().unwrap();
        let places = (&*stores.tokens, &stores.client);
        let tokens = Tokens::compile(&loaded, server, places, &mut Ledger::default());
        let directory = ztag_fga_remote::Directory::default();
        let guardrails = ztag_types::Directory::default();
        let named = (&tokens, &directory, &guardrails);
        let workshop = Workshop::new(&loaded, server, &stores, named);
        let Some(crate::load::Definition::Sound(rule)) = loaded.rules.get("r") else {
            panic!("`r` is broken");
        };
        let Some(crate::load::Definition::Sound(endpoint)) = loaded.endpoints.get("api") else {
            panic!("`api` is broken");
        };
        *workshop
            .fingerprint("api", endpoint, &[("r".into(), rule)])
            .as_bytes()
    };
    let text = |endpoint: &str, rule: &str| {
        format!(
            "server: {{variables: {{secretsFolder: ., secrets: {{secret: ~}}}}, templates: {{templatesFolder: t}}}}\nendpoints: {{api: {{{ALLOW}, description: {endpoint}}}, other: {{{ALLOW}}}}}\nrules: {{r: {{description: {rule}}}, spare: {{}}}}\n"
        )
    };
    let own = fingerprint(&text("a", "b"), "s", "t");
    assert_eq!(own, fingerprint(&text("a", "b"), "s", "t"));
    let elsewhere = text("a", "b").replace("spare", "other");
    assert_eq!(own, fingerprint(&elsewhere, "s", "t"));
    assert_ne!(own, fingerprint(&text("x", "b"), "s", "t"));
    assert_ne!(own, fingerprint(&text("a", "x"), "s", "t"));
    assert_ne!(own, fingerprint(&text("a", "b"), "x", "t"));
    assert_ne!(own, fingerprint(&text("a", "b"), "s", "x"));
}

#[test]
fn an_unknown_key_does_not_hide_what_else_is_wrong() {
    let compiled = compiled(&format!(
        "endpoints:\n  ok: {{{ALLOW}}}\n  api:\n    authentcation: {{}}\n    rules: [{{name: nobody}}, {{name: r}}]\nrules:\n  r:\n    whenAll: [1]\n    conditions:\n      pass: ['request.pth == \"/\"', '1 +']\n"
    ));
    let found = findings(&compiled);
    for expected in [
        "4 C003 endpoints.api.authentcation",
        "5 C014 endpoints.api.rules[0].name",
        "5 C015 endpoints.api.rules[1].name",
        "8 C003 rules.r.whenAll",
        "10 C021 rules.r.conditions.pass[0]",
        "10 C020 rules.r.conditions.pass[1]",
    ] {
        assert!(
            found.iter().any(|found| found == expected),
            "{expected} in {found:?}"
        );
    }
    assert_eq!(found.len(), 6, "{found:?}");
    assert_eq!(quarantined(&compiled), ["api"]);
    assert!(compiled.plan.is_some());
}
