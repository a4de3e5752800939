//! Time and memory.

use std::fs;
use std::time::{Duration, Instant};

/// Time that this thread has run, so that other work on the machine does not count; the time of
/// the clock where the system does not tell.
pub(crate) struct Stopwatch {
    clock: Instant,
    ran: Option<u64>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            clock: Instant::now(),
            ran: ran(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let ran = ran()
            .zip(self.ran)
            .map(|(now, then)| Duration::from_nanos(now - then));
        ran.unwrap_or_else(|| self.clock.elapsed())
    }
}

fn ran() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Bytes of memory that this process holds; 0 where the system does not tell.
pub(crate) fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    1024 * kilobytes.unwrap_or_default()
}
