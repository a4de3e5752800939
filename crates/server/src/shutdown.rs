//! The signal to stop accepting and to finish what is under way.

use std::sync::Arc;

use tokio::sync::watch;

use crate::progress::Drain;

/// A signal that every worker listens to. Clones share it.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<Drain>>);

impl Shutdown {
    /// A signal not yet given.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Drain::No)))
    }

    /// Gives the signal: idle connections are closed at once, others with their reply. Giving it
    /// twice changes nothing.
    pub fn begin(&self) {
        self.give(Drain::Prompt);
    }

    /// Gives the signal because somebody else serves from now on: every connection is told with
    /// its next reply, and none is closed before but by `drainTimeout`.
    pub fn hand_over(&self) {
        self.give(Drain::Patient);
    }

    fn give(&self, drain: Drain) {
        self.0.send_if_modified(|given| {
            let more = *given < drain;
            *given = drain.max(*given);
            more
        });
    }

    /// Whether the signal was given.
    pub fn is_begun(&self) -> bool {
        self.given() != Drain::No
    }

    /// Waits for the signal.
    pub async fn begun(&self) {
        self.at_least(Drain::Patient).await;
    }

    pub(crate) fn given(&self) -> Drain {
        *self.0.borrow()
    }

    pub(crate) async fn at_least(&self, drain: Drain) {
        let mut signal = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = signal.wait_for(|given| *given >= drain).await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
