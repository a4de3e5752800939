//! One pass of a rule book over a text.

use std::ops::Range;

use super::book::{Part, RuleBook, Spotted, is_unspaced};
use super::notation::Gap;
use super::theme::{Touch, Touches};
use super::trie::Pending;
use crate::channel::Channel;

/// Most bytes of signs between two steps that are next to each other.
const LONGEST_SIGNS: usize = 24;

/// Most bytes looked at between two steps, in the longest gap inside a sentence of our packs.
#[cfg(test)]
const LONGEST_WITHIN: usize = 200;

/// A rule that a text hit, for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleHit {
    /// Its index in [`RuleBook::rules`].
    pub rule: u16,
    /// Where, in bytes of the text scanned.
    pub span: Range<usize>,
}

/// Buffers of a scan, kept from one to the next, and its result.
#[derive(Debug, Default)]
pub struct Scan {
    /// The generation that slots and rules touched by this scan carry.
    generation: u32,
    slots: Vec<Slot>,
    done: Vec<u32>,
    hits: Vec<RuleHit>,
    touches: Touches,
    pending: Pending,
    /// Steps of the last scan: bytes looked at and rules moved. Tests bound them.
    #[cfg(test)]
    pub(super) work: usize,
}

/// How far a rule has come.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    generation: u32,
    /// The last two ways to come this far, the later one first: the word that ends later may reach
    /// into the word that the next step waits for.
    ways: [Way; 2],
}

/// A way to come as far as a step: where the first step began, and where this one stands.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    from: usize,
    start: usize,
    end: usize,
}

impl Scan {
    /// What the last scan found, in the order in which the hits ended.
    pub fn hits(&self) -> &[RuleHit] {
        &self.hits
    }

    /// The themes that the last text touched.
    pub fn touches(&self) -> &[Touch] {
        self.touches.as_slice()
    }

    fn begin(&mut self, book: &RuleBook) {
        self.hits.clear();
        self.touches.clear();
        #[cfg(test)]
        {
            self.work = 0;
        }
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.slots.fill(Slot::default());
            self.done.fill(0);
            self.generation = 1;
        }
        self.slots
            .resize(self.slots.len().max(book.slots), Slot::default());
        self.done.resize(self.done.len().max(book.rules.len()), 0);
    }

    /// The ways to come as far as `slot`, if there is any.
    fn ways(&self, slot: u32) -> Option<[Way; 2]> {
        let slot = self.slots.get(usize::try_from(slot).ok()?)?;
        (slot.generation == self.generation).then_some(slot.ways)
    }

    fn come(&mut self, slot: u32, way: Way) {
        let generation = self.generation;
        if let Some(place) = usize::try_from(slot)
            .ok()
            .and_then(|slot| self.slots.get_mut(slot))
        {
            let [last, _] = place.ways;
            let before = if place.generation == generation {
                last
            } else {
                way
            };
            *place = Slot {
                generation,
                ways: [way, before],
            };
        }
    }

    fn is_done(&self, rule: u16) -> bool {
        self.done.get(usize::from(rule)) == Some(&self.generation)
    }

    fn finish(&mut self, rule: u16, span: Range<usize>) {
        if let Some(done) = self.done.get_mut(usize::from(rule)) {
            *done = self.generation;
        }
        self.hits.push(RuleHit { rule, span });
    }
}

impl RuleBook {
    /// Finds the rules that `text`, folded by [`Normalized`](crate::normalize::Normalized), hits in
    /// `channel`, each where it ends first, and the themes that it touches. Linear in the text.
    pub fn scan(&self, text: &str, channel: Channel, scan: &mut Scan) {
        scan.begin(self);
        let mut pending = std::mem::take(&mut scan.pending);
        self.trie
            .find(text.as_bytes(), &mut pending, |words, place| {
                for word in self.words.get(words).unwrap_or_default() {
                    if word.fits(text, place.clone()) {
                        self.spot(word, text, place.clone(), channel, scan);
                    }
                }
            });
        scan.pending = pending;
    }

