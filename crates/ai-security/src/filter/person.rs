//! Numbers of people that are known by their shape alone: US social security, UK national insurance.

use super::bytes::{ByteSet, Cursor, before, starts_word};
use super::candidate::{Candidate, Found, Window};
use super::check::Check;
use super::context::{Words, preceded_by};
use super::numbers::{DIGITS, LETTERS, NumberReader};

/// Finds US social security numbers: with dashes, or in other ways behind a word that says so.
#[derive(Debug)]
pub(crate) struct SocialSecurity {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl NumberReader for SocialSecurity {
    fn read_at(&self, window: &Window<'_>, start: usize, found: &mut Found) {
        let signs = before(window.bytes, start).is_some_and(|b| b"-._+".contains(&b));
        if signs || !starts_word(window.bytes, start) {
            return;
        }
        let mut cursor = Cursor::new(window.bytes, start);
        let shape = social_security(&mut cursor);
        if cursor.starved() && !window.complete {
            return found.hold(start);
        }
        let end = cursor.at();
        let value = window.bytes.get(start..end).unwrap_or_default();
        let named = || preceded_by(window.bytes, start, 40, Words::SocialSecurity);
        let enough = match shape {
            Some(Shape::Dashes) => true,
            Some(Shape::Other) => named(),
            None => false,
        };
        if enough && Check::Ssn.passes(value) {
            found.push(Candidate::whole(self.rule, start..end));
        }
    }
}

enum Shape {
    /// `123-45-6789`.
    Dashes,
    /// `123 45 6789`, `123456789`.
    Other,
}

fn social_security(cursor: &mut Cursor<'_>) -> Option<Shape> {
    let first = cursor.run(DIGITS, 10);
    let shape = match first {
        9 => Shape::Other,
        3 => {
            let sign = cursor
                .peek()
                .filter(|byte| matches!(byte, b'-' | b' ' | b'.'))?;
            cursor.step();
            let rest = cursor.run(DIGITS, 3) == 2 && cursor.eat(sign) && cursor.run(DIGITS, 5) == 4;
            if !rest {
                return None;
            }
            if sign == b'-' {
                Shape::Dashes
            } else {
                Shape::Other
            }
        }
        _ => return None,
    };
    let goes_on = cursor.ahead(|ahead| {
        ahead.sees(ByteSet::alphanumeric().with(b'_')) || (ahead.eat(b'-') && ahead.sees(DIGITS))
    });
    (!goes_on).then_some(shape)
}

/// Finds UK national insurance numbers: two letters, six digits, one letter; in capitals, or in other
/// ways behind a word that says so.
#[derive(Debug)]
pub(crate) struct NationalInsurance {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl NumberReader for NationalInsurance {
    fn read_at(&self, window: &Window<'_>, digit: usize, found: &mut Found) {
        let bytes = window.bytes;
        let sign = before(bytes, digit).is_some_and(|byte| matches!(byte, b' ' | b'-'));
        let Some(start) = digit.checked_sub(2 + usize::from(sign)) else {
            return;
        };
        let letters = LETTERS.run(bytes.get(start..digit).unwrap_or_default()) >= 2;
        if !letters || !starts_word(bytes, start) || before(bytes, start) == Some(b'_') {
            return;
        }
        let mut cursor = Cursor::new(bytes, start);
        let shape = insurance(&mut cursor);
        if cursor.starved() && !window.complete {
            return found.hold(start);
        }
        let value = bytes.get(start..cursor.at()).unwrap_or_default();
        let capitals = !value.iter().any(u8::is_ascii_lowercase);
        let named = || preceded_by(bytes, start, 48, Words::Insurance);
        if shape && Check::Nino.passes(value) && (capitals || named()) {
            found.push(Candidate::whole(self.rule, start..cursor.at()));
        }
    }
}

fn insurance(cursor: &mut Cursor<'_>) -> bool {
    if cursor.run(LETTERS, 3) != 2 {
        return false;
    }
    for _ in 0..3 {
        if cursor.sees(ByteSet::empty().all(b" -")) {
            cursor.step();
        }
        if cursor.run(DIGITS, 2) != 2 {
            return false;
        }
    }
    if cursor.sees(ByteSet::empty().all(b" -")) {
        cursor.step();
    }
    cursor.run(ByteSet::empty().all(b"ABCDabcd"), 1) == 1
        && !cursor.sees(ByteSet::alphanumeric().with(b'_'))
}
