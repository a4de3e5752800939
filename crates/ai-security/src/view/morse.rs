//! Morse code (ITU-R M.1677-1): dots and dashes, letters apart by a space, words by a stroke.

use memchr::memchr2_iter;

use super::{Source, ViewLimits, Views};
use crate::inspection::ViewKind;

/// Fewest letters in a row that are read.
const FEWEST: usize = 8;

/// Letters in the order of the tree in which a dot goes left and a dash goes right.
const TREE: &[u8] = b"**etianmsurwdkgohvf*l*pjbxcyzq**";

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    let text = source.text.as_bytes();
    // Lists have marks that look like letters of one dash, but few other marks.
    if starts(text).nth(FEWEST - 1).is_none() || marks(text).nth(2 * FEWEST - 1).is_none() {
        return;
    }
    views.add(ViewKind::Morse, source, limits, |sink| {
        let mut read = String::new();
        let mut letters = 0;
        for sign in source.text.split_ascii_whitespace() {
            if sign == "/" || sign == "|" {
                read.push(' ');
            } else if let Some(letter) = letter(sign) {
                read.push(letter);
                letters += 1;
            }
        }
        if letters >= FEWEST {
            sink.push(&read, 0..source.text.len());
        }
    });
}

/// Places at which a word begins with a dot or a dash.
fn starts(text: &[u8]) -> impl Iterator<Item = usize> {
    marks(text).filter(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        before.is_none_or(u8::is_ascii_whitespace)
    })
}

/// Places of dots and dashes.
fn marks(text: &[u8]) -> impl Iterator<Item = usize> {
    memchr2_iter(b'.', b'-', text)
}

fn letter(signs: &str) -> Option<char> {
    let mut at = 1_usize;
    for sign in signs.bytes() {
        at = match sign {
            b'.' => at * 2,
            b'-' => at * 2 + 1,
            _ => return None,
        };
        if at >= TREE.len() {
            return None;
        }
    }
    let letter = TREE.get(at).map(|letter| char::from(*letter));
    letter.filter(char::is_ascii_alphabetic)
}
