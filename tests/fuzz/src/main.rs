//! Runs the target that `ZTAG_FUZZ_TARGET` names.

#![no_main]

mod targets;

use std::env;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

use crate::targets::{TARGETS, Target};

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let wanted = env::var("ZTAG_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let Some((_, target)) = found else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        panic!("no target `{wanted}`; there are {}", names.join(", "));
    };
    *target
});

fuzz_target!(|data: &[u8]| (*CHOSEN)(data));
