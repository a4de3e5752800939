//! No proxy asks: the request itself is the original one. A trusted proxy in front may still say
//! for whom it speaks (`X-Forwarded-For`, `Forwarded`) and whether its client came encrypted
//! (`X-Forwarded-Proto`).
//!
//! A fragment in the target is gone before it comes here: the HTTP parser drops it, so that nobody
//! judges or forwards it.

use http::header::HOST;

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
    let target = hop
        .uri
        .path_and_query()
        .map(http::uri::PathAndQuery::as_str);
    Ok(Words {
        method: hop.method.as_str(),
        scheme,
        host: own_host(hop, scheme)?,
        target: target.ok_or(Fault::ambiguous("request target is not an absolute path"))?,
    })
}

/// The host of `Host`, of the target in absolute form (RFC 9112, section 3.2.2), or of both when
/// they name the same server.
fn own_host<'h>(hop: &'h Hop, scheme: &str) -> Result<&'h str, Fault> {
    let named = hop.headers.get(HOST).map(text);
    let target = hop.uri.authority().map(http::uri::Authority::as_str);
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
