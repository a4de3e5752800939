//! Everything a text says, read once: the text itself and its views, folded, with the rules they hit.

use std::ops::Range;

use crate::channel::Channel;
use crate::inspection::ViewKind;
use crate::normalize::Normalized;
use crate::rules::{RuleBook, RuleHit, Scan, Touch};
use crate::view::{View, ViewLimits, Views};

/// Buffers of a sweep, kept from one text to the next.
#[derive(Debug, Default)]
pub struct Sweep {
    folded: Normalized,
    view: Normalized,
    views: Views,
    scan: Scan,
}

/// A text or a view as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The text, folded.
    pub folded: &'a Normalized,
    /// The rules that it hit.
    pub hits: &'a [RuleHit],
    /// The themes that it touches.
    pub touches: &'a [Touch],
    /// The view that it is; `None` for the text itself.
    pub view: Option<&'a View>,
}

impl Seen<'_> {
    /// How it was read.
    pub fn kind(&self) -> ViewKind {
        self.view.map_or(ViewKind::Text, View::kind)
    }

    /// Where a part of the folded text stands in the original.
    pub fn original(&self, part: Range<usize>) -> Range<usize> {
        let part = self.folded.original(part);
        self.view.map_or(part.clone(), |view| view.original(part))
    }
}

/// What a text is read with.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The rules.
    pub book: &'a RuleBook,
    /// Where the text stands.
    pub channel: Channel,
    /// How much of it is decoded.
    pub limits: ViewLimits,
}

impl Sweep {
    /// Reads `text` and its views; shows each. `blank` may blank parts of
    /// a folded text before it is read, byte by byte.
    pub fn read(
        &mut self,
        text: &str,
        reading: &Reading<'_>,
        blank: impl Fn(&mut Normalized),
        mut show: impl FnMut(&Seen<'_>),
    ) {
        let Reading {
            book,
            channel,
            limits,
        } = *reading;
        self.folded.read(text);
        blank(&mut self.folded);
        book.scan(self.folded.text(), channel, &mut self.scan);
        show(&Seen {
            folded: &self.folded,
            hits: self.scan.hits(),
            touches: self.scan.touches(),
            view: None,
        });
        self.views.clear();
        self.views.search_hidden(text, &self.folded, limits);
        self.views.search(text, &self.folded, limits);
        let mut index = 0;
        while let Some(view) = self.views.as_slice().get(index) {
            self.view.read(view.text());
            blank(&mut self.view);
            book.scan(self.view.text(), channel, &mut self.scan);
            show(&Seen {
                folded: &self.view,
                hits: self.scan.hits(),
                touches: self.scan.touches(),
                view: Some(view),
            });
            self.views.search_view(index, &self.view, limits);
            index += 1;
        }
    }

    /// The text that was read last, folded.
    pub fn folded(&self) -> &Normalized {
        &self.folded
    }

    /// Bytes of encoded runs of that text that were not decoded.
    pub const fn undecoded(&self) -> usize {
        self.views.undecoded()
    }
}
