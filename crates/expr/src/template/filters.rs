//! The filters that make text: in JSON style, undefined as nothing, within the budget.

use std::io;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::budget::{charge, left, too_much};

/// What a URL keeps as it is: the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The value as it prints: text as it is, none and undefined empty, the rest as JSON.
pub(super) fn text_of(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = match value.kind() {
        ValueKind::Undefined | ValueKind::None => String::new(),
        ValueKind::String => value.as_str().unwrap_or_default().to_owned(),
        ValueKind::Number => value.to_string(),
        ValueKind::Invalid => return Err(Error::from(ErrorKind::InvalidOperation)),
        _ => json_of(state, value)?,
    };
    charge(state, text.len())?;
    Ok(text)
}

/// JSON text of the value, cut off by the budget while it is written.
fn json_of(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let mut out = Bounded {
        bytes: Vec::new(),
        left: left(state),
    };
    match serde_json::to_writer(&mut out, value) {
        Ok(()) => {
            String::from_utf8(out.bytes).map_err(|_| Error::from(ErrorKind::BadSerialization))
        }
        Err(error) if error.is_io() => Err(too_much()),
        Err(_) => Err(Error::from(ErrorKind::BadSerialization)),
    }
}

/// A writer that fails when it is full.
pub(super) struct Bounded {
    pub(super) bytes: Vec<u8>,
    pub(super) left: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len());
        self.left = left.ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `string`, and what every operand of `~` goes through.
pub(super) fn string(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    text_of(state, value)
}

/// What every operand of `+` goes through: numbers pass, text and lists are counted.
pub(super) fn term(state: &mut State<'_, '_>, value: &Value) -> Result<Value, Error> {
    if value.kind() != ValueKind::Number {
        let items = value.len().unwrap_or(0).saturating_mul(size_of::<Value>());
        charge(state, value.as_str().map_or(items, str::len))?;
    }
    Ok(value.clone())
}

/// What every operand of `*` and `**` goes through: only numbers pass.
pub(super) fn factor(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Number => Ok(value.clone()),
        _ => Err(Error::from(ErrorKind::InvalidOperation)),
    }
}

/// What goes into a field of a `namespace()`: only what has no parts. A loop can therefore build
/// no list within a list, and no namespace can hold itself.
pub(super) fn field(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined
        | ValueKind::None
        | ValueKind::Bool
        | ValueKind::Number
        | ValueKind::String => Ok(value.clone()),
        _ => Err(Error::from(ErrorKind::InvalidOperation)),
    }
}

/// The function `namespace(a=1)`, whose fields loops may change.
pub(super) fn namespace(fields: Kwargs) -> Result<Value, Error> {
    for name in fields.args() {
        field(fields.get(name)?)?;
    }
    minijinja::functions::namespace(Some(Value::from(fields).into()))
}

/// `lower`.
pub(super) fn lower(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    text_of(state, value).map(|text| text.to_lowercase())
}

/// `upper`.
pub(super) fn upper(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    text_of(state, value).map(|text| text.to_uppercase())
}

/// `capitalize`: the first letter upper case, the rest lower case.
pub(super) fn capitalize(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    Ok(first.chain(letters.flat_map(char::to_lowercase)).collect())
}

/// `trim`: white space, or the given characters, at both ends.
pub(super) fn trim(
    state: &mut State<'_, '_>,
    value: &Value,
    characters: Option<&str>,
) -> Result<String, Error> {
    let text = text_of(state, value)?;
    Ok(match characters {
        Some(characters) => text.trim_matches(|c| characters.contains(c)).to_owned(),
        None => text.trim().to_owned(),
    })
}

/// `replace(from, to)`.
pub(super) fn replace(
    state: &mut State<'_, '_>,
    value: &Value,
    from: &str,
    to: &Value,
) -> Result<String, Error> {
    let text = text_of(state, value)?;
    let to = text_of(state, to)?;
    // Counted before it is made: the result may be far larger than both inputs.
    let growth = text.matches(from).count().saturating_mul(to.len());
    charge(state, growth)?;
    Ok(text.replace(from, &to))
}

/// `split(separator, limit)`: a list; without a separator at white space.
pub(super) fn split(
    state: &mut State<'_, '_>,
    value: &Value,
    separator: Option<&str>,
    limit: Option<usize>,
) -> Result<Value, Error> {
    let text = text_of(state, value)?;
    if text.is_empty() && matches!(value.kind(), ValueKind::Undefined | ValueKind::None) {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    let parts: Vec<&str> = match (separator, limit) {
        (None, None) => text.split_whitespace().collect(),
        (None, Some(limit)) => text
            .splitn(limit.saturating_add(1), char::is_whitespace)
            .collect(),
        (Some(by), None) => text.split(by).collect(),
        (Some(by), Some(limit)) => text.splitn(limit.saturating_add(1), by).collect(),
    };
    charge(state, parts.len().saturating_mul(size_of::<Value>()))?;
    Ok(parts.into_iter().map(Value::from).collect())
}

/// `join(separator)`.
pub(super) fn join(
    state: &mut State<'_, '_>,
    value: &Value,
    separator: Option<&str>,
) -> Result<String, Error> {
    let mut joined = String::new();
    for (index, item) in value.try_iter()?.enumerate() {
        if let Some(separator) = separator.filter(|_| index > 0) {
            charge(state, separator.len())?;
            joined.push_str(separator);
        }
        joined.push_str(&text_of(state, &item)?);
    }
    Ok(joined)
}

/// `length`: of text in characters, of lists and maps in items; nothing has length 0.
pub(super) fn length(value: &Value) -> Result<usize, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(0),
        _ => value
            .len()
            .ok_or_else(|| Error::from(ErrorKind::InvalidOperation)),
    }
}

