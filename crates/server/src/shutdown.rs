//! The signal to stop accepting and to finish what is under way.

use std::sync::Arc;

use tokio::sync::watch;

/// A signal that every worker and connection listens to. Clones share it.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Shutdown {
    /// A signal not yet given.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Gives the signal; giving it twice changes nothing.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether the signal was given.
    pub fn is_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the signal.
    pub async fn begun(&self) {
        let mut signal = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = signal.wait_for(|begun| *begun).await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
