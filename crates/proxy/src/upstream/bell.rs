//! Who is told that something happened on a connection.

use std::sync::Arc;
use std::task::{Wake, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The waker of one HTTP/1 connection, for all its life: it wakes whoever waits for the connection
/// just then.
///
/// A connection that is polled by one request after the other would otherwise wake the one before,
/// and what a request does itself would wake it once more for nothing.
#[derive(Debug)]
pub(super) struct Bell {
    state: Mutex<State>,
    /// Of those that nobody uses.
    keeper: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    /// Since the connection was last polled.
    rang: bool,
    told: Told,
}

/// Who is told.
#[derive(Debug)]
enum Told {
    /// Who uses the connection is at work on it.
    Nobody,
    /// Who uses the connection waits for it.
    User(Waker),
    /// Nobody uses the connection.
    Keeper,
}

impl Bell {
    /// The bell of a connection that somebody uses.
    pub(super) fn new(keeper: &Arc<Notify>) -> Arc<Self> {
        let state = State {
            rang: false,
            told: Told::Nobody,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            keeper: Arc::clone(keeper),
        })
    }

    /// Tells nobody from now on. Whether it rang before.
    pub(super) fn hush(&self) -> bool {
        let mut state = self.state.lock();
        state.told = Told::Nobody;
        std::mem::take(&mut state.rang)
    }

    /// Wakes `user` when it rings, at once when it rang since [`Self::hush`].
    pub(super) fn tell(&self, user: &Waker) {
        let mut state = self.state.lock();
        if state.rang {
            drop(state);
            user.wake_by_ref();
        } else {
            state.told = Told::User(user.clone());
        }
    }

    /// Tells the keeper when it rings; what rang before is known.
    pub(super) fn tell_keeper(&self) {
        let mut state = self.state.lock();
        state.told = Told::Keeper;
        state.rang = false;
    }

    /// Whether it rang since.
    pub(super) fn rang(&self) -> bool {
        self.state.lock().rang
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.rang = true;
        match &state.told {
            Told::Nobody => {}
            Told::User(_) => {
                let told = std::mem::replace(&mut state.told, Told::Nobody);
                drop(state);
                if let Told::User(user) = told {
                    user.wake();
                }
            }
            Told::Keeper => {
                drop(state);
                self.keeper.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn ring(bell: &Arc<Bell>) {
        Waker::from(Arc::clone(bell)).wake();
    }

    #[test]
    fn whoever_waits_is_told_once_and_nobody_else() {
        let bell = Bell::new(&Arc::default());
        let woken = Arc::new(Woken::default());
        let user = Waker::from(Arc::clone(&woken));
        let told = || woken.0.load(Ordering::Relaxed);
        ring(&bell);
        assert_eq!(told(), 0, "nobody waits");
        bell.tell(&user);
        assert_eq!(told(), 1, "it rang before");
        assert!(bell.hush());
        bell.tell(&user);
        assert_eq!(told(), 1, "it has not rung since");
        ring(&bell);
        ring(&bell);
        assert_eq!(told(), 2);
        assert!(bell.hush());
        assert!(!bell.hush());
        bell.tell(&user);
        bell.tell_keeper();
        ring(&bell);
        assert_eq!(told(), 2, "the keeper is told now");
        assert!(bell.rang());
    }

    #[tokio::test]
    async fn the_keeper_is_told_what_nobody_uses() {
        let keeper = Arc::new(Notify::new());
        let bell = Bell::new(&keeper);
        bell.tell_keeper();
        ring(&bell);
        keeper.notified().await;
    }
}
