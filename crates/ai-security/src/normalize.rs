//! Folding: one spelling for everything that reads the same.
//!
//! One pass over the text: hidden code points are dropped and counted, compatibility forms and
//! letter case are folded, marks over letters dropped, letters of another script that imitate Latin
//! ones inside a Latin word replaced. Text in ASCII only costs a copy in lower case; nothing is
//! allocated once the buffers are warm. Unicode Standard Annex 15 (compatibility forms) and
//! Technical Standard 39 (confusables) are where the tables come from; neither is followed to the
//! letter, because the result is only ever compared with words folded the same way.

mod fold;
mod hidden;
mod lookalike;
mod offsets;

use std::ops::Range;

use fold::fold;
use offsets::Offsets;

pub use hidden::Hidden;

/// A folded text and the way back to the original.
#[derive(Debug, Default)]
pub struct Normalized {
    text: String,
    offsets: Offsets,
    hidden: Hidden,
    /// Where a word began that mixes scripts so far, in the folded text.
    mixed: Option<usize>,
    word: Vec<(char, usize)>,
    original_len: usize,
}

impl Normalized {
    /// Nothing yet; [`Normalized::read`] fills it.
    pub fn new() -> Self {
        Self::default()
    }

    /// A folded copy of `original`.
    pub fn of(original: &str) -> Self {
        let mut folded = Self::new();
        folded.read(original);
        folded
    }

    /// Folds `original` into this buffer, whose content is replaced.
    pub fn read(&mut self, original: &str) {
        self.text.clear();
        self.offsets.clear();
        self.hidden.clear();
        self.mixed = None;
        self.original_len = original.len();
        let mut rest = original;
        while !rest.is_empty() {
            let ascii = rest.bytes().position(|byte| !byte.is_ascii());
            let (plain, other) = rest
                .split_at_checked(ascii.unwrap_or(rest.len()))
                .unwrap_or((rest, ""));
            self.push_ascii(plain, original.len() - rest.len());
            rest = self.push_others(other, original.len() - other.len());
        }
        self.end_word();
    }

    /// The folded text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Puts spaces in the place of a part of the folded text.
    pub(crate) fn blank(&mut self, span: Range<usize>) {
        let spaces = " ".repeat(span.len());
        if self.text.get(span.clone()).is_some() {
            self.text.replace_range(span, &spaces);
        }
    }

    /// What was dropped.
    pub fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// Where a part of the folded text stands in the original. Both ends are on borders of
    /// characters if they are in the folded text.
    pub fn original(&self, span: Range<usize>) -> Range<usize> {
        let end = if span.end >= self.text.len() {
            None
        } else {
            self.offsets.end(span.end)
        };
        let end = end.unwrap_or(self.original_len);
        let start = self.offsets.start(span.start).min(end);
        start..end
    }

    fn push_ascii(&mut self, plain: &str, at: usize) {
        if plain.is_empty() {
            return;
        }
        self.hidden.go_on(plain.bytes().next());
        let mut at = at;
        let mut plain = plain;
        if self.mixed.is_some() {
            let end = plain.bytes().position(|byte| !byte.is_ascii_alphanumeric());
            let (word, rest) = plain
                .split_at_checked(end.unwrap_or(plain.len()))
                .unwrap_or((plain, ""));
            self.append(word, at);
            at += word.len();
            plain = rest;
            if plain.is_empty() {
                return;
            }
            self.end_word();
        }
        self.append(plain, at);
    }

    fn append(&mut self, plain: &str, at: usize) {
        self.offsets.mark(self.text.len(), at);
        let from = self.text.len();
        self.text.push_str(plain);
        if let Some(new) = self.text.get_mut(from..) {
            new.make_ascii_lowercase();
        }
    }

    /// Folds characters up to the next one in ASCII and returns what follows.
    fn push_others<'a>(&mut self, text: &'a str, at: usize) -> &'a str {
        for (index, c) in text.char_indices() {
            if c.is_ascii() {
                return text.get(index..).unwrap_or_default();
            }
            self.push_other(c, at + index);
        }
        ""
    }

    fn push_other(&mut self, c: char, at: usize) {
        if self.mixed.is_none() && is_plain(c) {
            self.hidden.pass();
            self.offsets.mark(self.text.len(), at);
            self.text.push(c);
            return;
        }
        if self.hidden.take(c, at, self.text.chars().next_back()) {
            return;
        }
        if self.mixed.is_some() {
            if !matches!(c, 'а'..='я') && !c.is_alphanumeric() {
                self.end_word();
            }
        } else if lookalike::latin(c).is_some() {
            self.mixed = Some(self.word_start());
        }
        let from = self.text.len();
        fold(c, &mut self.text);
        let mut folded = self.text.get(from..).unwrap_or_default().chars();
        if folded
            .next()
            .is_some_and(|first| first.len_utf8() == c.len_utf8())
            && folded.next().is_none()
        {
            self.offsets.mark(from, at);
        } else {
            self.offsets.mark_whole(from, at);
        }
    }

    /// Where the word begins that the folded text ends with.
    fn word_start(&self) -> usize {
        let mut letters = self.text.char_indices().rev().take(lookalike::LONGEST_WORD);
        let mut start = self.text.len();
        for (index, _) in letters.by_ref().take_while(|(_, c)| c.is_alphanumeric()) {
            start = index;
        }
        start
    }

    /// Replaces what imitates Latin letters in the word just read, if it has Latin ones, too.
    fn end_word(&mut self) {
        let Some(start) = self.mixed.take() else {
            return;
        };
        let word = self.text.get(start..).unwrap_or_default();
        if !lookalike::is_imitation(word) {
            return;
        }
        self.word.clear();
        let placed = word
            .char_indices()
            .map(|(index, c)| (c, self.offsets.start(start + index)));
        self.word.extend(placed);
        if lookalike::hides(word) {
            self.hidden.imitation(self.offsets.start(start));
        }
        self.text.truncate(start);
        self.offsets.truncate(start);
        let mut last = None;
        for &(c, at) in &self.word {
            // What it was folded from may have another length, and fold to several.
            if last != Some(at) {
                self.offsets.mark_whole(self.text.len(), at);
                last = Some(at);
            }
            self.text.push(lookalike::latin(c).unwrap_or(c));
        }
    }
}

/// Whether `c` is a letter of Chinese, Japanese or Korean that folds to itself whatever stands around it.
const fn is_plain(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests;
