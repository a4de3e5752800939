use proptest::prelude::*;

use super::*;

const STRICT: PathRules = PathRules { parameters: false };
const LENIENT: PathRules = PathRules { parameters: true };

fn refused<T: std::fmt::Debug>(result: Result<T, Fault>) -> &'static str {
    result.unwrap_err().detail()
}

fn same(raw: &str) {
    assert_eq!(path(raw, STRICT).as_deref(), Ok(raw));
}

fn respelt(raw: &str, canonical: &str) {
    assert_eq!(path(raw, STRICT).as_deref(), Ok(canonical), "{raw}");
}

fn odd(raw: &str, detail: &str) {
    assert_eq!(refused(path(raw, STRICT)), detail, "{raw}");
}

#[test]
fn plain_paths_are_canonical() {
    for raw in [
        "/",
        "/a",
        "/a/",
        "/a/b.c",
        "/...",
        "/.well-known/x",
        "/a:b@c",
        "/~u/!$&'()*+,=",
    ] {
        same(raw);
        assert!(matches!(
            path(raw, STRICT),
            Ok(std::borrow::Cow::Borrowed(_))
        ));
    }
}

#[test]
fn one_place_has_one_spelling() {
    respelt("/%61dmin", "/admin");
    respelt("/%7Euser", "/~user");
    respelt("/a%2eb", "/a.b");
    respelt("/v1%3Adelete", "/v1:delete");
    respelt("/caf%c3%a9", "/caf%C3%A9");
    respelt("/a%20b", "/a%20b");
    respelt("/100%25", "/100%25");
    respelt("/%7c", "/%7C");
}

#[test]
fn attack_01_dot_segments() {
    for raw in [
        "/public/../admin",
        "/public/./admin",
        "/public/%2e%2e/admin",
        "/public/%2E%2E/admin",
        "/public/.%2e/admin",
        "/public/%2e./admin",
        "/public/%2e/admin",
        "/public/..",
        "/public/.",
        "/..",
    ] {
        odd(raw, "dot segment in the path");
    }
    odd("/public/..;/admin", "path parameter");
    odd("/public/..%3b/admin", "encoded path parameter");
    let lenient = |raw| refused(path(raw, LENIENT));
    assert_eq!(lenient("/public/..;/admin"), "dot segment in the path");
    assert_eq!(lenient("/public/.;x=1/admin"), "dot segment in the path");
    assert_eq!(lenient("/public/%2e%2e;x/admin"), "dot segment in the path");
}

#[test]
fn attack_02_encoded_slash() {
    odd("/a%2fb", "encoded slash in the path");
    odd("/a%2Fb", "encoded slash in the path");
    odd("/a%5cb", "encoded backslash in the path");
    odd("/a%5Cb", "encoded backslash in the path");
    for raw in [
        "/a%252fb",
        "/a%252Fb",
        "/%25%32%66",
        "/%2561",
        "/%2525fx",
        "/a%25%35c",
    ] {
        odd(raw, "double encoding in the path");
    }
}

#[test]
fn attack_03_double_slash() {
    for raw in ["//admin/x", "///admin", "/a//b", "/a//", "//"] {
        odd(raw, "empty segment in the path");
    }
    odd("/\\admin", "backslash in the path");
    odd("\\admin", "request target is not an absolute path");
}

#[test]
fn attack_04_fragment() {
    assert_eq!(
        refused(split("/admin#/public")),
        "fragment in the request target"
    );
    assert_eq!(
        refused(split("/admin?a#b")),
        "fragment in the request target"
    );
    odd("/admin%23x", "encoded fragment in the path");
    odd("/admin#x", "fragment in the request target");
    assert_eq!(
        refused(query("a=b#c")),
        "the query holds a character that no URI may hold"
    );
}

#[test]
fn attack_05_matrix_parameters() {
    odd("/admin;a=b/x", "path parameter");
    odd("/;/admin", "path parameter");
    odd("/admin%3Ba=b", "encoded path parameter");
    assert_eq!(path("/admin;a=b/x", LENIENT).as_deref(), Ok("/admin;a=b/x"));
    assert_eq!(
        refused(path("/;/admin", LENIENT)),
        "empty segment in the path"
    );
    assert_eq!(
        refused(path("/admin/;x", LENIENT)),
        "empty segment in the path"
    );
    assert_eq!(refused(path("/a%3bb", LENIENT)), "encoded path parameter");
}

