//! What is measured, in the order of the table.

use ztag_test_support::Request;

/// What decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// `return 200` with three headers: the floor of floors.
    Nginx,
    /// A bare hyper server with three headers: the floor of this stack.
    Hyper,
    /// Ours.
    ForwardAuth,
}

/// Who words the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// The client itself.
    Client,
    /// Traefik, which puts the client's request into `X-Forwarded-*`.
    Traefik,
}

/// One row.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) server: Server,
    /// The proxy in front of it.
    pub(super) behind: Option<&'static str>,
    pub(super) path: &'static str,
    pub(super) words: Words,
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

pub(super) static ALL: [Target; 14] = [
    alone(NGINX, Server::Nginx, "/static/auth", NGINX),
    alone("hyper, bare", Server::Hyper, "/static/auth", NGINX),
    alone(STATIC, Server::ForwardAuth, "/static/auth", NGINX),
    alone(CHAIN, Server::ForwardAuth, "/chain/auth", NGINX),
    alone(CACHED, Server::ForwardAuth, "/cached/auth", NGINX),
    alone(
        "(d) uncached backend rule",
        Server::ForwardAuth,
        "/uncached/auth",
        NGINX,
    ),
    traefik(NGINX_TRAEFIK, Server::Nginx),
    traefik("(b) as Traefik asks", Server::ForwardAuth),
    behind(BEHIND_NGINX, "nginx", Server::Nginx, BEHIND_NGINX),
    behind("nginx + (b)", "nginx", Server::ForwardAuth, BEHIND_NGINX),
    behind(BEHIND_TRAEFIK, "traefik", Server::Nginx, BEHIND_TRAEFIK),
    behind(
        "Traefik + (b)",
        "traefik",
        Server::ForwardAuth,
        BEHIND_TRAEFIK,
    ),
    behind(BEHIND_CADDY, "caddy", Server::Nginx, BEHIND_CADDY),
    behind("Caddy + (b)", "caddy", Server::ForwardAuth, BEHIND_CADDY),
];

const fn alone(
    name: &'static str,
    server: Server,
    path: &'static str,
    floor: &'static str,
) -> Target {
    Target {
        name,
        server,
        behind: None,
        path,
        words: Words::Client,
        floor,
    }
}

const fn traefik(name: &'static str, server: Server) -> Target {
    Target {
        words: Words::Traefik,
        ..alone(name, server, "/chain-traefik/auth", NGINX_TRAEFIK)
    }
}

const fn behind(
    name: &'static str,
    proxy: &'static str,
    server: Server,
    floor: &'static str,
) -> Target {
    Target {
        behind: Some(proxy),
        ..alone(name, server, "/v1/orders/4711?page=2", floor)
    }
}

impl Target {
    /// One of its requests, to see whether it answers.
    pub(super) fn request(&self) -> Request {
        let request = Request::new("GET", self.path)
            .header("Host: api.example.com")
            .header("X-Tenant: acme")
            .header("Authorization: Bearer zt1-00000001-QmVhcmVyVG9rZW5Gb3JCZW5jaG1hcms");
        match self.words {
            Words::Client => request,
            Words::Traefik => request
                .header("X-Forwarded-Method: GET")
                .header("X-Forwarded-Proto: https")
                .header("X-Forwarded-Host: api.example.com")
                .header("X-Forwarded-Uri: /v1/orders/4711?page=2")
                .header("X-Forwarded-For: 192.0.2.10"),
        }
        .header("Connection: close")
    }
}
