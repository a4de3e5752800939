//! The claims of a token (RFC 7519 section 4), kept as the text they came in.
//!
//! A cached token is kept for thousands of requests, so its claims are small: the values that are
//! its own, in one piece of text, and all that it has in common with other tokens, which they can
//! share. Only lists, maps and texts with escapes are kept as values.

mod members;
mod mould;
mod own;
mod split;
#[cfg(test)]
mod tests;

use std::fmt;

use ztag_types::{Map, Object, Value, View};

use crate::refusal::Refusal;
use members::Members;
pub(crate) use mould::{Cast, Mould};
use own::Own;

/// Greatest moment, in seconds since 1970, that a 64-bit float tells from its neighbours.
const LATEST: i64 = 1 << 53;

/// The claims of a token: an object with unique names.
#[derive(Clone)]
pub struct Claims {
    mould: Cast,
    /// The values in its gaps.
    own: Own,
}

impl Claims {
    /// Reads the JSON object in `payload`, at most 64 KiB long.
    ///
    /// # Errors
    /// [`Refusal::ClaimsInvalid`] for anything but an object, for repeated names at any depth,
    /// for text that is not UTF-8 or holds lone surrogates, and for numbers out of range.
    pub fn parse(payload: Vec<u8>) -> Result<Self, Refusal> {
        let text = String::from_utf8(payload).map_err(|_| Refusal::ClaimsInvalid)?;
        if u16::try_from(text.len()).is_err() {
            return Err(Refusal::TooLarge);
        }
        let members = Members::of(&text).ok_or(Refusal::ClaimsInvalid)?;
        let (mould, own) = split::split(&text, &members).ok_or(Refusal::ClaimsInvalid)?;
        let mould = Cast::Single(Box::new(mould));
        Ok(Self { mould, own })
    }

    /// The claim `name`.
    pub fn claim(&self, name: &str) -> Option<View<'_>> {
        self.mould.member(name, &self.own)
    }

    /// The text claim `name`; `None` where it is absent.
    ///
    /// # Errors
    /// [`Refusal::ClaimType`] where it is not text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.claim(name) {
            None => Ok(None),
            Some(View::Str(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::ClaimType),
        }
    }

    /// The `NumericDate` claim `name` in whole seconds since 1970 (RFC 7519 section 2); `None`
    /// where it is absent.
    ///
    /// # Errors
    /// [`Refusal::ClaimType`] where it is not a number between 0 and 2^53.
    pub fn date(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.claim(name).map(date).transpose()
    }

    /// The map claim `name`; `None` where it is absent.
    ///
    /// # Errors
    /// [`Refusal::ClaimType`] where it is not a map.
    pub fn map(&self, name: &str) -> Result<Option<&Map>, Refusal> {
        match self.claim(name) {
            None => Ok(None),
            Some(View::Map(map)) => Ok(Some(map)),
            Some(_) => Err(Refusal::ClaimType),
        }
    }

    /// Whether the claim `name`, a text or a list of texts, holds one that `matches`.
    ///
    /// # Errors
    /// [`Refusal::ClaimType`] where it is neither, or holds anything but text.
    pub fn holds(&self, name: &str, matches: impl Fn(&str) -> bool) -> Result<bool, Refusal> {
        match self.claim(name) {
            None => Ok(false),
            Some(View::Str(text)) => Ok(matches(text)),
            Some(View::List(items)) => {
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                let texts = texts.ok_or(Refusal::ClaimType)?;
                Ok(texts.into_iter().any(matches))
            }
            Some(_) => Err(Refusal::ClaimType),
        }
    }

    /// The JSON text the claims came in, letter by letter.
    pub fn to_json(&self) -> String {
        self.mould.fill(&self.own)
    }

    /// Whether `payload` is the JSON text the claims came in, letter by letter.
    pub(crate) fn came_in(&self, payload: &[u8]) -> bool {
        self.mould.strip_filled(&self.own, payload) == Some(b"")
    }

    /// A byte of the values that are not shared.
    pub(crate) fn first_byte(&self) -> Option<u8> {
        self.own.first_byte()
    }

    /// The same claims in the mould that `share` gives for theirs, which must be equal.
    pub(crate) fn shared(self, share: impl FnOnce(Box<Mould>) -> Cast) -> Self {
        let mould = match self.mould {
            Cast::Single(mould) => share(mould),
            Cast::Shared(mould) => Cast::Shared(mould),
        };
        Self { mould, ..self }
    }

    /// Bytes held beside the struct, about, without what somebody else accounts for.
    pub(crate) fn size_behind(&self) -> usize {
        self.own.len() + self.mould.size()
    }
}

/// A `NumericDate` in whole seconds since 1970.
pub(crate) fn date(view: View<'_>) -> Result<i64, Refusal> {
    let seconds = match view {
        View::Int(seconds) => Some(seconds),
        View::Double(seconds) => whole(seconds),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| (0..=LATEST).contains(seconds));
    seconds.ok_or(Refusal::ClaimType)
}

impl Object for Claims {
    fn field(&self, name: &str) -> Option<View<'_>> {
        self.claim(name)
    }

    fn names(&self) -> Vec<&str> {
        self.mould.names().collect()
    }
}

impl fmt::Debug for Claims {
    /// Names only: values are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claims").field(&self.names()).finish()
    }
}

fn whole(seconds: f64) -> Option<i64> {
    // 2^53: the comparison also refuses NaN.
    if !(0.0..=9_007_199_254_740_992.0).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
    Some(seconds.trunc() as i64)
}

/// Bytes that `value` holds, about.
pub(crate) fn size_of_value(value: &Value) -> usize {
    // Two counters stand before shared content.
    const SHARED: usize = 16;
    let content = match value {
        Value::String(text) => SHARED + text.len(),
        Value::List(items) => SHARED + items.iter().map(size_of_value).sum::<usize>(),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| {
                size_of_val(key) + SHARED + key.to_string().len() + size_of_value(value)
            });
            SHARED + size_of::<Map>() + entries.sum::<usize>()
        }
        _ => 0,
    };
    size_of::<Value>() + content
}
