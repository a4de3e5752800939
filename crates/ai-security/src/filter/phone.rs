//! Telephone numbers: with a country code, in the shapes that national plans use, or behind a word
//! that says so.

use smallvec::SmallVec;

use super::bytes::{ByteSet, Cursor, before, starts_word};
use super::candidate::{Candidate, Found, Window};
use super::context::{Words, preceded_by};
use super::numbers::{DIGITS, NumberReader};

/// E.164: at most fifteen digits; fewer than seven are not taken for a number.
const MOST: usize = 15;
const LEAST: usize = 7;
const MOST_GROUPS: usize = 8;
/// How far before it a word may say that it is a telephone number, in bytes.
const REACH: usize = 40;

/// Finds telephone numbers.
#[derive(Debug)]
pub(crate) struct Phones {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl NumberReader for Phones {
    fn read_at(&self, window: &Window<'_>, digit: usize, found: &mut Found) {
        let sign = before(window.bytes, digit).is_some_and(|byte| matches!(byte, b'+' | b'('));
        let signed = digit.checked_sub(1).filter(|_| sign);
        for start in signed.into_iter().chain([digit]) {
            if begins(window.bytes, start) {
                self.read(window, start, found);
            }
        }
    }
}

/// Whether nothing that belongs to a number or a word stands before `at`.
fn begins(bytes: &[u8], at: usize) -> bool {
    let sign = before(bytes, at);
    !sign.is_some_and(|byte| byte.is_ascii_digit() || b"_.-/+#$%^*,".contains(&byte))
        && starts_word(bytes, at)
}

impl Phones {
    fn read(&self, window: &Window<'_>, start: usize, found: &mut Found) {
        let mut cursor = Cursor::new(window.bytes, start);
        let number = Number::read(&mut cursor);
        if cursor.starved() && !window.complete {
            return found.hold(start);
        }
        let Some(number) = number else {
            return;
        };
        let named = |words| preceded_by(window.bytes, start, REACH, words);
        let is_phone = match number.plan() {
            Plan::Certain => true,
            Plan::Likely => !named(Words::NoPhone) || named(Words::Phone),
            Plan::Possible => named(Words::Phone),
            Plan::Short => named(Words::Telephone),
            Plan::No => false,
        };
        if is_phone {
            found.push(Candidate::whole(self.rule, start..number.end));
        }
    }
}

/// What a number looks like.
#[derive(Debug)]
struct Number {
    plus: bool,
    /// Digits of each group.
    groups: SmallVec<[usize; MOST_GROUPS]>,
    /// The first four digits.
    head: SmallVec<[u8; 4]>,
    /// First digit of the second group.
    second: u8,
    signs: SmallVec<[Sign; MOST_GROUPS]>,
    parenthesis: bool,
    end: usize,
}

/// What separates two groups.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    /// Nothing.
    None,
    /// A space of some kind, perhaps with a dash.
    Space,
    /// A point.
    Dot,
    /// A dash or a slash.
    Dash,
}

impl Sign {
    fn read(ahead: &mut Cursor<'_>) -> Self {
        let spaces = [&b" "[..], "\u{a0}".as_bytes(), "\u{202f}".as_bytes()];
        if spaces.into_iter().any(|space| ahead.eat_all(space)) {
            if ahead.eat(b'-') {
                ahead.eat(b' ');
            }
            Self::Space
        } else if ahead.eat(b'.') {
            Self::Dot
        } else if ahead.eat(b'-') || ahead.eat(b'/') {
            Self::Dash
        } else {
            Self::None
        }
    }
}

/// How much the shape says.
#[derive(Debug, PartialEq)]
enum Plan {
    /// A number for certain.
    Certain,
    /// A number, if nothing says otherwise.
    Likely,
    /// A number only if a word before it says so.
    Possible,
    /// The same, if that word names a telephone: eight digits are many other things.
    Short,
    /// Something else.
    No,
}

