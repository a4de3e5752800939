//! Rules about tokens and certificates that somebody else vouches for.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use ztag_types::{
    ClientCertificate, Clock, Code, Credential, ManualClock, Map, Object, Outcome, Participation,
    Principal, ReasonCode, Secret, Timestamp, Value, Verdict,
};

use crate::stub::{Answer, Stub};
use crate::support::{Ask, Gate, PASSED, ended};

const ISSUER: &str = "https://idp.example/";
const UNMATCHED: (Outcome, ReasonCode) = (Outcome::Fail, ReasonCode::CredentialsUnmatched);

/// What an issuer says, taken at its word.
#[derive(Debug)]
struct Vouched {
    issuer: &'static str,
    text: String,
    claims: Map,
    expires: Timestamp,
}

impl Vouched {
    fn new(claims: &Json) -> Arc<Self> {
        Self::by(ISSUER, claims)
    }

    fn by(issuer: &'static str, claims: &Json) -> Arc<Self> {
        let Value::Map(map) = Value::from(claims.clone()) else {
            panic!("claims are a map");
        };
        Arc::new(Self {
            issuer,
            text: claims.to_string(),
            claims: Map::clone(&map),
            expires: ManualClock::new().now().plus(Duration::from_mins(10)),
        })
    }
}

impl Principal for Vouched {
    fn issuer(&self) -> &str {
        self.issuer
    }

    fn claims(&self) -> &dyn Object {
        &self.claims
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.text)
    }

    fn actor(&self) -> Option<&Map> {
        match self.claims.get("act") {
            Some(Value::Map(actor)) => Some(actor),
            _ => None,
        }
    }

    fn expires(&self) -> Timestamp {
        self.expires
    }
}

fn jwt(claims: &Json) -> Ask {
    token("t0ken", claims)
}

fn token(token: &str, claims: &Json) -> Ask {
    Ask::get().credential(Credential::Jwt {
        token: Secret::new(token.into()),
        principal: Vouched::new(claims),
    })
}

fn introspected(claims: &Json) -> Ask {
    Ask::get().credential(Credential::Introspected {
        token: Secret::new("opaque".into()),
        principal: Vouched::new(claims),
    })
}

fn ada() -> Json {
    json!({
        "sub": "ada", "scope": "read write", "scp": ["read", "write"], "roles": ["dev", "ops"],
        "email": "ada@corp.com", "email_verified": true, "level": 3, "realm": {"roles": ["dev"]},
        "https://example.com/tenant": "acme", "act": {"sub": "bot", "act": {"sub": "admin"}},
        "acr": "silver", "auth_time": 1_767_225_600 - 60,
    })
}

fn gate(rule: Json) -> Gate {
    let mut gate = Gate::one(rule);
    gate.facts.admitted.jwt = [ISSUER.to_owned()].into();
    gate.facts.admitted.introspection = [ISSUER.to_owned()].into();
    gate.facts.admitted.certificate = true;
    gate
}

/// The verdict of a rule with one matcher.
async fn judged(matcher: &Json, ask: &Ask) -> Verdict {
    let gate = gate(json!({ "auth": [{ "match": [matcher] }] }));
    gate.ask(ask).await.0
}

async fn check(change: Json, matched: bool) {
    for (kind, ask) in [
        ("jwt", jwt(&ada())),
        ("introspection", introspected(&ada())),
    ] {
        let mut matcher = change.clone();
        matcher["type"] = kind.into();
        let expected = if matched { PASSED } else { UNMATCHED };
        let verdict = judged(&matcher, &ask).await;
        assert_eq!(ended(&verdict), expected, "{matcher}");
        let other = if kind == "jwt" {
            introspected(&ada())
        } else {
            jwt(&ada())
        };
        assert_eq!(
            ended(&judged(&matcher, &other).await),
            UNMATCHED,
            "{matcher}"
        );
        assert_eq!(ended(&judged(&matcher, &Ask::get()).await), UNMATCHED);
        let bearer = Ask::get().bearer("t0ken");
        assert_eq!(ended(&judged(&matcher, &bearer).await), UNMATCHED);
    }
}

#[tokio::test]
async fn tokens_match_by_issuer_subject_and_actor() {
    check(json!({}), true).await;
    check(json!({"issuer": ISSUER}), true).await;
    check(json!({"issuer": ["https://other/", ISSUER]}), true).await;
    check(json!({"issuer": "https://idp.example"}), false).await;
    check(json!({"subject": "ada"}), true).await;
    check(json!({"subject": ["bob", "/a.a/"]}), true).await;
    check(json!({"subject": "ad"}), false).await;
    check(json!({"subject": "/d/"}), false).await;
    check(json!({"actor": "bot"}), true).await;
    check(json!({"actor": "admin"}), false).await;
}

