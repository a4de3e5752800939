//! What a path on the public listener asks for.

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// A decision.
    Auth {
        /// The endpoint named, if any.
        endpoint: Option<&'a str>,
        /// Bytes of the path that are the route.
        mount: usize,
        /// Whether nothing follows the route.
        exact: bool,
    },
    /// Whether the process lives.
    Health,
    /// Whether it should get traffic.
    Readiness,
    /// Nothing here.
    Nothing,
}

/// Letter case is ignored, and so is one slash at the end.
pub(crate) fn route(path: &str) -> Route<'_> {
    let Some(inner) = path.strip_prefix('/') else {
        return Route::Nothing;
    };
    let mut segments = inner.splitn(3, '/');
    let (first, second, rest) = (segments.next(), segments.next(), segments.next());
    let first = first.unwrap_or_default();
    let ended = |next: Option<&str>| next.is_none_or(str::is_empty);
    match second {
        // First of all: what follows may be the client's path, which must not name an endpoint.
        _ if is(first, "auth") => Route::Auth {
            endpoint: None,
            mount: 1 + first.len(),
            exact: ended(second) && rest.is_none(),
        },
        Some(auth) if is(auth, "auth") && !first.is_empty() => Route::Auth {
            endpoint: Some(first),
            mount: 2 + first.len() + auth.len(),
            exact: ended(rest),
        },
        _ if !ended(second) || rest.is_some() => Route::Nothing,
        _ if is(first, "healthz") => Route::Health,
        _ if is(first, "readyz") => Route::Readiness,
        _ => Route::Nothing,
    }
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(endpoint: Option<&str>, mount: usize, exact: bool) -> Route<'_> {
        Route::Auth {
            endpoint,
            mount,
            exact,
        }
    }

    fn check(path: &str, expected: Route<'_>) {
        assert_eq!(route(path), expected, "{path}");
    }

    #[test]
    fn paths_name_endpoints() {
        check("/auth", auth(None, 5, true));
        check("/AUTH/", auth(None, 5, true));
        check("/api/auth", auth(Some("api"), 9, true));
        check("/Api/Auth/", auth(Some("Api"), 9, true));
        check("/api/auth/orders/1", auth(Some("api"), 9, false));
        check("/auth/orders/1", auth(None, 5, false));
        check("/healthz", Route::Health);
        check("/readyz/", Route::Readiness);
    }

    /// Behind Envoy with the path prefix `/auth`, this is the client's `/auth/admin`.
    #[test]
    fn attack_18_the_path_of_the_client_names_no_endpoint() {
        check("/auth/auth", auth(None, 5, false));
        check("/auth/auth/admin", auth(None, 5, false));
        check("/AUTH/Auth/", auth(None, 5, false));
        check("/auth/api/auth", auth(None, 5, false));
    }

    #[test]
    fn everything_else_is_nothing() {
        for path in [
            "/",
            "",
            "*",
            "//auth",
            "//x//auth",
            "/api",
            "/health",
            "/metrics",
            "/explain",
        ] {
            check(path, Route::Nothing);
        }
        check("/healthz/x", Route::Nothing);
        check("/api/explain", Route::Nothing);
    }

    #[test]
    fn defect_12_nothing_but_decisions_and_liveness_is_public() {
        for path in [
            "/metrics",
            "/explain",
            "/api/explain",
            "/health",
            "/api/healthz",
        ] {
            check(path, Route::Nothing);
        }
    }
}
