//! Where a request wants to go, read before it is known who judges it.

use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, Method, Uri};
use smol_str::SmolStr;

use crate::canonical::{self, Host, PathRules};
use crate::error::Fault;
use crate::forwarded::direct;

/// Host and path by which a gateway finds the route of a request: canonical, by the code that
/// [`crate::capture`] uses, and borrowed where the request spells them so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTarget<'r> {
    /// The host, lower case, without port and trailing dot ([`canonical::Host`]).
    pub host: Cow<'r, str>,
    /// The canonical path, its segments without `;` parameters: a route that names `/admin` is
    /// found for `/admin;x`, and its endpoint says whether parameters are let through.
    pub path: Cow<'r, str>,
    port: Option<u16>,
    /// Whether the path is the canonical one as it was sent, and has no parameters.
    plain: bool,
}

/// Host and path by which the route of a request was found, for [`crate::capture`]: neither is read
/// a second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub(crate) host: Host,
    /// Whether the path is what it is, whatever the rules of whoever judges it.
    pub(crate) plain: bool,
}

impl<'r> RouteTarget<'r> {
    /// Reads host and path of a request that nobody forwards.
    ///
    /// The host stands in `Host` (HTTP/1.1), in the target (HTTP/2 `:authority`, absolute form),
    /// or in both when they name the same server (RFC 9112 section 3.2.2, RFC 9113 section
    /// 8.3.1). `encrypted` tells which port is meant where none is named.
    ///
    /// # Errors
    /// When the request can be read in two ways, as capturing it would.
    pub fn read(
        method: &Method,
        uri: &'r Uri,
        headers: &'r HeaderMap,
        encrypted: bool,
    ) -> Result<Self, Fault> {
        canonical::check_method(method.as_str())?;
        if headers.get_all(HOST).into_iter().nth(1).is_some() {
            return Err(Fault::ambiguous("two hosts are named"));
        }
        let scheme = if encrypted { "https" } else { "http" };
        let host = direct::own_host(uri, headers, scheme)?;
        let (path, _) = canonical::split(direct::own_target(uri)?)?;
        let path = canonical::path(path, PathRules { parameters: true })?;
        let (host, port) = canonical::host_name(host)?;
        let parameters = path.contains(';');
        Ok(Self {
            host,
            port,
            plain: matches!(path, Cow::Borrowed(_)) && !parameters,
            path: if parameters {
                Cow::Owned(without_parameters(&path))
            } else {
                path
            },
        })
    }

    /// What capturing the same request need not find out again.
    pub fn located(&self) -> Located {
        Located {
            host: Host {
                name: SmolStr::new(&self.host),
                port: self.port,
            },
            plain: self.plain,
        }
    }
}

fn without_parameters(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            plain.push('/');
        }
        plain.push_str(segment.split(';').next().unwrap_or_default());
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bytes::Bytes;
    use http::Request;
    use ztag_types::{ConfigPath, Timestamp};

    use super::*;
    use crate::{CapturePolicy, ForwardProxySpec, Hop, Refused, capture};

    fn read(uri: &str, hosts: &[&str]) -> Result<(String, String), Fault> {
        let mut request = Request::get(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let request = request.body(()).unwrap();
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let read = RouteTarget::read(method, uri, headers, false)?;
        Ok((read.host.into_owned(), read.path.into_owned()))
    }

    fn check(uri: &str, hosts: &[&str], host: &str, path: &str) {
        assert_eq!(read(uri, hosts), Ok((host.into(), path.into())), "{uri}");
    }

    #[test]
    fn the_host_stands_in_the_field_or_in_the_target() {
        check("/a?b", &["Example.com"], "example.com", "/a");
        check("http://example.com/a", &[], "example.com", "/a");
        check(
            "http://example.com:80/a",
            &["example.com."],
            "example.com",
            "/a",
        );
        check("/a", &["[::1]:8080"], "[::1]", "/a");
    }

    #[test]
    fn the_path_is_canonical_and_without_parameters() {
        check("/%61dmin", &["a"], "a", "/admin");
        check("/admin;x=1/b;", &["a"], "a", "/admin/b");
    }

    #[test]
    fn what_is_canonical_is_borrowed() {
        let request = Request::get("/orders/1?x=%31").header(HOST, "shop.example.com");
        let request = request.body(()).unwrap();
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let read = RouteTarget::read(method, uri, headers, true).unwrap();
        assert!(matches!(read.host, Cow::Borrowed("shop.example.com")));
        assert!(matches!(read.path, Cow::Borrowed("/orders/1")));
    }

    /// What is handed over is what would have been read, also for whoever lets parameters through.
    #[test]
    fn attack_01_what_was_located_is_judged_as_if_read_anew() {
        let mut spec = ForwardProxySpec::default();
        let policies = [false, true].map(|parameters| {
            spec.allow_path_parameters = parameters;
            CapturePolicy::compile(&spec, &ConfigPath::root(), &mut Vec::new())
        });
        for (uri, host) in [
            ("/orders/1?x=%31&y", "shop.example.com"),
            ("/%61dmin", "Shop.Example.com.:8080"),
            ("/%C3%A9/a%2B", "shop.example.com"),
            ("/admin;x=1/b;", "shop.example.com"),
            ("/?a;b", "[::1]:443"),
            ("http://shop.example.com/a", "shop.example.com"),
        ] {
            let request = Request::get(uri).header(HOST, host).body(()).unwrap();
            let (parts, ()) = request.into_parts();
            let target = RouteTarget::read(&parts.method, &parts.uri, &parts.headers, false);
            let hop = |located| Hop {
                method: parts.method.clone(),
                uri: parts.uri.clone(),
                headers: parts.headers.clone(),
                body: Bytes::new(),
                peer: SocketAddr::from(([192, 0, 2, 1], 40_000)),
                encrypted: false,
                certificate: None,
                mount: 0,
                received: Timestamp::default(),
                located,
            };
            let located = target.unwrap().located();
            for policy in &policies {
                let anew = capture(hop(None), policy).map(|snapshot| snapshot.line);
                let handed = capture(hop(Some(located.clone())), policy);
                let handed = handed.map(|snapshot| snapshot.line);
                let fault = |refused: Refused| refused.fault;
                assert_eq!(handed.map_err(fault), anew.map_err(fault), "{uri}");
            }
        }
    }

    #[test]
    fn attack_07_two_names_for_the_server_are_refused() {
        for (uri, hosts) in [
            ("http://a.example/x", &["b.example"][..]),
            ("http://a.example:8080/x", &["a.example"]),
            ("ftp://a.example/x", &["a.example"]),
            ("/x", &["a.example", "a.example"]),
            ("/x", &["a.example, b.example"]),
            ("/x", &[]),
        ] {
            assert!(read(uri, hosts).is_err(), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn attack_01_paths_that_can_be_read_in_two_ways_find_no_route() {
        for path in [
            "/a/../b",
            "/a//b",
            "/a%2fb",
            "/a%5cb",
            "/%2e%2e/b",
            "/a%252fb",
            "/;x",
        ] {
            assert!(read(path, &["a"]).is_err(), "{path}");
        }
    }

    #[test]
    fn attack_10_odd_methods_find_no_route() {
        for method in ["get", "CONNECT", "TRACE"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let uri = Uri::from_static("http://a/x");
            let read = RouteTarget::read(&method, &uri, &HeaderMap::new(), false).map(drop);
            assert!(read.is_err(), "{method}");
        }
    }
}
