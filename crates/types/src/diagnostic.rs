//! What is wrong with a configuration, and where: stages name a path, `config` finds the line.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// One step of a [`ConfigPath`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Segment {
    /// A key of a map.
    Key(String),
    /// An index of a list, from 0.
    Index(usize),
}

/// Where a value stands in the configuration, such as `rules.admin.auth[0].match[1].value`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ConfigPath(Vec<Segment>);

impl ConfigPath {
    /// The document itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path of `key` below this one.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.push(Segment::Key(key.into()))
    }

    /// The path of item `index` below this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.push(Segment::Index(index))
    }

    /// The path above, or `None` for the document itself.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, above)| Self(above.to_vec()))
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    fn push(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is refused or quarantined.
    Error,
    /// It works, but likely not as meant.
    Warning,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The number of a diagnostic; `design/config.md` explains each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in number order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The number, such as `C014`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

codes! {
    /// A file cannot be read.
    Unreadable = "C001",
    /// A file is not valid YAML, TOML or JSON.
    Syntax = "C002",
    /// A key that does not exist.
    UnknownKey = "C003",
    /// A value of the wrong type.
    WrongType = "C004",
    /// A required key is missing.
    MissingKey = "C005",
    /// A value outside its allowed set or range.
    InvalidValue = "C006",
    /// Keys that exclude each other.
    Conflict = "C007",
    /// An environment variable that names no key.
    UnknownEnvironment = "C008",
    /// A variable or secret that the server section names is absent.
    MissingVariable = "C009",
    /// A secret name that leaves the secrets folder.
    SecretName = "C010",
    /// Two definitions of one name.
    Duplicate = "C011",
    /// A name that is not allowed.
    InvalidName = "C012",
    /// An endpoint without any way to authenticate.
    NoCredentialSource = "C013",
    /// A definition that does not exist.
    UnknownDefinition = "C014",
    /// A definition that is itself broken.
    BrokenDefinition = "C015",
    /// No endpoint is usable.
    NoEndpoint = "C016",
    /// Something that this program is built without.
    NotBuilt = "C017",
    /// A CEL expression that does not parse.
    ExpressionSyntax = "C020",
    /// A name that is not in scope.
    UnknownName = "C021",
    /// A function that does not exist.
    UnknownFunction = "C022",
    /// An expression of the wrong type.
    ExpressionType = "C023",
    /// A template that does not parse.
    TemplateSyntax = "C024",
    /// A template file that is absent or outside its folder.
    TemplateFile = "C025",
    /// A regular expression that does not compile.
    Pattern = "C026",
    /// Local variables that need each other.
    VariableCycle = "C027",
    /// A language feature that is not offered.
    RefusedFeature = "C028",
    /// A credential header set by hand.
    CredentialHeader = "C030",
    /// Two forwards with one target.
    DuplicateForward = "C031",
    /// A URL that cannot be called.
    InvalidUrl = "C032",
    /// TLS material that cannot be used.
    InvalidTls = "C033",
    /// A cache that cannot be keyed.
    Uncacheable = "C034",
    /// A cache backend that cannot be set up.
    CacheBackend = "C035",
    /// A setting that has no effect where it stands.
    NoEffect = "C036",
    /// A setting that opens a door wider than likely meant.
    Unsafe = "C040",
    /// Raw text put into JSON.
    RawJson = "C041",
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One finding about a configuration. Messages are lower case, without a full stop, with the
/// user's input in backticks, and never hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its number.
    pub code: Code,
    /// Where it stands.
    pub path: ConfigPath,
    /// The part of the text value meant, in bytes of that value.
    pub within: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at `path`.
    pub fn error(code: Code, path: &ConfigPath, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            path: path.clone(),
            within: None,
            message: message.into(),
            hint: None,
        }
    }

    /// A warning at `path`.
    pub fn warning(code: Code, path: &ConfigPath, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, path, message)
        }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, pointing at a part of the text value.
    pub fn within(mut self, part: Range<usize>) -> Self {
        self.within = Some(part);
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The candidate nearest to `word` by edit distance, close enough to be meant.
    pub fn nearest<'a>(
        word: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let limit = word.chars().count().div_ceil(3).max(1);
        let scored = candidates
            .into_iter()
            .map(|other| (distance(word, other), other));
        scored
            .filter(|(score, _)| *score <= limit)
            .min()
            .map(|(_, other)| other)
    }
}

/// Edit distance over letters, letter case ignored, a swap of neighbours counting one.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let replace = at(&above, j) + usize::from(from != to);
            let mut best = replace.min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_written() {
        let path = ConfigPath::root()
            .key("rules")
            .key("a")
            .key("auth")
            .index(0)
            .key("match");
        assert_eq!(path.to_string(), "rules.a.auth[0].match");
    }

    #[test]
    fn the_nearest_word_is_close() {
        let keys = ["headers", "query", "method"];
        assert_eq!(Diagnostic::nearest("haeders", keys), Some("headers"));
        assert_eq!(Diagnostic::nearest("Header", keys), Some("headers"));
        assert_eq!(Diagnostic::nearest("banana", keys), None);
    }

    #[test]
    fn codes_are_unique_and_sorted() {
        let numbers: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
    }
}
