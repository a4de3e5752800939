//! The request as sent, for every page and attempt of a call.

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use url::{Position, Url};

use crate::error::{Failure, FailureKind};

/// Fields that concern one connection only (RFC 9110 section 7.6.1), and the two that frame and
/// address the request, which are the client's own.
const NOT_FORWARDED: [HeaderName; 11] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What all requests of a call have in common.
pub(crate) struct Outbound {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Outbound {
    /// Checks and completes the parts of a call whose first page is `url`.
    pub(crate) fn new(
        method: Method,
        mut given: HeaderMap,
        body: Bytes,
        url: &Url,
    ) -> Result<Self, Failure> {
        if method == Method::CONNECT {
            return Err(Failure::new(FailureKind::BadUrl));
        }
        check_url(url)?;
        remove_named_by_connection(&mut given);
        for name in &NOT_FORWARDED {
            given.remove(name);
        }
        // RFC 9110 section 7.2 wants `Host` first.
        let mut headers = HeaderMap::with_capacity(given.len() + 2);
        headers.insert(HOST, host(url)?);
        headers.extend(given);
        if !body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
            headers.insert(CONTENT_LENGTH, body.len().into());
        }
        Ok(Self {
            method,
            headers,
            body,
        })
    }

    /// Whether sending it twice has the effect of sending it once (RFC 9110 section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    /// The request for the page at `url`, on the origin of the first.
    pub(crate) fn request(&self, url: &Url) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = target(url)?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// Whether a client takes `url` at all, whatever answers there: `http` or `https`, a host, a port
/// other than 0, no user information.
pub fn is_callable(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.port() != Some(0)
        && url.username().is_empty()
        && url.password().is_none()
}

pub(crate) fn check_url(url: &Url) -> Result<(), Failure> {
    is_callable(url)
        .then_some(())
        .ok_or(Failure::new(FailureKind::BadUrl))
}

/// Path and query (RFC 9112 section 3.2.1).
fn target(url: &Url) -> Result<Uri, Failure> {
    PathAndQuery::try_from(&url[Position::BeforePath..Position::AfterQuery])
        .map(Uri::from)
        .map_err(|error| Failure::because(FailureKind::BadUrl, error))
}

fn host(url: &Url) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
        .map_err(|error| Failure::because(FailureKind::BadUrl, error))
}

/// Fields that `Connection` names go no further than it does.
fn remove_named_by_connection(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let values = headers.get_all(CONNECTION).iter();
    let names: Vec<HeaderName> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(method: Method, given: &[(&'static str, &str)], body: &'static str) -> Outbound {
        let pairs = given.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        let url = Url::parse("http://b.example:8080/x").unwrap();
        Outbound::new(method, headers, Bytes::from_static(body.as_bytes()), &url).unwrap()
    }

    fn check(method: Method, given: &[(&'static str, &str)], body: &'static str, sent: &str) {
        let outbound = outbound(method, given, body);
        let lines = outbound
            .headers
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()));
        assert_eq!(lines.collect::<Vec<_>>().join(" "), sent);
    }

    #[test]
    fn exactly_the_given_fields_are_sent_with_host_and_length() {
        check(Method::GET, &[], "", "host=b.example:8080");
        check(
            Method::POST,
            &[],
            "",
            "host=b.example:8080 content-length=0",
        );
        check(
            Method::GET,
            &[],
            "ab",
            "host=b.example:8080 content-length=2",
        );
        check(
            Method::GET,
            &[("a", "1"), ("a", "2"), ("authorization", "x")],
            "",
            "host=b.example:8080 a=1 a=2 authorization=x",
        );
    }

    #[test]
    fn attack_14_hop_by_hop_fields_are_not_sent() {
        let given = [
            ("connection", "x-drop, keep-alive"),
            ("x-drop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic eDp5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("upgrade", "websocket"),
            ("x-keep", "1"),
        ];
        check(Method::GET, &given, "", "host=b.example:8080 x-keep=1");
    }

    #[test]
    fn attack_22_framing_is_never_the_callers() {
        let given = [
            ("host", "other.example"),
            ("content-length", "999"),
            ("transfer-encoding", "chunked"),
        ];
        check(
            Method::PUT,
            &given,
            "abc",
            "host=b.example:8080 content-length=3",
        );
    }

    #[test]
    fn only_plain_http_urls_are_called() {
        for bad in [
            "ftp://b/",
            "file:///etc/passwd",
            "http://user@b/",
            "http://user:secret@b/",
            "http://:secret@b/",
            "http://b:0/",
            "data:text/plain,x",
            "unix:/run/x",
        ] {
            let failure = check_url(&Url::parse(bad).unwrap()).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::BadUrl, "{bad}");
        }
        assert!(check_url(&Url::parse("https://[::1]:8443/x?y#z").unwrap()).is_ok());
    }

    #[test]
    fn the_target_is_path_and_query() {
        for (url, expected) in [
            ("http://b", "/"),
            ("http://b/a%2Fb?c=d&e#f", "/a%2Fb?c=d&e"),
            ("http://b/a b?q=ä|{}\"'", "/a%20b?q=%C3%A4|{}%22%27"),
        ] {
            assert_eq!(target(&Url::parse(url).unwrap()).unwrap(), expected);
        }
    }
}
