//! What a proxy says about the original request, one dialect per endpoint.

mod caddy;
mod certificate;
mod chain;
pub(crate) mod direct;
mod envoy;
mod haproxy;
mod known_certificates;
mod nginx;
mod rfc7239;
mod traefik;

use http::{HeaderMap, HeaderName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::capture::Hop;
use crate::error::Fault;

pub use certificate::CertificateFormat;
pub(crate) use certificate::CertificateHeader;
pub use chain::{Chain, MAX_HOPS, x_forwarded_for};
pub use rfc7239::forwarded;

/// How the proxy describes the original request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// No proxy asks: the request itself is the original one.
    #[default]
    Direct,
    /// Traefik `forwardAuth`: `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`, `-For`.
    Traefik,
    /// nginx `auth_request`: `X-Original-Method`, and `X-Original-URI` with `X-Forwarded-Proto`
    /// and `-Host`, or `X-Original-URL`; `X-Forwarded-For`.
    Nginx,
    /// Caddy `forward_auth`: `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`, `-For`.
    Caddy,
    /// HAProxy with Lua: `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`, `-For`.
    Haproxy,
    /// Envoy HTTP `ext_authz`: method, host and path of the question itself, the path behind the
    /// configured prefix; `X-Forwarded-Proto`, `-For`.
    Envoy,
}

pub(crate) static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// The original request in the words of whoever describes it, unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words<'h> {
    pub(crate) method: &'h str,
    pub(crate) scheme: &'h str,
    pub(crate) host: &'h str,
    pub(crate) target: &'h str,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &'static [Self] = &[
        Self::Direct,
        Self::Traefik,
        Self::Nginx,
        Self::Caddy,
        Self::Haproxy,
        Self::Envoy,
    ];

    /// The spelling in configuration and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Traefik => "traefik",
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// Whether the proxy appends the original path to the route it asks.
    pub const fn extends_path(self) -> bool {
        matches!(self, Self::Envoy)
    }

    /// The original request as the believed peer of `hop` describes it.
    pub(crate) fn listen(self, hop: &Hop) -> Result<Words<'_>, Fault> {
        match self {
            Self::Direct => direct::listen(hop),
            Self::Traefik => traefik::listen(&hop.headers),
            Self::Nginx => nginx::listen(&hop.headers),
            Self::Caddy => caddy::listen(&hop.headers),
            Self::Haproxy => haproxy::listen(&hop.headers),
            Self::Envoy => envoy::listen(hop),
        }
    }
}

/// The original request is the one on our own connection; no proxy is asked.
pub(crate) fn own_words(hop: &Hop) -> Result<Words<'_>, Fault> {
    direct::unforwarded(hop)
}

/// Whether a header field of this name speaks about an earlier hop, true or not.
pub(crate) fn is_metadata(name: &str) -> bool {
    name == "forwarded"
        || name.starts_with("x-forwarded-")
        || name.starts_with("x-original-")
        || CLIENT_CERTIFICATE.contains(&name)
}

/// The fields of RFC 9440, which only the proxy that terminates TLS may send (section 2.4).
pub(crate) const CLIENT_CERTIFICATE: [&str; 2] = ["client-cert", "client-cert-chain"];

/// The chain that `X-Forwarded-For` and `Forwarded` agree on; `None` when neither is there.
pub(crate) fn agreed_chain(headers: &HeaderMap) -> Result<Option<Chain>, Fault> {
    let said = lines(headers, &X_FORWARDED_FOR).map(x_forwarded_for);
    let standard = lines(headers, &http::header::FORWARDED).map(forwarded);
    let chain = match (said.transpose()?, standard.transpose()?) {
        (Some(a), Some(b)) if a != b => {
            return Err(Fault::forwarded(
                "forwarded metadata mismatch between headers",
            ));
        }
        (Some(chain), _) | (None, Some(chain)) => Some(chain),
        (None, None) => None,
    };
    Ok(chain)
}

fn lines<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Option<impl Iterator<Item = &'h str> + use<'h>> {
    let mut lines = headers.get_all(name).into_iter().map(text).peekable();
    lines.peek()?;
    Some(lines)
}

/// A value as text. Screening has refused values that are not UTF-8 before anybody asks.
pub(crate) fn text(value: &http::HeaderValue) -> &str {
    std::str::from_utf8(value.as_bytes()).unwrap_or_default()
}

/// The only value of `name`; a second one is a second opinion and refused.
fn optional<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Fault> {
    let mut lines = headers.get_all(name).into_iter();
    let first = lines.next();
    if lines.next().is_some() {
        return Err(Fault::forwarded("forwarding header sent twice"));
    }
    Ok(first.map(text))
}

fn required<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    missing: &'static str,
) -> Result<&'h str, Fault> {
    optional(headers, name)?
        .filter(|value| !value.is_empty())
        .ok_or(Fault::forwarded(missing))
}

/// The four words that most proxies use.
fn x_forwarded(headers: &HeaderMap) -> Result<Words<'_>, Fault> {
    Ok(Words {
        method: required(
            headers,
            &X_FORWARDED_METHOD,
            "`x-forwarded-method` is missing",
        )?,
        scheme: forwarded_scheme(headers)?,
        host: forwarded_host(headers)?,
        target: required(headers, &X_FORWARDED_URI, "`x-forwarded-uri` is missing")?,
    })
}

fn forwarded_scheme(headers: &HeaderMap) -> Result<&str, Fault> {
    required(
        headers,
        &X_FORWARDED_PROTO,
        "`x-forwarded-proto` is missing",
    )
}

fn forwarded_host(headers: &HeaderMap) -> Result<&str, Fault> {
    required(headers, &X_FORWARDED_HOST, "`x-forwarded-host` is missing")
}

#[cfg(test)]
mod tests;
