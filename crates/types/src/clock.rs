//! Time as a dependency: a wall clock for expiry and `now`, a monotonic clock for latency.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A point in time: seconds and nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            seconds: i64,
            nanos: u32,
        }
        let Fields { seconds, nanos } = Fields::deserialize(deserializer)?;
        Self::new(seconds, nanos)
            .ok_or_else(|| serde::de::Error::custom("nanos of a second or more"))
    }
}

impl Timestamp {
    /// A timestamp from seconds and nanoseconds; `nanos` of a second or more is refused.
    pub const fn new(seconds: i64, nanos: u32) -> Option<Self> {
        if nanos < NANOS_PER_SECOND {
            Some(Self { seconds, nanos })
        } else {
            None
        }
    }

    /// A timestamp of whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// Whole seconds since the epoch, rounded towards the past.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second.
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// This moment plus `duration`, saturating at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanos = self.nanos + duration.subsec_nanos();
        let carry = i64::from(nanos / NANOS_PER_SECOND);
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self {
            seconds: self.seconds.saturating_add(seconds).saturating_add(carry),
            nanos: nanos % NANOS_PER_SECOND,
        }
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        if self <= earlier {
            return Duration::ZERO;
        }
        let seconds = self.seconds.saturating_sub(earlier.seconds);
        let total = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
        (total + Duration::from_nanos(self.nanos.into()))
            .saturating_sub(Duration::from_nanos(earlier.nanos.into()))
    }
}

/// A signed length of time, as CEL's `duration`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Span {
    nanos: i128,
}

impl Span {
    /// A span of `nanos` nanoseconds, negative for backwards.
    pub const fn from_nanos(nanos: i128) -> Self {
        Self { nanos }
    }

    /// Its length in nanoseconds.
    pub const fn nanos(self) -> i128 {
        self.nanos
    }
}

/// Where the time comes from. Tests use [`ManualClock`].
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall-clock time; may jump.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never goes backwards.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp::default().plus(since),
            Err(before) => Timestamp::from_seconds(
                -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
            ),
        }
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock that moves only when told to; starts at 2026-01-01T00:00:00Z.
#[derive(Debug, Default)]
pub struct ManualClock {
    nanos: AtomicU64,
}

impl ManualClock {
    const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

    /// A clock standing still.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Self::START.plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_never_negative() {
        let earlier = Timestamp::new(10, 900_000_000).unwrap();
        let later = Timestamp::new(12, 100_000_000).unwrap();
        assert_eq!(later.since(earlier), Duration::from_millis(1_200));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }

    #[test]
    fn plus_carries_nanoseconds() {
        let start = Timestamp::new(1, 600_000_000).unwrap();
        assert_eq!(
            start.plus(Duration::from_millis(700)),
            Timestamp::new(2, 300_000_000).unwrap()
        );
        assert_eq!(start.plus(Duration::MAX).seconds(), i64::MAX);
    }
}
