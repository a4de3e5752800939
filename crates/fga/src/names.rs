//! How types, relations, objects and users are written. Bytes are compared as they are.

use crate::error::Error;

/// Longest name of a type, in bytes.
const MAX_TYPE: usize = 254;
/// Longest name of a relation or condition, in bytes.
const MAX_RELATION: usize = 50;
/// Longest object, `type:id`, in bytes.
const MAX_OBJECT: usize = 256;
/// Longest user, in bytes.
const MAX_USER: usize = 512;
/// The id that stands for every object of a type.
pub(crate) const WILDCARD: &str = "*";

/// Whether `name` can name a type.
pub(crate) fn is_type_name(name: &str) -> bool {
    is_name(name, MAX_TYPE)
}

/// Whether `name` can name a relation or a condition.
pub(crate) fn is_relation_name(name: &str) -> bool {
    is_name(name, MAX_RELATION)
}

/// Whether `id` is one that the editors of model and tuple files accept. Stores accept more.
pub fn is_plain_object_id(id: &str) -> bool {
    let mut characters = id.chars();
    let first = characters.next();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_|*@.+/-".contains(c);
    first.is_some_and(|c| c != '*' && c != '#' && c != ':' && !c.is_whitespace())
        && characters.all(allowed)
}

fn is_name(name: &str, max: usize) -> bool {
    let forbidden = |c: char| matches!(c, ':' | '#' | '@') || c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= max && !name.contains(forbidden)
}

/// An object: a type and an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ObjectName<'a> {
    pub(crate) kind: &'a str,
    pub(crate) id: &'a str,
}

impl<'a> ObjectName<'a> {
    /// Splits `type:id` at its first colon.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Error> {
        Self::split(text)
            .ok_or_else(|| Error::validation(format!("invalid `object` field format: `{text}`")))
    }

    fn split(text: &'a str) -> Option<Self> {
        let colon = text.bytes().position(|byte| byte == b':')?;
        let (kind, id) = text.split_at_checked(colon)?;
        let id = id.strip_prefix(':').filter(|id| !id.is_empty())?;
        if text.len() > MAX_OBJECT {
            return None;
        }
        let is_plain = (1..=MAX_TYPE).contains(&kind.len())
            && is_plain(kind)
            && !kind.bytes().any(|byte| byte == b'@')
            && is_plain(id);
        // What ASCII forbids, the rest of Unicode does not allow.
        let is_good = is_plain
            || (!text.is_ascii()
                && !id.contains([':', '#'])
                && is_clean(text)
                && is_type_name(kind));
        is_good.then_some(Self { kind, id })
    }

    /// Whether it stands for every object of its type.
    pub(crate) fn is_wildcard(self) -> bool {
        self.id == WILDCARD
    }
}

/// A user: an object, every object of a type, or those who have a relation to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UserName<'a> {
    pub(crate) object: ObjectName<'a>,
    pub(crate) relation: Option<&'a str>,
}

impl<'a> UserName<'a> {
    /// Splits `type:id`, `type:*` or `type:id#relation`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Error> {
        let wrong = || Error::validation(format!("the `user` field is malformed: `{text}`"));
        if text.len() > MAX_USER {
            return Err(wrong());
        }
        // Most users are objects, in which there is no such sign.
        if let Some(object) = ObjectName::split(text) {
            return Ok(Self {
                object,
                relation: None,
            });
        }
        let (object, relation) = text.rsplit_once('#').ok_or_else(wrong)?;
        let object = ObjectName::split(object).ok_or_else(wrong)?;
        if !is_relation_name(relation) || object.id.contains('*') {
            return Err(wrong());
        }
        Ok(Self {
            object,
            relation: Some(relation),
        })
    }
}

/// Whether every character is one of ASCII that may stand in an id: neither white space nor control
/// characters, and nothing that separates names.
#[inline]
fn is_plain(id: &str) -> bool {
    let (words, rest) = id.as_bytes().as_chunks();
    let mut last = [b'-'; 8];
    for (own, byte) in last.iter_mut().zip(rest) {
        *own = *byte;
    }
    words.iter().all(|word| are_plain(*word)) && are_plain(last)
}

/// Eight characters at once, each in its byte of a word.
#[inline]
const fn are_plain(characters: [u8; 8]) -> bool {
    const HIGH: u64 = each(0x80);
    let word = u64::from_ne_bytes(characters);
    // A sum has the highest bit of a byte where the byte is large enough; none carries over where no
    // byte has that bit itself.
    let is_visible = (word & each(0x7f)) + each(0x7f - b' ');
    let is_delete = (word & each(0x7f)) + each(1);
    let is_wrong =
        word | !is_visible | is_delete | zeros(word ^ each(b':')) | zeros(word ^ each(b'#'));
    is_wrong & HIGH == 0
}

/// The highest bit of each byte that is zero, where no byte has that bit itself.
const fn zeros(word: u64) -> u64 {
    !((word & each(0x7f)) + each(0x7f)) & !word
}

/// A word of the same byte eight times.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

fn is_clean(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects() {
        for good in ["doc:1", "doc:a*b", "a/b.c-d:x@y|z", "doc:\u{e9}"] {
            assert!(ObjectName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "doc",
            ":1",
            "doc:",
            "doc:a b",
            "doc:a#b",
            "a:b:c",
            "doc:a\u{7}",
            "d c:1",
        ] {
            assert!(ObjectName::parse(bad).is_err(), "{bad}");
        }
        let long = format!("doc:{}", "x".repeat(253));
        assert!(ObjectName::parse(&long).is_err());
    }

    #[test]
    fn every_character_is_judged_wherever_it_stands() {
        for place in 0..17 {
            for character in 0..=255_u8 {
                let mut bytes = *b"0123456789abcdefg";
                bytes[place] = character;
                let Ok(id) = std::str::from_utf8(&bytes) else {
                    continue;
                };
                let is_good = (b'!'..=b'~').contains(&character) && !b":#".contains(&character);
                assert_eq!(is_plain(id), is_good, "{id}");
                let as_kind = format!("{id}:1");
                let is_kind = is_good && character != b'@';
                let parsed = ObjectName::parse(&as_kind).is_ok_and(|name| name.kind == id);
                assert_eq!(parsed, is_kind, "{as_kind}");
            }
        }
    }

    #[test]
    fn users() {
        let set = UserName::parse("group:eng#member").unwrap();
        assert_eq!((set.object.id, set.relation), ("eng", Some("member")));
        assert!(UserName::parse("user:*").unwrap().object.is_wildcard());
        for bad in [
            "*",
            "jon",
            "group:*#member",
            "group:e*g#member",
            "group:x#",
            "a:b:c",
            "g:x#a#b",
        ] {
            assert!(UserName::parse(bad).is_err(), "{bad}");
        }
    }
}
