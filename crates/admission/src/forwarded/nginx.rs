//! nginx `auth_request`.
//!
//! nginx sends only what its configuration sets: `X-Original-Method $request_method`,
//! `X-Forwarded-For`, and either `X-Original-URI $request_uri` with `X-Forwarded-Proto $scheme` and
//! `X-Forwarded-Host $http_host`, or all in one as
//! `X-Original-URL $scheme://$http_host$request_uri`.

use http::{HeaderMap, HeaderName};

use super::{
    Words, X_FORWARDED_HOST, X_FORWARDED_PROTO, forwarded_host, forwarded_scheme, optional,
    required,
};
use crate::error::Fault;

static X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
static X_ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
static X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");

pub(super) fn listen(headers: &HeaderMap) -> Result<Words<'_>, Fault> {
    let method = required(
        headers,
        &X_ORIGINAL_METHOD,
        "`x-original-method` is missing",
    )?;
    let uri = optional(headers, &X_ORIGINAL_URI)?;
    let url = optional(headers, &X_ORIGINAL_URL)?;
    match (uri, url) {
        (Some(target), None) => Ok(Words {
            method,
            scheme: forwarded_scheme(headers)?,
            host: forwarded_host(headers)?,
            target,
        }),
        (None, Some(url)) => whole(headers, method, url),
        (Some(_), Some(_)) => Err(Fault::forwarded(
            "both `x-original-uri` and `x-original-url` are present",
        )),
        (None, None) => Err(Fault::forwarded(
            "neither `x-original-uri` nor `x-original-url` is present",
        )),
    }
}

/// Reads `X-Original-URL`, which must agree with what else is said about scheme and host.
fn whole<'h>(headers: &'h HeaderMap, method: &'h str, url: &'h str) -> Result<Words<'h>, Fault> {
    let malformed = Fault::forwarded("`x-original-url` is not an absolute URL");
    let (scheme, rest) = url.split_once("://").ok_or(malformed)?;
    let at = rest.find('/').ok_or(malformed)?;
    let (host, target) = rest.split_at_checked(at).ok_or(malformed)?;
    let agrees = |said: Option<&str>, own: &str| said.is_none_or(|said| said == own);
    if agrees(optional(headers, &X_FORWARDED_PROTO)?, scheme)
        && agrees(optional(headers, &X_FORWARDED_HOST)?, host)
    {
        Ok(Words {
            method,
            scheme,
            host,
            target,
        })
    } else {
        Err(Fault::forwarded(
            "`x-original-url` contradicts another header",
        ))
    }
}
