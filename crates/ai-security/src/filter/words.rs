//! Lists of words: read folded, one byte at a time, so that nothing is copied.

use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, BuildError, MatchKind, StartKind};
use unicode_normalization::char::{decompose_compatible, is_combining_mark};
use ztag_types::SmolStr;

use super::candidate::{Candidate, Finder, Found, Window};

/// Longest word or phrase, folded, in bytes.
pub(crate) const LONGEST_WORD: usize = 128;
/// Longest hit in the text, with every hidden character in it, in bytes.
const LONGEST_HIT: usize = 512;

/// Finds words.
pub(crate) struct WordLists {
    automaton: DFA,
    /// Rule of each word of the automaton.
    rules: Vec<usize>,
    /// Folded words, sorted, to tell whether a text ends inside one.
    sorted: Vec<SmolStr>,
}

impl std::fmt::Debug for WordLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WordLists")
            .field("words", &self.sorted.len())
            .finish_non_exhaustive()
    }
}

impl WordLists {
    /// Of words with the place of their rule.
    pub(crate) fn new(words: &[(SmolStr, usize)]) -> Result<Self, BuildError> {
        let folded: Vec<SmolStr> = words.iter().map(|(word, _)| fold_word(word)).collect();
        let automaton = DFA::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .build(folded.iter().map(|word| word.as_bytes()))?;
        let mut sorted = folded;
        sorted.sort();
        Ok(Self {
            automaton,
            rules: words.iter().map(|(_, rule)| *rule).collect(),
            sorted,
        })
    }

    fn begins_word(&self, tail: &[u8]) -> bool {
        let place = self.sorted.partition_point(|word| word.as_bytes() < tail);
        self.sorted
            .get(place)
            .is_some_and(|word| word.as_bytes().starts_with(tail))
    }
}

/// A word as it is compared.
pub(crate) fn fold_word(word: &str) -> SmolStr {
    let mut folded = Vec::new();
    let mut spaced = true;
    for c in word.trim().chars() {
        fold(c, &mut spaced, &mut |byte| folded.push(byte));
    }
    String::from_utf8_lossy(&folded).into()
}

/// Emits the bytes that `c` is compared by. White space counts once; `spaced` says whether some came
/// just before.
fn fold(c: char, spaced: &mut bool, emit: &mut impl FnMut(u8)) {
    if c.is_whitespace() {
        if !*spaced {
            emit(b' ');
        }
        *spaced = true;
        return;
    }
    if is_hidden(c) {
        return;
    }
    *spaced = false;
    if c.is_ascii() {
        return emit(c.to_ascii_lowercase() as u8);
    }
    decompose_compatible(c, |part| {
        for lower in part
            .to_lowercase()
            .filter(|lower| !is_combining_mark(*lower))
        {
            let mut buffer = [0; 4];
            for byte in lower.encode_utf8(&mut buffer).bytes() {
                emit(byte);
            }
        }
    });
}

/// Whether `c` leaves nothing to see: soft hyphens, zero-width characters, marks of direction,
/// variation selectors, tags.
const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The folded bytes read last and where each came from.
struct Recent {
    bytes: [u8; LONGEST_WORD],
    origins: [usize; LONGEST_WORD],
    count: usize,
}

impl Recent {
    fn push(&mut self, byte: u8, origin: usize) {
        let place = self.count % LONGEST_WORD;
        if let (Some(slot), Some(from)) = (self.bytes.get_mut(place), self.origins.get_mut(place)) {
            *slot = byte;
            *from = origin;
        }
        self.count += 1;
    }

    /// Where the byte came from that was read `back` bytes ago; 1 is the last.
    fn origin(&self, back: usize) -> Option<usize> {
        let place = self.count.checked_sub(back)? % LONGEST_WORD;
        self.origins.get(place).copied()
    }

    /// The last bytes, at most as many as a word has without its last.
    fn tail(&self) -> ([u8; LONGEST_WORD], usize) {
        let length = self.count.min(LONGEST_WORD - 1);
        let mut tail = [0; LONGEST_WORD];
        for (place, slot) in tail.iter_mut().take(length).enumerate() {
            let from = (self.count - length + place) % LONGEST_WORD;
            *slot = self.bytes.get(from).copied().unwrap_or(0);
        }
        (tail, length)
    }
}

