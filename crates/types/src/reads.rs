//! Which inputs an expression reads: the source of cache keys and of body buffering.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::scope::Root;

/// A path into the context, such as `request.headers.x-tenant`; it stands for all below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadPath(Vec<Arc<str>>);

impl ReadPath {
    /// A path of `segments`, root first.
    pub fn new<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Self {
        Self(
            segments
                .into_iter()
                .map(|segment| Arc::from(segment.as_ref()))
                .collect(),
        )
    }

    /// The segments, root first.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The first segment.
    pub fn root(&self) -> &str {
        self.0.first().map_or("", AsRef::as_ref)
    }

    /// Whether this path is `prefix` or lies below it.
    pub fn starts_with(&self, prefix: &[&str]) -> bool {
        self.0.len() >= prefix.len()
            && self
                .0
                .iter()
                .zip(prefix)
                .all(|(own, theirs)| &**own == *theirs)
    }

    /// Whether reading one of the two paths reveals something of the other.
    pub fn overlaps(&self, other: &[&str]) -> bool {
        self.0
            .iter()
            .zip(other)
            .all(|(own, theirs)| &**own == *theirs)
    }
}

impl fmt::Display for ReadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().enumerate() {
            let plain = segment
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_');
            match (index, plain) {
                (0, _) => f.write_str(segment)?,
                (_, true) => write!(f, ".{segment}")?,
                (_, false) => write!(f, "['{segment}']")?,
            }
        }
        Ok(())
    }
}

/// Everything an expression reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    paths: BTreeSet<ReadPath>,
    volatile: bool,
}

impl Reads {
    /// Reads nothing.
    pub const fn nothing() -> Self {
        Self {
            paths: BTreeSet::new(),
            volatile: false,
        }
    }

    /// Adds a path.
    pub fn insert(&mut self, path: ReadPath) {
        self.paths.insert(path);
    }

    /// Marks the result as different each time (`uuid()` and the like): never cacheable.
    pub fn mark_volatile(&mut self) {
        self.volatile = true;
    }

    /// Adds all that `other` reads.
    pub fn extend(&mut self, other: &Self) {
        self.paths.extend(other.paths.iter().cloned());
        self.volatile |= other.volatile;
    }

    /// The paths read, without those below another path read.
    pub fn paths(&self) -> impl Iterator<Item = &ReadPath> {
        self.paths.iter().filter(|path| {
            let above = |other: &&ReadPath| {
                let segments: Vec<_> = other.segments().collect();
                *other != *path && path.starts_with(&segments)
            };
            !self.paths.iter().any(|other| above(&other))
        })
    }

    /// Whether a cached result could be wrong: it depends on the time, or on chance.
    pub fn is_volatile(&self) -> bool {
        self.volatile || self.touches(&[Root::Now.as_str()])
    }

    /// Whether anything at, above or below `path` is read.
    pub fn touches(&self, path: &[&str]) -> bool {
        self.paths.iter().any(|own| own.overlaps(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_path_swallows_narrower_ones() {
        let mut reads = Reads::nothing();
        reads.insert(ReadPath::new(["request", "headers", "x-a"]));
        reads.insert(ReadPath::new(["request", "headers"]));
        reads.insert(ReadPath::new(["request", "method"]));
        let shown: Vec<_> = reads.paths().map(ToString::to_string).collect();
        assert_eq!(shown, ["request.headers", "request.method"]);
        assert!(reads.touches(&["request", "headers", "x-b"]));
        assert!(!reads.touches(&["request", "body"]));
    }

    #[test]
    fn reading_the_time_is_volatile() {
        let mut reads = Reads::nothing();
        assert!(!reads.is_volatile());
        reads.insert(ReadPath::new(["now"]));
        assert!(reads.is_volatile());
    }
}
