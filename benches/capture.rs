//! Reading a request: its canonical form, and who asks.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot start has nothing to measure"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use ztag_admission::{Hop, capture};
use ztag_benches::{Subject, described_by_traefik, direct};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let subject = Subject::load(&[]).expect("the measured configuration is sound");
    let mut criterion = Criterion::default().configure_from_args();
    let mut measure = |label: &str, endpoint: &str, hop: fn(&str, u32) -> Hop| {
        subject.at(endpoint, |at| {
            let request = || hop(endpoint, 1);
            capture(request(), &at.capture).expect("nothing is refused");
            criterion.bench_function(&format!("capture/{label}"), |bencher| {
                bencher.iter_batched(
                    request,
                    |hop| capture(hop, &at.capture).is_ok(),
                    BatchSize::NumIterations(64),
                );
            });
            criterion.bench_function(&format!("capture and admit/{label}"), |bencher| {
                let read = |hop| {
                    let snapshot = capture(hop, &at.capture).expect("nothing is refused");
                    black_box(at.admission.admit(&snapshot)).is_ok()
                };
                bencher.iter_batched(request, read, BatchSize::NumIterations(64));
            });
        });
    };
    measure("direct", "chain", direct);
    measure("traefik", "chain-traefik", described_by_traefik);
    criterion.final_summary();
}
