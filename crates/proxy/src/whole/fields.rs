//! Header fields around a body that goes on otherwise than it came.

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE, TE, TRAILER,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Unwhole;

/// Fields of a request that lead to responses which cannot be read whole, or that speak of a body which
/// the client never saw.
const ASKING: [HeaderName; 7] = [
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    TE,
];

/// Fields that speak of a body as it was sent.
const SPEAKING: [HeaderName; 10] = [
    ETAG,
    LAST_MODIFIED,
    ACCEPT_RANGES,
    CONTENT_LENGTH,
    TRAILER,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("signature-input"),
];

/// Asks for a whole body without encoding.
pub(crate) fn asking(fields: &mut HeaderMap) {
    for name in &ASKING {
        fields.remove(name);
    }
    fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Whether a body under these fields can be read: whole and as it is.
pub(crate) fn check(status: StatusCode, fields: &HeaderMap) -> Result<(), Unwhole> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !fields.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(Unwhole::Encoded);
    }
    if status == StatusCode::PARTIAL_CONTENT || fields.contains_key(CONTENT_RANGE) {
        return Err(Unwhole::Part);
    }
    Ok(())
}

/// The media type, where there is one and no second.
pub(crate) fn media(fields: &HeaderMap) -> Option<&str> {
    let mut types = fields.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// How many bytes are announced.
pub(crate) fn length(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Says nothing of parts of a body: none can be asked for.
pub(crate) fn unranged(fields: &mut HeaderMap) {
    fields.remove(ACCEPT_RANGES);
}

/// Takes away what speaks of the body as it was sent, and tells the length that it has now.
pub(crate) fn retold(fields: &mut HeaderMap, length: Option<usize>) {
    for name in &SPEAKING {
        fields.remove(name);
    }
    fields.remove("signature");
    if let Some(length) = length {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// The same for a response. Nobody but its client may keep it, and not without asking again.
pub(crate) fn rewritten(fields: &mut HeaderMap, length: Option<usize>) {
    retold(fields, length);
    let own = HeaderValue::from_static("private, no-cache");
    fields.insert(CACHE_CONTROL, own);
}

/// `application/json`, or what is written as it (RFC 6839 section 3.1).
pub(crate) fn is_json(media: &str) -> bool {
    let kind = media.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let subtype = kind.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn only_whole_plain_json_is_such() {
        let ok = |status: u16, pairs: &[(&'static str, &'static str)]| {
            let fields = fields(pairs);
            let whole = check(StatusCode::from_u16(status).unwrap(), &fields).is_ok();
            whole && media(&fields).is_some_and(is_json)
        };
        assert!(ok(200, &[("content-type", "application/json")]));
        assert!(ok(
            200,
            &[("content-type", "Application/HAL+JSON; charset=utf-8")]
        ));
        let json = ("content-type", "application/json");
        assert!(ok(200, &[json, ("content-encoding", "identity")]));
        assert!(!ok(200, &[json, ("content-encoding", "gzip")]));
        assert!(!ok(206, &[json]));
        assert!(!ok(200, &[json, ("content-range", "bytes 0-1/9")]));
        for kind in [
            "",
            "text/json",
            "application/jsonl",
            "application/x-ndjson",
            "text/event-stream",
        ] {
            assert!(!ok(200, &[("content-type", kind)]), "{kind}");
        }
        assert!(!ok(200, &[]));
    }

    #[test]
    fn nothing_speaks_of_the_body_that_was() {
        let mut response = fields(&[
            ("etag", "\"1\""),
            ("content-md5", "x"),
            ("digest", "x"),
            ("repr-digest", "x"),
            ("content-length", "9"),
            ("cache-control", "public, max-age=60"),
            ("x-own", "1"),
        ]);
        rewritten(&mut response, Some(4));
        let mut names: Vec<_> = response.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["cache-control", "content-length", "x-own"]);
        assert_eq!(response[CONTENT_LENGTH], "4");
        assert_eq!(response[CACHE_CONTROL], "private, no-cache");
        let mut request = fields(&[
            ("range", "bytes=0-1"),
            ("accept-encoding", "gzip"),
            ("if-none-match", "*"),
        ]);
        asking(&mut request);
        assert_eq!(request.len(), 1);
        assert_eq!(request[ACCEPT_ENCODING], "identity");
    }
}
