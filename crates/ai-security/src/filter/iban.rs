//! International bank account numbers, ISO 13616.

use super::bytes::{ByteSet, Cursor, starts_word};
use super::candidate::{Candidate, Found, Window};
use super::numbers::{DIGITS, LETTERS, NumberReader};

/// Length of an account number by country, sorted, from the SWIFT registry.
const LENGTHS: &[u8] = b"\
    AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28\
    EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26\
    IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28\
    NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25\
    SV28TL23TN24TR26UA29VA22VG24XK20YE30";

/// Finds account numbers, in one piece or in groups with one sign between them.
#[derive(Debug)]
pub(crate) struct Ibans {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl NumberReader for Ibans {
    fn read_at(&self, window: &Window<'_>, digit: usize, found: &mut Found) {
        let Some(start) = digit.checked_sub(2) else {
            return;
        };
        let country = window.bytes.get(start..digit).unwrap_or_default();
        if LETTERS.run(country) < 2 || !starts_word(window.bytes, start) {
            return;
        }
        let mut cursor = Cursor::new(window.bytes, start);
        let end = account(&mut cursor);
        if cursor.starved() && !window.complete {
            return found.hold(start);
        }
        let whole = end.and_then(|end| Some((end, window.bytes.get(start..end)?)));
        if let Some((end, value)) = whole
            && is_valid(value)
        {
            found.push(Candidate::whole(self.rule, start..end));
        }
    }
}

/// Reads what has the length of an account number of its country and returns its end.
fn account(cursor: &mut Cursor<'_>) -> Option<usize> {
    let mut country = [0_u8; 2];
    for letter in &mut country {
        *letter = cursor.peek().filter(u8::is_ascii_alphabetic)?;
        cursor.step();
    }
    let length = length_of(country)?;
    if cursor.run(DIGITS, 2) != 2 {
        return None;
    }
    let body = ByteSet::alphanumeric();
    let mut count = 4;
    while count < length {
        let between = cursor.peek().filter(|byte| matches!(byte, b' ' | b'-'));
        if between.is_some() {
            cursor.step();
        }
        let run = cursor.run(body, length - count);
        if run == 0 {
            return None;
        }
        count += run;
    }
    let end = cursor.at();
    (!cursor.sees(body)).then_some(end)
}

fn length_of(country: [u8; 2]) -> Option<usize> {
    let upper = country.map(|letter| letter.to_ascii_uppercase());
    let (entries, _) = LENGTHS.as_chunks::<4>();
    let place = entries.binary_search_by(|[a, b, ..]| [*a, *b].cmp(&upper));
    let [.., tens, ones] = entries.get(place.ok()?)?;
    Some(usize::from((tens - b'0') * 10 + (ones - b'0')))
}

/// Whether the length is that of its country and the number leaves 1 when divided by 97.
pub(crate) fn is_valid(value: &[u8]) -> bool {
    let plain = || value.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let mut head = plain();
    let (Some(first), Some(second)) = (head.next(), head.next()) else {
        return false;
    };
    if length_of([*first, *second]) != Some(plain().count()) {
        return false;
    }
    let rest = plain()
        .skip(4)
        .chain(plain().take(4))
        .fold(0, |rest, byte| {
            let value = char::from(*byte).to_digit(36).unwrap_or(0);
            (rest * if value > 9 { 100 } else { 10 } + value) % 97
        });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_sorted_so_that_they_can_be_searched() {
        let (entries, rest) = LENGTHS.as_chunks::<4>();
        assert!(rest.is_empty() && entries.is_sorted());
        assert_eq!(length_of(*b"no"), Some(15));
    }

    #[test]
    fn the_examples_of_the_standard_are_valid() {
        for value in [
            "GB82WEST12345698765432",
            "DE89 3704 0044 0532 0130 00",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            assert!(is_valid(value.as_bytes()), "{value}");
        }
        assert!(!is_valid(b"GB82WEST12345698765433"));
        assert!(!is_valid(b"GB82WEST1234569876543"));
        assert!(!is_valid(b"XX82WEST12345698765432"));
    }
}
