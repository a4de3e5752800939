//! What is measured, in the order of the tables.

use ztag_test_support::Request;

/// What a model is asked.
const QUESTION: &str = include_str!("../../../../benches/load/question.json");

/// A server that takes part in a row, by its folder or file in `benches/load`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// nginx with the configuration in this folder.
    Nginx(&'static str),
    /// HAProxy with this configuration.
    Haproxy(&'static str),
    /// Envoy with this configuration.
    Envoy(&'static str),
    /// Caddy with the configuration in this folder.
    Caddy(&'static str),
    /// Traefik with the configuration in this folder.
    Traefik(&'static str),
    /// A bare hyper server with three headers: the floor of this stack.
    Hyper,
    /// A bare hyper proxy: the floor of this stack.
    HyperProxy,
    /// `forward-auth` with this configuration.
    ForwardAuth(&'static str),
    /// `gateway` with this configuration.
    Gateway(&'static str),
    /// The same, without a line in the log for every request.
    GatewayUnlogged(&'static str),
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// Where decisions are made.
    Decisions,
    /// Where clients come in.
    Edge,
}

/// Who words the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// The client itself, with an opaque token.
    Client,
    /// Traefik, which puts the client's request into `X-Forwarded-*`.
    Traefik,
    /// The client itself, with a signed token, to this host.
    Signed(&'static str),
    /// The same, with 2 KB of JSON for a model.
    Asking(&'static str),
}

impl Words {
    /// Whom they are for.
    pub(super) const fn host(self) -> &'static str {
        match self {
            Self::Signed(host) | Self::Asking(host) => host,
            Self::Client | Self::Traefik => "api.example.com",
        }
    }
}

/// What is spoken to the row's last server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/1.1 behind TLS.
    Tls,
    /// HTTP/2 behind TLS.
    Http2,
}

/// One row.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    /// The servers whose processor time counts, in the order of their start; requests go to the
    /// last.
    pub(super) parts: &'static [(Part, Port)],
    pub(super) path: &'static str,
    pub(super) words: Words,
    pub(super) protocol: Protocol,
    /// The row that this one is compared with.
    pub(super) floor: &'static str,
}

pub(super) const NGINX: &str = "nginx, return 200";
pub(super) const STATIC: &str = "(a) static rule";
pub(super) const CHAIN: &str = "(b) bearer, 3 CEL, 3 templates";
pub(super) const CACHED: &str = "(c) cached backend rule";

const NGINX_TRAEFIK: &str = "nginx, return 200, Traefik's headers";
const BEHIND_NGINX: &str = "nginx + nginx, return 200";
const BEHIND_TRAEFIK: &str = "Traefik + nginx, return 200";
const BEHIND_CADDY: &str = "Caddy + nginx, return 200";

const FLOOR: (Part, Port) = (Part::Nginx("floor"), Port::Decisions);
const OURS: (Part, Port) = (Part::ForwardAuth("forward-auth.yaml"), Port::Decisions);
const NGINX_EDGE: (Part, Port) = (Part::Nginx("edge"), Port::Edge);
const TRAEFIK_EDGE: (Part, Port) = (Part::Traefik("edge"), Port::Edge);
const CADDY_EDGE: (Part, Port) = (Part::Caddy("edge"), Port::Edge);

/// The rows of forward-auth.
pub(super) static FORWARD_AUTH: [Target; 14] = [
    alone(NGINX, &[FLOOR], "/static/auth", NGINX),
    alone(
        "hyper, bare",
        &[(Part::Hyper, Port::Decisions)],
        "/static/auth",
        NGINX,
    ),
    alone(STATIC, &[OURS], "/static/auth", NGINX),
    alone(CHAIN, &[OURS], "/chain/auth", NGINX),
    alone(CACHED, &[OURS], "/cached/auth", NGINX),
    alone(
        "(d) uncached backend rule",
        &[OURS],
        "/uncached/auth",
        NGINX,
    ),
    traefik(NGINX_TRAEFIK, &[FLOOR]),
    traefik("(b) as Traefik asks", &[OURS]),
    behind(BEHIND_NGINX, &[FLOOR, NGINX_EDGE], BEHIND_NGINX),
    behind("nginx + (b)", &[OURS, NGINX_EDGE], BEHIND_NGINX),
    behind(BEHIND_TRAEFIK, &[FLOOR, TRAEFIK_EDGE], BEHIND_TRAEFIK),
    behind("Traefik + (b)", &[OURS, TRAEFIK_EDGE], BEHIND_TRAEFIK),
    behind(BEHIND_CADDY, &[FLOOR, CADDY_EDGE], BEHIND_CADDY),
    behind("Caddy + (b)", &[OURS, CADDY_EDGE], BEHIND_CADDY),
];

const fn alone(
    name: &'static str,
    parts: &'static [(Part, Port)],
    path: &'static str,
    floor: &'static str,
) -> Target {
    Target {
        name,
        parts,
        path,
        words: Words::Client,
        protocol: Protocol::Http1,
        floor,
    }
}

const fn traefik(name: &'static str, parts: &'static [(Part, Port)]) -> Target {
    Target {
        words: Words::Traefik,
        ..alone(name, parts, "/chain-traefik/auth", NGINX_TRAEFIK)
    }
}

const fn behind(name: &'static str, parts: &'static [(Part, Port)], floor: &'static str) -> Target {
    alone(name, parts, "/v1/orders/4711?page=2", floor)
}

pub(super) const PROXY: &str = "nginx";
pub(super) const PROXY_AUTH: &str = "nginx + auth_request";
pub(super) const ENVOY_JWT: &str = "Envoy, jwt_authn";
pub(super) const TRAEFIK: &str = "Traefik";
pub(super) const PLAIN: &str = "gateway, public route";
pub(super) const FULL: &str = "gateway, full chain";
pub(super) const PROXY_TLS: &str = "nginx, TLS";
pub(super) const PROXY_HTTP2: &str = "nginx, TLS, HTTP/2";

/// Rows that are looked at for the memory they hold, too.
pub(super) const BARE: &str = "hyper, bare proxy";
pub(super) const HAPROXY: &str = "HAProxy";

const PEERS: Port = Port::Edge;
const OPEN: Words = Words::Signed("plain.example.com");
const API: Words = Words::Signed("api.example.com");
const GATEWAY: &[(Part, Port)] = &[(Part::Gateway("peers/gateway.yaml"), PEERS)];
const UNLOGGED: &[(Part, Port)] = &[(Part::GatewayUnlogged("peers/gateway.yaml"), PEERS)];
const READING: &[(Part, Port)] = &[(Part::Gateway("peers/gateway-reading.yaml"), PEERS)];
const GATEWAY_TLS: &[(Part, Port)] = &[(Part::Gateway("peers/gateway-tls.yaml"), PEERS)];
const NGINX_TLS: &[(Part, Port)] = &[(Part::Nginx("peers/nginx-tls"), PEERS)];

/// The rows of the gateway, all before the same upstream.
pub(super) static GATEWAYS: [Target; 21] = [
    peer(PROXY, &[(Part::Nginx("peers/nginx"), PEERS)], OPEN),
    peer(BARE, &[(Part::HyperProxy, PEERS)], OPEN),
    peer(
        HAPROXY,
        &[(Part::Haproxy("peers/haproxy.cfg"), PEERS)],
        OPEN,
    ),
    peer(PLAIN, UNLOGGED, OPEN),
    peer(
        "gateway, token remembered",
        UNLOGGED,
        Words::Signed("token.example.com"),
    ),
    peer(FULL, GATEWAY, API),
    peer(
        "gateway, 2 KB read by a guardrail",
        READING,
        Words::Asking("guarded.example.com"),
    ),
    peer(
        "gateway, asking for relations",
        READING,
        Words::Signed("related.example.com"),
    ),
    peer(
        PROXY_AUTH,
        &[FLOOR, (Part::Nginx("peers/nginx-auth"), PEERS)],
        API,
    ),
    peer("Envoy", &[(Part::Envoy("peers/envoy.yaml"), PEERS)], OPEN),
    peer(
        ENVOY_JWT,
        &[(Part::Envoy("peers/envoy-jwt.yaml"), PEERS)],
        API,
    ),
    peer(
        "Envoy, ext_authz",
        &[FLOOR, (Part::Envoy("peers/envoy-authz.yaml"), PEERS)],
        API,
    ),
    peer("Caddy", &[(Part::Caddy("peers/caddy"), PEERS)], OPEN),
    peer(
        "Caddy, forward_auth",
        &[FLOOR, (Part::Caddy("peers/caddy-auth"), PEERS)],
        API,
    ),
    peer(TRAEFIK, &[(Part::Traefik("peers/traefik"), PEERS)], OPEN),
    peer(
        "Traefik, forwardAuth",
        &[FLOOR, (Part::Traefik("peers/traefik-auth"), PEERS)],
        API,
    ),
    tls(PROXY_TLS, NGINX_TLS, OPEN, Protocol::Tls),
    tls("gateway, TLS, full chain", GATEWAY_TLS, API, Protocol::Tls),
    tls(PROXY_HTTP2, NGINX_TLS, OPEN, Protocol::Http2),
    tls(
        "gateway, TLS, HTTP/2, public",
        GATEWAY_TLS,
        OPEN,
        Protocol::Http2,
    ),
    tls(
        "gateway, TLS, HTTP/2, full chain",
        GATEWAY_TLS,
        API,
        Protocol::Http2,
    ),
];

const fn peer(name: &'static str, parts: &'static [(Part, Port)], words: Words) -> Target {
    Target {
        words,
        ..alone(name, parts, "/v1/orders/4711?page=2", PROXY)
    }
}

const fn tls(
    name: &'static str,
    parts: &'static [(Part, Port)],
    words: Words,
    protocol: Protocol,
) -> Target {
    Target {
        protocol,
        floor: match protocol {
            Protocol::Http2 => PROXY_HTTP2,
            Protocol::Http1 | Protocol::Tls => PROXY_TLS,
        },
        ..peer(name, parts, words)
    }
}

impl Target {
    /// Whether all of it that counts are our own programs.
    pub(super) fn is_ours(&self) -> bool {
        let is_ours = |(part, _): &(Part, Port)| {
            matches!(
                part,
                Part::ForwardAuth(_) | Part::Gateway(_) | Part::GatewayUnlogged(_)
            )
        };
        self.parts.iter().all(is_ours)
    }

    /// How much what was seen of it counts. What a guardrail does with every letter would outweigh what
    /// all others do once for a request.
    pub(super) const fn weight(&self) -> u32 {
        match self.words {
            Words::Asking(_) => 1,
            Words::Client | Words::Traefik | Words::Signed(_) => 10,
        }
    }

    /// One of its requests, to see whether it answers.
    pub(super) fn request(&self, tokens: &[String]) -> Request {
        let host = self.words.host();
        let token = match self.words {
            Words::Signed(_) | Words::Asking(_) => tokens.first().map_or("", String::as_str),
            Words::Client | Words::Traefik => "zt1-00000001-QmVhcmVyVG9rZW5Gb3JCZW5jaG1hcms",
        };
        let method = match self.words {
            Words::Asking(_) => "POST",
            Words::Client | Words::Traefik | Words::Signed(_) => "GET",
        };
        let words = Request::new(method, self.path)
            .header(format!("Host: {host}"))
            .header("X-Tenant: acme")
            .header(format!("Authorization: Bearer {token}"));
        match self.words {
            Words::Client | Words::Signed(_) => words,
            Words::Asking(_) => words
                .header("Content-Type: application/json")
                .body(QUESTION),
            Words::Traefik => words
                .header("X-Forwarded-Method: GET")
                .header("X-Forwarded-Proto: https")
                .header("X-Forwarded-Host: api.example.com")
                .header("X-Forwarded-Uri: /v1/orders/4711?page=2")
                .header("X-Forwarded-For: 192.0.2.10"),
        }
    }
}
