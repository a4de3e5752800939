//! Closes connections that take too long, without a timer on the path of a request.
//!
//! Each connection keeps one atomic word: what it waits for, and since which tick. A sweep once a
//! second looks at all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use ztag_types::DurationSpec;

use crate::spec::LimitsSpec;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The first byte of a request.
    Idle = 0,
    /// The rest of a request head.
    Head = 1,
    /// Our own answer.
    Answer = 2,
    /// The client, to take the reply.
    Reply = 3,
}

impl Phase {
    const fn from_bits(bits: u64) -> Self {
        match bits {
            0 => Self::Idle,
            1 => Self::Head,
            2 => Self::Answer,
            _ => Self::Reply,
        }
    }
}

/// Seconds since the worker started, advanced by its sweep.
#[derive(Debug, Default)]
pub(crate) struct Ticks(AtomicU32);

/// Phase of one connection and the tick it began.
#[derive(Debug)]
pub(crate) struct Progress {
    word: AtomicU64,
    ticks: Arc<Ticks>,
}

impl Progress {
    pub(crate) fn new(ticks: Arc<Ticks>) -> Arc<Self> {
        let progress = Self {
            word: AtomicU64::new(0),
            ticks,
        };
        // A fresh connection owes its first request head.
        progress.enter(Phase::Head);
        Arc::new(progress)
    }

    pub(crate) fn phase(&self) -> Phase {
        Phase::from_bits(self.word.load(Ordering::Relaxed) >> 32)
    }

    /// Begins `phase` now.
    pub(crate) fn enter(&self, phase: Phase) {
        let tick = u64::from(self.ticks.0.load(Ordering::Relaxed));
        self.word
            .store((phase as u64) << 32 | tick, Ordering::Relaxed);
    }

    fn age(&self, now: u32) -> u32 {
        let since = u32::try_from(self.word.load(Ordering::Relaxed) & u64::from(u32::MAX));
        now.saturating_sub(since.unwrap_or(now))
    }
}

/// Whole seconds each phase may last.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    idle: u32,
    head: u32,
    reply: u32,
}

impl Allowed {
    fn new(limits: &LimitsSpec) -> Self {
        let seconds = |spec: DurationSpec| {
            let duration = spec.get().max(Duration::from_secs(1));
            u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
        };
        Self {
            idle: seconds(limits.idle_timeout),
            head: seconds(limits.header_timeout),
            reply: seconds(limits.write_timeout),
        }
    }

    fn is_overdue(self, progress: &Progress, now: u32) -> bool {
        let age = progress.age(now);
        match progress.phase() {
            Phase::Idle => age > self.idle,
            Phase::Head => age > self.head,
            Phase::Reply => age > self.reply,
            Phase::Answer => false,
        }
    }
}

/// The connections of one worker.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) ticks: Arc<Ticks>,
    allowed: Allowed,
    watched: Mutex<Vec<(Arc<Progress>, AbortHandle)>>,
}

impl Sweep {
    pub(crate) fn new(limits: &LimitsSpec) -> Arc<Self> {
        let allowed = Allowed::new(limits);
        Arc::new(Self {
            ticks: Arc::default(),
            allowed,
            watched: Mutex::default(),
        })
    }

    /// Watches a connection until it ends.
    pub(crate) fn watch(&self, progress: Arc<Progress>, task: AbortHandle) {
        self.watched.lock().push((progress, task));
    }

    /// Runs for ever.
    pub(crate) async fn run(&self) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            self.advance();
        }
    }

    /// Lets one second pass: forgets ended connections and closes overdue ones.
    fn advance(&self) {
        let now = self.ticks.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.watched.lock().retain(|(progress, task)| {
            if self.allowed.is_overdue(progress, now) {
                task.abort();
            }
            !task.is_finished()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_own_patience() {
        let limits = LimitsSpec {
            idle_timeout: "120s".parse().unwrap(),
            header_timeout: "10s".parse().unwrap(),
            write_timeout: "30s".parse().unwrap(),
            ..LimitsSpec::default()
        };
        let allowed = Allowed::new(&limits);
        for (phase, seconds) in [(Phase::Idle, 120), (Phase::Head, 10), (Phase::Reply, 30)] {
            let progress = Progress::new(Arc::default());
            progress.enter(phase);
            assert!(!allowed.is_overdue(&progress, seconds), "{phase:?}");
            assert!(allowed.is_overdue(&progress, seconds + 1), "{phase:?}");
        }
        let progress = Progress::new(Arc::default());
        progress.enter(Phase::Answer);
        assert!(!allowed.is_overdue(&progress, u32::MAX));
    }

    #[tokio::test]
    async fn attack_25_a_head_that_never_ends_is_cut_off() {
        let limits = LimitsSpec {
            header_timeout: "10s".parse().unwrap(),
            ..LimitsSpec::default()
        };
        let sweep = Sweep::new(&limits);
        let progress = Progress::new(sweep.ticks.clone());
        let task = tokio::spawn(std::future::pending::<()>());
        sweep.watch(progress, task.abort_handle());
        for _ in 0..10 {
            sweep.advance();
        }
        assert!(!task.is_finished());
        sweep.advance();
        assert!(task.await.unwrap_err().is_cancelled());
        sweep.advance();
        assert!(sweep.watched.lock().is_empty());
    }
}
