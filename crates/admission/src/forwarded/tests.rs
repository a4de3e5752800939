use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn chain_text(chain: Result<Chain, Fault>) -> Result<String, &'static str> {
    let texts = |chain: Chain| chain.iter().map(ToString::to_string).collect::<Vec<_>>();
    chain
        .map(|chain| texts(chain).join(" "))
        .map_err(Fault::detail)
}

const INVALID: Result<&str, &str> = Err("invalid forwarded chain");
const MISSING: Result<&str, &str> = Err("forwarded metadata missing for directive");

#[test]
fn x_forwarded_for_is_one_list_of_addresses() {
    let check = |lines: &[&str], expected: Result<&str, &str>| {
        let read = chain_text(x_forwarded_for(lines.iter().copied()));
        assert_eq!(read.as_deref().map_err(|e| *e), expected, "{lines:?}");
    };
    check(&["192.0.2.1"], Ok("192.0.2.1"));
    check(&["192.0.2.1, 10.0.0.1"], Ok("192.0.2.1 10.0.0.1"));
    check(
        &["192.0.2.1,10.0.0.1", "10.0.0.2"],
        Ok("192.0.2.1 10.0.0.1 10.0.0.2"),
    );
    check(&["192.0.2.1:4711"], Ok("192.0.2.1"));
    check(&["2001:db8::1"], Ok("2001:db8::1"));
    check(
        &["[2001:db8::1], [2001:DB8::2]:80"],
        Ok("2001:db8::1 2001:db8::2"),
    );
    check(&["::ffff:192.0.2.1"], Ok("192.0.2.1"));
    for junk in [
        "",
        ",",
        "192.0.2.1,",
        "unknown",
        "_hidden",
        "192.0.2",
        "192.0.2.1:",
        "192.0.2.1:x",
        "192.0.2.1:70000",
        "[192.0.2.1]",
        "[2001:db8::1",
        "[2001:db8::1]80",
        "2001:db8::1]:80",
        "127.1",
        "0x7f.0.0.1",
        "010.0.0.1",
        "fe80::1%eth0",
        "192.0.2.1 10.0.0.1",
        "\"192.0.2.1\"",
        "192.0.2.1:+80",
    ] {
        check(&[junk], INVALID);
    }
    let long = vec!["192.0.2.1"; MAX_HOPS + 1].join(",");
    check(&[&long], Err("forwarded chain is too long"));
}

#[test]
fn forwarded_is_read_as_rfc_7239_says() {
    let check = |lines: &[&str], expected: Result<&str, &str>| {
        let read = chain_text(forwarded(lines.iter().copied()));
        assert_eq!(read.as_deref().map_err(|e| *e), expected, "{lines:?}");
    };
    check(&["for=192.0.2.1"], Ok("192.0.2.1"));
    check(
        &["For=192.0.2.1;proto=http;by=203.0.113.43"],
        Ok("192.0.2.1"),
    );
    check(
        &["proto=https; for=\"192.0.2.1:80\" , for=10.0.0.1"],
        Ok("192.0.2.1 10.0.0.1"),
    );
    check(&["for=192.0.2.1", "for=10.0.0.1"], Ok("192.0.2.1 10.0.0.1"));
    check(&["for=\"[2001:db8::1]:4711\""], Ok("2001:db8::1"));
    check(&["for=\"[::ffff:192.0.2.1]\""], Ok("192.0.2.1"));
    check(&["host=\"a,b;c\\\"d\";for=192.0.2.1"], Ok("192.0.2.1"));
    for obscured in [
        "for=unknown",
        "for=_hidden",
        "for=\"_hidden\"",
        "proto=https",
        "for=Unknown",
    ] {
        check(&[obscured], MISSING);
    }
    for junk in [
        "",
        ";",
        ",",
        "for",
        "for=",
        "for=\"",
        "for=\"192.0.2.1",
        "for=\"192.0.2.1\"x",
        "=192.0.2.1",
        "for=192.0.2.1,",
        "for=192.0.2.1;",
        "for=192.0.2.1;;proto=http",
        "for =192.0.2.1",
        "for=192.0.2.1:80",
        "for=2001:db8::1",
        "for=[2001:db8::1]",
        "for=\"2001:db8::1\"",
        "for=192.0.2.1;for=10.0.0.1",
        "for=192.0.2.1;FOR=10.0.0.1",
        "for=\"\\192.0.2.1\"",
        "for=\"192.0.2.1:x\"",
        "for=192.0.2.1 for=10.0.0.1",
        "for=a",
        "for=192.0.2.1;a b=c",
    ] {
        check(&[junk], INVALID);
    }
}

#[test]
fn defect_03_03_bracketed_ipv6_without_port_is_valid() {
    let read = chain_text(forwarded(["for=\"[2001:db8::1]\""]));
    assert_eq!(read.as_deref(), Ok("2001:db8::1"));
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn both_chains_must_agree() {
    let check = |fields: &[(&str, &str)], expected: Result<Option<&str>, &str>| {
        let chain = agreed_chain(&headers(fields)).map_err(Fault::detail);
        let texts = chain.map(|chain| chain.map(|chain| chain_text(Ok(chain)).unwrap()));
        assert_eq!(
            texts.as_ref().map(Option::as_deref).map_err(|e| *e),
            expected
        );
    };
    let xff = ("x-forwarded-for", "192.0.2.1, 10.0.0.1");
    check(&[], Ok(None));
    check(&[xff], Ok(Some("192.0.2.1 10.0.0.1")));
    check(&[("forwarded", "for=192.0.2.1")], Ok(Some("192.0.2.1")));
    check(
        &[xff, ("forwarded", "for=192.0.2.1, for=10.0.0.1")],
        Ok(Some("192.0.2.1 10.0.0.1")),
    );
    let mismatch = Err("forwarded metadata mismatch between headers");
    check(&[xff, ("forwarded", "for=192.0.2.1")], mismatch);
    check(
        &[xff, ("forwarded", "for=10.0.0.1, for=192.0.2.1")],
        mismatch,
    );
}

const WORDS: Words<'static> = Words {
    method: "POST",
    scheme: "https",
    host: "api.example.com",
    target: "/a?b",
};

