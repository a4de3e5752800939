//! Proofs of possession.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value as Json, json};
use url::Url;
use ztag_token::{
    AlgorithmSet, Confirmation, Nonces, ProofVerifier, ProvenRequest, Refusal, ReplayStore,
    thumbprint,
};
use ztag_types::{Clock, ManualClock, Value};

use crate::mint::{Mint, START, encode};

const TOKEN: &str = "the.access.token";

struct World {
    mint: Mint,
    bound: String,
    clock: Arc<ManualClock>,
    verifier: ProofVerifier,
}

impl World {
    fn new(mint: Mint) -> Self {
        let clock = Arc::new(ManualClock::new());
        let Value::Map(jwk) = Value::from(mint.public.clone()) else {
            panic!("a map");
        };
        Self {
            bound: thumbprint(&jwk).unwrap(),
            mint,
            verifier: ProofVerifier {
                algorithms: AlgorithmSet::ASYMMETRIC,
                max_age: Duration::from_mins(1),
                skew: Duration::from_secs(10),
                replay: Arc::new(ReplayStore::new(1_000)),
                nonces: None,
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
            },
            clock,
        }
    }

    fn header(&self) -> Json {
        let alg = self.mint.signer.algorithm().as_str();
        json!({"typ": "dpop+jwt", "alg": alg, "jwk": self.mint.public})
    }

    fn proof(&self, header: &Json, changes: &Json) -> String {
        let mut claims = json!({
            "jti": "proof-1", "htm": "GET", "htu": "https://api.example/reports",
            "iat": START, "ath": encode(digest(&SHA256, TOKEN.as_bytes())),
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.mint.raw(&header.to_string(), &claims.to_string())
    }

    fn check(&self, proof: &str) -> Result<(), Refusal> {
        let url = Url::parse("https://api.example/reports?page=2").unwrap();
        let request = ProvenRequest {
            method: "GET",
            url: &url,
            token: TOKEN,
            confirmation: Confirmation::ProofKey(&self.bound),
        };
        self.verifier.check(proof, &request)
    }
}

#[test]
fn a_proof_is_good_once() {
    for mint in [Mint::ec("a"), Mint::ed("a")] {
        let world = World::new(mint);
        let proof = world.proof(&world.header(), &json!({}));
        assert_eq!(world.check(&proof), Ok(()));
        assert_eq!(world.check(&proof), Err(Refusal::ProofReplayed));
        world.clock.advance(Duration::from_secs(71));
        assert_eq!(world.check(&proof), Err(Refusal::ProofExpired));
    }
}

#[test]
fn attack_proofs_of_another_request_or_token_are_refused() {
    let world = World::new(Mint::ec("a"));
    let mut number = 0;
    let mut check = |mut changes: Json, expected: Result<(), Refusal>| {
        if changes.get("jti").is_none() {
            number += 1;
            changes["jti"] = number.to_string().into();
        }
        let proof = world.proof(&world.header(), &changes);
        assert_eq!(world.check(&proof), expected, "{changes}");
    };
    let invalid = Err(Refusal::ProofInvalid);
    check(json!({"htu": "HTTPS://API.example:443/reports"}), Ok(()));
    for htu in [
        "https://api.example/reports?page=2",
        "https://api.example/reports#a",
        "https://api.example/Reports",
        "https://api.example/reports/",
        "http://api.example/reports",
        "https://api.example:444/reports",
        "https://evil.example/reports",
        "/reports",
        "",
    ] {
        check(json!({ "htu": htu }), invalid);
    }
    for changes in [
        json!({"htm": "POST"}),
        json!({"htm": "get"}),
        json!({"htm": ["GET"]}),
        json!({"ath": encode(digest(&SHA256, b"another"))}),
        json!({"ath": null}),
        json!({"jti": ""}),
        json!({"jti": 7}),
        json!({"jti": "x".repeat(257)}),
        json!({"iat": "1767225600"}),
        json!({"iat": null}),
    ] {
        check(changes, invalid);
    }
    check(json!({"iat": START - 70}), Ok(()));
    check(json!({"iat": START - 71}), Err(Refusal::ProofExpired));
    check(json!({"iat": START + 10}), Ok(()));
    check(json!({"iat": START + 11}), Err(Refusal::ProofExpired));
}

#[test]
fn attack_proofs_signed_otherwise_are_refused() {
    let world = World::new(Mint::ec("a"));
    let check = |change: &dyn Fn(&mut Json), expected: Refusal| {
        let mut header = world.header();
        change(&mut header);
        let proof = world.proof(&header, &json!({}));
        assert_eq!(world.check(&proof), Err(expected), "{header}");
    };
    let invalid = Refusal::ProofInvalid;
    check(&|header| header["typ"] = "JWT".into(), invalid);
    check(&|header| header["typ"] = "at+jwt".into(), invalid);
    check(
        &|header| drop(header.as_object_mut().unwrap().remove("typ")),
        invalid,
    );
    check(
        &|header| drop(header.as_object_mut().unwrap().remove("jwk")),
        invalid,
    );
    check(&|header| header["alg"] = "none".into(), invalid);
    check(&|header| header["alg"] = "HS256".into(), invalid);
    check(&|header| header["alg"] = "EdDSA".into(), invalid);
    check(&|header| header["jwk"]["d"] = "AAAA".into(), invalid);
    check(&|header| header["jwk"] = Mint::ec("a").public, invalid);
    check(
        &|header| header["jwk"] = json!({"kty": "oct", "k": "AAAA"}),
        invalid,
    );
    check(&|header| header["crit"] = json!(["x"]), invalid);
    for text in ["", "a.b.c", TOKEN, "a.b.c, d.e.f"] {
        assert_eq!(world.check(text), Err(invalid));
    }
}

#[test]
fn attack_a_stolen_token_is_refused_with_another_key() {
    let world = World::new(Mint::ec("a"));
    let thief = World::new(Mint::ec("a"));
    let proof = thief.proof(&thief.header(), &json!({}));
    assert_eq!(world.check(&proof), Err(Refusal::BindingMismatch));
    let url = Url::parse("https://api.example/reports").unwrap();
    let request = ProvenRequest {
        method: "GET",
        url: &url,
        token: TOKEN,
        confirmation: Confirmation::Certificate(&world.bound),
    };
    let proof = world.proof(&world.header(), &json!({}));
    let judged = world.verifier.check(&proof, &request);
    assert_eq!(judged, Err(Refusal::BindingMismatch));
}

#[test]
fn nonces_are_asked_for_where_configured() {
    let mut world = World::new(Mint::ec("a"));
    let nonces = Arc::new(Nonces::from_secret(b"secret", Duration::from_mins(1)));
    world.verifier.nonces = Some(Arc::clone(&nonces));
    let header = world.header();
    let required = Err(Refusal::NonceRequired);
    assert_eq!(world.check(&world.proof(&header, &json!({}))), required);
    assert_eq!(
        world.check(&world.proof(&header, &json!({"nonce": "x"}))),
        required
    );
    // The refused proof was not used up: only its nonce was missing.
    let nonce = nonces.current(world.clock.now());
    assert_eq!(
        world.check(&world.proof(&header, &json!({ "nonce": nonce }))),
        Ok(())
    );
    assert_eq!(
        Refusal::NonceRequired.challenge_error(),
        Some("use_dpop_nonce")
    );
}
