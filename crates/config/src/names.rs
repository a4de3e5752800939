//! Which names definitions may have.

use ztag_types::{Code, ConfigPath, Diagnostic};

use crate::kind::Kind;

/// Characters of a name.
const MAX_LEN: usize = 64;

/// What is wrong with `name` for a definition of this kind.
pub(crate) fn check(kind: Kind, name: &str) -> Option<Diagnostic> {
    let path = kind.path(name);
    match kind {
        Kind::Endpoint => check_endpoint(name, &path),
        _ => check_text(kind, name, &path),
    }
}

/// An endpoint's name is a part of a URL path: letters, digits, `-`, `_` and `.` inside.
fn check_endpoint(name: &str, path: &ConfigPath) -> Option<Diagnostic> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_LEN || name.starts_with('.') || !name.chars().all(plain)
    {
        let message = format!("`{}` is not a name for an endpoint", name.escape_debug());
        let hint =
            format!("use 1 to {MAX_LEN} letters, digits, `-`, `_` and `.`, the first not `.`");
        return Some(Diagnostic::error(Code::InvalidName, path, message).hint(hint));
    }
    // Envoy appends the client's path to `/auth`: an endpoint of that name would be chosen by it.
    if name.eq_ignore_ascii_case("auth") {
        let message = "`auth` is the route itself and names no endpoint";
        return Some(Diagnostic::error(Code::InvalidName, path, message));
    }
    None
}

/// Other names are text without control characters and without space around it.
fn check_text(kind: Kind, name: &str, path: &ConfigPath) -> Option<Diagnostic> {
    let long = name.chars().count() > MAX_LEN;
    if name.is_empty() || long || name.trim() != name || name.chars().any(char::is_control) {
        let (name, kind) = (name.escape_debug(), kind.a_word());
        let message = format!("`{name}` is not a name for {kind}");
        let hint = format!("use 1 to {MAX_LEN} characters without space around them");
        return Some(Diagnostic::error(Code::InvalidName, path, message).hint(hint));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_18_no_endpoint_is_called_like_the_route() {
        let check = |name: &str, fine: bool| {
            let found = check(Kind::Endpoint, name);
            assert_eq!(found.is_none(), fine, "{name}");
        };
        check("auth", false);
        check("AUTH", false);
        check("authentic", true);
        check("a/b", false);
        check(".well-known", false);
    }
}