const X_FORWARDED: [(&str, &str); 4] = [
    ("x-forwarded-method", "POST"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "api.example.com"),
    ("x-forwarded-uri", "/a?b"),
];

#[test]
fn most_proxies_speak_x_forwarded() {
    for listen in [traefik::listen, caddy::listen, haproxy::listen] {
        assert_eq!(listen(&headers(&X_FORWARDED)), Ok(WORDS));
        for (missing, _) in X_FORWARDED {
            let fields: Vec<_> = X_FORWARDED
                .into_iter()
                .filter(|(n, _)| *n != missing)
                .collect();
            let detail = listen(&headers(&fields)).unwrap_err().detail();
            assert_eq!(detail, format!("`{missing}` is missing"));
        }
        for repeated in X_FORWARDED {
            let fields: Vec<_> = X_FORWARDED.into_iter().chain([repeated]).collect();
            let detail = listen(&headers(&fields)).unwrap_err().detail();
            assert_eq!(detail, "forwarding header sent twice");
        }
    }
}

#[test]
fn a_dialect_never_reads_the_words_of_another() {
    let foreign = [
        ("x-original-method", "GET"),
        ("x-original-url", "http://evil.example/public"),
        ("x-original-uri", "/public"),
        ("x-rewrite-url", "/public"),
        ("x-envoy-original-path", "/public"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-prefix", "/public"),
        ("x-forwarded-path", "/public"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-server", "evil.example"),
        ("x_forwarded_uri", "/public"),
        ("x.forwarded.uri", "/public"),
    ];
    let fields: Vec<_> = X_FORWARDED.into_iter().chain(foreign).collect();
    for listen in [traefik::listen, caddy::listen, haproxy::listen] {
        assert_eq!(listen(&headers(&fields)), Ok(WORDS));
    }
    let foreign_only = headers(&X_FORWARDED);
    let alone = nginx::listen(&foreign_only);
    assert_eq!(
        alone.unwrap_err().detail(),
        "`x-original-method` is missing"
    );
}

#[test]
fn nginx_speaks_x_original() {
    let check = |fields: &[(&str, &str)], expected: Result<Words<'_>, &str>| {
        let fields: Vec<_> = [("x-original-method", "POST")]
            .iter()
            .chain(fields)
            .copied()
            .collect();
        let headers = headers(&fields);
        assert_eq!(
            nginx::listen(&headers).map_err(Fault::detail),
            expected,
            "{fields:?}"
        );
    };
    let [_, proto, host, _] = X_FORWARDED;
    let uri = ("x-original-uri", "/a?b");
    let url = ("x-original-url", "https://api.example.com/a?b");
    check(&[uri, proto, host], Ok(WORDS));
    check(&[url], Ok(WORDS));
    check(&[url, proto, host], Ok(WORDS));
    check(
        &[uri, proto, host, ("x-forwarded-uri", "/public")],
        Ok(WORDS),
    );
    check(&[uri, proto], Err("`x-forwarded-host` is missing"));
    check(&[uri, host], Err("`x-forwarded-proto` is missing"));
    check(
        &[proto, host],
        Err("neither `x-original-uri` nor `x-original-url` is present"),
    );
    check(
        &[uri, url],
        Err("both `x-original-uri` and `x-original-url` are present"),
    );
    let contradiction = Err("`x-original-url` contradicts another header");
    check(&[url, ("x-forwarded-proto", "http")], contradiction);
    check(&[url, ("x-forwarded-host", "other.example")], contradiction);
    for broken in ["/a", "https:/a", "https://api.example.com"] {
        let malformed = Err("`x-original-url` is not an absolute URL");
        check(&[("x-original-url", broken)], malformed);
    }
}

#[test]
fn dialects_are_spelt_as_in_configuration() {
    for dialect in Dialect::ALL {
        let text = serde_json::to_value(dialect).unwrap();
        assert_eq!(text, dialect.as_str());
    }
}

proptest! {
    #[test]
    fn forwarding_parsers_never_panic(text in any::<String>()) {
        let _ = (x_forwarded_for([text.as_str()]), forwarded([text.as_str()]));
    }

    #[test]
    fn forwarding_parsers_never_panic_on_near_misses(
        text in "([fF]or|proto|[a-z]|=|\"|;|,| |\\\\|\\[|\\]|::1|192\\.0\\.2\\.1|:80|_x|unknown){0,12}",
    ) {
        let _ = (x_forwarded_for([text.as_str()]), forwarded([text.as_str()]));
    }

    #[test]
    fn both_spellings_of_a_chain_are_read_alike(
        hops in prop::collection::vec(any::<std::net::IpAddr>(), 1..8),
    ) {
        let plain: Vec<_> = hops.iter().map(ToString::to_string).collect();
        let standard: Vec<_> = hops.iter().map(|hop| match hop {
            std::net::IpAddr::V4(hop) => format!("for={hop}"),
            std::net::IpAddr::V6(hop) => format!("for=\"[{hop}]\""),
        }).collect();
        let plain = x_forwarded_for([plain.join(", ").as_str()]);
        prop_assert_eq!(plain, forwarded([standard.join(", ").as_str()]));
    }
}
