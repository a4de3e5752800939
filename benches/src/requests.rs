//! The requests that are measured: the same in this process and over the wire.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use ztag_admission::Hop;
use ztag_types::Timestamp;

/// How many distinct tokens the requests carry.
pub const TOKENS: u32 = 1_000;

/// Who asks.
pub const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);

const PATH: &str = "/v1/orders/4711?page=2";

/// The token with this number, as long as opaque tokens usually are.
pub fn token(number: u32) -> String {
    format!("zt1-{number:08}-QmVhcmVyVG9rZW5Gb3JCZW5jaG1hcms")
}

/// A request to `endpoint`, asked directly about itself, with token `number`.
pub fn direct(endpoint: &str, number: u32) -> Hop {
    let mount = format!("/{endpoint}/auth");
    hop(
        &format!("{mount}?page=2"),
        mount.len(),
        client_headers(number),
    )
}

/// A request of the same client, as Traefik describes it.
pub fn described_by_traefik(endpoint: &str, number: u32) -> Hop {
    let mount = format!("/{endpoint}/auth");
    let mut headers = client_headers(number);
    for (name, value) in [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "api.example.com"),
        ("x-forwarded-uri", PATH),
        ("x-forwarded-for", "192.0.2.10"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    hop(&mount, mount.len(), headers)
}

fn client_headers(number: u32) -> HeaderMap {
    let bearer = HeaderValue::try_from(format!("Bearer {}", token(number)));
    let fixed = [
        (HOST, HeaderValue::from_static("api.example.com")),
        (ACCEPT, HeaderValue::from_static("application/json")),
        (
            HeaderName::from_static("x-tenant"),
            HeaderValue::from_static("acme"),
        ),
    ];
    let bearer = bearer.ok().map(|value| (AUTHORIZATION, value));
    fixed.into_iter().chain(bearer).collect()
}

fn hop(uri: &str, mount: usize, headers: HeaderMap) -> Hop {
    Hop {
        method: Method::GET,
        uri: uri.parse().unwrap_or_else(|_| Uri::default()),
        headers,
        body: Bytes::new(),
        peer: PEER,
        encrypted: false,
        certificate: None,
        mount,
        received: Timestamp::from_seconds(1_767_225_600),
        located: None,
    }
}
