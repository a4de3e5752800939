//! What is said differently in an event.

use std::ops::Range;

use super::lane::Key;
use crate::extract::Tree;

/// Strings of an event that are said differently.
pub(super) struct Changes<'a> {
    data: &'a [u8],
    list: Vec<Change>,
}

struct Change {
    raw: Range<usize>,
    key: Option<Key>,
    text: String,
    /// Whether that is what it says already.
    same: bool,
}

impl<'a> Changes<'a> {
    pub(super) const fn new(tree: &Tree<'a>) -> Self {
        Self {
            data: tree.body(),
            list: Vec::new(),
        }
    }

    pub(super) fn set(
        &mut self,
        raw: Option<Range<usize>>,
        key: Option<Key>,
        text: String,
        same: bool,
    ) {
        let change = raw.map(|raw| Change {
            raw,
            key,
            text,
            same,
        });
        self.list.extend(change);
    }

    /// Appends to what the piece of `key` says, if this event has one.
    pub(super) fn append(&mut self, key: &Key, rest: &str) -> bool {
        let change = self.list.iter_mut().find(|c| c.key.as_ref() == Some(key));
        change
            .map(|change| {
                change.text.push_str(rest);
                change.same &= rest.is_empty();
            })
            .is_some()
    }

    /// For each piece, the data before and behind it, where no other piece says anything.
    pub(super) fn around(&mut self) -> Vec<(Key, String, String)> {
        self.list.sort_by_key(|change| change.raw.start);
        let keyed = self.list.iter().filter_map(|change| {
            let key = change.key.clone()?;
            let (before, after) = (change.raw.start, change.raw.end);
            Some((
                key,
                self.splice(0..before, false),
                self.splice(after..self.data.len(), false),
            ))
        });
        keyed.collect()
    }

    /// The data with all changes; `None` if there is none.
    pub(super) fn write(mut self) -> Option<String> {
        self.list.sort_by_key(|change| change.raw.start);
        (!self.list.iter().all(|change| change.same)).then(|| self.splice(0..self.data.len(), true))
    }

    /// A part of the data with its changes; what pieces say only if `pieces`.
    fn splice(&self, part: Range<usize>, pieces: bool) -> String {
        let mut out = Vec::new();
        let mut from = part.start;
        for change in &self.list {
            if change.raw.start < part.start || change.raw.end > part.end {
                continue;
            }
            out.extend_from_slice(self.data.get(from..change.raw.start).unwrap_or_default());
            if pieces || change.key.is_none() {
                crate::extract::write_literal(&change.text, &mut out);
            }
            from = change.raw.end;
        }
        out.extend_from_slice(self.data.get(from..part.end).unwrap_or_default());
        String::from_utf8_lossy(&out).into_owned()
    }
}
