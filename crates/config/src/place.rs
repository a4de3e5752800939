//! Places in configuration texts: byte ranges that become lines and columns when shown.

use std::fmt;
use std::ops::Range;

/// The number of a text in an [`Archive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceId(usize);

/// A range of bytes in one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) source: SourceId,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A text that configuration came from. `Debug` does not show it: it may hold secrets.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) origin: Origin,
    pub(crate) text: String,
}

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file, by the name it is shown under.
    File(String),
    /// An environment variable. Its text is never shown.
    Environment(String),
}

/// Every text the configuration was read from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Archive {
    sources: Vec<Source>,
}

impl Archive {
    /// Keeps `source` and returns its number.
    pub(crate) fn add(&mut self, origin: Origin, text: String) -> SourceId {
        self.sources.push(Source { origin, text });
        SourceId(self.sources.len() - 1)
    }

    /// The source of that number.
    pub(crate) fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0)
    }

    /// The source and position, such as `rules/a.yaml:3:5`.
    pub(crate) fn describe(&self, place: Place) -> String {
        match self
            .source(place.source)
            .map(|source| (&source.origin, &source.text))
        {
            Some((Origin::File(name), text)) => {
                let (line, column) = place.line_column(text);
                format!("{name}:{line}:{column}")
            }
            Some((Origin::Environment(name), _)) => format!("environment variable {name}"),
            None => String::from("an unknown place"),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} bytes", self.origin, self.text.len())
    }
}

impl SourceId {
    /// The first source of an archive.
    #[cfg(test)]
    pub(crate) const FIRST: Self = Self(0);
}

impl Place {
    /// The bytes `range` of `source`.
    pub(crate) const fn new(source: SourceId, range: Range<usize>) -> Self {
        Self {
            source,
            start: range.start,
            end: range.end,
        }
    }

    /// The first byte of `source`.
    pub(crate) const fn start_of(source: SourceId) -> Self {
        Self::new(source, 0..0)
    }

    /// Line and column of its start, both counted from 1; columns count characters.
    pub(crate) fn line_column(self, text: &str) -> (usize, usize) {
        let before = floor(text, self.start);
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before
            .get(line_start..)
            .map_or(0, |part| part.chars().count())
            + 1;
        (line, column)
    }

    /// The text it covers.
    pub(crate) fn text(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }
}

/// The text before byte `at`, cut at a character boundary.
pub(crate) fn floor(text: &str, at: usize) -> &str {
    let mut end = at.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

/// The byte offset of `line` and `column`, both counted from 1, columns in characters.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = text.get(start..).unwrap_or("");
    let within: usize = rest
        .chars()
        .take(column.saturating_sub(1))
        .take_while(|c| *c != '\n')
        .map(char::len_utf8)
        .sum();
    start + within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "a\nbé c\n";
        let place = |start| Place::new(SourceId::FIRST, start..start).line_column(text);
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(2), (2, 1));
        assert_eq!(place(6), (2, 4));
        assert_eq!(place(4), (2, 2), "inside a character");
        assert_eq!(place(99), (3, 1));
    }

    #[test]
    fn offsets_are_the_inverse() {
        let text = "a\nbé c\nlast";
        for (at, _) in text.char_indices() {
            let (line, column) = Place::new(SourceId::FIRST, at..at).line_column(text);
            assert_eq!(offset(text, line, column), at);
        }
        assert_eq!(offset(text, 99, 1), text.len());
    }
}
