//! The circuit breaker of a group: how much may be under way, and whether to try at all.
//!
//! All of it is atomic words, so that it is exact whichever workers meet here, and costs no lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::spec::BreakerSpec;

/// Length of the windows in which failures are counted.
const WINDOW_MS: u64 = 10_000;

/// What a breaker works by.
#[derive(Clone, Copy, Debug)]
pub(super) struct BreakerPolicy {
    pub(super) max_requests: u32,
    failure_percent: u64,
    min_requests: u64,
    open_for_ms: u64,
}

impl BreakerPolicy {
    pub(super) fn new(spec: &BreakerSpec) -> Self {
        Self {
            max_requests: spec.max_requests,
            failure_percent: spec.failure_percent.into(),
            min_requests: spec.min_requests.into(),
            open_for_ms: u64::try_from(spec.open_for.get().as_millis()).unwrap_or(u64::MAX >> 2),
        }
    }

    /// Whether how requests end matters at all.
    pub(super) const fn counts_failures(self) -> bool {
        self.failure_percent > 0
    }
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// As many as may are under way.
    Full,
    /// Too many failed lately.
    Open,
}

/// The state of a breaker: a place. Times are milliseconds since any fixed start.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    under_way: AtomicU32,
    /// 0 when closed; else a [`Gate`].
    gate: AtomicU64,
    /// A [`Window`].
    window: AtomicU64,
}

impl Breaker {
    /// Lets a request in, and says as what it settles.
    ///
    /// INVARIANT: whoever is let in calls [`Self::leave`] once.
    pub(super) fn enter(&self, policy: BreakerPolicy, now: u64) -> Result<Ticket, Refusal> {
        let within = |count: u32| (count < policy.max_requests).then_some(count + 1);
        self.under_way
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .map_err(|_| Refusal::Full)?;
        let ticket = self.pass_gate(policy, now);
        if ticket.is_err() {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
        }
        ticket
    }

    fn pass_gate(&self, policy: BreakerPolicy, now: u64) -> Result<Ticket, Refusal> {
        let word = self.gate.load(Ordering::Acquire);
        // A breaker that a reload has switched off is as good as closed.
        if word == 0 || !policy.counts_failures() {
            return Ok(Ticket::Ordinary);
        }
        if now < Gate(word).until() {
            return Err(Refusal::Open);
        }
        // Half open: one finds out. Should it never come back, the next may try later.
        let probing = Gate::new(now.saturating_add(policy.open_for_ms), true).0;
        self.gate
            .compare_exchange(word, probing, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| Ticket::Probe(probing))
            .map_err(|_| Refusal::Open)
    }

    /// How the request with `ticket` ended.
    pub(super) fn settle(&self, ticket: Ticket, failed: bool, policy: BreakerPolicy, now: u64) {
        if !policy.counts_failures() {
            if let Ticket::Probe(word) = ticket {
                self.replace_gate(word, 0);
            }
            return;
        }
        let open = Gate::new(now.saturating_add(policy.open_for_ms), false).0;
        match ticket {
            Ticket::Probe(word) if failed => self.replace_gate(word, open),
            Ticket::Probe(word) => {
                // Before anybody is let in: what failed until now is over.
                self.window.store(Window::at(now).0, Ordering::Release);
                self.replace_gate(word, 0);
            }
            Ticket::Ordinary => {
                if self.count(failed, now).is_over(policy) {
                    self.replace_gate(0, open);
                }
            }
        }
    }

    /// A probe ended without telling anything: the next request may be one.
    pub(super) fn forget(&self, ticket: Ticket, now: u64) {
        if let Ticket::Probe(word) = ticket {
            self.replace_gate(word, Gate::new(now, false).0);
        }
    }

    /// The request is over, with the last byte of its response.
    pub(super) fn leave(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// Requests under way.
    pub(super) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether requests are turned away because too many failed.
    pub(super) fn is_open(&self, now: u64) -> bool {
        let word = self.gate.load(Ordering::Relaxed);
        word != 0 && now < Gate(word).until()
    }

    fn replace_gate(&self, from: u64, to: u64) {
        // Whoever was faster saw the same or newer facts.
        let _ = self
            .gate
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
    }

    fn count(&self, failed: bool, now: u64) -> Window {
        let next = |word| Some(Window(word).plus(failed, now).0);
        let before = self
            .window
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
            .unwrap_or_default();
        Window(before).plus(failed, now)
    }
}

/// How a request that was let in counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Ticket {
    /// One of many.
    Ordinary,
    /// The one that finds out whether the breaker closes, with the gate's word meanwhile.
    Probe(u64),
}

/// A breaker that is not closed: until when nobody is let in, and whether a probe is under way.
#[derive(Clone, Copy)]
struct Gate(u64);

impl Gate {
    const fn new(until: u64, probing: bool) -> Self {
        // Never 0, which is closed.
        Self(until.saturating_add(1) << 1 | probing as u64)
    }