impl Number {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut number = Self {
            plus: cursor.eat(b'+'),
            groups: SmallVec::new(),
            head: SmallVec::new(),
            second: 0,
            signs: SmallVec::new(),
            parenthesis: false,
            end: cursor.at(),
        };
        while number.groups.len() < MOST_GROUPS && number.group(cursor)? {}
        number.extension(cursor);
        let goes_on = cursor.ahead(|ahead| {
            ahead.sees(ByteSet::alphanumeric().with(b'_'))
                || (ahead.run(ByteSet::empty().all(b":-./"), 1) == 1 && ahead.sees(DIGITS))
        });
        (!goes_on && number.groups.len() < MOST_GROUPS).then_some(number)
    }

    /// Reads one group with what separates it from the one before. `None` if this is no number.
    fn group(&mut self, cursor: &mut Cursor<'_>) -> Option<bool> {
        let mut ahead = *cursor;
        let sign = if self.groups.is_empty() {
            Sign::None
        } else {
            Sign::read(&mut ahead)
        };
        let opened = ahead.eat(b'(');
        let run = ahead.run(DIGITS, MOST + 1);
        let joined =
            sign == Sign::None && !opened && !self.groups.is_empty() && !self.closed(cursor);
        let area = opened && (self.parenthesis || self.groups.len() > 2 || run > 5);
        if run == 0 || joined || area {
            cursor.starve_with(&ahead);
            return Some(false);
        }
        let from = ahead.at() - run;
        if opened && !ahead.eat(b')') {
            cursor.starve_with(&ahead);
            return Some(false);
        }
        if self.digits() + run > MOST {
            return None;
        }
        self.take(run, from, cursor);
        self.parenthesis |= opened;
        self.signs.push(sign);
        self.end = ahead.at();
        *cursor = ahead;
        Some(true)
    }

    fn take(&mut self, run: usize, from: usize, cursor: &Cursor<'_>) {
        let digit = |place: usize| cursor.byte(from + place).unwrap_or(0);
        if self.groups.len() == 1 {
            self.second = digit(0);
        }
        for place in 0..run {
            if self.head.len() < 4 {
                self.head.push(digit(place));
            }
        }
        self.groups.push(run);
    }

    /// Whether the last group was in parentheses, after which nothing has to separate.
    fn closed(&self, cursor: &Cursor<'_>) -> bool {
        self.parenthesis && cursor.byte(self.end.wrapping_sub(1)) == Some(b')')
    }

    /// Reads `x123`, `ext. 123`.
    fn extension(&mut self, cursor: &mut Cursor<'_>) {
        if self.digits() < LEAST {
            return;
        }
        let mut ahead = *cursor;
        ahead.eat(b',');
        ahead.eat(b' ');
        let named = ahead.eat_all(b"ext") || ahead.eat(b'x') || ahead.eat_all(b"Ext");
        if named {
            ahead.eat(b'.');
            ahead.eat(b' ');
        }
        let run = if named { ahead.run(DIGITS, 7) } else { 0 };
        if matches!(run, 1..=6) {
            self.end = ahead.at();
            *cursor = ahead;
        } else {
            cursor.starve_with(&ahead);
        }
    }

    fn has(&self, sign: Sign) -> bool {
        self.signs.contains(&sign)
    }

    fn digits(&self) -> usize {
        self.groups.iter().sum()
    }

    fn plan(&self) -> Plan {
        let total = self.digits();
        if !(LEAST..=MOST).contains(&total) {
            return Plan::No;
        }
        if self.plus {
            return self.international();
        }
        let zero = self.head.first() == Some(&b'0');
        if self.head.starts_with(b"00") && self.groups.len() >= 3 && total >= 11 {
            return Plan::Likely;
        }
        if zero && self.groups.as_slice() == [2, 2, 2, 2, 2] {
            return Plan::Likely;
        }
        if self.is_date() || self.is_quad() {
            return Plan::No;
        }
        if self.is_north_american() || (zero && self.is_national()) {
            return Plan::Likely;
        }
        // Two numbers with a point between are a fraction.
        if self.has(Sign::Dot) && (self.has(Sign::Space) || self.groups.len() < 3) {
            return Plan::No;
        }
        if self.groups.len() == 1 && total < 9 {
            return Plan::Short;
        }
        Plan::Possible
    }

    /// `+49 ...`: no country code begins with zero, and a sum in running text has no groups.
    fn international(&self) -> Plan {
        let total = self.digits();
        let grouped = self.groups.len() >= 2;
        if self.head.first() == Some(&b'0') || (self.has(Sign::Dot) && self.groups.len() < 3) {
            Plan::No
        } else if total >= 10 || (grouped && total >= 8) {
            Plan::Certain
        } else {
            Plan::Possible
        }
    }

    /// `(555) 234-5678`, `1-555-234-5678`: area and exchange begin with 2 to 9.
    fn is_north_american(&self) -> bool {
        let (area, exchange) = match self.groups.as_slice() {
            [3, 3, 4] => (self.head.first(), Some(&self.second)),
            [1, 3, 3, 4] if self.head.first() == Some(&b'1') => (Some(&self.second), None),
            _ => return false,
        };
        let given = |digit: Option<&u8>| digit.is_none_or(|digit| matches!(digit, b'2'..=b'9'));
        given(area) && given(exchange)
    }

    /// A zero, the area, the rest: `030 1234567`, `01 23 45 67 89`.
    fn is_national(&self) -> bool {
        let total = self.digits();
        let first = self.groups.first().copied().unwrap_or(0);
        self.groups.len() >= 2
            && (9..=12).contains(&total)
            && (2..=6).contains(&first)
            && !self.has(Sign::Dot)
            && self
                .groups
                .iter()
                .skip(1)
                .all(|size| (2..=8).contains(size))
    }

    /// `2024-11-30`, `30.11.2024 10`.
    fn is_date(&self) -> bool {
        matches!(
            self.groups.as_slice(),
            [4, 2 | 1, 2 | 1, ..] | [2 | 1, 2 | 1, 4, ..]
        ) && self.digits() < 13
            && !self.parenthesis
    }

    /// `203.0.113.9`, `1.299.00`: numbers with points and no group longer than three.
    fn is_quad(&self) -> bool {
        self.has(Sign::Dot) && !self.has(Sign::Space) && self.groups.iter().all(|size| *size <= 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Option<(Plan, String)> {
        let mut cursor = Cursor::new(text.as_bytes(), 0);
        let number = Number::read(&mut cursor)?;
        Some((number.plan(), text.get(..number.end).unwrap().to_owned()))
    }

    #[test]
    fn shapes_say_what_is_a_number() {
        for (text, expected, span) in [
            ("+1 418-563-4232", Plan::Certain, "+1 418-563-4232"),
            ("+44(0)1914960906.", Plan::Certain, "+44(0)1914960906"),
            (
                "+33 (0)3 51 47 64 47",
                Plan::Certain,
                "+33 (0)3 51 47 64 47",
            ),
            ("(856)390-8776", Plan::Likely, "(856)390-8776"),
            ("902.238.0617x44518 or", Plan::Likely, "902.238.0617x44518"),
            ("001-313-222-3423", Plan::Likely, "001-313-222-3423"),
            ("03 61 39 01 98", Plan::Likely, "03 61 39 01 98"),
            ("03.61.39.01.98", Plan::Likely, "03.61.39.01.98"),
            ("(08515) 832818", Plan::Likely, "(08515) 832818"),
            ("0532289002. Then", Plan::Possible, "0532289002"),
            ("509 435 334", Plan::Possible, "509 435 334"),
            ("2024-11-30", Plan::No, "2024-11-30"),
            ("30.11.2024", Plan::No, "30.11.2024"),
            ("10.21.0.1", Plan::No, "10.21.0.1"),
            ("52.520008", Plan::No, "52.520008"),
            ("123456", Plan::No, "123456"),
            ("+12345678", Plan::Possible, "+12345678"),
        ] {
            let (plan, found) = plan(text).unwrap();
            assert_eq!((plan, found.as_str()), (expected, span), "{text}");
        }
    }

    #[test]
    fn what_goes_on_is_no_number() {
        for text in [
            "0532289002abc",
            "123-45-6789-0123-4567",
            "4465717377157872",
            "12345678:30",
        ] {
            assert!(plan(text).is_none(), "{text}");
        }
    }
}
