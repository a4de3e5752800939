//! What a search for secrets and personal data takes of the heap where there are none.
//!
//! One test, because the counters are those of the whole process.

#![cfg(test)]

use std::alloc::System;
use std::borrow::Cow;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use ztag_ai_security::filter::{Filter, FilterSpec, Vault};
use ztag_types::{ConfigPath, Findings};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_text_without_secrets_takes_nothing_of_the_heap() {
    let spec = FilterSpec::default();
    let filter = Filter::compile(&spec, &ConfigPath::root(), &mut Findings::new()).unwrap();
    let mut vault = Vault::new();
    let prose = "The trains to Oslo run at 7.30 and 9.15, see https://example.com/a?b=1 for more.";
    let long = format!("{prose} ").repeat(40);
    for text in [
        prose,
        long.as_str(),
        "Was kostet die Fahrt nach Köln? Какая завтра погода?",
    ] {
        assert!(filter.find(text).is_empty());
        let region = Region::new(HEAP);
        for _ in 0..100 {
            assert!(matches!(filter.mask(text, &mut vault), Cow::Borrowed(_)));
        }
        let change = region.change();
        assert_eq!(change.allocations + change.reallocations, 0, "{text}");
    }
}
