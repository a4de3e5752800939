//! Two verifiers, one verdict.
#![cfg(test)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::{self, JwsHeader};
use proptest::prelude::*;
use proptest::sample::Index;
use ztag_oracle::{Party, parties};
use ztag_token::{Algorithm, AlgorithmSet};

/// The order of P-256 (SEC 2 section 2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn party() -> impl Strategy<Value = &'static Party> {
    (0..parties().len()).prop_map(|at| &parties()[at])
}

/// A token of theirs, with this very header.
fn signed(party: &Party, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = party.their_signer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(signature))
}

/// The verdict, which must be one.
fn check(party: &Party, token: &str) -> Result<bool, TestCaseError> {
    let ours = party.we_accept(token, party.algorithm.into());
    let theirs = party.they_accept(token);
    prop_assert_eq!(ours, theirs, "{} {}", party.algorithm, token);
    Ok(ours)
}

/// How a good token is changed.
#[derive(Clone, Debug)]
enum Change {
    None,
    Replace(Index, char),
    Insert(Index, char),
    Remove(Index),
    Cut(Index),
    Append(String),
    Swap,
}

fn change() -> impl Strategy<Value = Change> {
    let letter =
        || prop::char::ranges(vec!['A'..='Z', 'a'..='z', '-'..='9', '_'..='_', '='..='='].into());
    prop_oneof![
        Just(Change::None),
        (any::<Index>(), letter()).prop_map(|(at, with)| Change::Replace(at, with)),
        (any::<Index>(), letter()).prop_map(|(at, with)| Change::Insert(at, with)),
        any::<Index>().prop_map(Change::Remove),
        any::<Index>().prop_map(Change::Cut),
        "[A-Za-z0-9_=. -]{1,4}".prop_map(Change::Append),
        Just(Change::Swap),
    ]
}

fn apply(token: &str, change: &Change) -> String {
    let mut letters: Vec<char> = token.chars().collect();
    match change {
        Change::None => {}
        Change::Replace(at, with) => letters[at.index(token.len())] = *with,
        Change::Insert(at, with) => letters.insert(at.index(token.len() + 1), *with),
        Change::Remove(at) => drop(letters.remove(at.index(token.len()))),
        Change::Cut(at) => letters.truncate(at.index(token.len())),
        Change::Append(tail) => letters.extend(tail.chars()),
        Change::Swap => {
            let mut parts: Vec<_> = token.split('.').collect();
            parts.swap(0, 1);
            letters = parts.join(".").chars().collect();
        }
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens_of_either_side_are_good_on_both(party in party(), text in "\\PC{0,80}") {
        let payload = serde_json::json!({ "sub": text });
        let mut header = JwsHeader::new();
        header.set_token_type("JWT");
        let theirs = jws::serialize_compact(payload.to_string().as_bytes(), &header, &*party.their_signer);
        prop_assert!(check(party, &theirs.unwrap())?);
        if let Some(signer) = &party.our_signer {
            let ours = signer.sign(Some("at+jwt"), &payload).unwrap();
            prop_assert!(check(party, ours.expose())?);
        }
    }

    #[test]
    fn attack_27_changed_tokens_are_refused_by_both(party in party(), payload in "[ -~]{0,60}", change in change()) {
        let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, party.algorithm);
        let good = signed(party, &header, &payload);
        let token = apply(&good, &change);
        prop_assert_eq!(check(party, &token)?, token == good, "{:?}", change);
    }

    /// Whatever the header claims, a key serves its own algorithm.
    #[test]
    fn attack_27_algorithms_are_not_confused(party in party(), claimed in party(), honest in any::<bool>()) {
        let header = format!(r#"{{"alg":"{}"}}"#, claimed.algorithm);
        let signer = if honest { party } else { claimed };
        let token = signed(signer, &header, "{}");
        let same = party.algorithm == claimed.algorithm;
        prop_assert_eq!(check(party, &token)?, same);
        // And where everything is allowed, the key still says what it is for. One key of RSA is
        // for six algorithms: then the signature decides.
        let ours = party.we_accept(&token, Algorithm::ALL.into_iter().collect::<AlgorithmSet>());
        prop_assert_eq!(ours, claimed.they_accept(&token) && (same || shares_key(party, claimed)));
    }

    #[test]
    fn signatures_made_of_anything_have_one_verdict(party in party(), bytes in prop::collection::vec(any::<u8>(), 0..300), fill in prop::option::of(any::<u8>())) {
        let signed = format!("{}.{}", encode(format!(r#"{{"alg":"{}"}}"#, party.algorithm)), encode("{}"));
        let length = party.their_signer.sign(b"x").unwrap().len();
        let bytes = fill.map_or(bytes, |byte| vec![byte; length]);
        let token = format!("{signed}.{}", encode(bytes));
        prop_assert!(!check(party, &token)?);
    }

    /// Headers that are signed well and read strangely: ours is stricter, and only here.
    #[test]
    fn odd_headers_are_refused_by_us_first(party in party(), members in prop::collection::vec(member(), 0..4)) {
        let alg = format!(r#""alg":"{}""#, party.algorithm);
        let all: Vec<_> = std::iter::once(alg.as_str()).chain(members.iter().map(|own| own.0)).collect();
        let header = format!("{{{}}}", all.join(","));
        let token = signed(party, &header, "{}");
        let names: Vec<_> = all.iter().map(|own| own.split(':').next()).collect();
        let repeated = (1..names.len()).any(|at| names[..at].contains(&names[at]));
        let stricter = repeated || members.iter().any(|own| own.1);
        let ours = party.we_accept(&token, party.algorithm.into());
        if !stricter {
            prop_assert_eq!(ours, party.they_accept(&token), "{}", header);
        }
        prop_assert!(!ours || party.they_accept(&token), "{}", header);
        prop_assert!(!(ours && stricter), "{}", header);
    }
}

/// A member of a header, and whether ours refuses it where others may not.
fn member() -> impl Strategy<Value = (&'static str, bool)> {
    prop::sample::select(vec![
        (r#""typ":"JWT""#, false),
        (r#""cty":"json""#, false),
        (r#""kid":"other""#, false),
        (r#""jku":"https://evil.example/""#, false),
        (r#""x":{"y":[1,2]}"#, false),
        (r#""typ":7"#, true),
        (r#""kid":["a"]"#, true),
        (r#""crit":["exp"],"exp":1"#, true),
        (r#""crit":["b64"],"b64":false"#, true),
        (r#""crit":[]"#, true),
        (r#""crit":"x""#, true),
        (r#""b64":true"#, true),
        (r#""enc":"A128GCM""#, true),
        (r#""zip":"DEF""#, true),
        (r#""x":{"y":1,"y":2}"#, true),
        (r#""alg":"none""#, true),
    ])
}

fn shares_key(one: &Party, other: &Party) -> bool {
    let is_rsa = |own: &Party| own.algorithm.as_str().contains(['R', 'P']);
    is_rsa(one) && is_rsa(other)
}

/// ECDSA has two signatures for each: both sides take the twin, so nothing may be keyed by the
/// signature's bytes.
#[test]
fn the_twin_of_a_signature_has_one_verdict() {
    let party = &parties()[Algorithm::Es256 as usize];
    assert_eq!(party.algorithm, Algorithm::Es256);
    let token = signed(party, r#"{"alg":"ES256"}"#, "{}");
    let (head, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let twin = format!("{head}.{}", encode(signature));
    assert_ne!(twin, token);
    assert!(check(party, &twin).unwrap());
}