#[tokio::test]
async fn tokens_match_by_claims() {
    for (name, value, matched) in [
        ("email", json!("ada@corp.com"), true),
        ("roles", json!("ops"), true),
        ("roles", json!(["x", "dev"]), true),
        ("roles", json!("/o.*/"), true),
        ("roles", json!("admin"), false),
        ("email_verified", json!(true), true),
        ("email_verified", json!(false), false),
        ("level", json!(3), true),
        ("level", json!([1, 2]), false),
        ("realm.roles", json!("dev"), true),
        ("realm.roles", json!("ops"), false),
        ("realm", json!("/.*/"), false),
        ("https://example.com/tenant", json!("acme"), true),
        ("absent", json!("/.*/"), false),
        ("absent.deeper", json!("/.*/"), false),
    ] {
        check(json!({"claims": { name: value }}), matched).await;
    }
    let both = json!({"claims": {"roles": "dev", "level": 4}});
    check(both, false).await;
}

#[tokio::test]
async fn attack_26_claims_of_another_type_do_not_match() {
    for (name, value) in [
        ("email_verified", json!("true")),
        ("email_verified", json!("/.*/")),
        ("email_verified", json!(1)),
        ("level", json!("3")),
        ("level", json!(true)),
        ("sub", json!(0)),
    ] {
        check(json!({"claims": { name: value }}), false).await;
    }
    let odd = jwt(&json!({"sub": ["ada"], "scope": {"read": true}, "acr": 1, "auth_time": "9"}));
    for matcher in [
        json!({"type": "jwt", "subject": "ada"}),
        json!({"type": "jwt", "scopes": ["read"]}),
        json!({"type": "jwt", "stepUp": {"acr": ["1"]}}),
        json!({"type": "jwt", "stepUp": {"maxAge": "1h"}}),
    ] {
        assert_eq!(ended(&judged(&matcher, &odd).await), UNMATCHED, "{matcher}");
    }
}

#[tokio::test]
async fn attack_30_an_address_must_fit_as_a_whole() {
    let matcher = json!({"type": "jwt", "claims": {"email": "/[^@]+@corp[.]com/"}});
    for (email, expected) in [
        ("ada@corp.com", PASSED),
        ("a@evil@corp.com", UNMATCHED),
        ("ada@corp.com.evil.net", UNMATCHED),
        ("ada@corp.com\n", UNMATCHED),
    ] {
        let ask = jwt(&json!({"email": email}));
        assert_eq!(ended(&judged(&matcher, &ask).await), expected, "{email}");
    }
}

#[tokio::test]
async fn scopes_are_read_from_the_claim_named_and_no_other() {
    check(json!({"scopes": ["read"]}), true).await;
    check(json!({"scopes": ["write", "read"]}), true).await;
    check(json!({"scopes": ["read", "admin"]}), false).await;
    check(json!({"scopes": ["rea"]}), false).await;
    check(json!({"scopes": ["read"], "scopeClaim": "scp"}), true).await;
    check(
        json!({"scopes": ["read"], "scopeClaim": "permissions"}),
        false,
    )
    .await;
    let listed = jwt(&json!({"scp": ["read"], "permissions": ["read"]}));
    let matcher = json!({"type": "jwt", "scopes": ["read"]});
    assert_eq!(ended(&judged(&matcher, &listed).await), UNMATCHED);
}

fn challenged(verdict: &Verdict) -> Option<(Option<u16>, &str)> {
    let challenge = verdict.challenge.as_ref()?;
    let status = challenge.status.map(|status| status.as_u16());
    Some((status, challenge.value.to_str().unwrap()))
}

