//! Header fields around a body that is reduced.

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE, TE, TRAILER,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Unfiltered;

/// Fields of a request that lead to responses which cannot be reduced, or that speak of a body which
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

/// Fields of a response that speak of the body as the upstream sent it.
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

/// Whether a body under these fields can be reduced.
pub(super) fn check(status: StatusCode, fields: &HeaderMap) -> Result<(), Unfiltered> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !fields.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(Unfiltered::Encoded);
    }
    if status == StatusCode::PARTIAL_CONTENT || fields.contains_key(CONTENT_RANGE) {
        return Err(Unfiltered::Part);
    }
    let mut types = fields.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(value), None) if is_json(value.as_bytes()) => Ok(()),
        _ => Err(Unfiltered::Type),
    }
}

/// Takes away what speaks of the body as the upstream sent it, and tells the length that it has now.
/// Nobody but this client may keep it, and not without asking again.
pub(crate) fn reduced(fields: &mut HeaderMap, length: Option<usize>) {
    for name in &SPEAKING {
        fields.remove(name);
    }
    fields.remove("signature");
    if let Some(length) = length {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let own = HeaderValue::from_static("private, no-cache");
    fields.insert(CACHE_CONTROL, own);
}

/// `application/json`, or what is written as it (RFC 6839 section 3.1).
fn is_json(value: &[u8]) -> bool {
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    let kind = kind.trim_ascii().to_ascii_lowercase();
    let subtype = kind.strip_prefix(b"application/".as_slice());
    subtype.is_some_and(|subtype| subtype == b"json" || subtype.ends_with(b"+json"))
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
    fn only_whole_plain_json_can_be_reduced() {
        let ok = |status: u16, pairs: &[(&'static str, &'static str)]| {
            check(StatusCode::from_u16(status).unwrap(), &fields(pairs)).is_ok()
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
        reduced(&mut response, Some(4));
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
