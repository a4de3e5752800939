//! Looks after connections without a timer on the path of a request: once a second it closes
//! those that take too long and parks those that are silent.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::progress::{Drain, Phase, Progress, Pulse};
use crate::spec::LimitsSpec;

/// Seconds of silence after which a connection gives up its buffers.
const PARK_AFTER: u32 = 2;
/// Bytes that an allocator has no place at hand for.
const UNUSUAL: usize = 1 << 20;

/// Whole seconds each phase may last.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    idle: u32,
    greeting: u32,
    head: u32,
    reply: u32,
}

impl Allowed {
    fn new(limits: &LimitsSpec, greeting: Duration) -> Self {
        let seconds = |duration: Duration| {
            let duration = duration.max(Duration::from_secs(1));
            u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
        };
        Self {
            idle: seconds(limits.idle_timeout.get()),
            greeting: seconds(greeting),
            head: seconds(limits.header_timeout.get()),
            reply: seconds(limits.write_timeout.get()),
        }
    }

    fn is_overdue(self, progress: &Progress, now: u32) -> bool {
        if progress.refused_for(now) > self.reply {
            return true;
        }
        if progress.is_multiplexed() && progress.open() > 0 {
            return false;
        }
        let age = progress.age(now);
        match progress.phase() {
            Phase::Idle | Phase::Parked => age > self.idle,
            Phase::Greeting => age > self.greeting,
            Phase::Head => age > self.head,
            Phase::Reply => age > self.reply,
            Phase::Answer => false,
        }
    }
}

/// The connections of one worker.
#[derive(Debug)]
pub(crate) struct Sweep {
    pulse: Arc<Pulse>,
    allowed: Allowed,
    watched: Mutex<Vec<(Arc<Progress>, AbortHandle)>>,
}

impl Sweep {
    /// `greeting` is how long what comes before the first request may take.
    pub(crate) fn new(limits: &LimitsSpec, greeting: Duration) -> Arc<Self> {
        Arc::new(Self {
            pulse: Arc::default(),
            allowed: Allowed::new(limits, greeting),
            watched: Mutex::default(),
        })
    }

    /// The progress of a connection that was just accepted.
    pub(crate) fn begin(&self) -> Arc<Progress> {
        Progress::new(Arc::clone(&self.pulse))
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
            return_memory();
        }
    }

    /// Ends connections in the way of `drain`.
    pub(crate) fn drain(&self, drain: Drain) {
        self.pulse.begin(drain);
        for (progress, _) in self.watched.lock().iter() {
            progress.wake();
        }
    }

    /// Lets one second pass: forgets ended connections, closes overdue ones, parks silent ones.
    fn advance(&self) {
        let now = self.pulse.beat();
        self.watched.lock().retain(|(progress, task)| {
            if self.allowed.is_overdue(progress, now) {
                task.abort();
            } else if progress.age(now) >= PARK_AFTER && progress.is_parkable() {
                progress.ask_to_park();
            }
            !task.is_finished()
        });
    }
}

/// Has memory returned to the system that was freed a while ago, such as what reading a configuration
/// took: allocators look for it only while they are asked for more, and a server that is silent, or
/// does the same all the time, asks for none.
fn return_memory() {
    drop(black_box(Vec::<u8>::with_capacity(UNUSUAL)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Exchange;

    fn limits() -> LimitsSpec {
        LimitsSpec {
            idle_timeout: "120s".parse().unwrap(),
            header_timeout: "10s".parse().unwrap(),
            write_timeout: "30s".parse().unwrap(),
            ..LimitsSpec::default()
        }
    }

    fn allowed() -> Allowed {
        Allowed::new(&limits(), Duration::from_secs(5))
    }

    #[test]
    fn each_phase_has_its_own_patience() {
        let allowed = allowed();
        for (phase, seconds) in [
            (Phase::Idle, 120),
            (Phase::Parked, 120),
            (Phase::Greeting, 5),
            (Phase::Head, 10),
            (Phase::Reply, 30),
        ] {
            let progress = Progress::new(Arc::default());
            progress.enter(phase);
            assert!(!allowed.is_overdue(&progress, seconds), "{phase:?}");
            assert!(allowed.is_overdue(&progress, seconds + 1), "{phase:?}");
        }
        let progress = Progress::new(Arc::default());
        progress.enter(Phase::Answer);
        assert!(!allowed.is_overdue(&progress, u32::MAX));
    }

    #[test]
    fn attack_25_a_stream_is_overdue_only_while_its_client_takes_nothing() {
        let allowed = allowed();
        let progress = Progress::new(Arc::default());
        progress.multiplex();
        let mut exchange = Exchange::begin(&progress, true);
        assert!(!allowed.is_overdue(&progress, u32::MAX), "waits for us");
        exchange.give();
        assert!(!allowed.is_overdue(&progress, 30));
        assert!(allowed.is_overdue(&progress, 31), "waits for the client");
        exchange.take();
        assert!(!allowed.is_overdue(&progress, u32::MAX), "waits for more");
        progress.block(true);
        assert!(allowed.is_overdue(&progress, 31), "takes no bytes at all");
        progress.block(false);
        drop(exchange);
        assert_eq!((progress.open(), progress.cut()), (0, 1));
        assert!(!allowed.is_overdue(&progress, 120), "idle");
        assert!(allowed.is_overdue(&progress, 121), "idle for too long");
    }

    #[tokio::test]
    async fn attack_25_a_head_that_never_ends_is_cut_off() {
        let sweep = Sweep::new(&limits(), Duration::from_secs(5));
        let progress = sweep.begin();
        progress.enter(Phase::Head);
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

    #[tokio::test]
    async fn silence_asks_a_connection_to_be_parked_and_nothing_else_does() {
        let sweep = Sweep::new(&limits(), Duration::from_secs(5));
        let (idle, busy, body) = (sweep.begin(), sweep.begin(), sweep.begin());
        let read = sweep.begin();
        let task = tokio::spawn(std::future::pending::<()>());
        for (progress, bodiless) in [(&idle, true), (&busy, true), (&body, false)] {
            drop(Exchange::begin(progress, bodiless));
            progress.enter(Phase::Idle);
            sweep.watch(Arc::clone(progress), task.abort_handle());
        }
        let _under_way = Exchange::begin(&busy, true);
        let older = Exchange::begin(&body, false).body_end();
        drop(Exchange::begin(&body, false));
        older.reach();
        body.enter(Phase::Idle);
        Exchange::begin(&read, false).body_end().reach();
        read.enter(Phase::Idle);
        sweep.watch(Arc::clone(&read), task.abort_handle());
        sweep.advance();
        assert!(!idle.is_asked_to_park());
        sweep.advance();
        assert!(idle.is_asked_to_park());
        assert!(!idle.is_asked_to_park(), "told once");
        assert!(read.is_asked_to_park(), "its body is over");
        assert!(!busy.is_asked_to_park() && !body.is_asked_to_park());
    }
}
