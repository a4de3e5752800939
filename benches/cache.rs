//! The result cache: keys, hits and misses.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot start has nothing to measure"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use ztag_benches::{ready, token};
use ztag_result_cache::{
    CacheKey, CacheSpec, Decided, Entry, Fingerprint, KeyBuilder, Namespace, ResultCache,
};
use ztag_types::{Map, Outcome, ReasonCode, SystemClock, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LIFETIME: Duration = Duration::from_mins(5);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    keys(&mut criterion);
    answers(&mut criterion);
    criterion.final_summary();
}

fn keys(criterion: &mut Criterion) {
    let (namespace, fingerprint) = (Namespace::new("salt", 1), Fingerprint::of(b"rule"));
    let mut group = criterion.benchmark_group("cache key");
    for (label, token) in [
        ("opaque token", token(1)),
        ("821 byte token", "t".repeat(821)),
    ] {
        group.bench_function(label, |bencher| {
            bencher.iter(|| key(&namespace, &fingerprint, black_box(&token)));
        });
    }
}

fn answers(criterion: &mut Criterion) {
    let spec = CacheSpec::default();
    let (namespace, fingerprint) = (spec.namespace(), Fingerprint::of(b"rule"));
    let cache = ResultCache::memory(&spec, Arc::new(SystemClock::new()));
    let mut group = criterion.benchmark_group("cache");
    let known = key(&namespace, &fingerprint, &token(1));
    let ask = |key: &CacheKey| {
        let decide = || async { ((), entry().map(|entry| (entry, LIFETIME))) };
        ready(cache.get_or_decide(key, decide)).expect("it waits for nothing")
    };
    ask(&known);
    group.bench_function("hit", |bencher| bencher.iter(|| ask(black_box(&known))));
    let mut number = 0_u32;
    group.bench_function("miss and store", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                key(&namespace, &fingerprint, &token(number))
            },
            |key| matches!(ask(&key), (Decided::Fresh(()), _)),
            BatchSize::NumIterations(64),
        );
    });
}

/// A key of what a rule with a backend usually depends on.
fn key(namespace: &Namespace, fingerprint: &Fingerprint, token: &str) -> CacheKey {
    let mut key = KeyBuilder::new(namespace, fingerprint);
    key.text("credential", "bearer")
        .text("token", token)
        .text("request.path", "/v1/orders/4711")
        .text("request.method", "GET");
    key.finish()
}

fn entry() -> Option<Entry> {
    let exports: Map = [
        ("user".into(), Value::text("alice")),
        ("groups".into(), Value::text("staff,admin")),
        ("tier".into(), Value::text("pro")),
    ]
    .into_iter()
    .collect();
    Entry::try_new(
        Outcome::Pass,
        ReasonCode::RulePassed.into(),
        exports,
        Map::new(),
    )
    .ok()
}
