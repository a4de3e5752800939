use std::net::SocketAddr;

use ztag_types::{Findings, SmolStr};

use super::*;
use crate::headers::Direction;
use crate::route::HeaderPolicySpec;

fn client(address: &str, peer: &str, chain: &str, forwarded: &str) -> Client {
    let peer: SocketAddr = peer.parse().unwrap();
    Client {
        address: address.parse().unwrap(),
        address_text: address.into(),
        peer,
        trusted_proxy: address != peer.ip().to_string(),
        proxy_stripped: false,
        forwarded_for: chain.into(),
        forwarded: forwarded.into(),
        certificate: None,
    }
}

fn alone() -> Client {
    client("192.0.2.7", "192.0.2.7:4000", "192.0.2.7", "")
}

struct Case {
    client: Client,
    policy: HeaderPolicy,
    withheld: Vec<HeaderName>,
    identity: Vec<(HeaderName, HeaderValue)>,
    scheme: &'static str,
    port: Option<u16>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            client: alone(),
            policy: HeaderPolicy::default(),
            withheld: Vec::new(),
            identity: Vec::new(),
            scheme: "https",
            port: None,
        }
    }
}

impl Case {
    /// The lines that the upstream sees, sorted, without those of the address unless `all`.
    fn sent(&self, lines: &[(&str, &str)]) -> Vec<String> {
        let spoken = ["x-forwarded-", "x-real-ip", "host"];
        let mut sent = self.all(lines);
        sent.retain(|line| !spoken.iter().any(|prefix| line.starts_with(prefix)));
        sent
    }

    fn all(&self, lines: &[(&str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::try_from(*value).unwrap());
        }
        let request_id = HeaderName::from_static("x-request-id");
        let departure = Departure {
            withheld: &self.withheld,
            policy: &self.policy,
            client: &self.client,
            scheme: self.scheme,
            host: "app.example.com",
            port: self.port,
            correlation: Some((&request_id, &HeaderValue::from_static("id-1"))),
        };
        departing(&mut headers, self.identity.clone(), &departure);
        let lines = headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            format!("{name}: {value}")
        });
        let mut lines: Vec<String> = lines.filter(|line| line != "x-request-id: id-1").collect();
        lines.sort();
        lines
    }
}

fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

fn value(text: &'static str) -> HeaderValue {
    HeaderValue::from_static(text)
}

#[test]
fn what_concerns_the_application_goes_on_unchanged() {
    let lines = [
        ("accept", "*/*"),
        ("content-length", "3"),
        ("content-type", "text/plain"),
        ("cookie", "a=b; c=d"),
        ("user-agent", "curl"),
        ("x-api-version", "1"),
        ("x-api-version", "2"),
    ];
    let expected: Vec<String> = lines.map(|(name, value)| format!("{name}: {value}")).into();
    assert_eq!(Case::default().sent(&lines), expected);
}

