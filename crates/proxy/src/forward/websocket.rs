//! WebSocket handshakes (RFC 6455 section 4), over HTTP/2 as well (RFC 8441).

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body::Body as _;

use super::failed::Why;
use crate::body::Outgoing;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// What servers join to a key, so that their answer shows that they understood it (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks to switch to WebSocket, well-formed or not.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    names(headers, &UPGRADE, "websocket")
}

/// Checks the handshake of a client, so that the upstream and everybody between read it alike.
/// Returns its key.
pub(super) fn check(
    method: &Method,
    headers: &HeaderMap,
    body: &Outgoing,
) -> Result<HeaderValue, Why> {
    if method != Method::GET {
        return Err(Why::Handshake("the method of the handshake is not GET"));
    }
    if only(headers, &UPGRADE).is_none_or(|value| !value.eq_ignore_ascii_case(b"websocket")) {
        return Err(Why::Handshake("several protocols are offered"));
    }
    if !names(headers, &CONNECTION, "upgrade") {
        return Err(Why::Handshake("`connection` does not say upgrade"));
    }
    check_version(headers)?;
    let key = only(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_nonce(key));
    let key = key.and_then(|key| HeaderValue::from_bytes(key).ok());
    let key = key.ok_or(Why::Handshake("the key is not 16 bytes in base64"))?;
    if headers.contains_key(TRANSFER_ENCODING) || body.size_hint().exact() != Some(0) {
        return Err(Why::Handshake("the handshake has a body"));
    }
    Ok(key)
}

/// Checks the handshake of a stream of HTTP/2, whose pseudo fields say the rest (RFC 8441 section
/// 5).
pub(super) fn check_stream(headers: &HeaderMap) -> Result<(), Why> {
    if headers.contains_key(CONNECTION) || headers.contains_key(UPGRADE) {
        return Err(Why::Handshake("a stream has no fields of a connection"));
    }
    check_version(headers)
}

fn check_version(headers: &HeaderMap) -> Result<(), Why> {
    if only(headers, &SEC_WEBSOCKET_VERSION) == Some(b"13".as_slice()) {
        Ok(())
    } else {
        Err(Why::WebsocketVersion)
    }
}

/// A key for the handshake with an upstream, where the client's has none.
pub(super) fn new_key() -> Result<HeaderValue, Why> {
    let mut nonce = [0; 16];
    let filled = aws_lc_rs::rand::fill(&mut nonce).ok();
    let key = filled.and_then(|()| HeaderValue::try_from(STANDARD.encode(nonce)).ok());
    key.ok_or(Why::Handshake("there is no randomness for a key"))
}

/// Asks the upstream to switch, and to show that it understood by `key`.
pub(super) fn ask(headers: &mut HeaderMap, key: &HeaderValue) {
    switched(headers);
    headers.insert(SEC_WEBSOCKET_KEY, key.clone());
}

/// Says that the connection is one for WebSocket.
pub(super) fn switched(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
}

/// Checks that a 101 of an upstream switches to WebSocket and nothing else, and that whoever sent
/// it read `key` (section 4.2.2): it is no answer to something else, and none that was kept.
pub(super) fn check_granted(headers: &HeaderMap, key: &HeaderValue) -> Result<(), &'static str> {
    let upgrade = only(headers, &UPGRADE);
    if !names(headers, &CONNECTION, "upgrade")
        || upgrade.is_none_or(|value| !value.eq_ignore_ascii_case(b"websocket"))
    {
        return Err("the upstream switched to another protocol");
    }
    if only(headers, &SEC_WEBSOCKET_ACCEPT) != Some(accept(key).as_bytes()) {
        return Err("the upstream switched without an answer to the key");
    }
    Ok(())
}

/// The answer to `key`.
fn accept(key: &HeaderValue) -> String {
    // Chosen by the protocol: it keeps nothing secret and proves nothing but understanding.
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key.as_bytes());
    context.update(GUID);
    STANDARD.encode(context.finish())
}

