//! The request under judgement: the original one, and the hop it arrived on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use smol_str::SmolStr;

use crate::clock::Timestamp;
use crate::principal::ClientCertificate;
use crate::value::Value;
use crate::view::{Object, View};

/// Everything known about one request, captured once and never changed.
#[derive(Debug)]
pub struct Snapshot {
    /// The original request, as the client sent it to the outermost trusted proxy.
    pub line: RequestLine,
    /// The query parameters of the original request.
    pub query: Query,
    /// The request on our own connection.
    pub subrequest: Subrequest,
    /// Who asks.
    pub client: Client,
    /// The body, where a rule reads it.
    pub body: Body,
    /// The correlation id: bounded, printable, echoed to the caller.
    pub correlation: SmolStr,
    /// When the request arrived.
    pub received: Timestamp,
}

/// Method and target of the original request, canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// The method.
    pub method: Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host name, lower case, without port and trailing dot.
    pub host: SmolStr,
    /// Port, where one was given.
    pub port: Option<u16>,
    /// Path and query as received, which is what a backend would see.
    pub uri: SmolStr,
    /// Length of the path in `uri`.
    pub path_len: usize,
    /// The canonical path, where the one in `uri` is another spelling of it.
    pub canonical_path: Option<SmolStr>,
}

impl RequestLine {
    /// The canonical path, without the query: one spelling for all that name the same place.
    pub fn path(&self) -> &str {
        match &self.canonical_path {
            Some(path) => path,
            None => self.uri.get(..self.path_len).unwrap_or(&self.uri),
        }
    }

    /// The query as received, without the `?`.
    pub fn raw_query(&self) -> Option<&str> {
        self.uri.get(self.path_len + 1..)
    }
}

/// The request on our own connection: in forward-auth the proxy's question.
#[derive(Debug)]
pub struct Subrequest {
    /// Its method.
    pub method: Method,
    /// Its target, byte for byte.
    pub target: http::Uri,
    /// Its path.
    pub path: SmolStr,
    /// Its host, as received.
    pub host: SmolStr,
    /// Its query parameters.
    pub query: Query,
    /// Address and port of the peer.
    pub remote_addr: SmolStr,
    /// Its header fields. Rules see the client's part of them as `request.headers`.
    pub headers: Headers,
}

/// Who asks, as far as trusted proxies vouch for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Address of the client.
    pub address: IpAddr,
    /// The same as text.
    pub address_text: SmolStr,
    /// Address of the TCP peer.
    pub peer: SocketAddr,
    /// Whether the peer is a trusted proxy whose forwarding headers were believed.
    pub trusted_proxy: bool,
    /// Whether untrusted forwarding headers were dropped (development mode).
    pub proxy_stripped: bool,
    /// The sanitised chain of addresses, client first, as `X-Forwarded-For` would carry it.
    pub forwarded_for: SmolStr,
    /// The sanitised `Forwarded` value (RFC 7239), empty when none was sent.
    pub forwarded: SmolStr,
    /// The certificate that the client proved to hold, on our own connection or, as a trusted
    /// proxy says, on its.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// Query parameters, percent-decoded, in order. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(pub Arc<[(SmolStr, SmolStr)]>);

impl Query {
    /// The first value of `name` (case-sensitive).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// How often `name` occurs.
    pub fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(own, _)| own == name).count()
    }
}

/// The request body, where some rule reads it.
#[derive(Debug, Default)]
pub struct Body {
    /// The bytes.
    pub bytes: Bytes,
    /// The bytes as JSON when the content type says so, else null.
    pub json: Value,
}

/// Header fields, in two views: all of them, and those a rule may read and copy.
///
/// A rule sees what the client sent: not the words that proxies put in, no hop-by-hop fields, and
/// no names that alias others by `_` or `.`.
#[derive(Debug, Default)]
pub struct Headers {
    raw: RawHeaders,
}

/// All header fields of our own hop, as `subrequest.headers`.
#[derive(Debug, Default)]
pub struct RawHeaders(HeaderMap);

impl Headers {
    /// Wraps the header fields of our own hop.
    pub const fn new(raw: HeaderMap) -> Self {
        Self {
            raw: RawHeaders(raw),
        }
    }

