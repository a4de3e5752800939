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

impl Spelled<'_> {
    /// Whether this is what is kept at `start`.
    #[inline]
    pub(super) fn is_kept(&self, arena: &[u8], start: usize) -> bool {
        let Some((mark, rest)) = arena.get(start..).and_then(<[u8]>::split_first) else {
            return false;
        };
        match self {
            Self::Uuid(uuid) => *mark == UUID && rest.first_chunk() == Some(uuid),
            Self::Text(text) => self.mark() == Some(*mark) && rest.get(..text.len()) == Some(*text),
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
#[inline]
fn uuid(text: &[u8]) -> Option<[u8; UUID_LEN]> {
    let text: &[u8; UUID_TEXT] = text.try_into().ok()?;
    let at = |place: usize| text.get(place).copied().unwrap_or_default();
    if HYPHENS.iter().any(|place| at(*place) != b'-') {
        return None;
    }
    let four = |place: usize| [at(place), at(place + 1), at(place + 2), at(place + 3)];
    let eight = |first: usize, second: usize| {
        let (high, low) = (four(first), four(second));
        let (high, low) = (u32::from_be_bytes(high), u32::from_be_bytes(low));
        digits(u64::from(high) << 32 | u64::from(low))
    };
    let words = [eight(0, 4)?, eight(9, 14)?, eight(19, 24)?, eight(28, 32)?];
    let mut uuid = [0; UUID_LEN];
    for (own, word) in uuid.as_chunks_mut().0.iter_mut().zip(words) {
        *own = word.to_be_bytes();
    }
    Some(uuid)
}

/// A byte with the same value for each character of a word.
const fn each(value: u8) -> u64 {
    u64::from_ne_bytes([value; 8])
}

/// The value of eight digits of base 16 in lower case, the first one highest, all at once.
#[inline]
fn digits(text: u64) -> Option<u32> {
    // Letters have this bit, digits do not.
    let letters = text >> 6 & each(1);
    let values = (text & each(0x0f)).wrapping_add(letters.wrapping_mul(9));
    let written = values
        .wrapping_add(each(b'0'))
        .wrapping_add(letters.wrapping_mul(u64::from(b'a' - b'0' - 10)));
    // From ten on it must be a letter, and none is above fifteen.
    let from_ten = values.wrapping_add(each(6)) >> 4 & each(1);
    if written != text || from_ten != letters || values & each(0xf0) != 0 {
        return None;
    }
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    u32::try_from((fours | fours >> 16) & 0xffff_ffff).ok()
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

    #[test]
    fn digits_are_told_from_everything_else() {
        for place in 0..8 {
            for byte in 0..=255 {
                let mut text = *b"0f9a8b7c";
                text[place] = byte;
                let found = digits(u64::from_be_bytes(text));
                let is_digit = byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                let text = std::str::from_utf8(&text).ok().filter(|_| is_digit);
                let expected = text.map(|text| u32::from_str_radix(text, 16).unwrap());
                assert_eq!(found, expected, "{place} {byte}");
            }
        }
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
