//! What decisions take of the heap: at most so much each, and nothing that stays.
//!
//! One test, because the counters are those of the whole process.

#![cfg(test)]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use ztag_admission::Hop;
use ztag_benches::{Subject, described_by_traefik, direct};
use ztag_types::Outcome;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Most calls to the allocator for one decision.
const MOST_CALLS: usize = 25;
/// Most bytes asked of it for one decision.
const MOST_BYTES: usize = 6 * 1024;
/// Whether decisions are several times slower than the shipped ones: fewer are enough then.
const UNOPTIMISED: bool = cfg!(debug_assertions);
/// Decisions that the growth of the heap is looked for in.
const MANY: u32 = if UNOPTIMISED { 20_000 } else { 200_000 };
/// Growth that is none: the buffers of the log come and go.
const LOG_BUFFERS: i64 = 512 * 1024;
/// Clients that each show another token.
const CLIENTS: u32 = if UNOPTIMISED { 20_000 } else { 1_000_000 };
/// The bound of the cache while they come: reached early in both cases.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
#[test]
fn heap() {
    let subject = Subject::load(&[]).unwrap();
    each_decision_takes_little(&subject);
    nothing_stays(&subject);
    drop(subject);
    memory_is_bounded_under_distinct_tokens();
}

fn each_decision_takes_little(subject: &Subject) {
    for (endpoint, hop) in [
        ("static", direct as fn(&str, u32) -> Hop),
        ("chain", direct),
        ("chain-traefik", described_by_traefik),
        ("cached", direct),
        ("remembered", direct),
    ] {
        // More than the sixteen of which one is timed, so that the mean has its share.
        let decisions = 320;
        subject.warm(endpoint, hop(endpoint, 1)).unwrap();
        let hops: Vec<Hop> = (0..decisions).map(|_| hop(endpoint, 1)).collect();
        let region = Region::new(HEAP);
        for hop in hops {
            assert_passes(subject, endpoint, hop);
        }
        let (calls, bytes) = per(&region.change(), decisions);
        println!("{endpoint}: {calls} allocations, {bytes} bytes per decision");
        assert!(calls <= MOST_CALLS, "{endpoint}: {calls} allocations");
        assert!(bytes <= MOST_BYTES, "{endpoint}: {bytes} bytes");
    }
}

fn nothing_stays(subject: &Subject) {
    for endpoint in ["chain", "cached"] {
        let round = |from: u32, to: u32| {
            for number in from..to {
                assert_passes(subject, endpoint, direct(endpoint, number % 4));
            }
        };
        for number in 0..4 {
            subject.warm(endpoint, direct(endpoint, number)).unwrap();
        }
        round(0, 2_000);
        subject.pipeline().telemetry().flush();
        let region = Region::new(HEAP);
        round(0, MANY);
        subject.pipeline().telemetry().flush();
        let growth = live(&region.change());
        println!("{endpoint}: {growth} bytes more after {MANY} decisions");
        assert!(growth < LOG_BUFFERS, "{endpoint}: {growth} bytes stay");
    }
}

fn memory_is_bounded_under_distinct_tokens() {
    let bound = CACHE_BYTES.to_string();
    let limits = [
        ("ZTAG_SERVER__CACHE__MEMORY__MAX_BYTES", bound.as_str()),
        ("ZTAG_SERVER__CACHE__MEMORY__MAX_ENTRIES", "1000000"),
    ];
    let subject = Subject::load(&limits).unwrap();
    subject.warm("remembered", direct("remembered", 0)).unwrap();
    let region = Region::new(HEAP);
    let mut most = 0;
    for number in 0..CLIENTS {
        assert_passes(&subject, "remembered", direct("remembered", number));
        if number % 1_000 == 0 {
            most = most.max(live(&region.change()));
        }
    }
    let stats = subject.stores().cache.stats();
    println!("{CLIENTS} tokens: {most} bytes at most, {stats:?}");
    assert!(stats.evicted > 0, "the bound was never reached");
    assert!(stats.bytes.unwrap() <= CACHE_BYTES);
    // What is accounted for is what is taken.
    assert!(most <= i64::try_from(CACHE_BYTES).unwrap() + LOG_BUFFERS);
}

fn assert_passes(subject: &Subject, endpoint: &str, hop: Hop) {
    let decided = subject.decide(endpoint, hop).unwrap();
    assert_eq!(decided.record.outcome, Outcome::Pass);
}

fn per(change: &Stats, decisions: usize) -> (usize, usize) {
    let calls = change.allocations + change.reallocations;
    let round_up = |all: usize| all.div_ceil(decisions);
    (round_up(calls), round_up(change.bytes_allocated))
}

/// Bytes taken and not given back.
fn live(change: &Stats) -> i64 {
    let signed = |bytes: usize| i64::try_from(bytes).unwrap();
    signed(change.bytes_allocated) - signed(change.bytes_deallocated)
}
