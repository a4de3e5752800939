//! What outlives reloads: connections, loads, health, breakers. Policies are values; these are
//! the places they work on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;
use ztag_backend::{Addresses, Dialer};
use ztag_types::SmolStr;

use super::breaker::Breaker;
use super::budget::Budget;
use super::ejection::{Ejection, EjectionPolicy};
use super::health::Health;
use super::policy::Wiring;
use super::pool::Pool;

/// The long-lived places of all upstream groups. Make one per process and hand it to every
/// compilation: groups find their places again by name, targets by group, URL and everything that
/// a connection depends on. What no compiled group names any more is forgotten, and its
/// connections close when the last exchange on them is over.
#[derive(Debug)]
pub struct UpstreamPlaces {
    groups: Mutex<HashMap<SmolStr, Weak<GroupPlace>>>,
    born: Instant,
}

impl Default for UpstreamPlaces {
    fn default() -> Self {
        Self::new()
    }
}

impl UpstreamPlaces {
    /// No places yet.
    pub fn new() -> Self {
        Self {
            groups: Mutex::default(),
            born: Instant::now(),
        }
    }

    /// The place of the group `name`.
    pub(super) fn group(&self, name: &str) -> Arc<GroupPlace> {
        let mut groups = self.groups.lock();
        if let Some(place) = groups.get(name).and_then(Weak::upgrade) {
            return place;
        }
        groups.retain(|_, place| place.strong_count() > 0);
        let place = Arc::new(GroupPlace {
            breaker: Breaker::default(),
            budget: Budget::default(),
            turn: AtomicUsize::new(0),
            ejecting: Mutex::new(()),
            targets: Mutex::default(),
            born: self.born,
        });
        groups.insert(name.into(), Arc::downgrade(&place));
        place
    }
}

/// What a group remembers.
#[derive(Debug)]
pub(super) struct GroupPlace {
    pub(super) breaker: Breaker,
    pub(super) budget: Budget,
    /// Whose turn it is.
    pub(super) turn: AtomicUsize,
    /// Held while targets that are out are counted and another is put out.
    pub(super) ejecting: Mutex<()>,
    targets: Mutex<HashMap<String, Weak<TargetPlace>>>,
    born: Instant,
}

impl GroupPlace {
    /// Milliseconds that this place counts in.
    pub(super) fn at(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.born);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX >> 2)
    }

    /// The place of the target at `url`, whose connections are made as `wiring` says. A target
    /// that is reached in another way from now on gets a new place, with what is known about it.
    pub(super) fn target(
        self: &Arc<Self>,
        url: &Url,
        wiring: &Arc<Wiring>,
        dialer: &Dialer,
    ) -> Arc<TargetPlace> {
        let mut targets = self.targets.lock();
        let known = targets.get(url.as_str()).and_then(Weak::upgrade);
        if let Some(place) = known.as_ref().filter(|place| place.wiring == *wiring) {
            return Arc::clone(place);
        }
        targets.retain(|_, place| place.strong_count() > 0);
        let place = Arc::new(TargetPlace::new(self, url, wiring, dialer));
        if let Some(known) = known {
            place.ejection.inherit(&known.ejection);
            place.health.inherit(&known.health);
        }
        targets.insert(url.as_str().to_owned(), Arc::downgrade(&place));
        place
    }
}

/// What is remembered of a target.
pub(super) struct TargetPlace {
    pub(super) group: Arc<GroupPlace>,
    pub(super) url: Url,
    /// Host and port, for reports.
    pub(super) name: SmolStr,
    pub(super) wiring: Arc<Wiring>,
    pub(super) dialer: Dialer,
    pub(super) ejection: Ejection,
    pub(super) health: Health,
    pub(super) pool: Pool,
    /// One for each exchange that may be under way.
    pub(super) seats: Semaphore,
    /// Those waiting for a seat.
    pub(super) waiting: AtomicU32,
    /// Exchanges under way.
    load: AtomicUsize,
    /// What the name resolved to, and when.
    pub(super) addresses: Mutex<Option<(Instant, Addresses)>>,
}

impl TargetPlace {
    fn new(group: &Arc<GroupPlace>, url: &Url, wiring: &Arc<Wiring>, dialer: &Dialer) -> Self {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        Self {
            group: Arc::clone(group),
            url: url.clone(),
            name: SmolStr::new(format!("{host}:{port}")),
            wiring: Arc::clone(wiring),
            dialer: dialer.clone(),
            ejection: Ejection::default(),
            health: Health::default(),
            pool: Pool::new(
                wiring.max_idle(),
                wiring.max_connections(),
                wiring.idle_timeout,
            ),
            seats: Semaphore::new(wiring.seats()),
            waiting: AtomicU32::new(0),
            load: AtomicUsize::new(0),
            addresses: Mutex::new(None),
        }
    }

    /// Whether requests may be sent to it.
    pub(super) fn is_in(&self, now: u64) -> bool {
        !self.health.is_out() && !self.ejection.is_out(now)
    }

    /// Exchanges under way.
    pub(super) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Leaves it out after a failure too many, unless too many of `group`, to which it belongs,
    /// are out.
    pub(super) fn eject<'a>(
        &self,
        group: impl ExactSizeIterator<Item = &'a Arc<Self>>,
        policy: EjectionPolicy,
        now: u64,
    ) {
        let _one_at_a_time = self.group.ejecting.lock();
        let most = policy.most(group.len());
        let out = group.filter(|place| place.ejection.is_out(now)).count();
        if out < most && !self.ejection.is_out(now) {
            self.ejection.eject(policy, now);
        }
    }
}

impl std::fmt::Debug for TargetPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TargetPlace")
            .field("name", &self.name)
            .field("load", &self.load())
            .field("open", &self.pool.open())
            .finish_non_exhaustive()
    }
}

/// A place among the exchanges of a target, until dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<TargetPlace>);

impl Seat {
    /// For whoever holds a permit of `seats`, which is given back when this is dropped.
    pub(super) fn of(target: &Arc<TargetPlace>, permit: tokio::sync::SemaphorePermit<'_>) -> Self {
        permit.forget();
        target.load.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(target))
    }

    pub(super) const fn target(&self) -> &Arc<TargetPlace> {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
        self.0.seats.add_permits(1);
    }
}