#[test]
fn attack_14_what_concerns_the_connection_ends_here() {
    let lines = [
        ("connection", "keep-alive, X-Named, upgrade"),
        ("connection", "x-other"),
        ("x-named", "1"),
        ("x-other", "1"),
        ("keep-alive", "timeout=5"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("upgrade", "h2c"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authenticate", "Basic"),
        ("expect", "100-continue"),
        ("trailer", "x-user"),
        ("te", "gzip"),
        ("accept", "*/*"),
    ];
    assert_eq!(Case::default().sent(&lines), ["accept: */*"]);
}

#[test]
fn attack_14_a_connection_header_deletes_nothing_that_is_set_here() {
    let case = Case {
        identity: vec![(name("x-user"), value("mia"))],
        ..Case::default()
    };
    let all = case.all(&[
        ("connection", "x-user, x-forwarded-for, host"),
        ("host", "app.example.com"),
    ]);
    for line in [
        "x-user: mia",
        "x-forwarded-for: 192.0.2.7",
        "host: app.example.com",
    ] {
        assert!(all.iter().any(|own| own == line), "{line} in {all:?}");
    }
}

#[test]
fn trailers_are_accepted_on_behalf_of_the_client() {
    assert_eq!(
        Case::default().sent(&[("te", "gzip, Trailers")]),
        ["te: trailers"]
    );
}

#[test]
fn attack_22_a_length_beside_a_transfer_coding_is_dropped() {
    let lines = [("content-length", "3"), ("transfer-encoding", "chunked")];
    assert!(Case::default().sent(&lines).is_empty());
}

#[test]
fn attack_12_names_that_pass_for_others_end_here() {
    let case = Case {
        identity: vec![(name("x-auth-user"), value("mia"))],
        withheld: vec![name("x-auth-user")],
        ..Case::default()
    };
    let lines = [
        ("X_Forwarded_Proto", "https"),
        ("X-Auth_User", "root"),
        ("x.auth.user", "root"),
        ("x!auth~user", "root"),
        ("X-AUTH-USER", "root"),
    ];
    assert_eq!(case.sent(&lines), ["x-auth-user: mia"]);
}

#[test]
fn attack_13_and_18_no_word_of_a_proxy_survives() {
    let lines = [
        "Forwarded",
        "X-Forwarded",
        "X-Forwarded-By",
        "X-Forwarded-Client-Cert",
        "X-Forwarded-For",
        "X-Forwarded-Groups",
        "X-Forwarded-Host",
        "X-Forwarded-Method",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Proto",
        "X-Forwarded-Uri",
        "X-Forwarded-User",
        "X-Original-URI",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Envoy-Original-Path",
        "X-Ztag-Outcome",
        "True-Client-IP",
        "X-Real-IP",
        "Client-Cert",
        "Client-Cert-Chain",
    ];
    let lines = lines.map(|name| (name, "evil"));
    let all = Case::default().all(&lines);
    assert!(!all.iter().any(|line| line.contains("evil")), "{all:?}");
    assert_eq!(
        all,
        [
            "host: app.example.com",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-host: app.example.com",
            "x-forwarded-port: 443",
            "x-forwarded-proto: https",
            "x-real-ip: 192.0.2.7",
        ]
    );
}

#[test]
fn attack_15_identity_is_set_also_when_empty_and_never_the_clients() {
    let case = Case {
        withheld: vec![name("x-user"), name("x-groups"), name("x-omitted")],
        identity: vec![
            (name("x-user"), value("")),
            (name("x-groups"), value("a")),
            (name("x-groups"), value("b")),
        ],
        ..Case::default()
    };
    let lines = [
        ("x-user", "root"),
        ("x-groups", "wheel"),
        ("x-omitted", "root"),
    ];
    assert_eq!(
        case.sent(&lines),
        ["x-groups: a", "x-groups: b", "x-user: "]
    );
}

#[test]
fn fields_of_the_reply_itself_are_not_identity() {
    let case = Case {
        identity: vec![
            (name("content-type"), value("text/plain")),
            (name("x-ztag-outcome"), value("pass")),
            (name("set-cookie"), value("a=b")),
            (name("connection"), value("close")),
            (name("content-length"), value("99")),
            (name("host"), value("evil")),
            (name("authorization"), value("Bearer minted")),
        ],
        withheld: vec![name("authorization")],
        ..Case::default()
    };
    let lines = [
        ("content-type", "application/json"),
        ("authorization", "Bearer mine"),
        ("content-length", "2"),
    ];
    let expected = [
        "authorization: Bearer minted",
        "content-length: 2",
        "content-type: application/json",
    ];
    assert_eq!(case.sent(&lines), expected);
}

#[test]
fn attack_51_credentials_are_withheld() {
    let names = ["authorization", "dpop", "x-api-key", "txn-token"];
    let case = Case {
        withheld: names.map(name).into(),
        ..Case::default()
    };
    assert!(case.sent(&names.map(|name| (name, "secret"))).is_empty());
}

#[test]
fn the_route_changes_what_the_client_said_but_not_who_it_is() {
    let spec: HeaderPolicySpec = serde_json::from_str(
        r#"{"set": {"x-tier": "gold"}, "add": {"accept": "b"}, "remove": ["user-agent"]}"#,
    )
    .unwrap();
    let at = ztag_types::ConfigPath::root();
    let mut findings = Findings::new();
    let case = Case {
        policy: HeaderPolicy::compile(&spec, &at, Direction::Request, &[], &mut findings),
        identity: vec![(name("x-tier"), value("plain"))],
        ..Case::default()
    };
    let lines = [("accept", "a"), ("user-agent", "curl"), ("x-tier", "free")];
    assert_eq!(
        case.sent(&lines),
        ["accept: a", "accept: b", "x-tier: plain"]
    );
}

#[test]
fn attack_16_the_chain_is_what_trusted_proxies_vouch_for_and_the_peer() {
    let vouched = Case {
        client: client(
            "203.0.113.9",
            "[2001:db8::2]:4000",
            "203.0.113.9, 10.0.0.1",
            "",
        ),
        ..Case::default()
    };
    let all = vouched.all(&[("x-forwarded-for", "1.2.3.4, 203.0.113.9, 10.0.0.1")]);
    assert!(
        all.contains(&"x-forwarded-for: 203.0.113.9, 10.0.0.1, 2001:db8::2".into()),
        "{all:?}"
    );
    assert!(all.contains(&"x-real-ip: 203.0.113.9".into()), "{all:?}");
    assert!(
        !all.iter().any(|line| line.starts_with("forwarded:")),
        "{all:?}"
    );
}

#[test]
fn forwarded_is_written_anew_where_a_trusted_proxy_speaks_it() {
    let case = Case {
        client: client(
            "203.0.113.9",
            "[2001:db8::2]:4000",
            "203.0.113.9",
            "for=203.0.113.9",
        ),
        port: Some(8443),
        ..Case::default()
    };
    let all = case.all(&[("forwarded", "for=1.1.1.1, for=203.0.113.9;by=x")]);
    let expected = "forwarded: for=203.0.113.9, for=\"[2001:db8::2]\";host=\"app.example.com:8443\";proto=https";
    assert!(all.contains(&expected.into()), "{all:?}");
}

#[test]
fn attack_07_and_08_the_host_forwarded_is_the_one_judged() {
    for (said, port, scheme, expected, number) in [
        ("app.example.com", None, "https", "app.example.com", "443"),
        ("App.Example.COM.", None, "http", "app.example.com", "80"),
        (
            "app.example.com:8443",
            Some(8443),
            "https",
            "app.example.com:8443",
            "8443",
        ),
        (
            "app.example.com;x=\"y\", evil",
            None,
            "https",
            "app.example.com",
            "443",
        ),
    ] {
        let case = Case {
            scheme,
            port,
            ..Case::default()
        };
        let all = case.all(&[("host", said)]);
        for (name, value) in [
            ("host", expected),
            ("x-forwarded-host", expected),
            ("x-forwarded-port", number),
        ] {
            let line = SmolStr::new(format!("{name}: {value}"));
            assert!(
                all.iter().any(|own| **own == *line),
                "{said}: {line} in {all:?}"
            );
        }
        assert_eq!(
            all.iter().filter(|line| line.starts_with("host:")).count(),
            1
        );
    }
}
