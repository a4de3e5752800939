//! The members of a JSON object as they stand in its text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::Text;

/// Most claims of one token.
const MAX_CLAIMS: usize = 512;

/// Names and values, in the order of the text.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Those of the object in `text`; `None` for anything else, for two with one name and for too
    /// many.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let found: Self = serde_json::from_str(text).ok()?;
        (!found.has_repeated()).then_some(found)
    }

    /// Each name, borrowed where it holds no escapes, and its value as written.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        let members = self.0.iter();
        members.map(|(name, value)| (&**name, value.get()))
    }

    fn has_repeated(&self) -> bool {
        let mut names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some(Text(name)) = source.next_key()? {
            if members.len() >= MAX_CLAIMS {
                return Err(A::Error::custom("too many members"));
            }
            members.push((name, source.next_value()?));
        }
        Ok(Members(members))
    }
}
