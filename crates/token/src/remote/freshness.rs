//! How long a reply serves (RFC 9111 section 5.2.2).

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// Shortest time a set serves, whatever the reply says.
pub(super) const LEAST: Duration = Duration::from_secs(30);
const MOST: Duration = Duration::from_hours(24);

/// What `Cache-Control` says, between 30 seconds and 24 hours; `None` where it says nothing.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let fields = headers.get_all(CACHE_CONTROL).into_iter();
    let directives: Vec<&str> = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(',').map(str::trim))
        .collect();
    let has = |name: &str| directives.iter().any(|own| own.eq_ignore_ascii_case(name));
    if has("no-store") || has("no-cache") {
        return Some(LEAST);
    }
    let seconds = directives.iter().find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        let age = name.trim().eq_ignore_ascii_case("max-age");
        age.then(|| value.trim().trim_matches('"').parse::<u32>().ok())?
    });
    seconds.map(|seconds| Duration::from_secs(seconds.into()).clamp(LEAST, MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, field.parse().unwrap());
        assert_eq!(of(&headers), expected.map(Duration::from_secs), "{field}");
    }

    #[test]
    fn replies_say_how_long_they_serve_within_bounds() {
        check("public, max-age=600", Some(600));
        check("Max-Age=\"600\"", Some(600));
        check("max-age=0", Some(30));
        check("max-age=99999999", Some(86_400));
        check("max-age=600, no-store", Some(30));
        check("private", None);
        check("max-age=-1", None);
        check("x-max-age=5", None);
        assert_eq!(of(&HeaderMap::new()), None);
    }
}