#[test]
fn attack_09_null_control_overlong() {
    odd("/a%00", "null byte in the path");
    odd("/a%0a", "control character in the path");
    odd("/a%7f", "control character in the path");
    odd("/a\x01", "control character in the path");
    odd("/a%c2%85", "control character in the path");
    for overlong in [
        "/%c0%af",
        "/%c0%ae%c0%ae/x",
        "/%e0%80%af",
        "/%ff",
        "/%ed%a0%80",
    ] {
        odd(overlong, "the path is not UTF-8");
    }
    odd("/a%3fb", "encoded question mark in the path");
    for broken in ["/%", "/%4", "/%zz", "/a%2", "/%+1"] {
        odd(broken, "invalid percent-encoding");
    }
    for raw in [
        "/a b", "/é", "/a<b", "/a\"b", "/a|b", "/a{b}", "/[a]", "/a^b", "/a`b",
    ] {
        odd(raw, "the path holds a character that no URI may hold");
    }
    assert_eq!(refused(query("a=%00")), "null byte in the query");
    assert_eq!(refused(query("a=%c0%af")), "the query is not UTF-8");
    assert_eq!(refused(query("a=%2")), "invalid percent-encoding");
    assert_eq!(
        refused(query("a=\tb")),
        "the query holds a character that no URI may hold"
    );
}

#[test]
fn targets_are_in_origin_form_and_bounded() {
    assert_eq!(split("/a?b?c=%3f"), Ok(("/a", Some("b?c=%3f"))));
    assert_eq!(split("/a"), Ok(("/a", None)));
    for raw in ["*", "example.com:443", "http://example.com/", "", "?a"] {
        assert_eq!(
            refused(split(raw)),
            "request target is not an absolute path"
        );
    }
    let long = format!("/{}", "a".repeat(MAX_TARGET));
    assert_eq!(refused(split(&long)), "request target is too long");
}

#[test]
fn queries_are_decoded_as_forms() {
    let check = |raw: &str, expected: &[(&str, &str)]| {
        let query = query(raw).unwrap();
        let pairs: Vec<_> = query
            .0
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(pairs, expected, "{raw}");
    };
    check("", &[]);
    check("a=1&b=2", &[("a", "1"), ("b", "2")]);
    check("a&&b=", &[("a", ""), ("b", "")]);
    check("a=b+c%20d%2Be", &[("a", "b c d+e")]);
    check("a%5B%5D=1&a[]=2", &[("a[]", "1"), ("a[]", "2")]);
    check("a=b=c;d", &[("a", "b=c;d")]);
    check("q=caf%C3%A9", &[("q", "café")]);
    assert_eq!(
        refused(query(&"a&".repeat(257))),
        "too many query parameters"
    );
    assert!(query(&"a&".repeat(256)).is_ok());
}

fn named(text: &str, name: &str, port: Option<u16>) {
    let name = name.into();
    assert_eq!(host(text), Ok(Host { name, port }), "{text}");
}

#[test]
fn attack_07_host_case_dot_port() {
    named("Admin.Example.COM", "admin.example.com", None);
    named("admin.example.com.", "admin.example.com", None);
    named("admin.example.com:443", "admin.example.com", Some(443));
    named("ADMIN.example.com.:8443", "admin.example.com", Some(8443));
    named("[2001:DB8:0::1]", "[2001:db8::1]", None);
    named("[::1]:80", "[::1]", Some(80));
    named("192.0.2.1", "192.0.2.1", None);
    named("localhost", "localhost", None);
    named("my_service-1", "my_service-1", None);
    for unusual in [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "1.2.3.4.5",
        "a.0x1",
    ] {
        assert_eq!(
            refused(host(unusual)),
            "host is an address in an unusual form"
        );
    }
}

