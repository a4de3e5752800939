//! A line of configuration with the part meant, ready to be shown: secrets are masked.

use std::ops::Range;

use ztag_types::ConfigPath;

use crate::document::{Content, Node};
use crate::place::{Place, Source, SourceId, floor};
use crate::secrecy;

/// What stands for a masked value, whatever its length.
const MASK: &str = "***";
/// Characters of one line that are shown.
const MAX_COLUMNS: usize = 200;

/// A line of a file and the columns meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) line: usize,
    /// In characters of the file's line, from 1.
    pub(crate) column: usize,
    pub(crate) text: String,
    /// Characters before the caret.
    pub(crate) indent: usize,
    /// Number of carets.
    pub(crate) width: usize,
}

/// Cuts out the line of `place` and masks the places in `secrets`.
pub(crate) fn cut(source: &Source, place: Place, secrets: &[Place]) -> Excerpt {
    let text = source.text.as_str();
    let (line, column) = place.line_column(text);
    let before = floor(text, place.start);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = text
        .get(start..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |len| start + len);
    let meant = place.start.clamp(start, end)..place.end.clamp(start, end);
    let mut drawn = Drawn::default();
    let mut at = start;
    for secret in secrets
        .iter()
        .filter(|secret| secret.start < end && secret.end > start)
    {
        drawn.plain(text, at..secret.start.clamp(at, end), &meant);
        drawn.mask(
            secret.start.clamp(at, end)..secret.end.clamp(at, end),
            &meant,
        );
        at = secret.end.clamp(at, end);
    }
    drawn.plain(text, at..end, &meant);
    drawn.finish(line, column)
}

#[derive(Default)]
struct Drawn {
    text: String,
    columns: usize,
    carets: Option<Range<usize>>,
}

impl Drawn {
    fn plain(&mut self, text: &str, range: Range<usize>, meant: &Range<usize>) {
        for (offset, c) in text.get(range.clone()).unwrap_or("").char_indices() {
            let at = range.start + offset;
            if c == '\r' {
                continue;
            }
            self.text.push(if c.is_control() { ' ' } else { c });
            if meant.contains(&at) {
                self.mark(self.columns, self.columns + 1);
            }
            self.columns += 1;
        }
    }

    fn mask(&mut self, range: Range<usize>, meant: &Range<usize>) {
        let width = MASK.chars().count();
        if range.start < meant.end.max(meant.start + 1) && meant.start < range.end {
            self.mark(self.columns, self.columns + width);
        }
        self.text.push_str(MASK);
        self.columns += width;
    }

    fn mark(&mut self, from: usize, to: usize) {
        let carets = self.carets.get_or_insert(from..to);
        carets.end = carets.end.max(to);
    }

    fn finish(self, line: usize, column: usize) -> Excerpt {
        let carets = self.carets.unwrap_or((column - 1).min(self.columns)..0);
        let (text, indent) = crop(&self.text, carets.start);
        let room = MAX_COLUMNS.saturating_sub(indent).max(1);
        Excerpt {
            line,
            column,
            text,
            indent,
            width: carets.end.saturating_sub(carets.start).clamp(1, room),
        }
    }
}

/// Shortens a long line around its carets.
fn crop(text: &str, indent: usize) -> (String, usize) {
    let skip = indent.saturating_sub(MAX_COLUMNS / 2);
    let shown = text.chars().skip(skip).take(MAX_COLUMNS).collect();
    (shown, indent - skip)
}

/// The places of all values that may be secrets, by source and position.
pub(crate) fn secrets_of(tree: &Node) -> Vec<Place> {
    let mut places = Vec::new();
    gather(tree, &ConfigPath::root(), &mut places);
    places.sort_unstable();
    places
}

fn gather(node: &Node, path: &ConfigPath, places: &mut Vec<Place>) {
    match &node.content {
        Content::Map(entries) => {
            for entry in entries {
                gather(&entry.node, &path.key(entry.key.clone()), places);
            }
        }
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                gather(item, &path.index(index), places);
            }
        }
        Content::Null | Content::Bool(_) => {}
        Content::Text(text) if secrecy::is_reference(text) => {}
        _ if secrecy::is_secret(path) => places.push(node.place),
        Content::Text(text) if has_password(text) => places.push(node.place),
        _ => {}
    }
}

/// Whether the text is a URL with a password in it.
fn has_password(text: &str) -> bool {
    let authority = text.split_once("://").map(|(_, rest)| rest);
    let authority = authority.and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// The places of likely secrets in a text that is not a document: whatever follows a telling key,
/// to the end of its line, and deeper lines below it.
pub(crate) fn secrets_in_text(text: &str, source: SourceId) -> Vec<Place> {
    let mut places = Vec::new();
    let mut below: Option<usize> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let content = line.trim_end().len();
        if content > 0 && below.is_some_and(|outer| indent <= outer) {
            below = None;
        }
        let telling = line.find([':', '=']).filter(|at| {
            let key = line.get(..*at).unwrap_or("");
            secrecy::is_telling(key)
        });
        if below.is_some() {
            places.push(Place::new(
                source,
                start + indent..start + content.max(indent),
            ));
        } else if let Some(at) = telling {
            places.push(Place::new(
                source,
                start + at + 1..start + content.max(at + 1),
            ));
            below = Some(indent);
        }
        start += line.len();
    }
    places
}

#[cfg(test)]
mod tests;
