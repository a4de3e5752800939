//! The guard: text in, inspection out.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use crate::allow::Allowed;
use crate::bands::Bands;
use crate::channel::Channel;
use crate::inspection::{Coverage, Inspection, Verdict};
use crate::model::Model;
use crate::parts::parts;
use crate::rules::RuleBook;
use crate::spec::{GuardSpec, LimitsSpec};
use crate::sweep::{Reading, Sweep};
use crate::tally::Tally;
use crate::view::ViewLimits;

/// Reads texts. Compiled once, shared by everybody.
#[derive(Clone, Debug)]
pub struct Guard {
    pub(crate) rules: Rules,
    pub(crate) channels: [ChannelPolicy; Channel::ALL.len()],
    pub(crate) allowed: Allowed,
    pub(crate) limits: LimitsSpec,
}

/// The rules in force, and the model that weighs them.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// `None`: those of this build are broken, and everything is blocked.
    pub(crate) book: Option<Arc<RuleBook>>,
    pub(crate) model: Option<&'static Model>,
    /// By rule, what a hit adds to the margin of the model; `None` for a rule that does not count.
    pub(crate) margins: Vec<Option<f32>>,
}

/// How strict the guard is in one channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChannelPolicy {
    pub(crate) bands: Bands,
    pub(crate) at_most: Verdict,
    pub(crate) is_read: bool,
}

/// Buffers of inspections, kept from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    sweep: Sweep,
    tally: Tally,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Guard {
    /// The guard with its standard settings.
    pub fn standard() -> &'static Self {
        static STANDARD: LazyLock<Guard> = LazyLock::new(|| Guard::built_in(&GuardSpec::default()));
        &STANDARD
    }

    /// What is to be said of `text`, which stands in `channel`. Buffers are those of the thread.
    pub fn inspect(&self, text: &str, channel: Channel) -> Inspection {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => self.inspect_with(&mut scratch, text, channel),
            Err(_) => self.inspect_with(&mut Scratch::default(), text, channel),
        })
    }

    /// The same with buffers of the caller's.
    pub fn inspect_with(&self, scratch: &mut Scratch, text: &str, channel: Channel) -> Inspection {
        let policy = self.policy(channel);
        let mut coverage = Coverage::default();
        let tally = &mut scratch.tally;
        tally.begin(policy.bands);
        let Some(book) = &self.rules.book else {
            return self.unreadable(text, channel);
        };
        if !policy.is_read {
            coverage.skipped = text.len();
            return tally.finish(policy.bands, coverage, Verdict::Allow);
        }
        let reading = Reading {
            book,
            channel,
            limits: self.view_limits(),
        };
        for part in parts(text, self.limits.max_bytes) {
            let Some(read) = text.get(part.clone()) else {
                continue;
            };
            let blank = |folded: &mut _| self.allowed.blank(folded);
            scratch.sweep.read(read, &reading, blank, |seen| {
                tally.count(seen, part.start, &reading, &self.rules);
            });
            tally.count_hidden(scratch.sweep.folded().hidden(), part.clone());
            coverage.scanned += part.len();
            coverage.undecoded += scratch.sweep.undecoded();
        }
        coverage.skipped = text.len() - coverage.scanned;
        self.limit(text.len(), coverage, tally);
        tally.finish(policy.bands, coverage, policy.at_most)
    }

    /// The strictest verdict that a text of `channel` may get.
    pub(crate) fn strictest(&self, channel: Channel) -> Verdict {
        self.policy(channel).at_most
    }

    /// Says what was not read.
    fn limit(&self, length: usize, coverage: Coverage, tally: &mut Tally) {
        if coverage.skipped > 0 {
            let middle = self.limits.max_bytes / 2;
            tally.count_limit(self.limits.over_limit, middle..length);
        } else if coverage.undecoded > 0 {
            tally.count_limit(self.limits.over_limit.min(Verdict::Mark), 0..length);
        }
    }

    /// The answer of a guard without rules, whatever its settings.
    fn unreadable(&self, text: &str, channel: Channel) -> Inspection {
        let mut tally = Tally::default();
        let bands = self.policy(channel).bands;
        tally.begin(bands);
        tally.count_limit(Verdict::Block, 0..text.len());
        let coverage = Coverage {
            skipped: text.len(),
            ..Coverage::default()
        };
        tally.finish(bands, coverage, Verdict::Block)
    }

    fn policy(&self, channel: Channel) -> ChannelPolicy {
        let closed = ChannelPolicy {
            bands: Bands {
                mark: 0.0,
                block: 0.0,
            },
            at_most: Verdict::Block,
            is_read: true,
        };
        self.channels
            .get(channel.index())
            .copied()
            .unwrap_or(closed)
    }

    fn view_limits(&self) -> ViewLimits {
        ViewLimits {
            views: self.limits.max_views,
            bytes: self.limits.max_view_bytes,
        }
    }
}

#[cfg(test)]
mod tests;
