//! Letters with signs between them, words with other signs than spaces between them, and words with
//! nothing between them.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::cluster::each_cluster;
use super::{Source, ViewLimits, Views};
use crate::inspection::ViewKind;

/// Fewest single letters that make a word.
const FEWEST: usize = 4;
/// Bytes read around such places.
const REACH: usize = 48;
/// Letters from which on a word may be several.
const LONG_WORD: usize = 18;
/// Words joined by signs, such as `ignore.all.rules`, from which on they are taken apart.
const FEWEST_JOINED: usize = 4;

/// Words by which joined letters are taken apart: those of orders to models, and what stands between.
const KNOWN: &str = "ignore disregard forget override bypass previous prior above earlier all any every \
    your you the this that these those and are now not from instructions instruction rules rule \
    guidelines guideline system prompt prompts secret password reveal show print output repeat display \
    tell give me write say send email user users access admin mode developer unrestricted restrictions \
    restriction without limits safety filter filters content policy policies initial hidden internal \
    original text everything anything nothing answer respond response request requests follow execute \
    please must should will can with what when how new message messages key token data before after \
    only for has have been being into about jailbreak programming training training's directive \
    directives constraints settings default command commands information confidential private model \
    assistant level priority share sharing explain setup during genuine ratings higher decode run";

static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = KNOWN
        .split_ascii_whitespace()
        .filter(|word| word.len() >= 2);
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(words)
        .ok()
});

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    let text = source.folded.text();
    views.add(ViewKind::Spaced, source, limits, |sink| {
        each_cluster(text, stretches(text), (REACH, 1), |span| {
            let part = text.get(span.clone()).unwrap_or_default();
            let joined = join(part);
            // Lists of variables and paths of files are no orders.
            if joined != part && known(&joined) > 3 {
                sink.push_folded(&joined, span);
            }
        });
    });
}

/// Places where letters stand alone in a row, or words hang together.
fn stretches(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut row = Row::default();
    let bytes = text.as_bytes();
    // The last word ends, too.
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(b'\n');
    (0..=bytes.len()).filter_map(move |at| row.read(at, byte(at)))
}

/// What was read of a text, byte by byte or word by word.
#[derive(Default)]
pub(super) struct Row {
    /// Letters of the word that is being read.
    letters: usize,
    /// Words of one letter in a row.
    alone: usize,
    alone_at: Range<usize>,
    /// Words with a sign other than a space between them.
    joined: usize,
    joined_from: usize,
}

impl Row {
    /// Reads the byte at `at`; a place if one ends here.
    fn read(&mut self, at: usize, byte: u8) -> Option<Range<usize>> {
        if byte.is_ascii_alphabetic() {
            self.letters += 1;
            return None;
        }
        let word = at - self.letters..at;
        self.letters = 0;
        self.end(&word, byte)
    }

    /// A word, maybe of no letters, ends with the byte `sign`; a place if one ends here.
    #[inline]
    pub(super) fn end(&mut self, word: &Range<usize>, sign: u8) -> Option<Range<usize>> {
        if word.is_empty() && self.alone == 0 && self.joined == 0 {
            return None;
        }
        let alone = self.read_alone(word, sign);
        let joined = self.read_joined(word, sign);
        let long = (word.len() >= LONG_WORD).then(|| word.clone());
        alone.or(joined).or(long)
    }

    fn read_alone(&mut self, word: &Range<usize>, sign: u8) -> Option<Range<usize>> {
        if word.len() == 1 {
            if self.alone == 0 {
                self.alone_at.start = word.start;
            }
            self.alone_at.end = word.end;
            self.alone += 1;
        }
        if word.len() <= 1 && is_sign(sign) {
            return None;
        }
        let row = (self.alone >= FEWEST).then(|| self.alone_at.clone());
        self.alone = 0;
        row
    }

    fn read_joined(&mut self, word: &Range<usize>, sign: u8) -> Option<Range<usize>> {
        if word.len() >= 2 {
            if self.joined == 0 {
                self.joined_from = word.start;
            }
            self.joined += 1;
            if is_joint(sign) {
                return None;
            }
        }
        let chain = (self.joined >= FEWEST_JOINED).then_some(self.joined_from..word.end);
        self.joined = 0;
        chain
    }
}

const fn is_sign(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'.' | b'-' | b'_' | b'*' | b'|' | b',' | b'/' | b'\\' | b'+' | b'~'
    )
}

const fn is_joint(byte: u8) -> bool {
    matches!(
        byte,
        b'.' | b'|' | b'/' | b'\\' | b'+' | b'~' | b':' | b';' | b'=' | b'^' | b'%' | b'&'
    )
}

/// The text with single letters joined to words and joined words taken apart.
fn join(text: &str) -> String {
    let mut read = String::with_capacity(text.len() + text.len() / 4);
    let mut letters = String::new();
    let mut words = text
        .split_inclusive(|c: char| !c.is_alphanumeric())
        .peekable();
    while let Some(piece) = words.next() {
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        let sign = piece.get(word.len()..).unwrap_or_default();
        let mut kinds = word.chars();
        let is_single = kinds.next().is_some_and(char::is_alphabetic) && kinds.next().is_none();
        let ends = sign.bytes().any(|byte| !is_sign(byte));
        if is_single {
            letters.push_str(word);
            let goes_on = words
                .peek()
                .is_some_and(|next| !next.starts_with(|c: char| !c.is_alphanumeric()));
            if !ends && goes_on {
                continue;
            }
        }
        flush(&mut letters, &mut read);
        if !is_single {
            take_apart(word, &mut read);
        }
        let is_joint =
            sign.bytes().all(is_joint) && words.peek().is_some_and(|next| next.len() > 2);
        read.push_str(if is_joint && !sign.is_empty() {
            " "
        } else {
            sign
        });
    }
    flush(&mut letters, &mut read);
    read
}

fn flush(letters: &mut String, read: &mut String) {
    if letters.len() >= FEWEST {
        split(letters, read);
        read.push(' ');
    } else {
        for letter in letters.chars() {
            read.push(letter);
            read.push(' ');
        }
    }
    letters.clear();
}

fn take_apart(word: &str, read: &mut String) {
    if word.len() >= LONG_WORD && word.is_ascii() && known(word) * 10 >= word.len() * 6 {
        split(word, read);
    } else {
        read.push_str(word);
    }
}

/// Letters of `word` that belong to known words.
pub(super) fn known(word: &str) -> usize {
    let found = WORDS.iter().flat_map(|words| words.find_iter(word));
    found.map(|word| word.len()).sum()
}

/// Puts spaces around the words that are known.
pub(super) fn split(letters: &str, read: &mut String) {
    let mut at = 0;
    for found in WORDS.iter().flat_map(|words| words.find_iter(letters)) {
        let between = letters.get(at..found.start()).unwrap_or_default();
        for part in [between, letters.get(found.range()).unwrap_or_default()] {
            if !part.is_empty() && !read.is_empty() && !read.ends_with(' ') {
                read.push(' ');
            }
            read.push_str(part);
        }
        at = found.end();
    }
    let rest = letters.get(at..).unwrap_or_default();
    if at > 0 && rest.len() > 2 {
        read.push(' ');
    }
    read.push_str(rest);
}
