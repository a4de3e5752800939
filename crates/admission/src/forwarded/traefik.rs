//! Traefik `forwardAuth`.
//!
//! Traefik asks with `GET` on the configured address, copies the client's header fields, and sets
//! `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri` and `-For`. Unless `trustForwardHeader` is on,
//! it replaces what the client sent under these names. For an upgrade the scheme is `ws` or `wss`.

use http::HeaderMap;

use super::{Words, x_forwarded};
use crate::error::Fault;

pub(super) fn listen(headers: &HeaderMap) -> Result<Words<'_>, Fault> {
    x_forwarded(headers)
}
