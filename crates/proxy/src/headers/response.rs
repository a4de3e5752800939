//! Header fields of a response on its way to the client.

use http::header::{ALT_SVC, CONNECTION};
use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use super::names::{frames, is_hop_by_hop, is_internal, named_by_connection};

/// Removes what an upstream must not tell the client: fields of its own connection, control words,
/// and the invitation to come another way (RFC 7838), past this gateway.
pub(crate) fn returning(headers: &mut HeaderMap) {
    let ends_here = |name: &&HeaderName| {
        let text = name.as_str();
        match text.as_bytes().first() {
            Some(b'c' | b'h' | b'k' | b'p' | b't' | b'u') => is_hop_by_hop(text),
            Some(b'x') => is_internal(text),
            _ => **name == ALT_SVC,
        }
    };
    let mut ending: SmallVec<[HeaderName; 4]> = headers.keys().filter(ends_here).cloned().collect();
    if ending.contains(&CONNECTION) {
        ending.extend(named_by_connection(headers));
    }
    for name in &ending {
        headers.remove(name);
    }
}

/// Removes from trailers what is read before the content, where it would come too late or twice
/// (RFC 9110 section 6.5.1).
pub(crate) fn returning_trailers(trailers: &mut HeaderMap) {
    let misplaced = |name: &&HeaderName| {
        let name = name.as_str();
        is_hop_by_hop(name)
            || is_internal(name)
            || frames(name)
            || name.starts_with("content-")
            || matches!(
                name,
                "age"
                    | "alt-svc"
                    | "authorization"
                    | "cache-control"
                    | "date"
                    | "expires"
                    | "location"
                    | "pragma"
                    | "retry-after"
                    | "set-cookie"
                    | "vary"
                    | "www-authenticate"
            )
    };
    let ending: SmallVec<[HeaderName; 4]> = trailers.keys().filter(misplaced).cloned().collect();
    for name in &ending {
        trailers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = http::HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn attack_14_and_18_what_concerns_the_connection_and_control_words_end_here() {
        let mut headers = fields(&[
            ("connection", "close, X-Drop"),
            ("x-drop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("alt-svc", "h3=\":443\""),
            ("x-ztag-outcome", "pass"),
            ("server", "app"),
            ("trailer", "grpc-status"),
            ("set-cookie", "a=b"),
            ("content-length", "3"),
        ]);
        returning(&mut headers);
        assert_eq!(
            names(&headers),
            ["content-length", "server", "set-cookie", "trailer"]
        );
    }

    #[test]
    fn trailers_hold_nothing_that_is_read_before_the_content() {
        let mut trailers = fields(&[
            ("grpc-status", "0"),
            ("set-cookie", "a=b"),
            ("content-length", "3"),
            ("content-encoding", "gzip"),
            ("transfer-encoding", "chunked"),
            ("x-ztag-outcome", "pass"),
            ("server-timing", "db;dur=1"),
        ]);
        returning_trailers(&mut trailers);
        assert_eq!(names(&trailers), ["grpc-status", "server-timing"]);
    }
}
