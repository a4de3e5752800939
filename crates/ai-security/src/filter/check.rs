//! Checksums and measures of values.

use serde::Deserialize;

use super::placeholder;

/// A test that a value has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Check {
    /// Luhn, ISO/IEC 7812-1 annex B.
    Luhn,
    /// Verhoeff, as in Aadhaar numbers.
    Verhoeff,
    /// IBAN, ISO 13616: length of the country and ISO 7064 mod 97-10.
    Iban,
    /// Areas, groups and serials that the US Social Security Administration gives out.
    Ssn,
    /// US individual taxpayer number: `9xx` with a group of the ranges in use.
    Itin,
    /// UK National Insurance number: prefixes in use.
    Nino,
    /// UK NHS number, mod 11.
    Nhs,
    /// Brazilian CPF, two check digits mod 11.
    Cpf,
    /// Brazilian CNPJ, two check digits mod 11.
    Cnpj,
    /// Spanish DNI and NIE, check letter mod 23.
    Dni,
    /// French NIR, key 97 minus the number mod 97.
    Nir,
    /// Italian codice fiscale, check letter.
    CodiceFiscale,
    /// Polish PESEL, weighted check digit.
    Pesel,
    /// Dutch BSN, eleven test.
    Bsn,
    /// German tax number of persons, ISO 7064 mod 11,10.
    SteuerId,
    /// Swiss AHV number, EAN-13.
    Ahv,
    /// Australian tax file number, weights mod 11.
    Tfn,
    /// Has letters and digits, or letters of both cases in no order, as keys do and words do not.
    Mixed,
    /// The same, and is not put together of words.
    Key,
    /// A password somebody might have: see [`super::placeholder`].
    Password,
}

impl Check {
    /// Whether `value` passes. Signs between digits do not count.
    pub(crate) fn passes(self, value: &[u8]) -> bool {
        match self {
            Self::Luhn => luhn(digits(value)),
            Self::Verhoeff => verhoeff(digits(value)),
            Self::Iban => super::iban::is_valid(value),
            Self::Ssn => super::people::is_ssn(&digit_list(value)),
            Self::Itin => super::people::is_itin(&digit_list(value)),
            Self::Nino => super::people::is_nino(value),
            Self::Nhs => super::people::is_nhs(&digit_list(value)),
            Self::Cpf => super::people::is_cpf(&digit_list(value)),
            Self::Cnpj => super::people::is_cnpj(&digit_list(value)),
            Self::Dni => super::people::is_dni(value),
            Self::Nir => super::people::is_nir(value),
            Self::CodiceFiscale => super::people::is_codice_fiscale(value),
            Self::Pesel => super::people::is_pesel(&digit_list(value)),
            Self::Bsn => super::people::is_bsn(&digit_list(value)),
            Self::SteuerId => super::people::is_steuer_id(&digit_list(value)),
            Self::Ahv => super::people::is_ahv(&digit_list(value)),
            Self::Tfn => super::people::is_tfn(&digit_list(value)),
            Self::Mixed => placeholder::is_mixed(value),
            Self::Key => placeholder::is_mixed(value) && !placeholder::is_words(value),
            Self::Password => placeholder::is_likely_password(value),
        }
    }
}

/// The values of the digits of `text`, in order.
pub(crate) fn digits(text: &[u8]) -> impl DoubleEndedIterator<Item = u32> + Clone {
    text.iter()
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| u32::from(byte - b'0'))
}

fn digit_list(text: &[u8]) -> smallvec::SmallVec<[u32; 24]> {
    digits(text).take(24).collect()
}

/// Whether the last digit is the Luhn check digit of the others.
pub(crate) fn luhn(digits: impl DoubleEndedIterator<Item = u32>) -> bool {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the last digit is the Verhoeff check digit of the others.
fn verhoeff(digits: impl DoubleEndedIterator<Item = u32>) -> bool {
    // Products in the dihedral group of order 10: places 0 to 4 are turns, 5 to 9 reflections.
    let product = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let turn = |digit: u32| [1, 5, 7, 6, 2, 8, 3, 0, 9, 4].get(digit as usize).copied();
    let mut sum = 0;
    for (place, digit) in digits.rev().enumerate() {
        let mut moved = digit;
        for _ in 0..place % 8 {
            moved = turn(moved).unwrap_or(moved);
        }
        sum = product(sum, moved);
    }
    sum == 0
}

/// Shannon entropy of the bytes of `value`, in bits a byte.
pub(crate) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = f32::from(u16::try_from(value.len()).unwrap_or(u16::MAX));
    let shares = counts.iter().filter(|count| **count > 0);
    shares
        .map(|count| {
            let share = f32::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_hold_for_published_numbers_and_for_no_neighbour() {
        for (check, value) in [
            (Check::Luhn, "4111 1111 1111 1111"),
            (Check::Luhn, "378282246310005"),
            (Check::Verhoeff, "2363"),
            (Check::Iban, "GB82 WEST 1234 5698 7654 32"),
            (Check::Nhs, "943 476 5919"),
            (Check::Cpf, "529.982.247-25"),
            (Check::Cnpj, "11.222.333/0001-81"),
            (Check::Dni, "12345678Z"),
            (Check::Dni, "X1234567L"),
            (Check::Nir, "2 55 08 14 168 025 38"),
            (Check::CodiceFiscale, "RSSMRA85T10A562S"),
            (Check::Pesel, "44051401359"),
            (Check::Bsn, "111222333"),
            (Check::SteuerId, "86095742719"),
            (Check::Ahv, "756.9217.0769.85"),
            (Check::Tfn, "123 456 782"),
        ] {
            assert!(check.passes(value.as_bytes()), "{check:?} {value}");
            let last = value.len() - 1;
            let other = if value.as_bytes()[last].is_ascii_digit() {
                let digit = value.as_bytes()[last] - b'0';
                ((digit + 1) % 10).to_string()
            } else {
                let letter = value.as_bytes()[last];
                char::from(if letter == b'Z' { b'A' } else { letter + 1 }).to_string()
            };
            let wrong = format!("{}{other}", value.get(..last).unwrap());
            assert!(!check.passes(wrong.as_bytes()), "{check:?} {wrong}");
        }
    }

    #[test]
    fn entropy_is_in_bits_a_byte() {
        for (value, low, high) in [
            ("aaaa", 0.0, 0.001),
            ("abab", 0.99, 1.01),
            ("abcdefgh", 2.99, 3.01),
        ] {
            let bits = entropy(value.as_bytes());
            assert!((low..=high).contains(&bits), "{value}: {bits}");
        }
    }
}
