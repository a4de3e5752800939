//! Signed tokens: verified, and remembered.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot start has nothing to measure"
)]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::Criterion;
use jsonwebtoken::{DecodingKey, Validation};
use ztag_benches::TokenMint;
use ztag_token::{Algorithm, AlgorithmSet};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Room for every token of these benchmarks.
const ROOM: u64 = 64 * 1024 * 1024;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    verified(&mut criterion);
    verified_by_another(&mut criterion);
    remembered(&mut criterion);
    criterion.final_summary();
}

/// All of it: form, header, claims, signature; nothing is remembered.
fn verified(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("jwt verified");
    for algorithm in AlgorithmSet::ASYMMETRIC.iter() {
        let mint = TokenMint::new(algorithm).expect("there is a key");
        let token = mint.token(1).expect("it signs");
        let (verifier, _) = mint.verifier(0).expect("the issuer is sound");
        verifier.check(&token).expect("the token is good");
        group.bench_function(algorithm.as_str(), |bencher| {
            bencher.iter(|| verifier.check(black_box(&token)));
        });
    }
}

/// The same by `jsonwebtoken`, with its key parsed ahead as well.
fn verified_by_another(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("jwt verified by jsonwebtoken");
    for algorithm in AlgorithmSet::ASYMMETRIC.iter() {
        // It has no curve P-521.
        let Ok(theirs) = algorithm.as_str().parse::<jsonwebtoken::Algorithm>() else {
            continue;
        };
        let mint = TokenMint::new(algorithm).expect("there is a key");
        let token = mint.token(1).expect("it signs");
        let pem = mint.public_key().as_bytes();
        let key = match algorithm {
            Algorithm::EdDsa => DecodingKey::from_ed_pem(pem),
            Algorithm::Es256 | Algorithm::Es384 => DecodingKey::from_ec_pem(pem),
            _ => DecodingKey::from_rsa_pem(pem),
        };
        let key = key.expect("the key is sound");
        let mut validation = Validation::new(theirs);
        validation.set_audience(&["https://api.example"]);
        validation.set_issuer(&["https://tenant.eu.example/"]);
        let verify = |token: &str| {
            jsonwebtoken::decode::<BTreeMap<String, serde_json::Value>>(token, &key, &validation)
        };
        verify(&token).expect("the token is good");
        group.bench_function(algorithm.as_str(), |bencher| {
            bencher.iter(|| verify(black_box(&token)));
        });
    }
}

/// The keyed hash of the token's end, the place, the comparison letter by letter, the times and the
/// revocation list.
fn remembered(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("jwt remembered");
    for (algorithm, count) in [(Algorithm::EdDsa, 10_000), (Algorithm::Rs256, 1)] {
        let mint = TokenMint::new(algorithm).expect("there is a key");
        let (verifier, _) = mint.verifier(ROOM).expect("the issuer is sound");
        let tokens = (0..count).map(|number| mint.token(number).expect("it signs"));
        let tokens: Vec<_> = tokens.collect();
        for token in &tokens {
            verifier.check(token).expect("the token is good");
        }
        let length = tokens.first().map_or(0, String::len);
        let mut turn = tokens.iter().cycle();
        let name = format!("{algorithm}, {length} bytes, one of {count}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| verifier.check(black_box(turn.next()?)).ok());
        });
    }
}
