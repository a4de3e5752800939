//! Remembered tokens, and revoked ones.

use std::sync::Arc;
use std::time::Duration;

use ztag_token::{
    Refusal, Revocation, RevocationRequest, Revocations, RevocationsFull, TokenCache,
    TokenCacheSpec, Verifier,
};
use ztag_types::Clock;

use crate::mint::{Gate, ISSUER, Mint, START, claims, key_set, spec};

#[test]
fn a_remembered_token_is_the_same_token() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let token = mint.token(&claims());
    let first = verifier.check(&token).unwrap();
    let second = verifier.check(&token).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    let counts = gate.places.cache.counts();
    assert_eq!((counts.hits, counts.misses, counts.entries), (1, 1, 1));
}

#[test]
fn attack_37_a_warm_cache_accepts_no_other_signature() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let token = mint.token(&claims());
    verifier.check(&token).unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let (header, rest) = token.split_once('.').unwrap();
    for other in [
        format!("{signed}."),
        format!("{signed}.AAAA"),
        format!("{signed}.{}", "A".repeat(86)),
        format!("{token}A"),
        format!("{token}="),
        format!("{header}.{header}.{rest}"),
        token.to_uppercase(),
    ] {
        assert!(verifier.check(&other).is_err(), "{other}");
    }
    assert!(verifier.check(&token).is_ok());
}

#[test]
fn attack_42_a_remembered_token_expires_on_time() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let mut claims = claims();
    claims["exp"] = (START + 20).into();
    let token = mint.token(&claims);
    verifier.check(&token).unwrap();
    gate.clock.advance(Duration::from_secs(19));
    assert!(verifier.check(&token).is_ok());
    gate.clock.advance(Duration::from_secs(11));
    assert_eq!(verifier.check(&token).err(), Some(Refusal::Expired));
}

#[test]
fn a_remembered_token_is_verified_again_after_a_while() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let mut claims = claims();
    claims["exp"] = (START + 36_000).into();
    let token = mint.token(&claims);
    for _ in 0..3 {
        verifier.check(&token).unwrap();
        gate.clock.advance(Duration::from_secs(299));
        verifier.check(&token).unwrap();
        gate.clock.advance(Duration::from_secs(1));
    }
    let counts = gate.places.cache.counts();
    assert_eq!((counts.hits, counts.misses), (3, 3));
}

#[test]
fn attack_38_what_one_policy_accepted_another_judges_itself() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let old = gate.verifier(&[spec(key_set(&[&mint]))]);
    let token = mint.token(&claims());
    old.check(&token).unwrap();
    let mut narrowed = spec(key_set(&[&mint]));
    narrowed.audiences = vec!["https://elsewhere.example".into()];
    let new = gate.verifier(&[narrowed]);
    assert_eq!(new.check(&token).err(), Some(Refusal::AudienceRefused));
    assert!(old.check(&token).is_ok());
}

/// Bytes for fewer tokens than there are.
const LITTLE: u64 = 256 * 1024;

/// An issuer, and a gate that remembers its tokens in `max_bytes`.
fn remembering(max_bytes: u64) -> (Mint, Gate, Verifier) {
    let mint = Mint::ed("a");
    let spec_of_cache = TokenCacheSpec {
        max_bytes,
        ..TokenCacheSpec::default()
    };
    let mut gate = Gate::new();
    gate.places.cache = Arc::new(TokenCache::new(spec_of_cache));
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    (mint, gate, verifier)
}

#[test]
fn attack_a_flood_of_tokens_takes_no_memory() {
    let (mint, gate, verifier) = remembering(LITTLE);
    let mut claims = claims();
    for number in 0..2_000 {
        claims["jti"] = number.to_string().into();
        let token = mint.token(&claims);
        verifier.check(&token).unwrap();
        let forged = format!("{}_w", token.split_at(token.len() - 2).0);
        assert!(verifier.check(&forged).is_err());
    }
    let counts = gate.places.cache.counts();
    assert!(counts.bytes <= LITTLE, "{counts:?}");
    assert!(counts.entries > 100, "{counts:?}");
}

/// Tokens in pairs and threes, each with rights of its own: what is shared is bounded as well, and
/// what is not is each token's to account for.
#[test]
fn attack_a_flood_of_tokens_that_share_takes_no_memory() {
    let (mint, gate, verifier) = remembering(LITTLE);
    let mut claims = claims();
    for number in 0..2_000 {
        claims["jti"] = number.to_string().into();
        claims["rights"] = format!("{}{}", number / 2, "x".repeat(1_024)).into();
        verifier.check(&mint.token(&claims)).unwrap();
        claims["groups"] = serde_json::json!([format!("group {}", number / 3)]);
        verifier.check(&mint.token(&claims)).unwrap();
        let counts = gate.places.cache.counts();
        assert!(counts.bytes <= LITTLE, "{counts:?}");
    }
    let counts = gate.places.cache.counts();
    assert!(counts.bytes > LITTLE / 2, "{counts:?}");
}

#[test]
fn nothing_is_kept_where_nothing_shall_be() {
    let (mint, gate, verifier) = remembering(0);
    for _ in 0..4 {
        verifier.check(&mint.token(&claims())).unwrap();
    }
    let counts = gate.places.cache.counts();
    assert_eq!((counts.hits, counts.entries, counts.bytes), (0, 0, 0));
}

