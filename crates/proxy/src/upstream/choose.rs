//! Which target a request goes to.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::place::{GroupPlace, TargetPlace};
use super::spec::Balance;

/// A target and its share.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) place: Arc<TargetPlace>,
    pub(super) weight: u32,
}

/// The indices of targets that were tried for a request.
pub(super) type Tried = SmallVec<[usize; 4]>;

/// How a target is chosen.
#[derive(Debug)]
pub(super) enum Chooser {
    LeastLoaded,
    /// Whose turn follows whose.
    InTurn(Box<[u16]>),
}

impl Chooser {
    pub(super) fn new(balance: Balance, weights: &[u32]) -> Self {
        match balance {
            Balance::LeastLoaded => Self::LeastLoaded,
            Balance::RoundRobin => Self::InTurn(turns(weights)),
        }
    }

    /// The index of a target that is in, not in `tried` where there is another. None when all are
    /// out: then nobody is asked, rather than somebody who is known not to answer.
    pub(super) fn choose(
        &self,
        targets: &[Target],
        group: &GroupPlace,
        tried: &Tried,
        now: u64,
    ) -> Option<usize> {
        let fits = |index: usize, target: &Target| {
            target.weight > 0 && !tried.contains(&index) && target.place.is_in(now)
        };
        let found = match self {
            Self::LeastLoaded => least_loaded(targets, fits),
            Self::InTurn(turns) => in_turn(turns, targets, group, fits),
        };
        match found {
            None if !tried.is_empty() => self.choose(targets, group, &Tried::new(), now),
            found => found,
        }
    }
}

/// The less loaded of two picked at random by weight.
fn least_loaded(targets: &[Target], fits: impl Fn(usize, &Target) -> bool) -> Option<usize> {
    let mut fitting: SmallVec<[(usize, &Target); 8]> = SmallVec::new();
    fitting.extend(targets.iter().enumerate().filter(|(i, t)| fits(*i, t)));
    if let [] | [_] = *fitting {
        return fitting.first().map(|(index, _)| *index);
    }
    let one = fitting.remove(pick(&fitting)?);
    let other = fitting.get(pick(&fitting)?).copied()?;
    // Load per weight, without dividing. On a tie the first one: it was picked by weight.
    let busy = |(_, a): (usize, &Target), (_, b): (usize, &Target)| {
        (a.place.load() as u64).saturating_mul(b.weight.into())
    };
    Some(if busy(other, one) < busy(one, other) {
        other.0
    } else {
        one.0
    })
}

/// A position in `fitting`, at random by weight.
fn pick(fitting: &[(usize, &Target)]) -> Option<usize> {
    let total: u64 = fitting.iter().map(|(_, t)| u64::from(t.weight)).sum();
    let mut left = random().checked_rem(total)?;
    fitting.iter().position(|(_, target)| {
        let weight = u64::from(target.weight);
        let here = left < weight;
        left = left.saturating_sub(weight);
        here
    })
}

fn in_turn(
    turns: &[u16],
    targets: &[Target],
    group: &GroupPlace,
    fits: impl Fn(usize, &Target) -> bool,
) -> Option<usize> {
    let start = group.turn.fetch_add(1, Ordering::Relaxed);
    let from = start.checked_rem(turns.len())?;
    let (before, after) = turns.split_at_checked(from)?;
    let mut indices = after.iter().chain(before).copied().map(usize::from);
    indices.find(|&index| targets.get(index).is_some_and(|target| fits(index, target)))
}

/// The order of turns: each target as often as its weight says, spread evenly.
fn turns(weights: &[u32]) -> Box<[u16]> {
    let common = weights.iter().copied().fold(0, greatest_common_divisor);
    let shares: Vec<i64> = weights
        .iter()
        .map(|weight| i64::from(weight.checked_div(common).unwrap_or(0)))
        .collect();
    let total: i64 = shares.iter().sum();
    let mut credits = vec![0_i64; shares.len()];
    let mut order = Vec::new();
    for _ in 0..total {
        for (credit, share) in credits.iter_mut().zip(&shares) {
            *credit += share;
        }
        // The first of those with most credit.
        let most = credits.iter().copied().max().unwrap_or(0);
        let Some(next) = credits.iter().position(|credit| *credit == most) else {
            break;
        };
        if let Some(credit) = credits.get_mut(next) {
            *credit -= total;
        }
        order.extend(u16::try_from(next));
    }
    order.into_boxed_slice()
}

const fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Random enough to spread load (`SplitMix64`), of a state per thread.
pub(super) fn random() -> u64 {
    thread_local! {
        // A hasher is keyed at random.
        static STATE: Cell<u64> = Cell::new(RandomState::new().build_hasher().finish());
    }
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ next >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_weights_and_are_spread() {
        for (weights, expected) in [
            (&[1, 1, 1][..], &[0, 1, 2][..]),
            (&[2, 1], &[0, 1, 0]),
            (&[10, 5], &[0, 1, 0]),
            (&[3, 0, 1], &[0, 0, 2, 0]),
            (&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0]),
        ] {
            assert_eq!(*turns(weights), *expected, "{weights:?}");
        }
        assert!(turns(&[0, 0]).is_empty());
        assert!(turns(&[]).is_empty());
    }

    #[test]
    fn random_numbers_differ() {
        let mut found: Vec<u64> = (0..1_000).map(|_| random()).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 1_000);
    }
}
