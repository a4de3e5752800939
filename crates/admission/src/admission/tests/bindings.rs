//! Tokens bound to a key of their sender.

use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use serde_json::{Value as Json, json};
use ztag_token::Nonces;

use super::asking::{
    admit, admit_dpop, admit_over, bearer, certificate, compile, header, refused, told,
};
use super::mint::{Issuers, Mint};
use crate::admission::*;

#[test]
fn attack_a_token_bound_to_a_certificate_needs_it() {
    let mint = Mint::new();
    let compiled = compile(&Issuers::of(&mint).proving(None));
    let hash = ztag_token::certificate_thumbprint(b"own");
    let (name, value) = bearer(&mint.token(&json!({"cnf": {"x5t#S256": hash}})));
    let check = |own: Option<&[u8]>| admit_over(&compiled, own.map(certificate), &[(name, &value)]);
    assert!(check(Some(b"own")).unwrap().authenticated);
    assert_eq!(told(check(Some(b"other"))), refused("binding_mismatch"));
    assert_eq!(told(check(None)), refused("binding_mismatch"));
}

#[test]
fn attack_a_token_bound_to_a_proof_key_needs_a_proof() {
    let (mint, holder, thief) = (Mint::new(), Mint::new(), Mint::new());
    let compiled = compile(&Issuers::of(&mint).proving(None));
    let token = mint.token(&json!({"cnf": {"jkt": holder.thumbprint()}}));
    let proof = holder.proof(&token, &json!({}));
    assert!(
        admit_dpop(&compiled, &token, &[&proof])
            .unwrap()
            .authenticated
    );
    let check = |detail: &str, error: &str, result: Result<Admitted, Halt>| {
        let (status, code, found, challenge) = told(result);
        assert_eq!((status, code), (401, ReasonCode::TokenRefused), "{detail}");
        assert_eq!(found, detail);
        let expected = format!(r#"DPoP realm="api", error="{error}", algs="#);
        assert!(challenge.starts_with(&expected), "{challenge}");
    };
    let dpop = |proofs: &[&str]| admit_dpop(&compiled, &token, proofs);
    check("proof_replayed", "invalid_dpop_proof", dpop(&[&proof]));
    check("proof_invalid", "invalid_dpop_proof", dpop(&[]));
    let fresh = |changes: &Json| holder.proof(&token, changes);
    let two = (fresh(&json!({"jti": "2"})), fresh(&json!({"jti": "3"})));
    check(
        "proof_invalid",
        "invalid_dpop_proof",
        dpop(&[&two.0, &two.1]),
    );
    for (number, changes) in [
        json!({"htm": "POST"}),
        json!({"htu": "http://evil.example/reports"}),
        json!({"htu": "https://api.example/reports"}),
        json!({"htu": "http://api.example/reports?page=2"}),
        json!({"ath": "AAAA"}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut changes = changes;
        changes["jti"] = format!("other-{number}").into();
        check(
            "proof_invalid",
            "invalid_dpop_proof",
            dpop(&[&fresh(&changes)]),
        );
    }
    let stolen = thief.proof(&token, &json!({}));
    check("binding_mismatch", "invalid_token", dpop(&[&stolen]));
    let free = mint.token(&json!({}));
    let proof = holder.proof(&free, &json!({"jti": "free"}));
    check(
        "binding_missing",
        "invalid_token",
        admit_dpop(&compiled, &free, &[&proof]),
    );
    // RFC 9449 section 7.2: not even with a proof.
    let (name, value) = bearer(&token);
    let proof = fresh(&json!({"jti": "bearer"}));
    let downgraded = admit(&compiled, &[(name, &value), ("dpop", &proof)]);
    assert_eq!(told(downgraded), refused("binding_mismatch"));
}

#[test]
fn attack_without_proofs_bound_tokens_are_refused() {
    let (mint, holder) = (Mint::new(), Mint::new());
    let compiled = compile(&Issuers::of(&mint));
    let token = mint.token(&json!({"cnf": {"jkt": holder.thumbprint()}}));
    let proof = holder.proof(&token, &json!({}));
    let (_, code, detail, _) = told(admit_dpop(&compiled, &token, &[&proof]));
    assert_eq!(
        (code, detail.as_str()),
        (ReasonCode::TokenRefused, "proof_invalid")
    );
}

#[test]
fn a_nonce_is_asked_for() {
    let (mint, holder) = (Mint::new(), Mint::new());
    let nonces = Nonces::from_secret(b"secret", Duration::from_mins(1));
    let compiled = compile(&Issuers::of(&mint).proving(Some(nonces)));
    let token = mint.token(&json!({"cnf": {"jkt": holder.thumbprint()}}));
    let halt = admit_dpop(&compiled, &token, &[&holder.proof(&token, &json!({}))]);
    let halt = halt.unwrap_err();
    let challenge = header(&halt.reply, WWW_AUTHENTICATE.as_str()).unwrap();
    assert!(
        challenge.contains(r#"error="use_dpop_nonce""#),
        "{challenge}"
    );
    let nonce = header(&halt.reply, "dpop-nonce").unwrap();
    let proof = holder.proof(&token, &json!({"nonce": nonce}));
    assert!(admit_dpop(&compiled, &token, &[&proof]).is_ok());
}
