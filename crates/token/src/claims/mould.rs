//! What the claims of many tokens have in common: their text, with gaps for what is each one's own.
//!
//! Tokens of an issuer say the same, but for whom they are about and when they were issued. These
//! values are kept beside the mould.

use std::ops::Deref;
use std::sync::Arc;

use ztag_types::{Value, View};

use super::own::Own;
use super::size_of_value;

/// A JSON object without the values that are one token's own.
///
/// The text tells all the rest: where it is equal, everything is.
#[derive(Clone, PartialEq)]
pub(crate) struct Mould {
    pub(super) text: Box<str>,
    /// Where in the text values are missing, in its order.
    pub(super) gaps: Box<[u16]>,
    /// In the order of the text.
    pub(super) members: Box<[Member]>,
    /// Values that are not a piece of the text, and names with escapes.
    pub(super) apart: Box<[Value]>,
}

/// A mould, by who accounts for the memory it takes.
#[derive(Clone)]
pub(crate) enum Cast {
    /// The claims alone, whose it is.
    Single(Box<Mould>),
    /// Whoever shares it among many.
    Shared(Arc<Mould>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: Place,
    pub(super) value: Place,
}

/// Where something stands: in the text, by its start and length in bytes, or among the values kept
/// apart or the gaps, by its number. Whether it is a text or a whole number, the letter before it
/// tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    start: u16,
    length: u16,
}

impl Place {
    /// The length of what is kept apart, and of what is in a gap. Nothing in the text is as long:
    /// that has braces, too, and quotes.
    const APART: u16 = u16::MAX;
    const GAP: u16 = u16::MAX - 1;

    pub(super) fn text(start: usize, length: usize) -> Option<Self> {
        let [start, length] = [start, length].map(u16::try_from);
        let (start, length) = (start.ok()?, length.ok()?);
        Some(Self { start, length })
    }

    pub(super) fn apart(number: usize) -> Option<Self> {
        Self::text(number, Self::APART.into())
    }

    pub(super) fn gap(number: usize) -> Option<Self> {
        Self::text(number, Self::GAP.into())
    }
}

impl Mould {
    /// The member `name`, with the values of `own` in the gaps.
    pub(super) fn member<'a>(&'a self, name: &str, own: &'a Own) -> Option<View<'a>> {
        let mut members = self.members.iter();
        let value = members.find(|member| self.is_named(**member, name))?.value;
        if value.length != Place::GAP {
            return Some(self.view(value));
        }
        let number = usize::from(value.start);
        let start = *self.gaps.get(number)?;
        Some(self.view_of(own.iter().nth(number)?, start.into()))
    }

    /// The names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| self.name(*member))
    }

    /// The text, with the values of `own` in the gaps.
    pub(super) fn fill(&self, own: &Own) -> String {
        let mut filled = String::with_capacity(self.text.len() + own.len());
        let mut at = 0;
        for (gap, value) in self.gaps.iter().zip(own.iter()) {
            let gap = usize::from(*gap);
            filled.push_str(self.text.get(at..gap).unwrap_or_default());
            filled.push_str(value);
            at = gap;
        }
        filled.push_str(self.text.get(at..).unwrap_or_default());
        filled
    }

    /// What follows in `payload` on the text with the values of `own` in the gaps, if it begins so;
    /// allocates nothing.
    pub(super) fn strip_filled<'p>(&self, own: &Own, payload: &'p [u8]) -> Option<&'p [u8]> {
        let (text, mut values) = (self.text.as_bytes(), own.iter());
        let (mut at, mut rest) = (0, payload);
        for gap in &self.gaps {
            let gap = usize::from(*gap);
            rest = rest.strip_prefix(text.get(at..gap)?)?;
            rest = rest.strip_prefix(values.next()?.as_bytes())?;
            at = gap;
        }
        rest.strip_prefix(text.get(at..)?)
    }

    /// The text, in which equal moulds are equal.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Exchanges every list for what `share` gives for it, which must be equal.
    pub(crate) fn share_lists(&mut self, share: impl Fn(Value) -> Value) {
        let lists = self.apart.iter_mut();
        for list in lists.filter(|value| matches!(value, Value::List(_))) {
            *list = share(std::mem::take(list));
        }
    }

    /// Bytes held, about, as if no list were shared.
    pub(crate) fn size(&self) -> usize {
        let apart: usize = self.apart.iter().map(size_of_value).sum();
        let places = size_of_val(&*self.gaps) + size_of_val(&*self.members);
        size_of::<Self>() + self.text.len() + places + apart
    }

    fn is_named(&self, member: Member, name: &str) -> bool {
        // Most names differ in length already, which spares a look at the text.
        let length = member.name.length;
        (usize::from(length) == name.len() || length == Place::APART) && self.name(member) == name
    }

    fn name(&self, member: Member) -> &str {
        match self.view(member.name) {
            View::Str(name) => name,
            _ => "",
        }
    }

    fn view(&self, place: Place) -> View<'_> {
        let start = usize::from(place.start);
        if place.length == Place::APART {
            return self.apart.get(start).map_or(View::Null, Value::view);
        }
        let piece = self.text.get(start..start + usize::from(place.length));
        self.view_of(piece.unwrap_or_default(), start)
    }

    /// What `piece` is that stands, or would stand, at `start`.
    fn view_of<'a>(&self, piece: &'a str, start: usize) -> View<'a> {
        // Texts stand between quotes, and nothing else does but whole numbers.
        if self.text.as_bytes().get(start.wrapping_sub(1)) == Some(&b'"') {
            View::Str(piece)
        } else {
            View::Int(piece.parse().unwrap_or_default())
        }
    }
}

impl Deref for Cast {
    type Target = Mould;

    fn deref(&self) -> &Mould {
        match self {
            Self::Single(mould) => mould,
            Self::Shared(mould) => mould,
        }
    }
}

impl Cast {
    /// Bytes that the claims account for.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Single(mould) => mould.size(),
            Self::Shared(_) => 0,
        }
    }
}
