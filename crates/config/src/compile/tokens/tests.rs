use std::fs;

use ztag_types::{EndpointName, ManualClock};

use super::*;
use crate::compile::{Compiled, compile};
use crate::load::{Sources, load};
use crate::report::Finding;
use crate::stores::Stores;

const ALPHA: &str = "{issuer: 'https://a.example/', audiences: [us]}";
const BETA: &str = "{issuer: 'https://b.example/', audiences: [us]}";

fn read(text: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, text).unwrap();
    load(&Sources::file(file))
}

fn compiled(text: &str) -> Compiled {
    let loaded = read(text);
    let stores = Stores::offline(&loaded, Arc::new(ManualClock::new())).unwrap();
    compile(&loaded, &stores)
}

fn effects(compiled: &Compiled) -> Vec<String> {
    let short = |finding: &Finding| {
        let effect = finding.effect.as_deref().unwrap_or("-");
        format!("{} {}: {effect}", finding.code, finding.path)
    };
    compiled.report.findings().iter().map(short).collect()
}

fn quarantined(compiled: &Compiled) -> Vec<&str> {
    let names = compiled.quarantined.iter();
    names.map(EndpointName::as_str).collect()
}

/// The verifier for these issuers under a configuration, in long-lived places.
fn verifier(text: &str, stores: &Stores, names: &[&str]) -> Option<Arc<Verifier>> {
    let loaded = read(text);
    let server = loaded.server().unwrap();
    let tokens = Tokens::compile(
        &loaded,
        server,
        (&stores.tokens, &stores.client),
        &mut Ledger::default(),
    );
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    tokens.verifier(&names)
}

#[test]
fn tokens_are_remembered_across_reloads_while_their_issuers_say_the_same() {
    let stores = Stores::offline(&read(""), Arc::new(ManualClock::new())).unwrap();
    let text = |alpha: &str, rest: &str| format!("issuers: {{a: {alpha}, b: {BETA}}}\n{rest}");
    let first = verifier(&text(ALPHA, ""), &stores, &["a", "b"]).unwrap();
    let other = "endpoints: {x: {}}\n";
    let again = verifier(&text(ALPHA, other), &stores, &["b", "a"]).unwrap();
    assert!(
        Arc::ptr_eq(&first, &again),
        "in another order, after a reload"
    );
    let one = verifier(&text(ALPHA, ""), &stores, &["a"]).unwrap();
    assert!(!Arc::ptr_eq(&first, &one), "another set");
    let changed = ALPHA.replace("us", "them");
    let changed = verifier(&text(&changed, ""), &stores, &["a", "b"]).unwrap();
    assert!(!Arc::ptr_eq(&first, &changed), "another audience");
}

#[test]
fn nobody_judges_for_a_broken_issuer() {
    let stores = Stores::offline(&read(""), Arc::new(ManualClock::new())).unwrap();
    let text = format!("issuers: {{a: {ALPHA}, b: {{issuer: 'https://b.example/'}}}}\n");
    assert!(verifier(&text, &stores, &["a", "b"]).is_none());
    assert!(verifier(&text, &stores, &["b"]).is_none());
    assert!(verifier(&text, &stores, &["a"]).is_some());
}

#[test]
fn a_broken_issuer_quarantines_the_endpoints_that_name_it_and_no_other() {
    let compiled = compiled(&format!(
        "
issuers: {{a: {ALPHA}, b: {{issuer: 'https://b.example/'}}, spare: {{audiences: [us]}}}}
endpoints:
  both: {{authentication: {{allow: {{jwt: [a, b]}}}}}}
  one: {{authentication: {{allow: {{jwt: [a]}}}}}}
  two: {{authentication: {{allow: {{jwt: [b]}}}}}}
"
    ));
    let found = effects(&compiled);
    for expected in [
        "C005 issuers.b.audiences: endpoints `both`, `two` are quarantined and answer 503",
        "C005 issuers.spare.issuer: none yet: no endpoint names this issuer",
    ] {
        assert!(found.iter().any(|own| own == expected), "{found:#?}");
    }
    assert_eq!(quarantined(&compiled), ["both", "two"]);
    assert!(compiled.plan.is_some());
}

