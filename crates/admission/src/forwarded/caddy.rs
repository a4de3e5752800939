//! Caddy `forward_auth`.
//!
//! Caddy asks with `GET` on the configured `uri`, copies the client's header fields, and sets
//! `X-Forwarded-Method` and `-Uri`; its reverse proxy adds `X-Forwarded-Proto`, `-Host` and `-For`,
//! replacing the client's unless that client is in `trusted_proxies`.

use http::HeaderMap;

use super::{Words, x_forwarded};
use crate::error::Fault;

pub(super) fn listen(headers: &HeaderMap) -> Result<Words<'_>, Fault> {
    x_forwarded(headers)
}