#[test]
fn attack_08_unchecked_host() {
    for text in [
        "",
        ".",
        ":80",
        "a;b",
        "a,b",
        "a\"b",
        "a b",
        "a\r\nb",
        "user@a",
        "a/b",
        "a?b",
        "a#b",
        "a%41",
        "é.example",
        "a\\b",
        "a\0",
        "[::1",
        "[::1]x",
        "[]",
    ] {
        assert!(host(text).is_err(), "{text:?}");
    }
    assert_eq!(refused(host("a..b")), "host has an empty label");
    assert_eq!(refused(host("a..")), "host has an empty label");
    for port in [
        "a:", "a:0", "a:080", "a:65536", "a:x", "a:80:80", "a:+80", "[::1]:", "[::1]:x",
    ] {
        assert_eq!(
            refused(host(port)),
            "port of the host is malformed",
            "{port}"
        );
    }
    assert_eq!(
        refused(host("[fe80::1%25eth0]")),
        "host is not an IPv6 address"
    );
    assert!(host(&"a".repeat(254)).is_err());
}

#[test]
fn attack_10_methods() {
    for usual in ["GET", "OPTIONS", "PROPFIND", "M-SEARCH"] {
        assert_eq!(method(usual).unwrap().as_str(), usual);
    }
    for odd in [
        "get",
        "Get",
        "",
        "GET ",
        "GE T",
        "GÉT",
        "G,ET",
        &"A".repeat(33),
    ] {
        assert_eq!(refused(method(odd)), "method is not an upper-case token");
    }
    for refused_method in ["CONNECT", "TRACE"] {
        assert_eq!(
            refused(method(refused_method)),
            "method is CONNECT or TRACE"
        );
    }
}

#[test]
fn schemes_before_their_upgrade() {
    for (text, expected) in [
        ("http", "http"),
        ("WS", "http"),
        ("https", "https"),
        ("wss", "https"),
    ] {
        assert_eq!(scheme(text), Ok(expected));
    }
    for text in ["", "ftp", "https,http", "https "] {
        assert_eq!(refused(scheme(text)), "forwarded scheme is unknown");
    }
}

/// Paths of the pieces that attacks are made of, and of anything at all.
fn paths() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        prop::sample::select(vec![
            ".", "..", "%2e", "%2E", "%2f", "%5c", "%25", "2f", "%", ";", "\\", "a", "%61",
            "%c3%a9", "%C3", "%20", "~", "+", ":", "%3A", "%3b", "%00", "é", "?", "#",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,3}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn what_is_accepted_is_its_own_canonical_form(raw in paths(), parameters: bool) {
        let rules = PathRules { parameters };
        if let Ok(once) = path(&raw, rules) {
            let twice = path(&once, rules);
            prop_assert_eq!(twice.as_deref(), Ok(&*once));
        }
    }

    #[test]
    fn no_other_reader_would_change_what_is_accepted(raw in paths(), parameters: bool) {
        let rules = PathRules { parameters };
        if let Ok(canonical) = path(&raw, rules) {
            for spelling in [&*raw, &*canonical] {
                let url = url::Url::parse(&format!("http://h{spelling}")).unwrap();
                prop_assert_eq!(url.path(), spelling);
            }
        }
    }

    #[test]
    fn a_host_is_what_other_readers_take_it_for(text in "[a-zA-Z0-9.\\-_:\\[\\]@%]{0,20}") {
        if let Ok(host) = host(&text) {
            let url = url::Url::parse(&format!("http://{text}/")).unwrap();
            let theirs = url.host_str().unwrap();
            prop_assert_eq!(theirs.strip_suffix('.').unwrap_or(theirs), host.name.as_str());
            prop_assert_eq!(url.port(), host.port.filter(|port| *port != 80));
            let again = super::host(&host.name).map(|host| host.name);
            prop_assert_eq!(again.as_deref(), Ok(host.name.as_str()));
        }
    }

    #[test]
    fn queries_agree_with_another_reader(raw in "[a-c=&+%0-9;A-F]{0,24}") {
        if let Ok(query) = query(&raw) {
            let url = url::Url::parse(&format!("http://h/?{raw}")).unwrap();
            let theirs: Vec<_> = url.query_pairs().collect();
            let ours: Vec<_> = query.0.iter().map(|(n, v)| (n.as_str().into(), v.as_str().into())).collect();
            prop_assert_eq!(theirs, ours);
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>()) {
        let _ = (path(&text, LENIENT), query(&text), host(&text), method(&text), split(&text));
    }
}
