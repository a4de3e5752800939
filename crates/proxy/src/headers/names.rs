//! Kinds of header fields, by their lower-case names.

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};

/// Whether a field concerns one connection only (RFC 9110 section 7.6.1), whatever `Connection`
/// says.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether a field is said by proxies about earlier hops. Whoever is not a proxy lies with it, and
/// what trusted ones said is written anew.
pub(super) fn speaks_for_a_proxy(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["x-forwarded", "x-original-", "x-envoy-", "x-ztag-"];
    matches!(
        name,
        "cf-connecting-ip"
            | "client-cert"
            | "client-cert-chain"
            | "fastly-client-ip"
            | "forwarded"
            | "true-client-ip"
            | "x-client-ip"
            | "x-cluster-client-ip"
            | "x-host"
            | "x-real-ip"
            | "x-rewrite-url"
    ) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a field is a control word between this gateway and its own kind.
pub(super) fn is_internal(name: &str) -> bool {
    name.starts_with("x-ztag-")
}

/// Whether every reader sees the same name. Many applications read `X_User` and `X.User` as
/// `X-User`; such names are not what any rule saw, and go no further.
pub(super) fn is_plain(name: &str) -> bool {
    // Without a way out between letters: nearly all names are plain.
    let is_plain = |b: u8| PLAIN.get(usize::from(b)).is_some_and(|plain| *plain);
    name.bytes().fold(true, |plain, b| plain & is_plain(b))
}

/// The bytes of plain names. Names are too short to be compared many bytes at a time: looked up,
/// one takes half as long.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, by an index of eight bits"
)]
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        plain[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-';
        byte += 1;
    }
    plain
};

/// Whether a field frames or addresses the message, which is nobody's but the sender's.
pub(super) fn frames(name: &str) -> bool {
    matches!(name, "content-length" | "expect" | "host" | "trailer")
}

/// The fields that `Connection` names: they concern its connection only as well. Its usual options
/// are either no fields or such that end at every connection.
pub(super) fn named_by_connection(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    const USUAL: [&str; 2] = ["close", "keep-alive"];
    let values = headers.get_all(CONNECTION).into_iter();
    values
        // Most often it says nothing else, in these very letters.
        .filter(|value| !USUAL.iter().any(|usual| *value == usual))
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim_matches([' ', '\t']))
        .filter(|name| !USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(name)))
        .filter_map(|name| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_kind() {
        for (name, hop, proxy, plain) in [
            ("connection", true, false, true),
            ("transfer-encoding", true, false, true),
            ("proxy-connection", true, false, true),
            ("x-forwarded-prefix", false, true, true),
            ("x-forwarded", false, true, true),
            ("x-original-uri", false, true, true),
            ("x-envoy-original-path", false, true, true),
            ("client-cert", false, true, true),
            ("cf-connecting-ip", false, true, true),
            ("x-client-ip", false, true, true),
            ("x_user", false, false, false),
            ("x.user", false, false, false),
            ("x-request-id", false, false, true),
            ("cookie", false, false, true),
        ] {
            assert_eq!(is_hop_by_hop(name), hop, "{name}");
            assert_eq!(speaks_for_a_proxy(name), proxy, "{name}");
            assert_eq!(is_plain(name), plain, "{name}");
        }
    }
}
