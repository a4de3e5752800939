//! Views: what is encoded in a text, decoded.
//!
//! A model reads Base64, hexadecimal digits, escapes, ROT13, leet and spaced letters, so a guard has
//! to. All runs of one encoding in a text become one view, so that no number of decoys uses the views
//! up. Each view is bounded, and kept only if it reads like text. A view may hold another one; there
//! the search ends.

mod cluster;
mod codes;
mod escapes;
mod glance;
mod letters;
mod morse;
mod pieces;
mod runs;
mod spaced;

use std::ops::Range;

use glance::Glance;

use crate::inspection::{HiddenKind, ViewKind};
use crate::normalize::Normalized;

/// How much is decoded of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewLimits {
    /// Views of one text, those of views included.
    pub views: usize,
    /// Bytes of one view.
    pub bytes: usize,
}

impl Default for ViewLimits {
    fn default() -> Self {
        Self {
            views: 6,
            bytes: 8 * 1024,
        }
    }
}

/// One view: what all runs of one encoding in a text say.
#[derive(Debug, Default)]
pub struct View {
    kind: Option<ViewKind>,
    text: String,
    pieces: Vec<Piece>,
    is_nested: bool,
}

/// A decoded run.
#[derive(Clone, Debug)]
struct Piece {
    /// Where it begins in the view.
    at: usize,
    /// Where the encoded run stands in the original text.
    span: Range<usize>,
}

impl View {
    /// How it was read.
    pub fn kind(&self) -> ViewKind {
        self.kind.unwrap_or(ViewKind::Text)
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the runs stand in the original text that a part of this view was decoded from.
    pub fn original(&self, part: Range<usize>) -> Range<usize> {
        let at = |place: usize| {
            let after = self.pieces.partition_point(|piece| piece.at <= place);
            self.pieces
                .get(after.saturating_sub(1))
                .map(|piece| piece.span.clone())
        };
        let first = at(part.start).unwrap_or_default();
        let last = at(part.end.saturating_sub(1).max(part.start)).unwrap_or_default();
        first.start..last.end.max(first.end)
    }

    fn begin(&mut self, kind: ViewKind, is_nested: bool) {
        self.kind = Some(kind);
        self.is_nested = is_nested;
        self.text.clear();
        self.pieces.clear();
    }
}

/// The views of one text, in buffers that are kept for the next.
#[derive(Debug, Default)]
pub struct Views {
    all: Vec<View>,
    len: usize,
    undecoded: usize,
}

/// A text that may hold views, and how it stands in the original.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As written.
    pub text: &'a str,
    /// Folded.
    pub folded: &'a Normalized,
    /// The view that it is; `None` for the original.
    pub view: Option<&'a View>,
}

impl Views {
    /// Forgets the views of the last text.
    pub fn clear(&mut self) {
        self.len = 0;
        self.undecoded = 0;
    }

    /// The views found so far.
    pub fn as_slice(&self) -> &[View] {
        self.all.get(..self.len).unwrap_or(&self.all)
    }

    /// Bytes of encoded runs that were left out, because views were full.
    pub const fn undecoded(&self) -> usize {
        self.undecoded
    }

    /// Adds what the original text holds.
    pub fn search(&mut self, text: &str, folded: &Normalized, limits: ViewLimits) {
        let source = Source {
            text,
            folded,
            view: None,
        };
        self.search_in(source, limits);
    }

    /// Adds what the hidden characters of the original text say.
    pub fn search_hidden(&mut self, text: &str, folded: &Normalized, limits: ViewLimits) {
        let hidden = folded.hidden();
        let source = Source {
            text,
            folded,
            view: None,
        };
        if let Some((_, first)) = hidden.seen(HiddenKind::Tags) {
            self.add(ViewKind::Tags, source, limits, |sink| {
                sink.push(hidden.tag_text(), first..text.len());
            });
        }
        if let Some((_, first)) = hidden.seen(HiddenKind::Selectors) {
            self.add(ViewKind::Selectors, source, limits, |sink| {
                sink.push(
                    &String::from_utf8_lossy(hidden.selector_bytes()),
                    first..text.len(),
                );
            });
        }
    }

