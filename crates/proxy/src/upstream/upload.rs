//! A request body on its way, watched where a client streams it: what a client does slowly, or
//! never ends, must not be held against a target.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::failure::Breach;
use crate::body::BodyError;

/// How a streamed body gets on.
#[derive(Debug)]
pub(crate) struct Progress {
    born: Instant,
    /// Milliseconds from `born` until its last piece.
    last: AtomicU64,
    state: AtomicU8,
    over: AtomicBool,
}

/// Whom a body waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// The target, to take more of it.
    Target,
    /// The client, to send more of it ...
    Client,
    /// ... which will never happen,
    Never,
    /// ... because what it sent is no body,
    Malformed,
    /// ... nor is it waited for any longer,
    TooSlow,
    /// ... or may it.
    Expired,
}

impl Progress {
    /// That of a body of which nothing was sent yet.
    pub(crate) fn new(is_over: bool) -> Self {
        Self {
            born: Instant::now(),
            last: AtomicU64::new(0),
            state: AtomicU8::new(State::Target as u8),
            over: AtomicBool::new(is_over),
        }
    }

    /// A connection asked for more of the body, which `is_over` now or not.
    pub(crate) fn note<T>(&self, polled: &Poll<Option<Result<T, BodyError>>>, is_over: bool) {
        if is_over || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.over.store(true, Ordering::Relaxed);
        }
        let state = match polled {
            Poll::Pending => State::Client,
            Poll::Ready(Some(Err(BodyError::Slow))) => State::TooSlow,
            Poll::Ready(Some(Err(BodyError::Malformed(_)))) => State::Malformed,
            Poll::Ready(Some(Err(BodyError::Expired))) => State::Expired,
            Poll::Ready(Some(Err(_))) => State::Never,
            Poll::Ready(_) => {
                let since = u64::try_from(self.born.elapsed().as_millis());
                self.last.store(since.unwrap_or(0), Ordering::Relaxed);
                State::Target
            }
        };
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Whether nothing more of the body is taken: it ended, or broke off.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Whether there is no response because of the client.
    pub(super) fn is_the_clients_fault(&self) -> bool {
        self.state.load(Ordering::Relaxed) != State::Target as u8
    }

    /// Why the body ended before its end, if it did.
    pub(super) fn breach(&self) -> Option<Breach> {
        let state = self.state.load(Ordering::Relaxed);
        let breaches = [
            (State::Never, Breach::Request),
            (State::Malformed, Breach::Malformed),
            (State::TooSlow, Breach::Slow),
            (State::Expired, Breach::Expired),
        ];
        let mut breaches = breaches.into_iter();
        let found = breaches.find(|(own, _)| *own as u8 == state);
        found.map(|(_, breach)| breach)
    }

    /// The outcome of `work`, unless it takes `longest` from the last piece of the body.
    pub(super) async fn within<T>(
        &self,
        longest: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        let mut end = Instant::now() + longest;
        loop {
            if let Ok(done) = timeout_at(end, work.as_mut()).await {
                return Some(done);
            }
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let later = self.born + last + longest;
            if later <= end {
                return None;
            }
            end = later;
        }
    }
}
