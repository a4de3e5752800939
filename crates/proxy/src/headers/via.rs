//! Requests that come back to this gateway (RFC 9110 section 7.6.3).

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use http::header::VIA;
use http::{HeaderMap, HeaderValue, Version};

/// The name of this process among proxies: random, so that two gateways in a row are no loop.
static PSEUDONYM: LazyLock<String> = LazyLock::new(|| {
    let number = RandomState::new().hash_one("via");
    format!("ztag-{number:016x}")
});

/// The entries of this process for what came by HTTP/1.0, 1.1 and 2, ready to send.
static SIGNATURES: LazyLock<[HeaderValue; 3]> = LazyLock::new(|| {
    ["1.0", "1.1", "2.0"].map(|version| {
        let entry = HeaderValue::try_from(format!("{version} {}", *PSEUDONYM));
        entry.unwrap_or(HeaderValue::from_static("1.1 ztag"))
    })
});

/// Whether the request went through this process before.
pub(crate) fn is_loop(headers: &HeaderMap) -> bool {
    let name = PSEUDONYM.as_bytes();
    let mut values = headers.get_all(VIA).into_iter();
    values.any(|value| {
        value
            .as_bytes()
            .windows(name.len())
            .any(|part| part == name)
    })
}

/// Adds this process to those that the request went through, which it came to by `version`.
pub(crate) fn sign(headers: &mut HeaderMap, version: Version) {
    let [oldest, usual, newest] = &*SIGNATURES;
    let signature = match version {
        Version::HTTP_2 => newest,
        Version::HTTP_10 => oldest,
        _ => usual,
    };
    headers.append(VIA, signature.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signed_recognises_the_request() {
        let mut headers = HeaderMap::new();
        headers.insert(VIA, HeaderValue::from_static("1.1 ztag, 1.0 fred"));
        assert!(!is_loop(&headers));
        for (index, (version, text)) in [
            (Version::HTTP_11, "1.1 ztag-"),
            (Version::HTTP_2, "2.0 ztag-"),
            (Version::HTTP_10, "1.0 ztag-"),
        ]
        .into_iter()
        .enumerate()
        {
            sign(&mut headers, version);
            assert!(is_loop(&headers));
            let lines: Vec<_> = headers.get_all(VIA).into_iter().collect();
            assert_eq!(lines[0], "1.1 ztag, 1.0 fred");
            assert!(lines[index + 1].to_str().unwrap().starts_with(text));
        }
    }
}