#[test]
fn unknown_issuers_are_named_with_the_nearest() {
    let compiled = compiled(&format!(
        "issuers: {{okta: {ALPHA}}}\nendpoints: {{api: {{authentication: {{allow: {{jwt: [otka]}}}}}}}}\n"
    ));
    let findings = compiled.report.findings();
    let unknown = findings.iter().find(|own| own.path.ends_with("jwt[0]"));
    let hint = unknown.and_then(|own| own.hint.as_deref());
    assert_eq!(hint, Some("did you mean `okta`?"), "{findings:?}");
    assert_eq!(quarantined(&compiled), ["api"]);
}

#[test]
fn one_endpoint_knows_an_issuer_once() {
    let compiled = compiled(&format!(
        "issuers: {{a: {ALPHA}, b: {ALPHA}}}\nendpoints:\n  api: {{authentication: {{allow: {{jwt: [a, b]}}}}}}\n  fine: {{authentication: {{allow: {{jwt: [b]}}}}}}\n"
    ));
    assert_eq!(
        effects(&compiled),
        [
            "C007 endpoints.api.authentication.allow.jwt[1]: endpoint `api` is quarantined and answers 503"
        ]
    );
    assert_eq!(quarantined(&compiled), ["api"]);
}

#[test]
fn an_introspection_needs_to_know_who_we_are() {
    let text = |server: &str, client: &str| {
        format!(
            "{server}
introspection: {{idp: {{issuer: 'https://a.example/', audiences: [us]{client}}}}}
endpoints: {{api: {{authentication: {{allow: {{introspection: [idp]}}}}}}}}
"
        )
    };
    let own = ", client: {clientId: us, secret: hunter2}";
    let server = "server: {clientAuth: {clientId: us, secret: hunter2}}";
    for text in [text("", own), text(server, "")] {
        let compiled = compiled(&text);
        assert!(compiled.report.is_empty(), "{}", compiled.report.to_human());
    }
    let compiled = compiled(&text("", ""));
    assert_eq!(quarantined(&compiled), ["api"]);
    let found = effects(&compiled);
    let expected = "C005 introspection.idp.client: endpoint `api` is quarantined and answers 503";
    assert!(found.iter().any(|own| own == expected), "{found:#?}");
}

#[test]
fn a_dead_issuer_keeps_nobody_waiting() {
    // Nothing listens there, and nothing is asked before the first token.
    let compiled = compiled(
        "issuers: {a: {issuer: 'http://127.0.0.1:1/', audiences: [us]}}\nendpoints: {api: {authentication: {allow: {jwt: [a]}}}}\n",
    );
    assert!(compiled.plan.is_some(), "{}", compiled.report.to_human());
}

#[test]
fn whoever_is_asked_stays_the_same_until_our_key_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (
        folder.path().join("gateway.yaml"),
        folder.path().join("own.pem"),
    );
    let text = "
server: {clientAuth: {clientId: us, keyFile: own.pem}}
introspection: {idp: {issuer: 'https://a.example/', audiences: [us]}}
";
    fs::write(&file, text).unwrap();
    let rotate = || {
        let pair = rcgen::KeyPair::generate().unwrap();
        fs::write(&key, pair.serialize_pem()).unwrap();
    };
    rotate();
    let first = load(&Sources::file(&file));
    let stores = Stores::offline(&first, Arc::new(ManualClock::new())).unwrap();
    let asked = || {
        let loaded = load(&Sources::file(&file));
        let (server, mut ledger) = (loaded.server().unwrap(), Ledger::default());
        let tokens = Tokens::compile(
            &loaded,
            server,
            (&stores.tokens, &stores.client),
            &mut ledger,
        );
        tokens.introspector("idp").unwrap()
    };
    let before = asked();
    assert!(Arc::ptr_eq(&before, &asked()));
    rotate();
    assert!(!Arc::ptr_eq(&before, &asked()));
}