#[tokio::test]
async fn a_token_that_lacks_scopes_is_told_which() {
    let matcher = json!({"type": "jwt", "subject": "ada", "scopes": ["read", "admin"]});
    let verdict = judged(&matcher, &jwt(&ada())).await;
    let expected = r#"Bearer error="insufficient_scope", scope="read admin""#;
    assert_eq!(challenged(&verdict), Some((None, expected)));
    assert_eq!(verdict.fresh_for, Some(Duration::ZERO));
    // Nobody is told what other people need.
    let stranger = json!({"type": "jwt", "subject": "bob", "scopes": ["admin"]});
    assert_eq!(challenged(&judged(&stranger, &jwt(&ada())).await), None);
    assert_eq!(challenged(&judged(&matcher, &Ask::get()).await), None);
    let mut bound = ada();
    bound["cnf"] = json!({"jkt": "AAAA"});
    let verdict = judged(&matcher, &jwt(&bound)).await;
    let expected = r#"DPoP error="insufficient_scope", scope="read admin""#;
    assert_eq!(challenged(&verdict), Some((None, expected)));
}

#[tokio::test]
async fn a_token_of_a_weak_or_old_login_is_told_to_step_up() {
    let rule = |step_up: Json| json!({"type": "jwt", "stepUp": step_up});
    let recent = rule(json!({"acr": ["gold", "silver"], "maxAge": "2m"}));
    let passes = judged(&recent, &jwt(&ada())).await;
    assert_eq!(ended(&passes), PASSED);
    assert_eq!(passes.fresh_for, Some(Duration::from_mins(1)));
    let weak = judged(&rule(json!({"acr": ["gold", "platinum"]})), &jwt(&ada())).await;
    assert_eq!(ended(&weak), UNMATCHED);
    let expected = r#"Bearer error="insufficient_user_authentication", acr_values="gold platinum""#;
    assert_eq!(challenged(&weak), Some((Some(401), expected)));
    let old = judged(&rule(json!({"maxAge": "59s"})), &jwt(&ada())).await;
    let expected = r#"Bearer error="insufficient_user_authentication", max_age="59""#;
    assert_eq!(challenged(&old), Some((Some(401), expected)));
}

#[tokio::test]
async fn a_challenge_is_given_only_where_nothing_else_is_missing() {
    let rule = json!({ "auth": [
        { "match": [
            { "type": "jwt", "scopes": ["admin"] },
            { "type": "header", "name": "x-api-key" },
        ] },
        { "match": [{ "type": "basic" }] },
    ] });
    let verdict = gate(rule.clone()).ask(&jwt(&ada())).await.0;
    assert_eq!(challenged(&verdict), None);
    let verdict = gate(rule)
        .ask(&jwt(&ada()).key_header("x-api-key", "k"))
        .await
        .0;
    let expected = r#"Bearer error="insufficient_scope", scope="admin""#;
    assert_eq!(challenged(&verdict), Some((None, expected)));
    let other = json!({ "auth": [
        { "match": [{ "type": "jwt", "scopes": ["admin"] }] },
        { "match": [{ "type": "jwt", "scopes": ["read"] }] },
    ] });
    let verdict = gate(other).ask(&jwt(&ada())).await.0;
    assert_eq!((ended(&verdict), challenged(&verdict)), (PASSED, None));
}

fn certificate() -> Ask {
    Ask::get().credential(Credential::Certificate {
        certificate: Arc::new(ClientCertificate {
            fingerprint: fingerprint().into(),
            subject: "CN=billing,O=Example".into(),
            spiffe_id: Some("spiffe://example.org/billing".into()),
            dns: vec!["billing.example".into()],
            expires: ManualClock::new().now().plus(Duration::from_mins(10)),
            ..ClientCertificate::default()
        }),
    })
}

fn fingerprint() -> String {
    ztag_token::certificate_thumbprint(b"certificate")
}

#[tokio::test]
async fn certificates_match_by_every_list_given() {
    for (change, matched) in [
        (json!({}), true),
        (json!({"spiffeId": "spiffe://example.org/billing"}), true),
        (json!({"spiffeId": "/spiffe://example[.]org/.+/"}), true),
        (json!({"spiffeId": "/spiffe/"}), false),
        (json!({"dns": ["other", "billing.example"]}), true),
        (json!({"dns": "example"}), false),
        (json!({"subject": "CN=billing,O=Example"}), true),
        (json!({"fingerprint": fingerprint()}), true),
        (json!({"fingerprint": "00".repeat(32)}), false),
        (
            json!({"dns": "billing.example", "subject": "CN=other"}),
            false,
        ),
    ] {
        let mut matcher = change;
        matcher["type"] = "certificate".into();
        let expected = if matched { PASSED } else { UNMATCHED };
        assert_eq!(
            ended(&judged(&matcher, &certificate()).await),
            expected,
            "{matcher}"
        );
        assert_eq!(ended(&judged(&matcher, &jwt(&ada())).await), UNMATCHED);
    }
}