    /// The value of the first visible field `name` (lower case), as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        if Self::is_hidden(name) {
            None
        } else {
            self.raw.get(name)
        }
    }

    /// All header fields, visible or not.
    pub const fn raw(&self) -> &HeaderMap {
        &self.raw.0
    }

    /// The fields, given away.
    pub fn into_raw(self) -> HeaderMap {
        self.raw.0
    }

    /// Whether rules and backends never see a field of this (lower-case) name.
    pub fn is_hidden(name: &str) -> bool {
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !plain
            || HIDDEN_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
            || HIDDEN.contains(&name)
    }
}

impl RawHeaders {
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }
}

const HIDDEN_PREFIXES: &[&str] = &["x-forwarded", "x-original-", "x-envoy-", "x-ztag-"];

/// Fields that speak for a proxy or for one hop only.
const HIDDEN: &[&str] = &[
    "connection",
    "forwarded",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "via",
    "x-real-ip",
    "x-rewrite-url",
];

impl Snapshot {
    /// The header fields that rules may see.
    pub const fn headers(&self) -> &Headers {
        &self.subrequest.headers
    }
}

impl Object for Snapshot {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(match name {
            "method" => View::Str(self.line.method.as_str()),
            "path" => View::Str(self.line.path()),
            "host" => View::Str(&self.line.host),
            "port" => View::Int(self.line.port?.into()),
            "scheme" => View::Str(self.line.scheme),
            "uri" => View::Str(&self.line.uri),
            "query" => View::Object(&self.query),
            "headers" => View::Object(&self.subrequest.headers),
            "remoteAddr" => View::Str(&self.client.address_text),
            "body" => self.body.json.view(),
            // Capture refuses such a body where rules read it; empty text would pass deny rules.
            "bodyText" => match std::str::from_utf8(&self.body.bytes) {
                Ok(text) => View::Str(text),
                Err(_) => View::Failed("the body is not text"),
            },
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        let all = [
            "method",
            "path",
            "host",
            "port",
            "scheme",
            "uri",
            "query",
            "headers",
            "remoteAddr",
            "body",
            "bodyText",
        ];
        all.into_iter()
            .filter(|name| *name != "port" || self.line.port.is_some())
            .collect()
    }
}

impl Object for Subrequest {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(match name {
            "method" => View::Str(self.method.as_str()),
            "path" => View::Str(&self.path),
            "host" => View::Str(&self.host),
            "query" => View::Object(&self.query),
            "headers" => View::Object(&self.headers.raw),
            "remoteAddr" => View::Str(&self.remote_addr),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        vec!["method", "path", "host", "query", "headers", "remoteAddr"]
    }
}

impl Object for Query {
    fn field(&self, name: &str) -> Option<View<'_>> {
        self.get(name).map(View::Str)
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Object for Headers {
    fn field(&self, name: &str) -> Option<View<'_>> {
        self.get(name).map(View::Str)
    }

    fn names(&self) -> Vec<&str> {
        let mut names = self.raw.names();
        names.retain(|name| !Self::is_hidden(name));
        names
    }
}

impl Object for RawHeaders {
    fn field(&self, name: &str) -> Option<View<'_>> {
        self.get(name).map(View::Str)
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_and_proxy_words_are_hidden_from_rules() {
        for name in [
            "x_forwarded_for",
            "x-auth_user",
            "x.auth.user",
            "x-forwarded-prefix",
            "via",
            "connection",
        ] {
            assert!(Headers::is_hidden(name), "{name}");
        }
        for name in ["authorization", "x-api-key", "cookie", "x-request-id"] {
            assert!(!Headers::is_hidden(name), "{name}");
        }
    }

    #[test]
    fn path_and_query_are_parts_of_the_uri() {
        let line = RequestLine {
            method: Method::GET,
            scheme: "https",
            host: "a".into(),
            port: None,
            uri: "/x/y?z=1".into(),
            path_len: 4,
            canonical_path: None,
        };
        assert_eq!((line.path(), line.raw_query()), ("/x/y", Some("z=1")));
    }
}
