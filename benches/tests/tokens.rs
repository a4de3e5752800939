//! What remembered tokens take of the heap, and what finding one takes.
//!
//! One test, because the counters are those of the whole process.

#![cfg(test)]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use ztag_benches::TokenMint;
use ztag_test_support::Failure;
use ztag_token::Algorithm;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Tokens remembered at the same time.
const TOKENS: u32 = 10_000;
/// Most bytes that one of them takes, everything included.
const MOST_BYTES: usize = 365;
/// The same for one that nobody shares anything with but lists.
const MOST_BYTES_ALONE: usize = 858;

#[test]
fn remembered_tokens_are_small_and_found_without_the_heap() -> Result<(), Failure> {
    let mint = TokenMint::new(Algorithm::Es256)?;
    let each = remember(&mint, |number| mint.token(number))?;
    assert!(each < MOST_BYTES, "{each} bytes per token");
    let alone = remember(&mint, |number| mint.token_of(number, &number.to_string()))?;
    assert!(alone < MOST_BYTES_ALONE, "{alone} bytes per token");
    is_bounded(&mint)?;
    is_found_without_the_heap(&mint)
}

/// Bytes of the heap for each of many tokens.
fn remember(
    mint: &TokenMint,
    token: impl Fn(u32) -> Result<String, Failure>,
) -> Result<usize, Failure> {
    let (verifier, cache) = mint.verifier(64 * 1024 * 1024)?;
    // What the cache takes before it holds anything is no token's.
    let region = Region::new(HEAP);
    for number in 0..TOKENS {
        verifier.check(&token(number)?).unwrap();
    }
    let (live, counts) = (live(&region), cache.counts());
    let each = live / usize::try_from(TOKENS).unwrap();
    println!("{each} bytes of the heap per token, {counts:?}");
    assert_eq!(counts.entries, u64::from(TOKENS));
    // What is accounted for is what is taken.
    let accounted = usize::try_from(counts.bytes).unwrap();
    assert!(live <= accounted, "{live} bytes are {accounted}");
    Ok(each)
}

/// Tokens in pairs, so that each second one may share what the first says: once the first are gone,
/// nobody but the rest accounts for it.
fn is_bounded(mint: &TokenMint) -> Result<(), Failure> {
    let most = 1024 * 1024;
    let (verifier, cache) = mint.verifier(most)?;
    let region = Region::new(HEAP);
    for number in 0..TOKENS {
        let organization = format!("{}{}", number / 2, "x".repeat(2_048));
        verifier
            .check(&mint.token_of(number, &organization)?)
            .unwrap();
    }
    let (live, counts) = (live(&region), cache.counts());
    println!("{live} bytes of the heap of {most}, {counts:?}");
    assert!(counts.bytes <= most, "{counts:?}");
    assert!(u64::try_from(live).unwrap() <= most, "{live} bytes");
    Ok(())
}

fn is_found_without_the_heap(mint: &TokenMint) -> Result<(), Failure> {
    let (verifier, _) = mint.verifier(1024 * 1024)?;
    let tokens = [mint.token(7)?, mint.token(8)?, mint.token(9)?];
    for token in &tokens {
        verifier.check(token).unwrap();
    }
    let region = Region::new(HEAP);
    for _ in 0..1_000 {
        for token in &tokens {
            verifier.check(token).unwrap();
        }
    }
    let change = region.change();
    assert_eq!(change.allocations + change.reallocations, 0);
    Ok(())
}

/// Bytes allocated since `region` began and not freed.
fn live(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}
