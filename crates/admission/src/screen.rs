//! One pass over the header fields of a hop, before anything in them is believed.

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use ztag_types::Headers;

use crate::error::Fault;
use crate::forwarded::{CLIENT_CERTIFICATE, is_metadata, text};
use crate::policy::CapturePolicy;

/// Refuses what nobody may read, and says whether words of a proxy are present.
pub(crate) fn screen(headers: &HeaderMap, policy: &CapturePolicy) -> Result<bool, Fault> {
    let mut metadata = false;
    for (name, value) in headers {
        let bytes = value.as_bytes();
        if !bytes.is_ascii() && std::str::from_utf8(bytes).is_err() {
            return Err(Fault::ambiguous("a header value is not UTF-8"));
        }
        let name = name.as_str();
        if policy.is_alias(name) {
            return Err(Fault::ambiguous(
                "a header passes for one that the reply sets",
            ));
        }
        metadata |= policy.is_certificate_header(name);
        match name.as_bytes().first() {
            Some(b'x' | b'f') => {
                metadata |= is_metadata(name);
                if METHOD_OVERRIDES.contains(&name) && !policy.allows_method_override() {
                    return Err(Fault::ambiguous("a header overrides the method"));
                }
            }
            Some(b'c') if name == CONNECTION.as_str() => check_connection(text(value))?,
            Some(b'c') => metadata |= is_metadata(name),
            _ => {}
        }
    }
    Ok(metadata)
}

/// Refuses a second line of whatever must have one value; joins cookie lines (RFC 9113,
/// section 8.2.3), which a client may split.
pub(crate) fn unify(headers: &mut HeaderMap, policy: &CapturePolicy) -> Result<(), Fault> {
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    join_cookies(headers)?;
    let named = policy.single().headers.iter();
    let mut single = named.chain([&AUTHORIZATION, &CONTENT_TYPE, &HOST]);
    if single.any(|name| is_repeated(headers, name)) {
        return Err(Fault::ambiguous(
            "a header that must have one value is sent twice",
        ));
    }
    let visible =
        |name: &&HeaderName| !Headers::is_hidden(name.as_str()) && !LISTS.contains(&name.as_str());
    if policy.single().all_headers
        && headers
            .keys()
            .filter(visible)
            .any(|name| is_repeated(headers, name))
    {
        return Err(Fault::ambiguous(
            "a header that must have one value is sent twice",
        ));
    }
    Ok(())
}

/// Drops every word of a proxy.
pub(crate) fn strip(headers: &mut HeaderMap, policy: &CapturePolicy) {
    let spoken: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_metadata(name.as_str()) || policy.is_certificate_header(name.as_str()))
        .cloned()
        .collect();
    for name in spoken {
        headers.remove(name);
    }
}

/// Drops the certificate that a proxy passed on: it is read, and nobody else shall read it again.
pub(crate) fn strip_certificates(headers: &mut HeaderMap, policy: &CapturePolicy) {
    let is_one = |name: &HeaderName| {
        CLIENT_CERTIFICATE.contains(&name.as_str()) || policy.is_certificate_header(name.as_str())
    };
    // Most requests have none, and looking through the names costs less than hashing ours.
    if !headers.keys().any(is_one) {
        return;
    }
    for name in CLIENT_CERTIFICATE {
        headers.remove(name);
    }
    if let Some(own) = policy.certificate_header() {
        headers.remove(own.name());
    }
}

/// Fields by which frameworks let a client change the method after it was judged.
const METHOD_OVERRIDES: &[&str] = &[
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// What `Connection` may name. Any other field named there is deleted by some hop, so that the
/// judge and the backend see different requests.
const CONNECTION_OPTIONS: &[&str] = &[
    "",
    "close",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "trailers",
    "upgrade",
];

/// Fields that are lists by definition, where lines and commas mean the same.
const LISTS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "if-match",
    "if-none-match",
    "link",
    "pragma",
    "prefer",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "warning",
];

fn is_repeated(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).into_iter().nth(1).is_some()
}

fn check_connection(value: &str) -> Result<(), Fault> {
    let known = |option: &str| {
        let option = option.trim_matches([' ', '\t']);
        CONNECTION_OPTIONS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(option))
    };
    if value.split(',').all(known) {
        Ok(())
    } else {
        Err(Fault::ambiguous("`connection` names a header to delete"))
    }
}

fn join_cookies(headers: &mut HeaderMap) -> Result<(), Fault> {
    if !is_repeated(headers, &COOKIE) {
        return Ok(());
    }
    let lines: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .into_iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let joined = HeaderValue::from_bytes(&lines.join(b"; ".as_slice()))
        .map_err(|_| Fault::ambiguous("cookies cannot be joined"))?;
    headers.insert(COOKIE, joined);
    Ok(())
}