#[tokio::test]
async fn expressions_read_the_token_that_won() {
    let rule = |condition: &str, auth: Json| {
        gate(json!({ "auth": auth, "conditions": { "pass": [condition] } }))
    };
    let won = || json!([{ "match": [{ "type": "jwt" }] }]);
    for condition in [
        "auth.input.jwt.claims.sub == 'ada' && auth.input.jwt.issuer == 'https://idp.example/'",
        "auth.input.jwt.claims['https://example.com/tenant'] == 'acme'",
        "'ops' in auth.input.jwt.claims.roles && auth.input.jwt.claims.level >= 3",
        "auth.input.jwt.actor.sub == 'bot' && auth.input.jwt.token == 't0ken'",
        "auth.selected == 'jwt' && !has(auth.input.bearer) && !has(auth.input.certificate)",
    ] {
        let verdict = rule(condition, won()).ask(&jwt(&ada())).await.0;
        assert_eq!(ended(&verdict), PASSED, "{condition}");
    }
    let seen = "auth.input.certificate.spiffeId == 'spiffe://example.org/billing' \
                && auth.input.certificate.dns[0] == 'billing.example' \
                && auth.input.certificate.expires > now";
    let auth = json!([{ "match": [{ "type": "certificate" }] }]);
    assert_eq!(ended(&rule(seen, auth).ask(&certificate()).await.0), PASSED);
    let opaque = "auth.input.introspection.claims.sub == 'ada'";
    let auth = json!([{ "match": [{ "type": "introspection" }] }]);
    assert_eq!(
        ended(&rule(opaque, auth).ask(&introspected(&ada())).await.0),
        PASSED
    );
}

#[tokio::test]
async fn attack_37_claims_of_a_token_that_did_not_win_are_not_seen() {
    let rule = gate(json!({
        "auth": [{ "match": [{ "type": "header", "name": "x-api-key" }] }],
        "conditions": { "fail": ["has(auth.input.jwt)"] },
    }));
    let ask = jwt(&ada()).key_header("x-api-key", "k");
    assert_eq!(ended(&rule.ask(&ask).await.0), PASSED);
    let everybody = gate(json!({ "conditions": { "fail": ["has(auth.input.jwt)"] } }));
    assert_eq!(ended(&everybody.ask(&jwt(&ada())).await.0), PASSED);
}

#[tokio::test]
async fn attack_51_a_verified_token_is_forwarded_only_where_a_rule_says_how() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let auth = json!([{ "match": [{ "type": "jwt" }] }]);
    let same = gate(json!({ "auth": auth, "backendApi": { "url": stub.url } }));
    assert_eq!(ended(&same.ask(&jwt(&ada())).await.0), PASSED);
    assert_eq!(stub.last().header("authorization"), None);
    let auth = json!([{
        "match": [{ "type": "jwt" }],
        "forwardAs": [
            { "type": "bearer", "token": "{{ auth.input.jwt.token }}" },
            { "type": "header", "name": "x-user", "value": "{{ auth.input.jwt.claims.sub }}" },
        ],
    }]);
    let told = gate(json!({ "auth": auth, "backendApi": { "url": stub.url } }));
    assert_eq!(ended(&told.ask(&jwt(&ada())).await.0), PASSED);
    assert_eq!(stub.last().header("authorization"), Some("Bearer t0ken"));
    assert_eq!(stub.last().header("x-user"), Some("ada"));
}

#[tokio::test]
async fn attack_42_a_verdict_is_forgotten_with_its_token() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    for (ask, auth) in [
        (jwt(&ada()), json!([{ "match": [{ "type": "jwt" }] }])),
        (
            certificate(),
            json!([{ "match": [{ "type": "certificate" }] }]),
        ),
    ] {
        let before = stub.calls();
        let gate = gate(json!({
            "auth": auth,
            "backendApi": { "url": stub.url },
            "cache": { "ttl": { "pass": "1h" } },
        }))
        .cached();
        let chain = gate.chain();
        gate.judge(&chain, &ask).await;
        gate.clock.advance(Duration::from_secs(599));
        let (_, trace) = gate.judge(&chain, &ask).await;
        assert_eq!(trace.rules[0].cache.participation, Participation::Hit);
        gate.clock.advance(Duration::from_secs(2));
        gate.judge(&chain, &ask).await;
        assert_eq!(stub.calls(), before + 2);
    }
}

