//! Hosts and paths as routes name them.

use std::borrow::Cow;
use std::fmt;

use ztag_admission::canonical::{self, PathRules};

/// The hosts that a route names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostPattern {
    /// This one.
    Exact(Box<str>),
    /// Every name below this one.
    Below(Box<str>),
    /// Every one that no other route names.
    Any,
}

/// The paths that a route names: segments behind the first slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PathPattern {
    pub(super) segments: Vec<Box<str>>,
    /// Whether all paths below are named as well.
    pub(super) below: bool,
}

/// Text that names no place, and the widest place it may have been meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable<'t> {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// A name that ends the hosts meant, or segments that begin the paths meant; possibly empty.
    pub(super) meant: Cow<'t, str>,
}

impl HostPattern {
    /// Reads `text`: a canonical host, or one behind `*.`.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable<'_>> {
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let unreadable = |message: String, hint: Option<String>| Unreadable {
            message,
            hint,
            meant: Cow::Owned(meant_host(text)),
        };
        let host = canonical::host(name).map_err(|fault| {
            let hint = "write `www.example.com`, or `*.example.com` for all names below";
            let message = format!("`{text}` is not a host: {}", fault.detail());
            unreadable(message, Some(hint.to_owned()))
        })?;
        if host.port.is_some() {
            let message = format!("`{text}` names a port, which routes do not look at");
            return Err(unreadable(message, Some(format!("write `{}`", host.name))));
        }
        if below && (host.name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok()) {
            return Err(unreadable(
                format!("`{text}`: nothing is below an address"),
                None,
            ));
        }
        let name = host.name.as_str().into();
        Ok(if below {
            Self::Below(name)
        } else {
            Self::Exact(name)
        })
    }
}

impl fmt::Display for HostPattern {
    /// As routes write it; `*` for every host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// The longest end of `text` that is a host, without scheme, port and path; possibly nothing.
fn meant_host(text: &str) -> String {
    let behind = text.split_once("://").map_or(text, |(_, rest)| rest);
    let name = behind.split(['/', ':']).next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = name.rsplit(|c| !plain(c)).next().unwrap_or_default();
    // `a*b.example.com` names something below `example.com`; `b` is the end of a label only.
    let whole = end.len() == name.len() || end.starts_with('.');
    let end = if whole {
        end
    } else {
        end.split_once('.').map_or("", |(_, rest)| rest)
    };
    end.trim_matches('.').to_ascii_lowercase()
}

impl PathPattern {
    /// Every path.
    pub(super) const fn all() -> Self {
        Self {
            segments: Vec::new(),
            below: true,
        }
    }

    /// Reads `text`: a canonical path, or one followed by `/*`.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable<'_>> {
        let (base, below) = match text.strip_suffix("/*") {
            Some(base) => (base, true),
            None => (text, false),
        };
        if base.is_empty() && below {
            return Ok(Self::all());
        }
        let unreadable = |message: String, hint: Option<String>| Unreadable {
            message,
            hint,
            meant: meant_path(text),
        };
        if base.contains('*') {
            let message = format!("`{text}`: `*` stands at the end only, behind a slash");
            return Err(unreadable(message, Some("write `/docs/*`".to_owned())));
        }
        if below && base.ends_with('/') {
            return Err(unreadable(format!("`{text}` holds an empty segment"), None));
        }
        match canonical::path(base, PathRules::default()) {
            Ok(Cow::Borrowed(path)) => Ok(Self {
                segments: segments(path).map(Into::into).collect(),
                below,
            }),
            Ok(Cow::Owned(path)) => {
                let tail = if below { "/*" } else { "" };
                let message = format!("`{text}` is not how requests are compared");
                let hint = format!("write `{path}{tail}`");
                Err(Unreadable {
                    message,
                    hint: Some(hint),
                    meant: path.into(),
                })
            }
            Err(fault) => {
                let message = format!("`{text}` is not a path: {}", fault.detail());
                let hint = (!text.starts_with('/')).then(|| format!("write `/{text}`"));
                Err(unreadable(message, hint))
            }
        }
    }

    /// The path that all it names begin with, without a slash at its end.
    pub(super) fn stem(&self) -> String {
        let mut stem = String::new();
        for segment in &self.segments {
            stem.push('/');
            stem.push_str(segment);
        }
        stem.truncate(stem.trim_end_matches('/').len());
        stem
    }
}

