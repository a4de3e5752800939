//! One spelling for everything that names the same thing. What could be read in two ways is
//! refused instead of repaired, because the next reader may repair it differently.

mod host;
mod path;
mod query;

use http::Method;

use crate::error::Fault;

pub(crate) use host::name as host_name;
pub use host::{Host, host};
pub use path::{PathRules, path};
pub(crate) use query::names_of;
pub use query::query;

/// Bytes of a request target at the most.
pub const MAX_TARGET: usize = 16 * 1024;

const MAX_METHOD: usize = 32;

/// A method that can be judged: an upper-case token other than `CONNECT` and `TRACE`.
///
/// Methods are case-sensitive (RFC 9110, section 9.1), yet servers differ on `get`.
pub fn method(text: &str) -> Result<Method, Fault> {
    check_method(text)?;
    Method::from_bytes(text.as_bytes()).map_err(|_| Fault::ambiguous("method is not a token"))
}

/// Refuses what [`method`] refuses.
pub(crate) fn check_method(text: &str) -> Result<(), Fault> {
    let upper = |b: u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
    let well_formed = !text.is_empty() && text.len() <= MAX_METHOD && text.bytes().all(upper);
    if !well_formed {
        return Err(Fault::ambiguous("method is not an upper-case token"));
    }
    if matches!(text, "CONNECT" | "TRACE") {
        return Err(Fault::ambiguous("method is CONNECT or TRACE"));
    }
    Ok(())
}

/// `http` or `https`; `ws` and `wss` are these two before their upgrade.
pub fn scheme(text: &str) -> Result<&'static str, Fault> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    if is("https") || is("wss") {
        Ok("https")
    } else if is("http") || is("ws") {
        Ok("http")
    } else {
        Err(Fault::forwarded("forwarded scheme is unknown"))
    }
}

/// Path and query of a request target in origin form, and the length of the path.
pub(crate) fn split(target: &str) -> Result<(&str, Option<&str>), Fault> {
    if target.len() > MAX_TARGET {
        return Err(Fault::too_large("request target is too long"));
    }
    if !target.starts_with('/') {
        return Err(Fault::ambiguous("request target is not an absolute path"));
    }
    let mut mark = None;
    for (at, byte) in target.bytes().enumerate() {
        match byte {
            b'#' => return Err(Fault::ambiguous("fragment in the request target")),
            b'?' if mark.is_none() => mark = Some(at),
            _ => {}
        }
    }
    let split = mark.and_then(|at| target.split_at_checked(at));
    Ok(match split {
        Some((path, query)) => (path, query.strip_prefix('?')),
        None => (target, None),
    })
}

#[cfg(test)]
mod tests;
