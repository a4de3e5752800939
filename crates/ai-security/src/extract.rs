//! Texts in JSON: found by selectors, read without their escapes, written back so that everything else
//! stays as it is, byte for byte.
//!
//! A body is read strictly (RFC 8259). What parsers disagree on is refused instead of guessed:
//! two members of one name, invalid UTF-8, halves of surrogate pairs.

mod compile;
mod literal;
mod preset;
mod selector;
pub mod spec;
#[cfg(test)]
mod tests;
mod tree;

use std::borrow::Cow;
use std::ops::Range;

use crate::Channel;

pub(crate) use literal::write as write_literal;
pub use preset::Preset;
pub use selector::{Selector, SelectorError};
pub use spec::ExtractSpec;
pub use tree::Refused;
pub(crate) use tree::{Kind, NodeId, Tree};

/// Which texts of a body are read, and in which channel each stands.
#[derive(Clone, Debug)]
pub struct Extractor {
    selections: Vec<(Selector, Channel)>,
    max_bytes: usize,
}

/// The selected texts of one body.
#[derive(Debug)]
pub struct Texts<'b> {
    body: &'b [u8],
    found: Vec<Text>,
}

/// One text of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it reaches the model.
    pub channel: Channel,
    /// Where it stands in the body, quotes left out, with its escapes.
    pub raw: Range<usize>,
}

impl Extractor {
    /// Of selectors in order: a text that several select has the channel of the first.
    pub const fn new(selections: Vec<(Selector, Channel)>, max_bytes: usize) -> Self {
        Self {
            selections,
            max_bytes,
        }
    }

    /// The selectors in order, each with the channel of its texts.
    pub fn selections(&self) -> &[(Selector, Channel)] {
        &self.selections
    }

    /// The selected texts of `body`, in the order in which they stand there.
    ///
    /// # Errors
    ///
    /// The body is no JSON, too long, too deep, or may mean different things to different parsers.
    pub fn read<'b>(&self, body: &'b [u8]) -> Result<Texts<'b>, Refused> {
        if body.len() > self.max_bytes {
            return Err(Refused::TooLong {
                limit: self.max_bytes,
            });
        }
        let tree = Tree::parse(body)?;
        let channels = self.channels(&tree);
        let found = tree.nodes().filter_map(|node| {
            let channel = channels.get(node.index()).copied().flatten()?;
            Some(Text {
                channel,
                raw: tree.literal(node)?,
            })
        });
        Ok(Texts {
            body,
            found: found.collect(),
        })
    }

    /// For each node of `tree` that is a selected text, its channel.
    pub(crate) fn channels(&self, tree: &Tree<'_>) -> Vec<Option<Channel>> {
        let mut channels: Vec<Option<Channel>> = vec![None; tree.len()];
        for (selector, channel) in &self.selections {
            for node in selector.select(tree) {
                for text in tree.strings_below(node) {
                    if let Some(slot) = channels.get_mut(text.index()) {
                        slot.get_or_insert(*channel);
                    }
                }
            }
        }
        channels
    }
}

impl<'b> Texts<'b> {
    /// Every text of an object or a list; nothing of what is neither.
    pub(crate) fn every(body: &'b str) -> Option<Self> {
        if !body.trim_start().starts_with(['{', '[']) {
            return None;
        }
        let tree = Tree::parse(body.as_bytes()).ok()?;
        let found = tree.strings_below(Tree::root()).filter_map(|node| {
            Some(Text {
                channel: Channel::Output,
                raw: tree.literal(node)?,
            })
        });
        Some(Self {
            body: body.as_bytes(),
            found: found.collect(),
        })
    }

    /// The texts, in the order in which they stand in the body.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Text> {
        self.found.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing was selected.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `text` without its escapes. Borrowed if it has none.
    pub fn decoded(&self, text: &Text) -> Cow<'b, str> {
        literal::read(self.body.get(text.raw.clone()).unwrap_or_default()).unwrap_or_default()
    }

    /// The body with those texts replaced for which `replace` returns something else. All other bytes
    /// stay as they are. Borrowed if nothing is replaced.
    pub fn rewrite(
        &self,
        mut replace: impl FnMut(&Text, Cow<'b, str>) -> Option<String>,
    ) -> Cow<'b, [u8]> {
        let mut out: Vec<u8> = Vec::new();
        let mut from = 0;
        for text in &self.found {
            let Some(new) = replace(text, self.decoded(text)) else {
                continue;
            };
            out.extend_from_slice(self.body.get(from..text.raw.start).unwrap_or_default());
            write_literal(&new, &mut out);
            from = text.raw.end;
        }
        if from == 0 {
            return Cow::Borrowed(self.body);
        }
        out.extend_from_slice(self.body.get(from..).unwrap_or_default());
        Cow::Owned(out)
    }
}
