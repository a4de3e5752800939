//! WebSocket handshakes (RFC 6455 section 4).

use http::header::{
    CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body::Body as _;

use super::failed::Why;
use crate::body::Outgoing;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Whether a request asks to switch to WebSocket, well-formed or not.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    names(headers, &UPGRADE, "websocket")
}

/// Checks the handshake of a client, so that the upstream and everybody between read it alike.
pub(super) fn check(method: &Method, headers: &HeaderMap, body: &Outgoing) -> Result<(), Why> {
    if method != Method::GET {
        return Err(Why::Handshake("the method of the handshake is not GET"));
    }
    if only(headers, &UPGRADE).is_none_or(|value| !value.eq_ignore_ascii_case(b"websocket")) {
        return Err(Why::Handshake("several protocols are offered"));
    }
    if !names(headers, &CONNECTION, "upgrade") {
        return Err(Why::Handshake("`connection` does not say upgrade"));
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some(b"13".as_slice()) {
        return Err(Why::WebsocketVersion);
    }
    if !only(headers, &SEC_WEBSOCKET_KEY).is_some_and(is_nonce) {
        return Err(Why::Handshake("the key is not 16 bytes in base64"));
    }
    if headers.contains_key(TRANSFER_ENCODING) || body.size_hint().exact() != Some(0) {
        return Err(Why::Handshake("the handshake has a body"));
    }
    Ok(())
}

/// Asks the upstream to switch.
pub(super) fn ask(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
}

/// Whether a 101 of an upstream switches to WebSocket and nothing else.
pub(super) fn is_granted(headers: &HeaderMap) -> bool {
    names(headers, &CONNECTION, "upgrade")
        && only(headers, &UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
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
        assert!(!is_granted(&fields(&[("upgrade", "h2c")])));
        assert!(is_granted(&fields(&[])));
    }
}
