//! Numbers that states and their offices give to people: which of them can exist.

/// Numbers of the United States whose holders made them public in print; nobody's secret since.
///
/// Only whole numbers: a shortened entry would hide everything that begins like it.
const PRINTED_SSN: [u32; 2] = [78_051_120, 219_099_999];

/// Social security numbers: areas 001 to 899 without 666, no part of zeros only.
pub(super) fn is_ssn(digits: &[u32]) -> bool {
    let (area, group, serial) = (join(digits, 0, 3), join(digits, 3, 2), join(digits, 5, 4));
    digits.len() == 9
        && !matches!(area, 0 | 666 | 900..)
        && group != 0
        && serial != 0
        && !PRINTED_SSN.contains(&join(digits, 0, 9))
}

/// Taxpayer numbers of people without a social security number: `9xx` and a group from 50 on that is
/// in use.
pub(super) fn is_itin(digits: &[u32]) -> bool {
    let group = join(digits, 3, 2);
    digits.len() == 9
        && join(digits, 0, 1) == 9
        && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// National Insurance numbers: letters that are given out, six digits, a suffix.
pub(super) fn is_nino(value: &[u8]) -> bool {
    let mut plain = value.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let mut letter = || plain.next().map_or(0, u8::to_ascii_uppercase);
    let (first, second) = (letter(), letter());
    let given = |byte: u8| byte.is_ascii_uppercase() && !b"DFIQUV".contains(&byte);
    let withheld = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    given(first) && given(second) && second != b'O' && !withheld.contains(&&[first, second])
}

/// NHS numbers of England: weights 10 to 2, mod 11.
pub(super) fn is_nhs(digits: &[u32]) -> bool {
    let sum = weighted(digits, (2..=10).rev());
    digits.len() == 10 && digits.last() == Some(&((11 - sum % 11) % 11))
}

/// CPF of Brazil: two check digits mod 11.
pub(super) fn is_cpf(digits: &[u32]) -> bool {
    let check = |weights: u32| mod_eleven(weighted(digits, (2..=weights).rev()));
    digits.len() == 11
        && !all_equal(digits)
        && digits.get(9) == Some(&check(10))
        && digits.get(10) == Some(&check(11))
}

/// CNPJ of Brazil: two check digits mod 11, weights 2 to 9 from the right.
pub(super) fn is_cnpj(digits: &[u32]) -> bool {
    let weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |skip: usize| mod_eleven(weighted(digits, weights.into_iter().skip(skip)));
    digits.len() == 14
        && !all_equal(digits)
        && digits.get(12) == Some(&check(1))
        && digits.get(13) == Some(&check(0))
}

/// DNI and NIE of Spain: the letter that belongs to the number mod 23.
pub(super) fn is_dni(value: &[u8]) -> bool {
    let mut plain = value
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_uppercase);
    let Some(letter) = plain.next_back() else {
        return false;
    };
    let number = plain.try_fold(0_u32, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => u32::from(byte - b'0'),
            b'X'..=b'Z' if number == 0 => u32::from(byte - b'X'),
            _ => return None,
        };
        number.checked_mul(10)?.checked_add(digit)
    });
    let letters = b"TRWAGMYFPDXBNJZSQVHLCKE";
    number.and_then(|n| letters.get(n as usize % 23)) == Some(&letter)
}

/// NIR of France: sex, then a number whose remainder mod 97 the last two digits complete.
pub(super) fn is_nir(value: &[u8]) -> bool {
    let plain: Vec<u8> = value
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_uppercase)
        .take(16)
        .collect();
    // Departments 2A and 2B of Corsica count as 19 and 18.
    let text = String::from_utf8_lossy(&plain)
        .replace("2A", "19")
        .replace("2B", "18");
    let parts = text.split_at_checked(13);
    let numbers =
        parts.and_then(|(n, key)| Some((n.parse::<u64>().ok()?, key.parse::<u64>().ok()?)));
    plain.len() == 15
        && matches!(plain.first(), Some(b'1' | b'2'))
        && numbers.is_some_and(|(number, key)| 97 - number % 97 == key)
}

