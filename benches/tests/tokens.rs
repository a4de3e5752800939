//! What remembered tokens take of the heap, and what finding one takes.
//!
//! One test, because the counters are those of the whole process.

#![cfg(test)]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use ztag_benches::TokenMint;
use ztag_token::Algorithm;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Tokens remembered at the same time.
const TOKENS: u32 = 10_000;
/// Most bytes that one of them takes, everything included.
const MOST_BYTES: usize = 1_024;

#[test]
fn remembered_tokens_are_small_and_found_without_the_heap() {
    let mint = TokenMint::new(Algorithm::Es256).unwrap();
    let (verifier, cache) = mint.verifier(64 * 1024 * 1024).unwrap();
    // What the cache takes before it holds anything is no token's.
    let region = Region::new(HEAP);
    for number in 0..TOKENS {
        verifier.check(&mint.token(number).unwrap()).unwrap();
    }
    let change = region.change();
    let live = change.bytes_allocated - change.bytes_deallocated;
    let counts = cache.counts();
    let each = live / usize::try_from(TOKENS).unwrap();
    println!("{each} bytes of the heap per token, {counts:?}");
    assert_eq!(counts.entries, u64::from(TOKENS));
    assert!(each < MOST_BYTES, "{each} bytes per token");
    // What is accounted for is what is taken.
    let accounted = usize::try_from(counts.bytes).unwrap();
    assert!(live <= accounted, "{live} bytes are {accounted}");
    let token = mint.token(7).unwrap();
    verifier.check(&token).unwrap();
    let region = Region::new(HEAP);
    for _ in 0..1_000 {
        verifier.check(&token).unwrap();
    }
    let change = region.change();
    assert_eq!(change.allocations + change.reallocations, 0);
}