    const fn until(self) -> u64 {
        (self.0 >> 1).saturating_sub(1)
    }
}

/// What was counted in one window: 24 bits of its number, 20 of all requests, 20 of failed ones.
#[derive(Clone, Copy)]
struct Window(u64);

impl Window {
    const COUNT: u64 = (1 << 20) - 1;

    const fn at(now: u64) -> Self {
        Self((now / WINDOW_MS) << 40)
    }

    const fn requests(self) -> u64 {
        self.0 >> 20 & Self::COUNT
    }

    const fn failures(self) -> u64 {
        self.0 & Self::COUNT
    }

    const fn plus(self, failed: bool, now: u64) -> Self {
        let number = Self::at(now).0;
        let (mut requests, mut failures) = (0, 0);
        if number == self.0 >> 40 << 40 {
            (requests, failures) = (self.requests(), self.failures());
        }
        if requests == Self::COUNT {
            (requests, failures) = (requests / 2, failures / 2);
        }
        Self(number | (requests + 1) << 20 | (failures + failed as u64))
    }

    const fn is_over(self, policy: BreakerPolicy) -> bool {
        self.requests() >= policy.min_requests
            && self.failures() > 0
            && self.failures() * 100 >= self.requests() * policy.failure_percent
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    fn policy(max_requests: u32) -> BreakerPolicy {
        BreakerPolicy::new(&BreakerSpec {
            max_requests,
            failure_percent: 50,
            min_requests: 4,
            open_for: "5s".parse().unwrap(),
            ..BreakerSpec::default()
        })
    }

    /// One request that ends at once.
    fn run(breaker: &Breaker, failed: bool, now: u64) -> Result<(), Refusal> {
        let policy = policy(10);
        let ticket = breaker.enter(policy, now)?;
        breaker.settle(ticket, failed, policy, now);
        breaker.leave();
        Ok(())
    }

    #[test]
    fn half_of_four_failures_open_it_and_one_probe_closes_it() {
        let breaker = Breaker::default();
        for failed in [false, true, false, true] {
            assert_eq!(run(&breaker, failed, 100), Ok(()));
        }
        assert!(breaker.is_open(100));
        assert_eq!(run(&breaker, false, 5_099), Err(Refusal::Open));

        let policy = policy(10);
        let probe = breaker.enter(policy, 5_100).unwrap();
        assert!(matches!(probe, Ticket::Probe(_)));
        assert_eq!(run(&breaker, false, 5_100), Err(Refusal::Open));
        breaker.settle(probe, false, policy, 5_101);
        breaker.leave();
        assert!(!breaker.is_open(5_101));
        for _ in 0..3 {
            assert_eq!(run(&breaker, true, 5_102), Ok(()));
        }
        assert_eq!(breaker.under_way(), 0);
    }

    #[test]
    fn a_probe_that_fails_opens_it_anew_and_one_that_vanishes_does_not_block() {
        let breaker = Breaker::default();
        for _ in 0..4 {
            run(&breaker, true, 0).unwrap();
        }
        assert_eq!(run(&breaker, true, 5_000), Ok(()));
        assert_eq!(run(&breaker, false, 9_999), Err(Refusal::Open));
        let ticket = breaker.enter(policy(10), 10_000).unwrap();
        breaker.forget(ticket, 10_001);
        breaker.leave();
        assert_eq!(run(&breaker, false, 10_001), Ok(()));
        assert!(!breaker.is_open(10_001));
    }

    #[test]
    fn failures_of_another_window_do_not_count() {
        let breaker = Breaker::default();
        for now in [0, 1, 2, 10_000, 10_001, 10_002, 20_000] {
            assert_eq!(run(&breaker, true, now), Ok(()));
        }
        assert!(!breaker.is_open(20_000));
    }

    #[test]
    fn counts_do_not_overflow() {
        let mut window = Window::at(0);
        for _ in 0..3_000_000_u32 {
            window = window.plus(true, 0);
            assert!(window.failures() <= window.requests());
        }
        assert_eq!(window.0 >> 40, 0);
    }

    #[test]
    fn no_more_are_under_way_than_may_be_whoever_comes() {
        let breaker = Breaker::default();
        let (inside, most, refused) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        if breaker.enter(policy(3), 0).is_err() {
                            refused.fetch_add(1, Ordering::Relaxed);
                            continue;
                        }
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        breaker.leave();
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert_eq!(breaker.under_way(), 0);
    }

    #[test]
    fn only_one_probes_whoever_comes() {
        let breaker = Breaker::default();
        for _ in 0..4 {
            run(&breaker, true, 0).unwrap();
        }
        let probes = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    if let Ok(Ticket::Probe(_)) = breaker.enter(policy(100), 6_000) {
                        probes.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(probes.load(Ordering::SeqCst), 1);
    }
}
