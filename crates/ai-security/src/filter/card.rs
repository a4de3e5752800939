//! Numbers of payment cards, ISO/IEC 7812: brand, length and check digit.

use smallvec::SmallVec;

use super::bytes::{ByteSet, Cursor, before, starts_word};
use super::candidate::{Candidate, Found, Window};
use super::check::{digits, luhn};
use super::context::{Words, preceded_by};
use super::numbers::{DIGITS, NumberReader};

const LONGEST: usize = 19;

/// Finds card numbers, in one piece or in the groups that are printed on cards.
#[derive(Debug)]
pub(crate) struct Cards {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl NumberReader for Cards {
    fn read_at(&self, window: &Window<'_>, start: usize, found: &mut Found) {
        let sign = before(window.bytes, start);
        let inside = matches!(sign, Some(b'.' | b'+' | b'_')) || is_grouped(window.bytes, start);
        if inside || !starts_word(window.bytes, start) {
            return;
        }
        let mut cursor = Cursor::new(window.bytes, start);
        let ends = ends(&mut cursor);
        if cursor.starved() && !window.complete {
            return found.hold(start);
        }
        let card = ends.iter().rev().find(|end| {
            let number = window.bytes.get(start..**end).unwrap_or_default();
            is_card(number, || preceded_by(window.bytes, start, 48, Words::Card))
        });
        if let Some(end) = card {
            found.push(Candidate::whole(self.rule, start..*end));
        }
    }
}

/// Whether what begins at `at` is a later group of a number with signs other than spaces.
fn is_grouped(bytes: &[u8], at: usize) -> bool {
    let second = at.checked_sub(2).and_then(|i| bytes.get(i));
    before(bytes, at) == Some(b'-') && second.is_some_and(u8::is_ascii_digit)
}

/// Where a number that begins here may end: in one piece, or in groups of 4-4-4-4, 4-4-4-4-3, 4-6-5
/// or 4-6-4 with the same sign between all of them.
fn ends(cursor: &mut Cursor<'_>) -> SmallVec<[usize; 2]> {
    let mut ends = SmallVec::new();
    let mut sizes: SmallVec<[usize; 5]> = SmallVec::new();
    sizes.push(cursor.run(DIGITS, LONGEST + 1));
    let mut end = cursor.at();
    let sign = cursor
        .peek()
        .filter(|byte| matches!(byte, b' ' | b'-' | b'.'));
    while let Some(sign) = sign {
        let grouped = sizes.first() == Some(&4) && sizes.len() < 5 && cursor.eat(sign);
        let size = if grouped { cursor.run(DIGITS, 7) } else { 0 };
        let fits = matches!(
            (sizes.as_slice(), size),
            ([4] | [4, 4] | [4, 4, 4], 4) | ([4], 6) | ([4, 6], 4 | 5) | ([4, 4, 4, 4], 3)
        );
        if !fits {
            break;
        }
        sizes.push(size);
        end = cursor.at();
        if is_complete(&sizes) && !cursor.ahead(|c| c.sees(ByteSet::alphanumeric().with(b'_'))) {
            ends.push(end);
        }
    }
    if let [12..=LONGEST] = sizes.as_slice()
        && !cursor.sees(ByteSet::alphanumeric().with(b'_'))
    {
        ends.push(end);
    }
    ends
}

fn is_complete(sizes: &[usize]) -> bool {
    matches!(sizes, [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 4 | 5])
}

/// Whether `number` has the prefix and length of a brand and the right check digit. Lengths that are
/// rare among cards and common among other numbers need a word about cards before them.
fn is_card(number: &[u8], named: impl Fn() -> bool) -> bool {
    let plain = digits(number);
    let length = plain.clone().count();
    let head = plain
        .clone()
        .take(6)
        .fold(0, |head, digit| head * 10 + digit);
    let varied = plain
        .clone()
        .any(|digit| Some(digit) != plain.clone().last());
    let Some(brand) = brand(head, length) else {
        return false;
    };
    varied && luhn(plain) && (brand == Brand::Usual || named())
}

#[derive(Clone, Copy, PartialEq)]
enum Brand {
    /// Length and prefix of most cards.
    Usual,
    /// A length that timestamps, orders and parcels share.
    Rare,
}

/// The brand that issues cards with these six first digits and so many in all.
fn brand(head: u32, length: usize) -> Option<Brand> {
    let two = head / 10_000;
    let three = head / 1_000;
    let four = head / 100;
    let usual = match length {
        14 => matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37),
        16 => {
            matches!(two, 40..=49 | 51..=55 | 60 | 62 | 64 | 65 | 81)
                || matches!(four, 2200..=2204 | 2221..=2720 | 3528..=3589)
                || matches!(three, 508 | 353 | 356)
                || matches!(two, 50 | 56..=58)
                || matches!(two, 67)
                || matches!(four, 6304)
                || matches!(two, 36 | 38 | 39)
        }
        _ => false,
    };
    let rare = match length {
        12..=19 => matches!(two, 50 | 56..=58 | 62 | 67) || matches!(four, 6304 | 6390),
        _ => false,
    } || matches!((length, two), (13 | 19, 40..=49) | (17..=19, 60 | 64 | 65))
        || (matches!(length, 17..=19) && matches!(four, 2200..=2204 | 3528..=3589));
    match (usual, rare) {
        (true, _) => Some(Brand::Usual),
        (false, true) => Some(Brand::Rare),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_have_prefixes_and_lengths() {
        for (head, length, expected) in [
            (411_111, 16, true),
            (222_100, 16, true),
            (272_100, 16, false),
            (378_282, 15, true),
            (601_100, 16, true),
            (305_693, 14, true),
            (175_878, 13, false),
            (990_000, 16, false),
        ] {
            assert_eq!(brand(head, length).is_some(), expected, "{head} {length}");
        }
    }
}