/// Codice fiscale of Italy: a check letter from sums over odd and even places.
pub(super) fn is_codice_fiscale(value: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let Some((check, body)) = value.split_last().filter(|_| value.len() == 16) else {
        return false;
    };
    let mut sum = 0;
    for (place, byte) in body.iter().enumerate() {
        let index = match byte.to_ascii_uppercase() {
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'A'..=b'Z' => letter - b'A',
            _ => return false,
        };
        sum += match place % 2 {
            0 => ODD.get(usize::from(index)).copied().unwrap_or(0),
            _ => u32::from(index),
        };
    }
    sum % 26 == u32::from(check.to_ascii_uppercase().wrapping_sub(b'A'))
}

/// PESEL of Poland: weights 1, 3, 7, 9.
pub(super) fn is_pesel(digits: &[u32]) -> bool {
    let sum = weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    digits.len() == 11 && digits.last() == Some(&((10 - sum % 10) % 10))
}

/// BSN of the Netherlands: weights 9 to 2 and -1, a multiple of 11.
pub(super) fn is_bsn(digits: &[u32]) -> bool {
    let sum = weighted(digits, (2..=9).rev());
    let last = digits.last().copied().unwrap_or(0);
    digits.len() == 9 && sum != 0 && sum % 11 == last
}

/// Tax number of people in Germany: ISO 7064 mod 11,10, not beginning with zero.
pub(super) fn is_steuer_id(digits: &[u32]) -> bool {
    let Some((check, body)) = digits.split_last().filter(|_| digits.len() == 11) else {
        return false;
    };
    let product = body.iter().fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    digits.first() != Some(&0) && (11 - product) % 10 == *check
}

/// AHV number of Switzerland: country 756 and the check digit of EAN-13.
pub(super) fn is_ahv(digits: &[u32]) -> bool {
    let sum = weighted(digits, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
    digits.len() == 13
        && join(digits, 0, 3) == 756
        && digits.last() == Some(&((10 - sum % 10) % 10))
}

/// Tax file numbers of Australia: weights 1, 4, 3, 7, 5, 8, 6, 9, 10, a multiple of 11.
pub(super) fn is_tfn(digits: &[u32]) -> bool {
    let sum = weighted(digits, [1, 4, 3, 7, 5, 8, 6, 9, 10]);
    digits.len() == 9 && sum != 0 && sum.is_multiple_of(11)
}

fn weighted(digits: &[u32], weights: impl IntoIterator<Item = u32>) -> u32 {
    digits.iter().zip(weights).map(|(d, w)| d * w).sum()
}

/// The check digit of a sum where remainders below 2 mean zero.
fn mod_eleven(sum: u32) -> u32 {
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

fn all_equal(digits: &[u32]) -> bool {
    digits.windows(2).all(|pair| pair.first() == pair.last())
}

/// The number that `count` digits from place `from` on spell.
fn join(digits: &[u32], from: usize, count: usize) -> u32 {
    let part = digits.iter().skip(from).take(count);
    part.fold(0, |number, digit| number * 10 + digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<u32> {
        super::super::check::digits(text.as_bytes()).collect()
    }

    #[test]
    fn social_security_numbers_have_areas_groups_and_serials() {
        for (number, expected) in [
            ("125-02-1011", true),
            ("899-99-9999", true),
            ("000-12-3456", false),
            ("666-12-3456", false),
            ("900-12-3456", false),
            ("123-00-4567", false),
            ("123-45-0000", false),
        ] {
            assert_eq!(is_ssn(&list(number)), expected, "{number}");
        }
    }

    #[test]
    fn a_printed_number_hides_no_other() {
        assert!(!is_ssn(&list("078-05-1120")));
        assert!(!is_ssn(&list("219-09-9999")));
        for near in [
            "078-05-1121",
            "078-05-1129",
            "078-05-1220",
            "219-09-9998",
            "219-19-9999",
        ] {
            assert!(is_ssn(&list(near)), "{near}");
        }
    }

    #[test]
    fn insurance_numbers_have_prefixes_that_are_given_out() {
        for (number, expected) in [
            ("AB123456C", true),
            ("ab 12 34 56 c", true),
            ("BG123456A", false),
            ("DA123456A", false),
            ("AO123456A", false),
            ("ZZ123456A", false),
        ] {
            assert_eq!(is_nino(number.as_bytes()), expected, "{number}");
        }
    }

    #[test]
    fn taxpayer_numbers_have_groups_in_use() {
        assert!(is_itin(&list("912-70-1234")));
        assert!(!is_itin(&list("912-69-1234")) && !is_itin(&list("812-70-1234")));
    }
}
