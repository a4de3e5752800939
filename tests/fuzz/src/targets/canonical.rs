//! Paths, queries, hosts and methods of requests.

use std::str;

use ztag_admission::canonical::{PathRules, host, method, path, query};

/// Whatever is accepted is accepted again, unchanged, and holds nothing ambiguous.
pub(crate) fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    for parameters in [false, true] {
        check_path(text, PathRules { parameters });
    }
    if let Ok(found) = host(text) {
        let port = found.port.map(|port| format!(":{port}"));
        let spelt = format!("{}{}", found.name, port.unwrap_or_default());
        assert_eq!(host(&spelt).ok(), Some(found));
    }
    if let Ok(found) = method(text) {
        assert_eq!(method(found.as_str()).ok(), Some(found));
    }
    if let Ok(found) = query(text) {
        assert!(found.0.len() <= text.split('&').count());
    }
}

fn check_path(text: &str, rules: PathRules) {
    let Ok(canonical) = path(text, rules) else {
        return;
    };
    assert!(canonical.starts_with('/'));
    let mut segments = canonical.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        assert!(is_last || !segment.is_empty(), "an empty segment");
        let name = segment.split(';').next().unwrap_or_default();
        assert!(name != "." && name != "..", "a dot segment");
    }
    let upper = canonical.to_ascii_uppercase();
    for escape in ["%2F", "%5C", "%00", "%2E"] {
        assert!(!upper.contains(escape), "`{escape}` is let through");
    }
    assert!(!canonical.contains(['\\', '?', '#', '\0']));
    assert_eq!(path(&canonical, rules).ok().as_deref(), Some(&*canonical));
}
