//! Finding the route of a request among tens of routes.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot start has nothing to measure"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::Criterion;
use http::{HeaderMap, HeaderValue, Method};
use ztag_benches::gate;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hosts, each with five routes.
const HOSTS: usize = 12;

fn main() {
    let (_, routing) = gate(&configuration()).expect("the measured configuration is sound");
    let (none, mut versioned) = (HeaderMap::new(), HeaderMap::new());
    versioned.insert("x-version", HeaderValue::from_static("2"));
    let mut criterion = Criterion::default().configure_from_args();
    for (label, host, path, headers) in [
        ("exact", "app7.example.com", "/health", &none),
        ("prefix", "app7.example.com", "/api/orders/17/items", &none),
        (
            "longer prefix",
            "app7.example.com",
            "/api/admin/users",
            &none,
        ),
        ("header", "app7.example.com", "/versions", &versioned),
        ("wildcard", "shop.tenants.example.com", "/cart", &none),
        ("any host", "elsewhere.example.org", "/", &none),
        ("none", "app7.example.com", "/nowhere", &none),
    ] {
        criterion.bench_function(&format!("route/{label}"), |bencher| {
            bencher.iter(|| {
                let (host, path) = (black_box(host), black_box(path));
                black_box(routing.table.find(host, path, &Method::GET, headers));
            });
        });
    }
}

fn configuration() -> String {
    let mut text = String::from(
        "upstreams: {up: {targets: [{url: 'http://127.0.0.1:1'}]}}
routes:
  tenants: {hosts: ['*.tenants.example.com'], public: true, upstream: up}
  rest: {public: true, upstream: up}
",
    );
    for host in 0..HOSTS {
        for (name, more) in [
            ("health", "paths: [/health], methods: [GET]"),
            ("api", "paths: ['/api/*']"),
            ("admin", "paths: ['/api/admin/*']"),
            ("old", "paths: [/versions]"),
            ("new", "paths: [/versions], headers: {x-version: '2'}"),
        ] {
            let hosts = format!("hosts: [app{host}.example.com]");
            // Writing into memory cannot fail.
            let _ = writeln!(
                text,
                "  {name}{host}: {{{hosts}, {more}, public: true, upstream: up}}"
            );
        }
    }
    text
}
