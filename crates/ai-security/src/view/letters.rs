//! ROT13, text read from its end, and leet.

use super::cluster::{each_cluster, words};
use super::spaced::known;
use super::{Source, ViewLimits, Views};
use crate::byte_table::byte_table;
use crate::inspection::ViewKind;

/// Fewest words of an encoding near each other that are read, and how far apart they may stand.
const FEWEST: usize = 2;
const REACH: usize = 64;

/// How many words of each encoding a text has.
#[derive(Debug, Default)]
pub(super) struct Looks {
    rot13: usize,
    reversed: usize,
    leet: usize,
}

impl Looks {
    /// Counts `word`, which stands between blanks.
    pub(super) fn add(&mut self, word: &str) {
        match turned_or_moved(word) {
            Some(ViewKind::Rot13) => self.rot13 += 1,
            Some(_) => self.reversed += 1,
            None => {}
        }
        self.leet += usize::from(is_leet(word));
    }
}

pub(super) fn search(looks: &Looks, source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    if looks.rot13 >= FEWEST {
        read(ViewKind::Rot13, is_rot13, rot13, source, limits, views);
    }
    if looks.reversed >= FEWEST {
        let (whole, words) = (ViewKind::Reversed, ViewKind::ReversedWords);
        read(whole, is_reversed, turned, source, limits, views);
        read(words, is_reversed, turned_words, source, limits, views);
    }
    if looks.leet >= FEWEST {
        read(ViewKind::Leet, is_leet, unleet, source, limits, views);
    }
}

/// Adds a view of the stretches whose words look like an encoding.
fn read(
    kind: ViewKind,
    looks: fn(&str) -> bool,
    decode: fn(&str) -> String,
    source: Source<'_>,
    limits: ViewLimits,
    views: &mut Views,
) {
    let text = source.folded.text();
    views.add(kind, source, limits, |sink| {
        let marks = words(text)
            .filter(|(word, _)| looks(word))
            .map(|(_, span)| span);
        each_cluster(text, marks, (REACH, FEWEST), |span| {
            let part = text.get(span.clone()).unwrap_or_default();
            let decoded = decode(part);
            // Tables of registers and the like are no leet.
            if kind != ViewKind::Leet || known(&decoded) > known(part) + 3 {
                sink.push_folded(&decoded, span);
            }
        });
    });
}

fn is_rot13(word: &str) -> bool {
    turned_or_moved(word) == Some(ViewKind::Rot13)
}

fn is_reversed(word: &str) -> bool {
    turned_or_moved(word) == Some(ViewKind::Reversed)
}

/// Common words, and words of orders to models, in ROT13; none is an English word.
const ROT13: [&str; 39] = [
    "gur",
    "naq",
    "lbh",
    "lbhe",
    "nyy",
    "guvf",
    "gung",
    "jvgu",
    "sbe",
    "jung",
    "ubj",
    "cyrnfr",
    "vtaber",
    "qvfertneq",
    "sbetrg",
    "cerivbhf",
    "vafgehpgvbaf",
    "vafgehpgvba",
    "flfgrz",
    "cebzcg",
    "erirny",
    "frperg",
    "cnffjbeq",
    "ehyrf",
    "fnsrgl",
    "thvqryvarf",
    "fubj",
    "cevag",
    "bhgchg",
    "rkrphgr",
    "vtaben",
    "vafgehppvbarf",
    "pna",
    "jvyy",
    "sebz",
    "unir",
    "jevgr",
    "rkcynva",
    "funer",
];

/// The same from their end.
const REVERSED: [&str; 30] = [
    "eht",
    "dna",
    "uoy",
    "ruoy",
    "siht",
    "taht",
    "htiw",
    "tahw",
    "esaelp",
    "erongi",
    "dragersid",
    "tegrof",
    "suoiverp",
    "snoitcurtsni",
    "noitcurtsni",
    "metsys",
    "tpmorp",
    "laever",
    "terces",
    "drowssap",
    "selur",
    "ytefas",
    "senilediug",
    "wohs",
    "tnirp",
    "tuptuo",
    "etucexe",
    "eveileb",
    "rewsna",
    "esnopser",
];

