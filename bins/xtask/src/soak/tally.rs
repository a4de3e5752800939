//! What came of all requests.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::case::Kind;
use super::line::Transport;
use super::load::Plan;
use super::memory::Subject;

/// Faults of each sort that are kept as text; all are counted.
const KEPT: u64 = 10;

/// The end of one request.
pub(super) enum End {
    /// What was expected.
    Right,
    /// A reply that should have been another.
    Wrong(String),
    /// No reply, or one that says that the gateway or what stands behind it does not work.
    Lost(String),
}

/// Counts, times and faults.
pub(super) struct Tally {
    plan: Plan,
    asked: BTreeMap<Kind, u64>,
    wrong: u64,
    lost: u64,
    faults: Vec<String>,
    /// From the time at which each request was due, in microseconds.
    times: Vec<u32>,
    pub(super) subjects: Vec<Subject>,
    /// The certificates shown to clients of one kind.
    pub(super) certificates: usize,
}

impl Tally {
    pub(super) fn new(plan: &Plan, subjects: Vec<Subject>) -> Self {
        Self {
            plan: *plan,
            asked: BTreeMap::new(),
            wrong: 0,
            lost: 0,
            faults: Vec::new(),
            times: Vec::new(),
            subjects,
            certificates: 0,
        }
    }

    /// Notes one request.
    pub(super) fn note(&mut self, (kind, transport): (Kind, Transport), took: Duration, end: End) {
        *self.asked.entry(kind).or_default() += 1;
        self.times
            .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        let (count, text) = match end {
            End::Right => return,
            End::Wrong(text) => (&mut self.wrong, text),
            End::Lost(text) => (&mut self.lost, text),
        };
        *count += 1;
        if *count <= KEPT {
            let at = self.plan.begin.elapsed().as_secs();
            self.faults
                .push(format!("{at} s, {kind:?} over {transport:?}: {text}"));
        }
    }

    /// What is wrong; memory counts when the run is long enough.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        if self.wrong + self.lost > 0 {
            faults.push(format!("{} wrong, {} lost", self.wrong, self.lost));
        }
        if self.certificates < 2 {
            faults.push(String::from("no fresh certificate was ever shown"));
        }
        if let Some(warm_up) = self.plan.warm_up {
            let subjects = self.subjects.iter();
            faults.extend(subjects.filter_map(|subject| subject.fault(warm_up)));
        }
        faults
    }

    /// The time within which this many of a thousand requests were answered.
    fn percentile(sorted: &[u32], share: usize) -> f64 {
        let index = sorted.len().saturating_sub(1) * share / 1_000;
        sorted
            .get(index)
            .map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        let asked: u64 = self.asked.values().sum();
        writeln!(
            f,
            "{asked} requests, {} wrong, {} lost",
            self.wrong, self.lost
        )?;
        let kinds: Vec<_> = self
            .asked
            .iter()
            .map(|(kind, count)| format!("{kind:?} {count}"))
            .collect();
        writeln!(f, "  {}", kinds.join(", "))?;
        let [median, most, all_but_one] =
            [500, 990, 999].map(|share| Self::percentile(&sorted, share));
        writeln!(
            f,
            "  p50 {median:.2} ms, p99 {most:.2} ms, p99.9 {all_but_one:.2} ms, from when they were due"
        )?;
        writeln!(f, "  {} certificates shown", self.certificates)?;
        self.subjects.iter().try_for_each(|subject| subject.fmt(f))
    }
}
