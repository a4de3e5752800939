//! What an inspection takes of the heap, once its buffers are warm.
//!
//! One test, because the counters are those of the whole process.

#![cfg(test)]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use ztag_ai_security::{Channel, Guard, Verdict};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_calm_text_takes_nothing_of_the_heap() {
    let guard = Guard::standard();
    let short = "Could you tell me how the trains to Oslo run on Sundays?";
    let long = format!("{short} ").repeat(40);
    let other = "Können Sie mir sagen, wann der Zug fährt? Какая завтра погода в Осло?";
    for text in [short, long.as_str(), other] {
        for _ in 0..3 {
            assert_eq!(guard.inspect(text, Channel::User).verdict, Verdict::Allow);
        }
        let region = Region::new(HEAP);
        for _ in 0..100 {
            let _ = guard.inspect(text, Channel::User);
        }
        let change = region.change();
        assert_eq!(change.allocations + change.reallocations, 0, "{text}");
    }
}
