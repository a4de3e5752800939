//! Rules: sequences of words, found in one pass.
//!
//! A rule is a short sequence of sets of words with gaps between them: a verb of ignoring, then
//! within a few words something earlier, then an instruction. All words of all rules are in one
//! tree, which is walked from where words of a text begin; each word found moves the rules that
//! wait for it. So the time is linear in the text whatever it says, and a rule holds for every
//! language its sets know. There are no regular expressions and nothing backtracks.

mod book;
mod notation;
mod pack;
mod prefix;
mod scan;
mod stream;
mod suite;
mod theme;
mod trie;

pub(crate) use book::Draft;
pub use book::{BookError, Rule, RuleBook};
pub use notation::NotationError;
pub use scan::{RuleHit, Scan};
pub use suite::Suite;
pub use theme::{MOST_THEMES, Touch};

#[cfg(test)]
mod tests;
