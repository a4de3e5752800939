//! Values as JSON that keeps CEL's types apart.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map as Object, Value as Json, json};
use ztag_types::{Key, Map, Span, Timestamp, Value};

use crate::cel::{Val, format_duration, format_timestamp};
use crate::error::EvalError;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// A value from its tagged form.
pub(super) fn read(json: &Json) -> Result<Value, String> {
    let fields = json
        .as_object()
        .ok_or("a tagged value is not a JSON object")?;
    let unknown = || format!("a tagged value is not understood: {}", keys(fields));
    for (tag, inner) in fields {
        let text = inner.as_str();
        let value = match tag.as_str() {
            "null" => Some(Value::Null),
            "bool" => inner.as_bool().map(Value::Bool),
            "int" => text.and_then(|text| text.parse().ok()).map(Value::Int),
            "uint" => text.and_then(|text| text.parse().ok()).map(Value::Uint),
            "double" => inner
                .as_f64()
                .or_else(|| text.and_then(|text| text.parse().ok()))
                .map(Value::Double),
            "string" => text.map(Value::text),
            "bytes_b64" => text
                .and_then(|text| STANDARD.decode(text).ok())
                .map(|bytes| Value::Bytes(bytes.into())),
            "list" => Some(read_list(inner)?),
            "map" => Some(read_map(inner)?),
            "timestamp" => read_time(fields).and_then(|(seconds, nanos)| {
                Timestamp::new(seconds, u32::try_from(nanos).ok()?).map(Value::Timestamp)
            }),
            "duration" => read_time(fields).map(|(seconds, nanos)| {
                Value::Duration(Span::from_nanos(
                    i128::from(seconds) * NANOS_PER_SECOND + i128::from(nanos),
                ))
            }),
            _ => continue,
        };
        return value.ok_or_else(unknown);
    }
    Err(unknown())
}

fn keys(fields: &Object<String, Json>) -> String {
    fields.keys().cloned().collect::<Vec<_>>().join(", ")
}

fn read_list(json: &Json) -> Result<Value, String> {
    let items = json.as_array().ok_or("a list is not a JSON array")?;
    items
        .iter()
        .map(read)
        .collect::<Result<Vec<_>, _>>()
        .map(Value::from)
}

fn read_map(json: &Json) -> Result<Value, String> {
    let mut map = Map::new();
    for entry in json.as_array().ok_or("a map is not a JSON array")? {
        let Some([key, value]) = entry.as_array().map(Vec::as_slice) else {
            return Err("an entry of a map is not a pair".to_owned());
        };
        let key = match read(key)? {
            Value::Bool(b) => Key::Bool(b),
            Value::Int(i) => Key::Int(i),
            Value::Uint(u) => Key::Uint(u),
            Value::String(text) => Key::String(text),
            _ => return Err("a map has a key of another type".to_owned()),
        };
        map.insert(key, read(value)?);
    }
    Ok(map.into())
}

fn read_time(fields: &Object<String, Json>) -> Option<(i64, i64)> {
    let seconds = fields.get("seconds")?.as_str()?.parse().ok()?;
    Some((seconds, fields.get("nanos")?.as_i64()?))
}

/// The tagged form of a value.
pub(super) fn write(value: Val<'_>) -> Result<Json, EvalError> {
    Ok(match value {
        Val::Null => json!({"null": true}),
        Val::Bool(b) => json!({"bool": b}),
        Val::Int(i) => json!({"int": i.to_string()}),
        Val::Uint(u) => json!({"uint": u.to_string()}),
        Val::Double(d) => json!({"double": double(d)}),
        Val::Str(text) => json!({"string": text.as_str()}),
        Val::Bytes(bytes) => json!({"bytes_b64": STANDARD.encode(bytes.as_slice())}),
        Val::Timestamp(at) => {
            json!({"timestamp": format_timestamp(at), "seconds": at.seconds().to_string(), "nanos": at.nanos()})
        }
        Val::Duration(span) => duration(span),
        Val::List(items) => {
            let items = items.to_vec()?.into_iter().map(write);
            json!({"list": items.collect::<Result<Vec<_>, _>>()?})
        }
        Val::Map(map) => {
            let entries = map.entries()?.into_iter();
            let pairs = entries.map(|(key, value)| Ok(json!([write(key)?, write(value)?])));
            json!({"map": pairs.collect::<Result<Vec<_>, EvalError>>()?})
        }
        Val::Type(name) => json!({"type": name}),
        Val::Optional(None) => json!({"optional": null}),
        Val::Optional(Some(held)) => json!({"optional": write(Val::clone(&held))?}),
        Val::Ip(address) => json!({"ip": address.to_string()}),
        Val::Cidr(network) => json!({"cidr": network.to_string()}),
    })
}

fn double(d: f64) -> Json {
    match d {
        d if d.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        d if d == 0.0 && d.is_sign_negative() => json!("-0.0"),
        d => json!(d),
    }
}

fn duration(span: Span) -> Json {
    let seconds = span.nanos() / NANOS_PER_SECOND;
    let nanos = i64::try_from(span.nanos() % NANOS_PER_SECOND).unwrap_or(0);
    json!({"duration": format_duration(span), "seconds": seconds.to_string(), "nanos": nanos})
}
