//! No proxy asks: the request itself is the original one. A trusted proxy in front may still say
//! for whom it speaks (`X-Forwarded-For`, `Forwarded`) and whether its client came encrypted
//! (`X-Forwarded-Proto`).
//!
//! A fragment in the target is gone before it comes here: the HTTP parser drops it, so that nobody
//! judges or forwards it.

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Uri};

use super::{Words, X_FORWARDED_PROTO, optional, text};
use crate::canonical;
use crate::capture::Hop;
use crate::error::Fault;

pub(super) fn listen(hop: &Hop) -> Result<Words<'_>, Fault> {
    let own = unforwarded(hop)?;
    let scheme = optional(&hop.headers, &X_FORWARDED_PROTO)?.unwrap_or(own.scheme);
    Ok(Words { scheme, ..own })
}

pub(super) fn unforwarded(hop: &Hop) -> Result<Words<'_>, Fault> {
    let scheme = if hop.encrypted { "https" } else { "http" };
    Ok(Words {
        method: hop.method.as_str(),
        scheme,
        host: own_host(&hop.uri, &hop.headers, scheme)?,
        target: own_target(&hop.uri)?,
    })
}

/// Path and query of the target; `CONNECT` and `OPTIONS *` have none.
pub(crate) fn own_target(uri: &Uri) -> Result<&str, Fault> {
    let target = uri.path_and_query().map(PathAndQuery::as_str);
    target.ok_or(Fault::ambiguous("request target is not an absolute path"))
}

/// The host of `Host`, of the target (RFC 9112 section 3.2.2 for HTTP/1.1, RFC 9113 section 8.3.1
/// for HTTP/2), or of both when they name the same server.
pub(crate) fn own_host<'h>(
    uri: &'h Uri,
    headers: &'h HeaderMap,
    scheme: &str,
) -> Result<&'h str, Fault> {
    // A proxy that ends TLS may say `https` where we see none; other schemes are not ours to serve.
    if uri
        .scheme()
        .is_some_and(|own| *own != Scheme::HTTP && *own != Scheme::HTTPS)
    {
        return Err(Fault::ambiguous("the target is not of http"));
    }
    let named = headers.get(HOST).map(text);
    let target = uri.authority().map(Authority::as_str);
    match (named, target) {
        (Some(named), None) => Ok(named),
        (None, Some(target)) => Ok(target),
        (Some(named), Some(target)) => {
            let same = canonical::host(named)?.equals(&canonical::host(target)?, scheme);
            same.then_some(named)
                .ok_or(Fault::ambiguous("target and host name different servers"))
        }
        (None, None) => Err(Fault::ambiguous("host is missing")),
    }
}