#[tokio::test]
async fn attack_37_the_same_name_at_another_issuer_is_somebody_else() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let gate = gate(json!({
        "auth": [{ "match": [{ "type": "jwt" }] }],
        "backendApi": { "url": stub.url },
        "cache": { "ttl": { "pass": "1h" } },
    }))
    .cached();
    let chain = gate.chain();
    let ask = |issuer| {
        Ask::get().credential(Credential::Jwt {
            token: Secret::new("t0ken".into()),
            principal: Vouched::by(issuer, &json!({"sub": "admin"})),
        })
    };
    gate.judge(&chain, &ask(ISSUER)).await;
    gate.judge(&chain, &ask("https://other.example/")).await;
    assert_eq!(stub.calls(), 2);
    let matcher = json!({"type": "jwt", "issuer": ISSUER, "subject": "admin"});
    let other = ask("https://other.example/");
    assert_eq!(ended(&judged(&matcher, &other).await), UNMATCHED);
}

#[tokio::test]
async fn attack_31_other_claims_are_another_verdict() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let gate = gate(json!({
        "auth": [{ "match": [{ "type": "jwt" }] }],
        "backendApi": { "url": stub.url },
        "cache": { "ttl": { "pass": "1h" } },
    }))
    .cached();
    let chain = gate.chain();
    gate.judge(&chain, &jwt(&json!({"sub": "ada", "roles": ["admin"]})))
        .await;
    gate.judge(&chain, &jwt(&json!({"sub": "ada", "roles": []})))
        .await;
    assert_eq!(stub.calls(), 2);
    // The same claims under another signature are the same person with the same rights.
    gate.judge(
        &chain,
        &token("another", &json!({"sub": "ada", "roles": []})),
    )
    .await;
    assert_eq!(stub.calls(), 2);
}

fn check_broken(matcher: &Json, code: Code, path: &str) {
    let gate = gate(json!({ "auth": [{ "match": [matcher] }] }));
    let path = format!("rules.r.auth[0].match[0].{path}");
    assert_eq!(gate.findings(), [(code, path)], "{matcher}");
}

#[test]
fn keys_of_another_type_are_told() {
    for (matcher, path) in [
        (json!({"type": "jwt", "value": "x"}), "value"),
        (json!({"type": "bearer", "issuer": "x"}), "issuer"),
        (json!({"type": "basic", "claims": {"a": "b"}}), "claims"),
        (json!({"type": "certificate", "scopes": ["a"]}), "scopes"),
        (json!({"type": "jwt", "spiffeId": "x"}), "spiffeId"),
    ] {
        check_broken(&matcher, Code::Conflict, path);
    }
}

#[test]
fn values_that_nothing_could_have_are_told() {
    let invalid = Code::InvalidValue;
    for (matcher, code, path) in [
        (
            json!({"type": "jwt", "subject": "/(/"}),
            Code::Pattern,
            "subject",
        ),
        (json!({"type": "jwt", "subject": []}), invalid, "subject"),
        (
            json!({"type": "jwt", "claims": {"a": []}}),
            invalid,
            "claims.a",
        ),
        (
            json!({"type": "jwt", "claims": {"a": ["b", "/(/"]}}),
            Code::Pattern,
            "claims.a[1]",
        ),
        (
            json!({"type": "jwt", "scopes": ["a b"]}),
            invalid,
            "scopes[0]",
        ),
        (
            json!({"type": "jwt", "stepUp": {}}),
            Code::MissingKey,
            "stepUp",
        ),
        (
            json!({"type": "jwt", "stepUp": {"acr": ["a\"b"]}}),
            invalid,
            "stepUp.acr[0]",
        ),
        (
            json!({"type": "certificate", "fingerprint": "x"}),
            invalid,
            "fingerprint",
        ),
        (json!({"type": "jtw"}), invalid, "type"),
    ] {
        check_broken(&matcher, code, path);
    }
}

#[test]
fn what_the_endpoint_does_not_admit_is_told() {
    let unknown = gate(json!({ "auth": [{ "match": [{"type": "jwt", "issuer": "x"}] }] }));
    let warned = [(Code::NoCredentialSource, "rules.r.auth".to_owned())];
    assert_eq!(unknown.findings(), warned);
    let forwards = gate(json!({ "auth": [{
        "match": [{ "type": "jwt" }], "forwardAs": [{ "type": "jwt" }],
    }] }));
    let path = "rules.r.auth[0].forwardAs[0].type".to_owned();
    assert_eq!(forwards.findings(), [(Code::InvalidValue, path)]);
}