/// 24 letters of base64 that stand for 16 bytes.
fn is_nonce(key: &[u8]) -> bool {
    let letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key.iter().take(22).all(letter)
}

/// The value of a field that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

/// Whether the list `name` holds `token`.
fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn fields(changed: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in GOOD {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in changed {
            headers.remove(*name);
            for line in value.split('|').filter(|line| !line.is_empty()) {
                headers.append(*name, HeaderValue::from_static(line));
            }
        }
        headers
    }

    #[test]
    fn attack_21_only_a_whole_handshake_is_one() {
        let check = |method: Method, changed: &[(&'static str, &'static str)], good: bool| {
            let found = check(&method, &fields(changed), &Outgoing::Empty);
            assert_eq!(found.is_ok(), good, "{method} {changed:?}: {found:?}");
        };
        check(Method::GET, &[], true);
        check(Method::POST, &[], false);
        check(Method::GET, &[("upgrade", "websocket, h2c")], false);
        check(Method::GET, &[("upgrade", "websocket|websocket")], false);
        check(Method::GET, &[("connection", "keep-alive")], false);
        check(Method::GET, &[("connection", "")], false);
        check(Method::GET, &[("sec-websocket-version", "8")], false);
        check(Method::GET, &[("sec-websocket-version", "")], false);
        check(Method::GET, &[("sec-websocket-key", "")], false);
        check(Method::GET, &[("sec-websocket-key", "c2hvcnQ=")], false);
        check(
            Method::GET,
            &[(
                "sec-websocket-key",
                "dGhlIHNhbXBsZSBub25jZQ==|dGhlIHNhbXBsZSBub25jZQ==",
            )],
            false,
        );
        check(Method::GET, &[("transfer-encoding", "chunked")], false);
    }

    #[test]
    fn attack_21_a_handshake_has_no_body() {
        let body = Outgoing::Full(Bytes::from_static(b"GET /admin HTTP/1.1\r\n\r\n"));
        assert!(check(&Method::GET, &fields(&[]), &body).is_err());
    }

    #[test]
    fn a_version_that_nobody_speaks_is_told_apart() {
        let headers = fields(&[("sec-websocket-version", "8")]);
        let found = check(&Method::GET, &headers, &Outgoing::Empty);
        assert!(matches!(found, Err(Why::WebsocketVersion)), "{found:?}");
    }

    #[test]
    fn other_offers_are_no_handshake() {
        assert!(is_asked(&fields(&[])));
        assert!(is_asked(&fields(&[("upgrade", "h2c, websocket")])));
        assert!(!is_asked(&fields(&[("upgrade", "h2c")])));
    }

    #[test]
    fn attack_21_an_upstream_shows_that_it_read_the_key() {
        let key = HeaderValue::from_static(GOOD[3].1);
        let check = |changed: &[(&'static str, &'static str)], good: bool| {
            let mut headers = fields(&[("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]);
            for (name, value) in changed {
                headers.remove(*name);
                for line in value.split('|').filter(|line| !line.is_empty()) {
                    headers.append(*name, HeaderValue::from_static(line));
                }
            }
            let found = check_granted(&headers, &key);
            assert_eq!(found.is_ok(), good, "{changed:?}: {found:?}");
        };
        check(&[], true);
        check(&[("upgrade", "h2c")], false);
        check(&[("upgrade", "websocket, h2c")], false);
        check(&[("connection", "close")], false);
        for accept in [
            "",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
            "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "dGhlIHNhbXBsZSBub25jZQ==",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=|s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ] {
            check(&[("sec-websocket-accept", accept)], false);
        }
    }

    #[test]
    fn keys_of_ours_are_keys() {
        let [one, other] = [(); 2].map(|()| new_key().unwrap());
        assert!(is_nonce(one.as_bytes()) && one != other);
    }
}
