//! Where a request wants to go, read before it is known who judges it.

use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, Method, Uri};

use crate::canonical::{self, PathRules};
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
        Ok(Self {
            host: canonical::host_name(host)?.0,
            path: without_parameters(path),
        })
    }
}

fn without_parameters(path: Cow<'_, str>) -> Cow<'_, str> {
    if !path.contains(';') {
        return path;
    }
    let mut plain = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            plain.push('/');
        }
        plain.push_str(segment.split(';').next().unwrap_or_default());
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

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
