//! Two verifiers, one verdict: what this crate accepts is a subset of what `jsonwebtoken` accepts,
//! and differs only where this crate is known to be stricter.
#![cfg(test)]

#[path = "mint/mod.rs"]
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "shared by several test programs"
)]
mod mint;

use jsonwebtoken::{Algorithm as Theirs, DecodingKey, crypto, jwk::Jwk};
use proptest::prelude::*;
use ztag_token::{AlgorithmSet, KeySet, Purpose, verify};

use crate::mint::{Mint, encode};

/// How a good token is changed.
#[derive(Clone, Debug)]
enum Change {
    None,
    Flip(usize, u8),
    Cut(usize),
    Append(String),
    Header(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::None),
        (any::<prop::sample::Index>(), "[A-Za-z0-9_=.+/ -]")
            .prop_map(|(at, with)| { Change::Flip(at.index(4_096), with.as_bytes()[0]) }),
        any::<prop::sample::Index>().prop_map(|at| Change::Cut(at.index(4_096))),
        "[A-Za-z0-9_=.-]{1,4}".prop_map(Change::Append),
        "(ES256|EdDSA|ES384|RS256|HS256|none)".prop_map(Change::Header),
    ]
}

fn apply(token: &str, change: &Change) -> String {
    match change {
        Change::None => token.to_owned(),
        Change::Append(tail) => token.to_owned() + tail,
        Change::Cut(at) => token.split_at(at % token.len()).0.to_owned(),
        Change::Flip(at, with) => {
            let mut bytes = token.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = *with;
            String::from_utf8(bytes).unwrap()
        }
        Change::Header(alg) => {
            let (_, rest) = token.split_once('.').unwrap();
            format!(
                "{}.{rest}",
                encode(format!(r#"{{"alg":"{alg}","kid":"a"}}"#))
            )
        }
    }
}

/// The verdict of `jsonwebtoken`'s low-level verification.
fn theirs(token: &str, jwk: &Jwk, own: Theirs) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return false;
    };
    let header = jsonwebtoken::decode_header(token).ok();
    let key = DecodingKey::from_jwk(jwk).unwrap();
    header.is_some_and(|header| header.alg == own)
        && crypto::verify(signature, signed.as_bytes(), &key, own).unwrap_or(false)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_agree_on_signatures(payload in "[ -~]{0,60}", change in change(), edwards in any::<bool>()) {
        let (mint, own) = if edwards {
            (Mint::ed("a"), Theirs::EdDSA)
        } else {
            (Mint::ec("a"), Theirs::ES256)
        };
        let alg = mint.signer.algorithm().as_str();
        let good = mint.raw(&format!(r#"{{"alg":"{alg}","kid":"a","typ":"JWT"}}"#), &payload);
        let token = apply(&good, &change);
        let keys = KeySet::parse(&mint.public.to_string(), Purpose::Signature).unwrap();
        let ours = verify(&token, &keys, AlgorithmSet::ASYMMETRIC, 65_536).is_ok();
        let jwk: Jwk = serde_json::from_value(mint.public.clone()).unwrap();
        prop_assert_eq!(ours, theirs(&token, &jwk, own), "{} {:?}", token, change);
        prop_assert_eq!(ours, token == good, "{:?}", change);
    }
}