#[test]
fn tokens_of_an_issuer_take_half_a_kilobyte() {
    let mint = Mint::ec("key-2026-01");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let mut claims = claims();
    claims["org_id"] = "org_7Yh2kqVtbWmQ1c9d".into();
    claims["azp"] = "Xk3JqPzR8vLm2NwTa0sBcD4eFgHiJkLm".into();
    claims["permissions"] = serde_json::json!(["read:reports", "write:reports"]);
    let tokens = 100;
    for number in 0..tokens {
        claims["jti"] = format!("0b9c1a52-8a2f-4a0e-9d0c-{number:012}").into();
        claims["sub"] = format!("auth0|{number}").into();
        verifier.check(&mint.token(&claims)).unwrap();
    }
    let counts = gate.places.cache.counts();
    assert_eq!(counts.entries, tokens);
    assert!(counts.bytes < 512 * tokens, "{counts:?}");
}

#[test]
fn what_is_forgotten_takes_no_room() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let mut claims = claims();
    let mut held = Vec::new();
    for number in 0..4 {
        claims["jti"] = number.to_string().into();
        held.push(verifier.check(&mint.token(&claims)).unwrap());
    }
    let cache = &gate.places.cache;
    cache.clear();
    // What the tokens still held share is still there.
    assert!(cache.counts().bytes > 0);
    drop(held);
    cache.clear();
    assert_eq!(cache.counts().bytes, 0);
}

#[test]
fn attack_31_revoked_tokens_are_refused_at_once() {
    let mint = Mint::ec("a");
    let issuer: Box<str> = ISSUER.into();
    let by_id = Revocation::Token {
        issuer: issuer.clone(),
        id: "id-1".into(),
    };
    let by_subject = Revocation::Subject {
        issuer: issuer.clone(),
        subject: "auth0|ada".into(),
    };
    for what in [by_id, by_subject, Revocation::Issuer { issuer }] {
        let gate = Gate::new();
        let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
        let token = mint.token(&claims());
        verifier.check(&token).unwrap();
        let revocations = &gate.places.revocations;
        let keep = Duration::from_hours(1);
        revocations
            .revoke(what.clone(), keep, &*gate.clock)
            .unwrap();
        assert_eq!(
            verifier.check(&token).err(),
            Some(Refusal::Revoked),
            "{what:?}"
        );
        gate.places.cache.clear();
        assert_eq!(
            verifier.check(&token).err(),
            Some(Refusal::Revoked),
            "{what:?}"
        );
        // A token issued later under another id is a new one.
        gate.clock.advance(Duration::from_secs(5));
        let mut later = claims();
        later["jti"] = "id-2".into();
        later["iat"] = gate.clock.now().seconds().into();
        assert!(verifier.check(&mint.token(&later)).is_ok(), "{what:?}");
        later["jti"] = "id-1".into();
        later["sub"] = "auth0|bob".into();
        let other = verifier.check(&mint.token(&later));
        assert_eq!(
            other.is_err(),
            matches!(what, Revocation::Token { .. }),
            "{what:?}"
        );
    }
}

#[test]
fn attack_42_what_an_operator_revokes_is_refused_with_the_next_request() {
    let mint = Mint::ec("a");
    for (change, expected) in [
        (serde_json::json!({"jti": "id-1"}), true),
        (serde_json::json!({"jti": "id-2"}), false),
        (serde_json::json!({"sub": "auth0|ada"}), true),
        (
            serde_json::json!({"sub": "auth0|ada", "before": START - 1}),
            false,
        ),
        (serde_json::json!({"sub": "auth0|ad"}), false),
        (serde_json::json!({}), true),
        (serde_json::json!({"before": START}), true),
        (serde_json::json!({"before": START - 1}), false),
        (serde_json::json!({"issuer": "https://idp.example"}), false),
    ] {
        let gate = Gate::new();
        let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
        let token = mint.token(&claims());
        verifier.check(&token).unwrap();
        let mut request = serde_json::json!({"issuer": ISSUER});
        for (name, value) in change.as_object().unwrap() {
            request[name] = value.clone();
        }
        let request = RevocationRequest::parse(request.to_string().as_bytes()).unwrap();
        request
            .apply(&gate.places.revocations, &*gate.clock)
            .unwrap();
        let refused = verifier.check(&token).err() == Some(Refusal::Revoked);
        assert_eq!(refused, expected, "{change}");
    }
}

#[test]
fn a_full_revocation_list_forgets_nobody() {
    let gate = Gate::new();
    let revocations = Revocations::new(2);
    let of = |name: &str| Revocation::Issuer {
        issuer: name.into(),
    };
    let revoke = |name: &str, seconds: u64| {
        revocations.revoke(of(name), Duration::from_secs(seconds), &*gate.clock)
    };
    assert!(revocations.is_empty());
    assert_eq!((revoke("a", 10), revoke("b", 100)), (Ok(()), Ok(())));
    assert_eq!(revoke("c", 10), Err(RevocationsFull));
    assert_eq!(revoke("a", 10), Ok(()));
    gate.clock.advance(Duration::from_secs(11));
    assert_eq!(revoke("c", 10), Ok(()));
    assert_eq!(revocations.len(), 2);
}