/// `first`: the first item or character; undefined where there is none.
pub(super) fn first(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::UNDEFINED),
        _ => minijinja::filters::first(value),
    }
}

/// `last`: the last item or character; undefined where there is none.
pub(super) fn last(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::UNDEFINED),
        _ => minijinja::filters::last(value),
    }
}

/// `tojson`: JSON text, safe to stand inside JSON and inside an HTML script.
pub(super) fn tojson(state: &mut State<'_, '_>, value: &Value) -> Result<Value, Error> {
    let safe = script_safe(&json_of(state, value)?);
    charge(state, safe.len())?;
    Ok(Value::from_safe_string(safe))
}

/// JSON text without the characters that mean something to HTML. Outside of its strings JSON has
/// none of them, and inside an escape means the same.
pub(super) fn script_safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\'' => safe.push_str("\\u0027"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            other => safe.push(other),
        }
    }
    safe
}

/// `b64encode`: RFC 4648 section 4, padded.
pub(super) fn b64encode(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    charge(state, text.len())?;
    Ok(STANDARD.encode(text))
}

/// `b64urlencode`: RFC 4648 section 5, without padding.
pub(super) fn b64urlencode(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    charge(state, text.len())?;
    Ok(URL_SAFE_NO_PAD.encode(text))
}

/// `b64decode`: both alphabets, padded or not; what is not UTF-8 text is an error.
pub(super) fn b64decode(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    let plain = text
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    let bytes = URL_SAFE_NO_PAD.decode(plain);
    let decoded = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or_else(|| Error::from(ErrorKind::InvalidOperation))
}

/// `sha256`: lower-case hexadecimal.
pub(super) fn sha256(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    Ok(hex::encode(digest(&SHA256, text.as_bytes())))
}

/// `urlencode`: everything but the unreserved characters of RFC 3986; a map becomes a query.
pub(super) fn urlencode(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    if value.kind() != ValueKind::Map {
        let text = text_of(state, value)?;
        return encoded(state, &text);
    }
    let mut query = String::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        if item.is_undefined() || item.is_none() {
            continue;
        }
        let (key, item) = (text_of(state, &key)?, text_of(state, &item)?);
        let mark = if query.is_empty() { "" } else { "&" };
        let (key, item) = (encoded(state, &key)?, encoded(state, &item)?);
        query.extend([mark, &key, "=", &item]);
    }
    Ok(query)
}

fn encoded(state: &mut State<'_, '_>, text: &str) -> Result<String, Error> {
    charge(state, text.len().saturating_mul(3))?;
    Ok(utf8_percent_encode(text, RESERVED).to_string())
}

/// `basename`: what follows the last `/`.
pub(super) fn basename(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    let path = text.trim_end_matches('/');
    Ok(path.rsplit('/').next().unwrap_or_default().to_owned())
}

/// `escape`, `e`: for HTML; the result counts as safe and is not escaped again.
pub(super) fn escape(state: &mut State<'_, '_>, value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    let text = text_of(state, value)?;
    charge(state, text.len().saturating_mul(6))?;
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    Ok(Value::from_safe_string(safe))
}

/// The test `startingwith`.
pub(super) fn is_startingwith(value: &Value, start: &str) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(start))
}

/// The test `divisibleby`: of whole numbers, and nothing is divisible by 0.
pub(super) fn is_divisibleby(value: &Value, by: &Value) -> bool {
    match (value.as_i64(), by.as_i64()) {
        // The smallest number divided by -1 has no rest either.
        (Some(_), Some(-1)) => true,
        (Some(value), Some(by)) => value.checked_rem(by) == Some(0),
        _ => false,
    }
}

/// The test `endingwith`.
pub(super) fn is_endingwith(value: &Value, end: &str) -> bool {
    value.as_str().is_some_and(|text| text.ends_with(end))
}

/// The function `lookup(map, key)`: the value, or undefined.
pub(super) fn lookup(map: &Value, key: &Value) -> Result<Value, Error> {
    match map.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::UNDEFINED),
        _ => map.get_item(key).or(Ok(Value::UNDEFINED)),
    }
}

/// The function `uuid()`: a random UUID, version 4 (RFC 9562 section 5.4).
pub(super) fn uuid() -> Result<String, Error> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::from(ErrorKind::InvalidOperation))?;
    let random = u128::from_be_bytes(bytes);
    let version = 0x4 << 76;
    let variant = 0b10 << 62;
    let mask: u128 = !((0xf << 76) | (0b11 << 62));
    let hex = format!("{:032x}", (random & mask) | version | variant);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|at| hex.get(at).unwrap_or_default());
    Ok(parts.join("-"))
}

/// The function `dict(a=1)`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine passes arguments by value"
)]
pub(super) fn dict(entries: Kwargs) -> Value {
    let names: Vec<String> = entries.args().map(str::to_owned).collect();
    let pairs = names.into_iter().filter_map(|name| {
        let value = entries.get::<Value>(&name).ok()?;
        Some((name, value))
    });
    pairs.collect::<std::collections::BTreeMap<_, _>>().into()
}
