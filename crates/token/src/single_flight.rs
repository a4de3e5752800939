//! One run at a time, spaced, and finished whoever goes away.

use std::future::Future;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Tells when a run is over.
pub(crate) type Flight = watch::Receiver<bool>;

/// Lets one run start at a time, and none sooner than an interval after the start of the latest:
/// the start counts, so that failures are spaced as well.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight {
    latest: Mutex<Latest>,
}

#[derive(Debug, Default)]
struct Latest {
    /// Monotonic time.
    started: Option<Duration>,
    flight: Option<Flight>,
}

impl SingleFlight {
    /// The run under way; or a new one, `run`, where that is allowed and there is a runtime. The
    /// run is a task of its own and goes on when whoever waits for it goes away.
    pub(crate) fn take_off<F>(
        &self,
        now: Duration,
        interval: Duration,
        run: impl FnOnce() -> F,
    ) -> Option<Flight>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut latest = self.latest.lock();
        if let Some(flight) = &latest.flight
            && !*flight.borrow()
            && flight.has_changed().is_ok()
        {
            return Some(flight.clone());
        }
        if latest.started.is_some_and(|at| now < at + interval) {
            return None;
        }
        let runtime = Handle::try_current().ok()?;
        latest.started = Some(now);
        let (over, flight) = watch::channel(false);
        latest.flight = Some(flight.clone());
        let run = run();
        runtime.spawn(async move {
            run.await;
            over.send_replace(true);
        });
        Some(flight)
    }
}

/// Waits until the run is over: it ended, or was dropped with its runtime.
pub(crate) async fn landed(mut flight: Flight) {
    let _ = flight.wait_for(|over| *over).await;
}