/// The encoding of a word, signs around it aside, that is in one of these lists.
fn turned_or_moved(word: &str) -> Option<ViewKind> {
    let plain = word.trim_matches(|c: char| c.is_ascii_punctuation());
    if !may_be_listed(plain.as_bytes()) {
        None
    } else if ROT13.contains(&plain) {
        Some(ViewKind::Rot13)
    } else {
        REVERSED.contains(&plain).then_some(ViewKind::Reversed)
    }
}

/// Whether letters may be a word of the lists, by the first three.
#[inline]
pub(super) fn may_be_listed(letters: &[u8]) -> bool {
    let first = first_three(letters);
    let bits = LISTED.get(first / 64).copied().unwrap_or_default();
    bits >> (first % 64) & 1 == 1
}

/// The first letters of the words of the lists, one bit each.
const LISTED: [u64; 1 << 9] = {
    let mut listed = [0; 1 << 9];
    mark(&mut listed, &ROT13);
    mark(&mut listed, &REVERSED);
    listed
};

#[expect(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn mark(listed: &mut [u64; 1 << 9], words: &[&str]) {
    let mut at = 0;
    while at < words.len() {
        let first = first_three(words[at].as_bytes());
        listed[first / 64] |= 1 << (first % 64);
        at += 1;
    }
}

/// The first three letters as a number of fifteen bits; 0 if there are less.
const fn first_three(letters: &[u8]) -> usize {
    match letters {
        [one, two, three, ..] => {
            (*one as usize & 31) << 10 | (*two as usize & 31) << 5 | *three as usize & 31
        }
        _ => 0,
    }
}

/// Whether `byte` is a digit or sign that resembles a letter.
#[inline]
pub(super) fn resembles(byte: u8) -> bool {
    RESEMBLING.get(usize::from(byte)).is_some_and(|yes| *yes)
}

byte_table!(RESEMBLING: bool = |byte| resembled(byte as char).is_some());

/// Whether a word has letters and, beside them, digits or signs that resemble letters.
fn is_leet(word: &str) -> bool {
    // Most words have neither digits nor signs.
    if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return false;
    }
    let word = word.trim_end_matches(|c: char| {
        matches!(c, '.' | ',' | '?' | '!' | ':' | ';' | ')' | '"' | '\'')
    });
    let (mut letters, mut signs) = (0, 0);
    for byte in word.bytes() {
        if byte.is_ascii_alphabetic() {
            letters += 1;
        } else if resembled(char::from(byte)).is_some() {
            signs += 1;
        } else if byte.is_ascii_digit() {
            return false;
        }
    }
    letters > 0 && signs > 0 && word.len() <= 24
}

/// The letter that a digit or sign resembles.
const fn resembled(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        '|' => 'l',
        _ => return None,
    })
}

fn unleet(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let is_number = word.trim().len() > 2 && !word.contains(|c: char| c.is_alphabetic());
        let end = word
            .trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '!' | '.'))
            .len();
        let mut chars = word.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let letter = resembled(c).filter(|_| !is_number && at < end).unwrap_or(c);
            // A doubled one is a doubled l: `a11`, `k1ll`.
            if c == '1' && chars.next_if(|(_, next)| *next == '1').is_some() {
                read.push_str("ll");
            } else {
                read.push(letter);
            }
        }
    }
    read
}

fn turned_words(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let letters = word.trim_end();
        read.extend(letters.chars().rev());
        read.push_str(word.get(letters.len()..).unwrap_or_default());
    }
    read
}

fn turned(text: &str) -> String {
    text.chars().rev().collect()
}

fn rot13(text: &str) -> String {
    let turn = |c: char| match c {
        'a'..='m' => char::from_u32(u32::from(c) + 13).unwrap_or(c),
        'n'..='z' => char::from_u32(u32::from(c) - 13).unwrap_or(c),
        _ => c,
    };
    text.chars().map(turn).collect()
}
