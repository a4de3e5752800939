//! ROT13, text read from its end, and leet.

use super::cluster::{each_cluster, words};
use super::spaced::known;
use super::{Source, ViewLimits, Views};
use crate::inspection::ViewKind;

/// Fewest words of an encoding near each other that are read, and how far apart they may stand.
const FEWEST: usize = 2;
const REACH: usize = 64;

/// What a text looks like at a glance: words of each encoding.
#[derive(Debug, Default)]
struct Looks {
    rot13: usize,
    reversed: usize,
    leet: usize,
}

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    let looks = look(source.folded.text());
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

fn look(text: &str) -> Looks {
    let mut looks = Looks::default();
    for word in text.split_ascii_whitespace() {
        match turned_or_moved(word) {
            Some(ViewKind::Rot13) => looks.rot13 += 1,
            Some(_) => looks.reversed += 1,
            None => {}
        }
        looks.leet += usize::from(is_leet(word));
    }
    looks
}

fn is_rot13(word: &str) -> bool {
    turned_or_moved(word) == Some(ViewKind::Rot13)
}

fn is_reversed(word: &str) -> bool {
    turned_or_moved(word) == Some(ViewKind::Reversed)
}

/// Common words, and words of orders to models, in ROT13 or from their end; none is an English word.
fn turned_or_moved(word: &str) -> Option<ViewKind> {
    let is_sign = |byte: &u8| byte.is_ascii_punctuation();
    let bytes = word.as_bytes();
    let start = bytes.iter().take_while(|byte| is_sign(byte)).count();
    let signs = bytes.iter().rev().take_while(|byte| is_sign(byte)).count();
    let plain = bytes.get(start..bytes.len().saturating_sub(signs))?;
    match plain {
        b"gur" | b"naq" | b"lbh" | b"lbhe" | b"nyy" | b"guvf" | b"gung" | b"jvgu" | b"sbe"
        | b"jung" | b"ubj" | b"cyrnfr" | b"vtaber" | b"qvfertneq" | b"sbetrg" | b"cerivbhf"
        | b"vafgehpgvbaf" | b"vafgehpgvba" | b"flfgrz" | b"cebzcg" | b"erirny" | b"frperg"
        | b"cnffjbeq" | b"ehyrf" | b"fnsrgl" | b"thvqryvarf" | b"fubj" | b"cevag" | b"bhgchg"
        | b"rkrphgr" | b"vtaben" | b"vafgehppvbarf" | b"pna" | b"jvyy" | b"sebz" | b"unir"
        | b"jevgr" | b"rkcynva" | b"funer" => Some(ViewKind::Rot13),
        b"eht" | b"dna" | b"uoy" | b"ruoy" | b"siht" | b"taht" | b"htiw" | b"tahw" | b"esaelp"
        | b"erongi" | b"dragersid" | b"tegrof" | b"suoiverp" | b"snoitcurtsni" | b"noitcurtsni"
        | b"metsys" | b"tpmorp" | b"laever" | b"terces" | b"drowssap" | b"selur" | b"ytefas"
        | b"senilediug" | b"wohs" | b"tnirp" | b"tuptuo" | b"etucexe" | b"eveileb" | b"rewsna"
        | b"esnopser" => Some(ViewKind::Reversed),
        _ => None,
    }
}

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
