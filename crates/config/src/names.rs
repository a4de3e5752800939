//! Which names endpoints and rules may have.

use ztag_types::{Code, ConfigPath, Diagnostic};

/// Characters of a name.
const MAX_LEN: usize = 64;

/// An endpoint's name is a part of a URL path: letters, digits, `-`, `_` and `.` inside.
pub(crate) fn check_endpoint(name: &str, path: &ConfigPath) -> Option<Diagnostic> {
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

/// A rule's name is text without control characters and without space around it.
pub(crate) fn check_rule(name: &str, path: &ConfigPath) -> Option<Diagnostic> {
    let long = name.chars().count() > MAX_LEN;
    if name.is_empty() || long || name.trim() != name || name.chars().any(char::is_control) {
        let message = format!("`{}` is not a name for a rule", name.escape_debug());
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
            let found = check_endpoint(name, &ConfigPath::root());
            assert_eq!(found.is_none(), fine, "{name}");
        };
        check("auth", false);
        check("AUTH", false);
        check("authentic", true);
        check("a/b", false);
        check(".well-known", false);
    }
}
