//! Which of several candidates for the same bytes count.

use std::cmp::Reverse;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::candidate::Candidate;
use super::rule::{CERTAIN, Rule};

/// Bytes of candidates that overlap each other, after which the next one starts afresh: a stream
/// waits no longer than this for a chain of overlaps to end.
pub(crate) const LONGEST_CLUSTER: usize = 16 * 1024;

/// Takes candidates group by group; those of a group overlap each other, directly or by others.
#[derive(Debug)]
pub(crate) struct Resolver<'r> {
    candidates: Peekable<IntoIter<Candidate>>,
    rules: &'r [Rule],
    done: usize,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// These count; everything before the end of the last is settled.
    Settled(Vec<Candidate>),
    /// These count, and the last one has not ended yet.
    Latched(Vec<Candidate>),
    /// Not to be decided yet: it begins here.
    Waiting(usize),
    /// There is nothing more.
    Exhausted,
}

impl<'r> Resolver<'r> {
    /// Of candidates sorted by where they begin, none of them before `from`.
    pub(crate) fn new(sorted: Vec<Candidate>, from: usize, rules: &'r [Rule]) -> Self {
        Self {
            candidates: sorted.into_iter().peekable(),
            rules,
            done: from,
        }
    }

    /// Decides on the next group, if everything that begins before `open` is known.
    pub(crate) fn step(&mut self, open: usize) -> Step {
        let done = self.done;
        while self.candidates.next_if(|c| c.anchor < done).is_some() {}
        let Some(first) = self.candidates.next() else {
            return Step::Exhausted;
        };
        let start = first.anchor;
        let latest = start + LONGEST_CLUSTER;
        let mut end = last_byte(&first);
        let mut group = vec![first];
        while let Some(next) = self
            .candidates
            .next_if(|next| next.anchor < end && next.anchor < latest)
        {
            end = end.max(last_byte(&next));
            group.push(next);
        }
        let latched = group.iter().find(|c| c.latch.is_some());
        if let Some(latched) = latched {
            if open < latched.secret.start {
                return Step::Waiting(start);
            }
            return Step::Latched(choose(group, self.rules));
        }
        if end.min(latest) > open {
            return Step::Waiting(start);
        }
        let chosen = choose(group, self.rules);
        let ends = chosen.iter().map(|c| c.secret.end);
        self.done = ends.fold(self.done, usize::max);
        Step::Settled(chosen)
    }
}

fn last_byte(candidate: &Candidate) -> usize {
    candidate.span.end.max(candidate.secret.end)
}

/// Those that count, none of which hides what another does, in order.
fn choose(mut group: Vec<Candidate>, rules: &[Rule]) -> Vec<Candidate> {
    if group.len() == 1 {
        return group;
    }
    group.sort_by_cached_key(|candidate| Reverse(Rank::of(candidate, rules)));
    let mut chosen: Vec<Candidate> = Vec::new();
    for candidate in group {
        if !chosen.iter().any(|other| excludes(other, &candidate)) {
            chosen.push(candidate);
        }
    }
    chosen.sort_by_key(|c| c.secret.start);
    chosen
}

/// Whether `chosen` leaves no place for `candidate`. What begins inside a long one does not count,
/// even if it hides bytes behind it: a stream no longer has the beginning.
fn excludes(chosen: &Candidate, candidate: &Candidate) -> bool {
    let start = if chosen.is_long() {
        candidate.anchor
    } else {
        candidate.secret.start
    };
    chosen.secret.start < candidate.secret.end && start < chosen.secret.end
}

/// Long ones first, because a stream has to decide on them before it knows their ends. Then what
/// blocks. Then secrets, the longest first so that nothing of it is left over, the more specific
/// rule for the same bytes. Then the rest by how specific its rule is. Equal ones: the first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    long: bool,
    severity: u8,
    family: u8,
    first: usize,
    second: usize,
    start: Reverse<(usize, usize)>,
}

impl Rank {
    fn of(candidate: &Candidate, rules: &[Rule]) -> Self {
        let start = Reverse((candidate.secret.start, candidate.rule));
        let rule = rules.get(candidate.rule).filter(|_| !candidate.is_long());
        let Some(rule) = rule else {
            return Self {
                long: candidate.is_long(),
                severity: 0,
                family: 0,
                first: 0,
                second: 0,
                start,
            };
        };
        let length = candidate.secret.len();
        let specificity = usize::from(rule.specificity);
        let (first, second) = if rule.specificity == CERTAIN {
            (usize::MAX, length)
        } else if rule.family.is_secret() {
            (length, specificity)
        } else {
            (specificity, length)
        };
        Self {
            long: false,
            severity: rule.action.severity(),
            family: rule.family.rank(),
            first,
            second,
            start,
        }
    }
}