impl fmt::Display for PathPattern {
    /// As routes write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            write!(f, "/{segment}")?;
        }
        f.write_str(if self.below { "/*" } else { "" })
    }
}

/// The segments of an absolute path; `/` has one, which is empty.
pub(super) fn segments(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// Whether `path` is `stem` or below it.
pub(super) fn is_under(path: &str, stem: &str) -> bool {
    path.strip_prefix(stem)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The whole segments that `text` begins with and that can be read.
fn meant_path(text: &str) -> Cow<'_, str> {
    let mut stem = "";
    for (end, _) in text.match_indices('/').skip(1) {
        let Some(longer) = text.get(..end) else { break };
        match canonical::path(longer, PathRules::default()) {
            Ok(Cow::Borrowed(_)) if !longer.ends_with('/') && !longer.contains('*') => {
                stem = longer;
            }
            _ => break,
        }
    }
    Cow::Borrowed(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Result<HostPattern, String> {
        HostPattern::parse(text).map_err(|error| error.meant.into_owned())
    }

    #[test]
    fn hosts_are_names_or_all_below_one() {
        let exact = |name: &str| Ok(HostPattern::Exact(name.into()));
        assert_eq!(host("Api.Example.com."), exact("api.example.com"));
        assert_eq!(host("[::1]"), exact("[::1]"));
        assert_eq!(
            host("*.Example.com"),
            Ok(HostPattern::Below("example.com".into()))
        );
    }

    #[test]
    fn a_host_that_cannot_be_read_was_meant_for_something() {
        for (text, meant) in [
            ("admin.example.com:8443", "admin.example.com"),
            ("https://Admin.example.com/x", "admin.example.com"),
            ("a.*.example.com", "example.com"),
            ("a*b.example.com", "example.com"),
            ("*example.com", "com"),
            ("*", ""),
            ("", ""),
            ("*.10.0.0.1", "10.0.0.1"),
            ("a..example.com", "a..example.com"),
            ("ex ample.com", "com"),
        ] {
            assert_eq!(host(text), Err(meant.to_owned()), "{text}");
        }
    }

    fn path(text: &str) -> Result<(String, bool), String> {
        let read = PathPattern::parse(text);
        read.map(|pattern| (pattern.stem(), pattern.below))
            .map_err(|error| error.meant.into_owned())
    }

    #[test]
    fn paths_are_exact_or_all_below_one() {
        for (text, stem, below) in [
            ("/", "", false),
            ("/*", "", true),
            ("/a", "/a", false),
            ("/a/", "/a", false),
            ("/a/b%20c/*", "/a/b%20c", true),
        ] {
            assert_eq!(path(text), Ok((stem.to_owned(), below)), "{text}");
        }
        assert_ne!(PathPattern::parse("/a"), PathPattern::parse("/a/"));
    }

    #[test]
    fn patterns_are_told_as_they_are_written() {
        for text in ["/", "/*", "/a", "/a/", "/a/b%20c/*"] {
            assert_eq!(PathPattern::parse(text).unwrap().to_string(), text);
        }
        for text in ["a.example", "*.a.example", "[::1]"] {
            assert_eq!(HostPattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn attack_01_02_03_05_patterns_are_canonical_or_refused() {
        for (text, meant) in [
            ("", ""),
            ("a", ""),
            ("*", ""),
            ("/a*", ""),
            ("/a/*/b", "/a"),
            ("/a/b*/*", "/a"),
            ("/a//*", "/a"),
            ("/a//b", "/a"),
            ("//a", ""),
            ("/a/../b", "/a"),
            ("/a/%2e%2e/b", "/a"),
            ("/a/%2Fb", "/a"),
            ("/a/%252f", "/a"),
            ("/a;x/b", ""),
            ("/a\\b", ""),
            ("/a?b", ""),
            ("/a#b", ""),
            ("/%61dmin", "/admin"),
            ("/x%c3%a4/*", "/x%C3%A4"),
        ] {
            assert_eq!(path(text), Err(meant.to_owned()), "{text}");
        }
    }

    #[test]
    fn below_ends_at_a_segment() {
        assert!(is_under("/a", "/a") && is_under("/a/", "/a") && is_under("/a/b", "/a"));
        assert!(!is_under("/ab", "/a") && is_under("/anything", ""));
    }
}