    /// `word` stands at `place`: moves the rules that wait for it.
    fn spot(
        &self,
        word: &Spotted,
        text: &str,
        place: Range<usize>,
        channel: Channel,
        scan: &mut Scan,
    ) {
        let Range { start, end } = place;
        for theme in word.themes.iter().copied() {
            scan.touches.add(Touch { theme, start, end });
        }
        for listener in self
            .listeners
            .get(word.listeners.clone())
            .unwrap_or_default()
        {
            let weight = self.rules.get(usize::from(listener.rule));
            let weight = weight.and_then(|rule| rule.weights.get(channel.index()));
            if scan.is_done(listener.rule) || weight.is_none_or(|weight| *weight <= 0.0) {
                continue;
            }
            #[cfg(test)]
            {
                scan.work += 1 + scan
                    .ways(listener.slot.saturating_sub(1))
                    .map_or(0, |[way, _]| {
                        start.saturating_sub(way.end).min(LONGEST_WITHIN)
                    });
            }
            let part = listener.part;
            let from = match part {
                Part::First | Part::Veto | Part::Only => start,
                Part::Later(gap) | Part::Last(gap) => {
                    let Some(ways) = scan.ways(listener.slot - 1) else {
                        continue;
                    };
                    let Some(way) = ways.iter().find(|way| joins(gap, way.end, start, text)) else {
                        continue;
                    };
                    way.from
                }
            };
            if matches!(part, Part::Only | Part::Last(_)) {
                self.hit(listener.rule, from..end, text, scan);
            } else {
                scan.come(listener.slot, Way { from, start, end });
            }
        }
    }

    /// All steps of `rule` were there; it hits unless a veto stands before it.
    fn hit(&self, rule: u16, span: Range<usize>, text: &str, scan: &mut Scan) {
        let vetoes = self
            .vetoes
            .get(usize::from(rule))
            .map_or(&[][..], |vetoes| vetoes);
        let is_vetoed = vetoes.iter().any(|veto| {
            scan.ways(veto.slot).is_some_and(|[word, _]| {
                let overlaps = word.start <= span.start && span.start < word.end;
                overlaps || joins(veto.reach, word.end, span.start, text)
            })
        });
        if !is_vetoed {
            let end = end_of_word(text, span.end);
            scan.finish(rule, span.start..end);
        }
    }
}

impl Spotted {
    /// Whether it is a word where it stands: its edges are where it wants them.
    pub(super) fn fits(&self, text: &str, place: Range<usize>) -> bool {
        let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
        let before = text.get(..place.start).unwrap_or_default();
        if self.closed_start && is_letter(before.chars().next_back()) {
            return false;
        }
        let behind = text.get(place.end..).and_then(|rest| rest.chars().next());
        if self.closed_end && is_letter(behind) {
            return false;
        }
        !self.word.begins_line || begins_line(before)
    }
}

/// Where the word ends that `end` may stand in.
fn end_of_word(text: &str, end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    let letters = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() && !is_unspaced(*c));
    end + letters
        .take(LONGEST_SIGNS)
        .map(char::len_utf8)
        .sum::<usize>()
}

/// Whether only signs stand between the end of `before` and the beginning of its last line.
fn begins_line(before: &str) -> bool {
    let mut signs = before.chars().rev().take(LONGEST_SIGNS);
    let letter = signs.find(|c| c.is_alphanumeric() || *c == '\n');
    letter.is_none_or(|c| c == '\n')
}

/// Whether a step that begins at `start` follows one that ended at `end`.
fn joins(gap: Gap, end: usize, start: usize, text: &str) -> bool {
    let Some(between) = text.get(end..start) else {
        return false;
    };
    match gap {
        Gap::Next => between.len() <= LONGEST_SIGNS && !between.contains(char::is_alphanumeric),
        Gap::Within(longest) => between.len() <= longest as usize && !ends_sentence(between),
        Gap::Across(longest) => between.len() <= longest as usize,
    }
}

/// Whether a sentence, a paragraph or an item of a list ends in `text`.
fn ends_sentence(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let ends = match c {
            '.' | '!' | '?' => next.is_some_and(char::is_whitespace),
            '\n' => next.is_some_and(|next| matches!(next, '\n' | '-' | '*' | '#' | '|')),
            '。' | '।' | '؟' | '۔' | '…' => true,
            _ => false,
        };
        if ends {
            return true;
        }
    }
    false
}
