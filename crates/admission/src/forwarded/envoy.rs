//! Envoy HTTP `ext_authz`.
//!
//! Envoy asks with method, host and path of the original request, the path behind the configured
//! `path_prefix`. `X-Forwarded-Proto` and `X-Forwarded-For` must be among the
//! `allowed_headers`; Envoy then appends its own address to the latter. `X-Envoy-*` is never read.

use super::{Words, direct, forwarded_scheme};
use crate::capture::Hop;
use crate::error::Fault;

pub(super) fn listen(hop: &Hop) -> Result<Words<'_>, Fault> {
    let own = direct::unforwarded(hop)?;
    let target = own
        .target
        .get(hop.mount..)
        .filter(|target| target.starts_with('/'))
        .ok_or(Fault::forwarded("no path behind the path prefix"))?;
    Ok(Words {
        scheme: forwarded_scheme(&hop.headers)?,
        target,
        ..own
    })
}
