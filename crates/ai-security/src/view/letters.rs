//! ROT13, text read from its end, and leet.

use super::{Source, ViewLimits, Views};
use crate::inspection::ViewKind;

/// Fewest words of an encoding that make a text suspect of it.
const FEWEST: usize = 2;

/// What the words of a text look like.
#[derive(Debug, Default)]
struct Looks {
    words: usize,
    rot13: usize,
    reversed: usize,
    leet: usize,
    /// Words of leet behind each other, at most.
    leet_run: usize,
}

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    let looks = look(source.folded);
    let folded = || source.folded.chars().take(limits.bytes);
    let whole = 0..source.text.len();
    if looks.rot13 >= FEWEST {
        views.add(ViewKind::Rot13, source, limits, |sink| {
            sink.push(&folded().map(rot13).collect::<String>(), whole.clone());
        });
    }
    if looks.reversed >= FEWEST {
        views.add(ViewKind::Reversed, source, limits, |sink| {
            let from_end = source.folded.chars().rev().take(limits.bytes);
            sink.push(&from_end.collect::<String>(), whole.clone());
        });
        views.add(ViewKind::ReversedWords, source, limits, |sink| {
            sink.push(&turn_words(source.folded), whole.clone());
        });
    }
    if looks.leet >= FEWEST && (looks.leet * 3 >= looks.words || looks.leet_run > FEWEST) {
        views.add(ViewKind::Leet, source, limits, |sink| {
            sink.push(&unleet(source.folded), whole.clone());
        });
    }
}

fn look(text: &str) -> Looks {
    let mut looks = Looks::default();
    let mut run = 0;
    for word in text.split_ascii_whitespace() {
        looks.words += 1;
        let plain = word.trim_matches(|c: char| c.is_ascii_punctuation());
        looks.rot13 += usize::from(is_rot13(plain));
        looks.reversed += usize::from(is_reversed(plain));
        run = if is_leet(word) { run + 1 } else { 0 };
        looks.leet += usize::from(run > 0);
        looks.leet_run = looks.leet_run.max(run);
    }
    looks
}

/// Common words, and words of orders to models, in ROT13.
fn is_rot13(word: &str) -> bool {
    matches!(
        word,
        "gur"
            | "naq"
            | "lbh"
            | "lbhe"
            | "nyy"
            | "guvf"
            | "gung"
            | "jvgu"
            | "sbe"
            | "abg"
            | "ner"
            | "zr"
            | "zl"
            | "bs"
            | "gb"
            | "vf"
            | "jung"
            | "ubj"
            | "cyrnfr"
            | "vtaber"
            | "qvfertneq"
            | "sbetrg"
            | "cerivbhf"
            | "vafgehpgvbaf"
            | "vafgehpgvba"
            | "flfgrz"
            | "cebzcg"
            | "erirny"
            | "frperg"
            | "cnffjbeq"
            | "ehyrf"
            | "fnsrgl"
            | "thvqryvarf"
            | "fubj"
            | "cevag"
            | "bhgchg"
            | "rkrphgr"
            | "vtaben"
            | "vafgehppvbarf"
            | "qvr"
            | "haq"
            | "yrf"
    )
}

/// The same from their end; none is an English word.
fn is_reversed(word: &str) -> bool {
    matches!(
        word,
        "eht"
            | "dna"
            | "uoy"
            | "ruoy"
            | "siht"
            | "taht"
            | "htiw"
            | "tahw"
            | "esaelp"
            | "erongi"
            | "dragersid"
            | "tegrof"
            | "suoiverp"
            | "snoitcurtsni"
            | "noitcurtsni"
            | "metsys"
            | "tpmorp"
            | "laever"
            | "terces"
            | "drowssap"
            | "selur"
            | "ytefas"
            | "senilediug"
            | "wohs"
            | "tnirp"
            | "tuptuo"
            | "etucexe"
            | "rof"
            | "lla"
            | "eveileb"
            | "rewsna"
            | "esnopser"
    )
}

/// Whether a word has letters and, beside them, digits or signs that resemble letters.
fn is_leet(word: &str) -> bool {
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

fn turn_words(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let letters = word.trim_end();
        read.extend(letters.chars().rev());
        read.push_str(word.get(letters.len()..).unwrap_or_default());
    }
    read
}

const fn rot13(c: char) -> char {
    match c {
        'a'..='m' => (c as u8 + 13) as char,
        'n'..='z' => (c as u8 - 13) as char,
        _ => c,
    }
}