    /// Adds what view `index` holds, of which `fold` makes the folded text. Only views of the original
    /// are searched.
    pub fn search_view(&mut self, index: usize, folded: &Normalized, limits: ViewLimits) {
        let Some(view) = self.all.get_mut(index).filter(|view| !view.is_nested) else {
            return;
        };
        // Taken out while others are added; nothing looks at it meanwhile.
        let view = std::mem::take(view);
        self.search_in(
            Source {
                text: &view.text,
                folded,
                view: Some(&view),
            },
            limits,
        );
        if let Some(place) = self.all.get_mut(index) {
            *place = view;
        }
    }

    fn search_in(&mut self, source: Source<'_>, limits: ViewLimits) {
        let glance = Glance::at(source.folded.text());
        runs::search(source, limits, self);
        codes::search(source, limits, self);
        escapes::search(source, limits, self);
        letters::search(&glance.looks, source, limits, self);
        morse::search(source, limits, self);
        if glance.is_spaced {
            spaced::search(source, limits, self);
        }
        if glance.is_cut {
            pieces::search(source, limits, self);
        }
    }

    /// Adds a view that `write` fills with the runs of one encoding. It is kept if it says something
    /// that reads like text. `write` returns the bytes that it had to leave out.
    fn add(
        &mut self,
        kind: ViewKind,
        source: Source<'_>,
        limits: ViewLimits,
        write: impl FnOnce(&mut Sink<'_>),
    ) {
        let is_nested = source.view.is_some();
        if self.len == self.all.len() {
            self.all.push(View::default());
        }
        let Some(view) = self.all.get_mut(self.len) else {
            return;
        };
        view.begin(kind, is_nested);
        let mut sink = Sink {
            view,
            source,
            limit: limits.bytes,
            left_out: 0,
        };
        write(&mut sink);
        let left_out = sink.left_out;
        let says = view.text.trim();
        if says.is_empty() || says == source.text.trim() || says == source.folded.text().trim() {
            return;
        }
        if self.len < limits.views {
            self.len += 1;
            self.undecoded += left_out;
        } else {
            self.undecoded += view
                .pieces
                .iter()
                .map(|piece| piece.span.len())
                .sum::<usize>();
        }
    }
}

/// Takes the decoded runs of one view.
struct Sink<'a> {
    view: &'a mut View,
    source: Source<'a>,
    limit: usize,
    left_out: usize,
}

impl Sink<'_> {
    /// Bytes that still have room.
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.view.text.len())
    }

    /// Adds what the run at `span` of the source says.
    fn push(&mut self, decoded: &str, span: Range<usize>) {
        if self.room() == 0 {
            self.left_out += decoded.len();
            return;
        }
        let span = match self.source.view {
            None => span,
            Some(view) => view.original(span),
        };
        if !self.view.text.is_empty() {
            self.view.text.push('\n');
        }
        let at = self.view.text.len();
        self.view.pieces.push(Piece { at, span });
        let fits = decoded.floor_char_boundary(self.room());
        let (kept, rest) = decoded.split_at_checked(fits).unwrap_or((decoded, ""));
        self.view.text.push_str(kept);
        self.left_out += rest.len();
    }

    /// The same for a part of the folded source.
    fn push_folded(&mut self, decoded: &str, part: Range<usize>) {
        let span = self.source.folded.original(part);
        self.push(decoded, span);
    }

    /// The same with bytes, if they read like text.
    fn push_bytes(&mut self, decoded: &[u8], span: Range<usize>) {
        if let Some(text) = legible(decoded) {
            self.push(text, span);
        }
    }
}

/// `bytes` as text, if it reads like some: UTF-8, mostly letters and spaces, nothing unprintable.
fn legible(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // The last character may be cut.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let (mut letters, mut all) = (0_usize, 0_usize);
    for c in text.chars() {
        all += 1;
        letters += usize::from(c.is_alphabetic() || c == ' ');
        if c.is_control() && !c.is_whitespace() {
            return None;
        }
    }
    (all >= 6 && letters * 10 >= all * 7).then_some(text)
}

#[cfg(test)]
mod tests;
