//! From the path of a diagnostic to the text it means.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use ztag_types::{Code, ConfigPath, Diagnostic};

use crate::document::{Content, Node};
use crate::place::{Archive, Origin, Place};

/// Where `diagnostic` points in the texts that `tree` was read from.
pub(crate) fn locate(diagnostic: &Diagnostic, tree: &Node, archive: &Archive) -> Place {
    let found = tree.find(&diagnostic.path);
    if !found.complete {
        let Some(parent) = diagnostic.path.parent() else {
            return tree.place;
        };
        return nearest(&parent, tree);
    }
    let names_the_key = matches!(
        diagnostic.code,
        Code::UnknownKey | Code::Duplicate | Code::InvalidName | Code::CredentialHeader
    );
    if let (true, Some(key)) = (names_the_key, found.key) {
        return key;
    }
    let part = diagnostic.within.clone();
    let exact = part.and_then(|part| within(found.node, part, archive));
    exact.unwrap_or_else(|| found.place())
}

/// The place of the nearest value at or above `path`.
fn nearest(path: &ConfigPath, tree: &Node) -> Place {
    let found = tree.find(path);
    let place = found.place();
    match found.node.content {
        // The end of a list or map says nothing: point at where it starts.
        Content::List(_) | Content::Map(_) if found.key.is_none() => Place {
            end: place.start,
            ..place
        },
        _ => place,
    }
}

/// The place of the bytes `part` of a text value.
fn within(node: &Node, part: Range<usize>, archive: &Archive) -> Option<Place> {
    let value = node.as_str()?;
    let source = archive.source(node.place.source)?;
    if let Origin::Environment(_) = source.origin {
        return Some(node.place);
    }
    let raw = node.place.text(&source.text);
    let range = project(raw, value, part)?;
    Some(Place::new(
        node.place.source,
        node.place.start + range.start..node.place.start + range.end,
    ))
}

/// The bytes of `raw`, a value as written, that stand for the bytes `part` of `value`, the same
/// read: without quotes, escapes, folding and indentation.
pub(crate) fn project(raw: &str, value: &str, part: Range<usize>) -> Option<Range<usize>> {
    let mut written = raw.char_indices().peekable();
    let (mut start, mut end) = (None, None);
    for (at, c) in value.char_indices() {
        let span = step(&mut written, c)?;
        if at >= part.start && start.is_none() {
            start = Some(span.start);
        }
        if at < part.end || at <= part.start {
            end = Some(span.end);
        }
    }
    match (start, end) {
        (Some(start), Some(end)) => Some(start..end.max(start)),
        // Past the end of the value: right behind what is written.
        _ => Some(end.unwrap_or(0)..end.unwrap_or(0)),
    }
}

/// Steps to the written form of `c`.
fn step(written: &mut Peekable<CharIndices<'_>>, c: char) -> Option<Range<usize>> {
    loop {
        let (at, found) = written.next()?;
        let after = at + found.len_utf8();
        if found == c || (found.is_whitespace() && c.is_whitespace()) {
            return Some(at..after);
        }
        match found {
            '\\' => {
                let (next_at, next) = written.next()?;
                let escaped = next == c || next.is_ascii_alphanumeric();
                if escaped {
                    skip_code(written, next);
                    return Some(at..next_at + next.len_utf8());
                }
            }
            '\'' | '"' => {}
            space if space.is_whitespace() => {}
            _ => return None,
        }
    }
}

/// Skips the digits of `\xHH`, `\uHHHH` and `\UHHHHHHHH`.
fn skip_code(written: &mut Peekable<CharIndices<'_>>, kind: char) {
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    for _ in 0..digits {
        written.next_if(|(_, c)| c.is_ascii_hexdigit());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, value: &str, part: &str, expected: &str) {
        let start = value.find(part).unwrap();
        let found = project(raw, value, start..start + part.len());
        assert_eq!(
            found.and_then(|range| raw.get(range)),
            Some(expected),
            "{raw}"
        );
    }

    #[test]
    fn parts_of_values_are_found_as_written() {
        check("a == b", "a == b", "b", "b");
        check("'it''s b'", "it's b", "b", "b");
        check(r#""a \"q\" b""#, r#"a "q" b"#, "q", "q");
        check(r#""tab\there""#, "tab\there", "here", "here");
        check(r#""\u00e9 x""#, "é x", "x", "x");
        check(
            "one\n      two\n      three",
            "one two three",
            "three",
            "three",
        );
        check("one\n    two\n", "one\ntwo\n", "two", "two");
    }

    #[test]
    fn a_part_behind_the_end_points_behind_the_text() {
        assert_eq!(project("'ab'", "ab", 2..2), Some(3..3));
        assert_eq!(project("ab", "ab", 9..10), Some(2..2));
    }
}
