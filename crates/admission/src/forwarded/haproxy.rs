//! HAProxy, asking from Lua.
//!
//! HAProxy has no vocabulary of its own for this; its configuration must set, and not add,
//! `X-Forwarded-Method` (`%[method]`), `-Proto`, `-Host` (`%[req.hdr(host)]`), `-Uri`
//! (`%[pathq]`, before any rewrite) and `-For` (`%[src]`).

use http::HeaderMap;

use super::{Words, x_forwarded};
use crate::error::Fault;

pub(super) fn listen(headers: &HeaderMap) -> Result<Words<'_>, Fault> {
    x_forwarded(headers)
}
