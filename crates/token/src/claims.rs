//! The claims of a token (RFC 7519 section 4), kept as the text they came in.
//!
//! A cached token is kept for thousands of requests, so its claims are small: one piece of text
//! and a list of places in it. Only lists, maps and texts with escapes are kept as values.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use ztag_types::{Map, Object, Value, View};

use crate::json;
use crate::refusal::Refusal;

/// Most claims of one token.
const MAX_CLAIMS: usize = 512;
/// Greatest moment, in seconds since 1970, that a 64-bit float tells from its neighbours.
const LATEST: i64 = 1 << 53;

/// The claims of a token: an object with unique names.
#[derive(Clone, PartialEq)]
pub struct Claims {
    text: Box<str>,
    members: Box<[Member]>,
    /// Values that are not a piece of the text, and names with escapes.
    apart: Box<[Value]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Member {
    name: Place,
    value: Place,
}

/// Where something stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the text: start and length in bytes.
    Text(u16, u16),
    /// In the text, a whole number.
    Number(u16, u16),
    /// Among the values kept apart.
    Apart(u16),
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
        let Members(found) = serde_json::from_str(&text).map_err(|_| Refusal::ClaimsInvalid)?;
        if has_repeated(&found) {
            return Err(Refusal::ClaimsInvalid);
        }
        let mut apart = Vec::new();
        let members: Option<Box<[Member]>> = found
            .iter()
            .map(|(name, value)| {
                Some(Member {
                    name: place_name(&text, name, &mut apart)?,
                    value: place_value(&text, value.get(), &mut apart)?,
                })
            })
            .collect();
        let members = members.ok_or(Refusal::ClaimsInvalid)?;
        drop(found);
        Ok(Self {
            text: text.into(),
            members,
            apart: apart.into(),
        })
    }

    /// The claim `name`.
    pub fn claim(&self, name: &str) -> Option<View<'_>> {
        let mut members = self.members.iter();
        let member = members.find(|member| self.is_named(**member, name))?;
        Some(self.view(member.value))
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

    /// The JSON text the claims came in.
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// Exchanges every list for what `share` gives for it, which must be equal.
    pub(crate) fn share_lists(&mut self, share: impl Fn(Value) -> Value) {
        let lists = self.apart.iter_mut();
        for list in lists.filter(|value| matches!(value, Value::List(_))) {
            *list = share(std::mem::take(list));
        }
    }

    /// Bytes held, about, as if nothing were shared.
    pub(crate) fn size(&self) -> usize {
        let apart: usize = self.apart.iter().map(size_of_value).sum();
        size_of::<Self>() + self.text.len() + size_of_val(&*self.members) + apart
    }

    fn is_named(&self, member: Member, name: &str) -> bool {
        match member.name {
            // Most names differ in length already, which spares a look at the text.
            Place::Text(start, length) => {
                usize::from(length) == name.len() && self.slice(start, length) == name
            }
            Place::Number(..) | Place::Apart(_) => self.name(member) == name,
        }
    }

    fn name(&self, member: Member) -> &str {
        match self.view(member.name) {
            View::Str(name) => name,
            _ => "",
        }
    }

    fn view(&self, place: Place) -> View<'_> {
        match place {
            Place::Text(start, length) => View::Str(self.slice(start, length)),
            Place::Number(start, length) => {
                View::Int(self.slice(start, length).parse().unwrap_or_default())
            }
            Place::Apart(index) => {
                let value = self.apart.get(usize::from(index));
                value.map_or(View::Null, Value::view)
            }
        }
    }

    fn slice(&self, start: u16, length: u16) -> &str {
        let start = usize::from(start);
        let piece = self.text.get(start..start + usize::from(length));
        piece.unwrap_or_default()
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
        self.members
            .iter()
            .map(|member| self.name(*member))
            .collect()
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

fn has_repeated(members: &[(Cow<'_, str>, &RawValue)]) -> bool {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b))
}

/// A name with escapes was read into a text of its own.
fn place_name(text: &str, name: &str, apart: &mut Vec<Value>) -> Option<Place> {
    match within(text, name) {
        Some((start, length)) => Some(Place::Text(start, length)),
        None => keep(Value::text(name), apart),
    }
}

fn place_value(text: &str, raw: &str, apart: &mut Vec<Value>) -> Option<Place> {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    if let Some(inner) = inner
        && !inner.contains('\\')
    {
        let (start, length) = within(text, inner)?;
        return Some(Place::Text(start, length));
    }
    let value = json::value(raw.as_bytes())?;
    if matches!(value, Value::Int(_)) && raw.parse::<i64>().is_ok() {
        let (start, length) = within(text, raw)?;
        return Some(Place::Number(start, length));
    }
    keep(value, apart)
}

fn keep(value: Value, apart: &mut Vec<Value>) -> Option<Place> {
    let index = u16::try_from(apart.len()).ok()?;
    apart.push(value);
    Some(Place::Apart(index))
}

/// Start and length of `piece`, a borrowed part of `text`.
fn within(text: &str, piece: &str) -> Option<(u16, u16)> {
    let start = piece.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let end = start.checked_add(piece.len())?;
    (end <= text.len()).then_some(())?;
    Some((u16::try_from(start).ok()?, u16::try_from(piece.len()).ok()?))
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Text that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

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
        while let Some(Name(name)) = source.next_key()? {
            if members.len() >= MAX_CLAIMS {
                return Err(A::Error::custom("too many members"));
            }
            members.push((name, source.next_value()?));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Claims, Refusal> {
        Claims::parse(text.as_bytes().to_vec())
    }

    #[test]
    fn claims_are_read_where_they_stand() {
        let claims = parse(
            r#" {"sub" : "ada", "exp":17.9, "n":-5,"big":18446744073709551615, "aud":["a","b"],
                 "esc":"a\/b", "n\u0061me":"x", "act":{"sub":"bot"}, "t":true, "z":null, "e":""} "#,
        )
        .unwrap();
        assert_eq!(claims.text("sub"), Ok(Some("ada")));
        assert_eq!(claims.text("esc"), Ok(Some("a/b")));
        assert_eq!(claims.text("name"), Ok(Some("x")));
        assert_eq!(claims.text("e"), Ok(Some("")));
        assert_eq!(claims.text("none"), Ok(None));
        assert_eq!(claims.text("exp"), Err(Refusal::ClaimType));
        assert_eq!(claims.date("exp"), Ok(Some(17)));
        assert!(matches!(claims.claim("n"), Some(View::Int(-5))));
        assert!(matches!(claims.claim("big"), Some(View::Uint(u64::MAX))));
        assert_eq!(claims.holds("aud", |own| own == "b"), Ok(true));
        assert_eq!(claims.holds("sub", |own| own == "b"), Ok(false));
        assert!(claims.map("act").unwrap().unwrap().get("sub").is_some());
        assert_eq!(claims.names().len(), 11);
        assert!(!format!("{claims:?}").contains("ada"));
    }

    #[test]
    fn attack_27_claims_that_two_readers_read_differently_are_refused() {
        for bad in [
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"sub":"a","s\u0075b":"b"}"#,
            r#"{"act":{"sub":"a","sub":"b"}}"#,
            r#"{"aud":[{"a":1,"a":1}]}"#,
            r#"{"exp":1e400}"#,
            r#"{"sub":"\ud800"}"#,
            r#"{"sub":"a"}{"sub":"b"}"#,
            r#"{"sub":"a"} x"#,
            r#"{"sub":'a'}"#,
            r#"{"sub":"a",}"#,
            r#"["sub"]"#,
            "\"sub\"",
            "",
            "\u{feff}{}",
            "{\"sub\":\"a\u{1}\"}",
        ] {
            assert_eq!(parse(bad).err(), Some(Refusal::ClaimsInvalid), "{bad}");
        }
        assert!(Claims::parse(b"{\"sub\":\"\xc0\xaf\"}".to_vec()).is_err());
        assert!(Claims::parse(b"\xff\xfe{\0}\0".to_vec()).is_err());
    }

    #[test]
    fn attack_26_dates_of_other_types_are_refused() {
        for bad in [
            "\"9999999999\"",
            "-1",
            "9007199254740993",
            "1e300",
            "null",
            "[1]",
            "{}",
            "true",
        ] {
            let claims = parse(&format!(r#"{{"exp":{bad}}}"#)).unwrap();
            assert_eq!(claims.date("exp"), Err(Refusal::ClaimType), "{bad}");
        }
        for (fine, seconds) in [("0", 0), ("1.5", 1), ("1e3", 1_000), ("-0.0", 0)] {
            let claims = parse(&format!(r#"{{"exp":{fine}}}"#)).unwrap();
            assert_eq!(claims.date("exp"), Ok(Some(seconds)), "{fine}");
        }
    }

    #[test]
    fn attack_25_ten_thousand_claims_are_refused() {
        let many: Vec<_> = (0..10_000).map(|n| format!("\"{n}\":1")).collect();
        assert!(parse(&format!("{{{}}}", many.join(","))).is_err());
        assert!(parse(&format!("{{{}}}", many[..512].join(","))).is_ok());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>()
                .prop_filter("finite", |f| f.is_finite())
                .prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_claim_is_what_a_plain_reader_reads(map in prop::collection::btree_map(".{0,6}", json(), 0..8), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&map) } else { serde_json::to_string(&map) };
            let claims = parse(&text.unwrap()).unwrap();
            prop_assert_eq!(claims.names().len(), map.len());
            for (name, value) in map {
                let read = claims.claim(&name).unwrap();
                let expected = Value::from(value);
                prop_assert!(read.to_value() == expected, "{}", name);
            }
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), text in r#"[{}\[\]",:0-9a\\u]{0,40}"#) {
            let _ = Claims::parse(bytes);
            let _ = parse(&text);
        }
    }
}