impl Finder for WordLists {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let Ok(start) = self.automaton.start_state(Anchored::No) else {
            return;
        };
        let mut reading = Reading {
            lists: self,
            window,
            state: start,
            recent: Recent {
                bytes: [0; LONGEST_WORD],
                origins: [0; LONGEST_WORD],
                count: 0,
            },
            spaced: false,
        };
        let mut at = window.from;
        let rest = window.bytes.get(at..).unwrap_or_default();
        for chunk in rest.utf8_chunks() {
            for c in chunk.valid().chars() {
                reading.take(c, at, found);
                at += c.len_utf8();
            }
            let invalid = chunk.invalid();
            let cut = at + invalid.len() == window.bytes.len() && is_cut(invalid);
            if cut && !window.complete {
                found.hold(at);
            } else if !invalid.is_empty() {
                reading.take('\u{fffd}', at, found);
            }
            at += invalid.len();
        }
        if !window.complete {
            reading.hold_tail(found);
        }
    }
}

/// Whether more bytes could make a character of `bytes`.
fn is_cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

struct Reading<'a> {
    lists: &'a WordLists,
    window: &'a Window<'a>,
    state: aho_corasick::automaton::StateID,
    recent: Recent,
    spaced: bool,
}

impl Reading<'_> {
    fn take(&mut self, c: char, at: usize, found: &mut Found) {
        let mut bytes = [0_u8; 96];
        let mut count = 0;
        let mut spaced = self.spaced;
        fold(c, &mut spaced, &mut |byte| {
            if let Some(slot) = bytes.get_mut(count) {
                *slot = byte;
                count += 1;
            }
        });
        self.spaced = spaced;
        let end = at + c.len_utf8();
        for byte in bytes.iter().take(count) {
            self.recent.push(*byte, at);
            self.state = self
                .lists
                .automaton
                .next_state(Anchored::No, self.state, *byte);
            if self.lists.automaton.is_match(self.state) {
                self.report(end, found);
            }
        }
    }

    /// Reports the words that end here, if a border of words does.
    fn report(&self, end: usize, found: &mut Found) {
        let automaton = &self.lists.automaton;
        for index in 0..automaton.match_len(self.state) {
            let word = automaton.match_pattern(self.state, index);
            let length = automaton.pattern_len(word);
            let Some(start) = self.recent.origin(length) else {
                continue;
            };
            if end - start > LONGEST_HIT || !is_border_before(self.window.bytes, start) {
                continue;
            }
            match is_border_behind(self.window, end) {
                None => found.hold(start),
                Some(false) => {}
                Some(true) => {
                    let rule = self.lists.rules.get(word.as_usize()).copied();
                    found.push(Candidate::whole(rule.unwrap_or_default(), start..end));
                }
            }
        }
    }

    /// Holds the longest end of the text that a word begins with.
    fn hold_tail(&self, found: &mut Found) {
        let (tail, length) = self.recent.tail();
        let tail = tail.get(..length).unwrap_or_default();
        for from in 0..length {
            let part = tail.get(from..).unwrap_or_default();
            let origin = self.recent.origin(length - from);
            let near = origin.filter(|at| at + LONGEST_HIT >= self.window.bytes.len());
            if let Some(at) = near
                && self.lists.begins_word(part)
            {
                return found.hold(at);
            }
        }
    }
}

/// Whether a word may begin at `at`: none goes on there.
fn is_border_before(bytes: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(4);
    let before = bytes.get(from..at).unwrap_or_default();
    let last = before.utf8_chunks().last();
    let last = last
        .filter(|chunk| chunk.invalid().is_empty())
        .and_then(|chunk| chunk.valid().chars().next_back());
    !last.is_some_and(is_letter)
        || first_of(bytes.get(at..).unwrap_or_default()).is_none_or(|c| !is_letter(c))
}

/// Whether a word may end at `end`; `None` if that depends on what comes.
fn is_border_behind(window: &Window<'_>, end: usize) -> Option<bool> {
    let rest = window.bytes.get(end..).unwrap_or_default();
    let near = rest.get(..rest.len().min(4)).unwrap_or_default();
    if (near.is_empty() || is_cut(near)) && !window.complete {
        return None;
    }
    Some(!first_of(near).is_some_and(is_letter))
}

fn first_of(bytes: &[u8]) -> Option<char> {
    let near = bytes.get(..bytes.len().min(4)).unwrap_or_default();
    near.utf8_chunks().next()?.valid().chars().next()
}

/// Whether `c` belongs to a word of a script that puts spaces between words.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric()
        && !matches!(
            c,
            '\u{e00}'..='\u{eff}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
                | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3ffff}'
        )
}
