//! How ids of objects are kept: a byte that says how long, and the bytes. A UUID written the usual
//! way (RFC 9562 section 4, lower case) is kept as its 16 bytes instead of 36 characters.

use std::fmt::{self, Write};

/// The byte before a UUID. Ids are shorter than that: an object is 256 bytes at the most, with its
/// type and a colon.
const UUID: u8 = u8::MAX;
/// Bytes of a UUID.
const UUID_LEN: usize = 16;
/// Characters of a UUID as written.
const UUID_TEXT: usize = 36;
/// Where the hyphens of a UUID stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
/// The first characters of the bytes of a UUID.
const PAIRS: [usize; UUID_LEN] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// An id as it is looked for: found again byte by byte.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelled<'a> {
    Text(&'a [u8]),
    Uuid([u8; UUID_LEN]),
}

/// An id as it is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id<'a> {
    Text(&'a str),
    Uuid([u8; UUID_LEN]),
}

impl<'a> Spelled<'a> {
    pub(super) fn new(id: &'a str) -> Self {
        let bytes = id.as_bytes();
        uuid(bytes).map_or(Self::Text(bytes), Self::Uuid)
    }

    /// The byte before it; `None` where it is too long to be kept.
    pub(super) fn mark(&self) -> Option<u8> {
        match self {
            Self::Text(text) => u8::try_from(text.len()).ok().filter(|len| *len != UUID),
            Self::Uuid(_) => Some(UUID),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Uuid(uuid) => uuid,
        }
    }
}

/// What is kept at `start`: the byte that says how long, and the bytes.
pub(super) fn kept(arena: &[u8], start: usize) -> (u8, &[u8]) {
    let rest = arena.get(start..).unwrap_or_default();
    let Some((mark, rest)) = rest.split_first() else {
        return (0, &[]);
    };
    let len = if *mark == UUID {
        UUID_LEN
    } else {
        usize::from(*mark)
    };
    (*mark, rest.get(..len).unwrap_or_default())
}

/// Reads back what [`kept`] gives.
pub(super) fn read(mark: u8, bytes: &[u8]) -> Id<'_> {
    if mark == UUID
        && let Ok(uuid) = bytes.try_into()
    {
        return Id::Uuid(uuid);
    }
    // Only whole texts are kept.
    Id::Text(std::str::from_utf8(bytes).unwrap_or_default())
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uuid = match self {
            Self::Text(text) => return f.write_str(text),
            Self::Uuid(uuid) => uuid,
        };
        for (byte, place) in uuid.iter().zip(PAIRS) {
            if place > 0 && HYPHENS.contains(&(place - 1)) {
                f.write_char('-')?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// The bytes of a UUID that is written as one of ours would be.
fn uuid(text: &[u8]) -> Option<[u8; UUID_LEN]> {
    let text: &[u8; UUID_TEXT] = text.try_into().ok()?;
    let at = |place: usize| text.get(place).copied().unwrap_or_default();
    if HYPHENS.iter().any(|place| at(*place) != b'-') {
        return None;
    }
    let mut uuid = [0; UUID_LEN];
    let mut seen = 0;
    for (byte, place) in uuid.iter_mut().zip(PAIRS) {
        let (high, low) = (digit(at(place)), digit(at(place + 1)));
        seen |= high | low;
        *byte = high << 4 | low & 0xf;
    }
    (seen & NO_DIGIT == 0).then_some(uuid)
}

/// Stands for what is not a digit.
const NO_DIGIT: u8 = 0x80;

/// Digits by character.
#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        let character = if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        };
        digits[character as usize] = digit;
        digit += 1;
    }
    digits
};

#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
const fn digit(character: u8) -> u8 {
    DIGITS[character as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_as_written() {
        let uuid = "00c0ffee-6f5c-4d1b-9a3e-2b7c8d9e0f1a";
        let texts = [
            "",
            "x",
            "anne@example.com",
            &uuid.to_uppercase(),
            &uuid.replace('-', "_"),
            &uuid.replace('c', "g"),
            &format!("{uuid}0"),
            &"x".repeat(254),
            "gr\u{fc}n",
        ];
        for text in texts {
            let spelled = Spelled::new(text);
            assert!(matches!(spelled, Spelled::Text(_)), "{text}");
            assert_eq!(read_again(&spelled).as_deref(), Some(text));
        }
        let spelled = Spelled::new(uuid);
        assert_eq!(spelled.bytes().len(), UUID_LEN);
        assert_eq!(read_again(&spelled).as_deref(), Some(uuid));
        assert_eq!(read_again(&Spelled::new(&"x".repeat(255))), None);
    }

    fn read_again(spelled: &Spelled<'_>) -> Option<String> {
        let mut arena = vec![7, 7, 7];
        arena.push(spelled.mark()?);
        arena.extend(spelled.bytes());
        arena.extend([9; 300]);
        let (mark, bytes) = kept(&arena, 3);
        Some(read(mark, bytes).to_string())
    }
}
