//! What the claims of many tokens have in common: their text, with gaps for what is each one's own.
//!
//! Tokens of an issuer say the same, but for whom they are about and when they were issued. The
//! values in the gaps are kept beside the mould as lines of one text: neither a text without escapes
//! nor a number holds the end of a line (RFC 8259 section 7).

use std::ops::Deref;
use std::sync::Arc;

use ztag_types::{Value, View};

use super::size_of_value;

/// What ends each of a token's own values.
pub(super) const END_OF_LINE: char = '\n';

/// A JSON object without the values that are one token's own.
///
/// The text tells all the rest: where it is equal, everything is.
#[derive(Clone, PartialEq)]
pub(crate) struct Mould {
    pub(super) text: Box<str>,
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
/// apart, by its number; a gap has a start only. Whether it is a text or a number, the letter before
/// it tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    start: u16,
    length: u16,
}

impl Place {
    /// The length of what is kept apart, and that of a gap. Nothing in the text is as long: that has
    /// braces, too, and quotes.
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

    pub(super) fn gap(start: usize) -> Option<Self> {
        Self::text(start, Self::GAP.into())
    }

    const fn is_gap(self) -> bool {
        self.length == Self::GAP
    }
}

impl Mould {
    /// The member `name`, with the lines of `own` in the gaps.
    pub(super) fn member<'a>(&'a self, name: &str, own: &'a str) -> Option<View<'a>> {
        let mut members = self.members.iter();
        let found = members.position(|member| self.is_named(*member, name))?;
        let value = self.members.get(found)?.value;
        if !value.is_gap() {
            return Some(self.view(value));
        }
        let gaps_before = self.gaps(found).count();
        let line = own.split(END_OF_LINE).nth(gaps_before)?;
        Some(self.view_of(line, value.start.into()))
    }

    /// The names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| self.name(*member))
    }

    /// Gives `take` the text piece by piece, with the lines of `own` in the gaps.
    pub(super) fn fill(&self, own: &str, mut take: impl FnMut(&str)) {
        let mut at = 0;
        for (gap, line) in self.gaps(self.members.len()).zip(own.split(END_OF_LINE)) {
            take(self.text.get(at..gap).unwrap_or_default());
            take(line);
            at = gap;
        }
        take(self.text.get(at..).unwrap_or_default());
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
        size_of::<Self>() + self.text.len() + size_of_val(&*self.members) + apart
    }

    /// Where the gaps of the first `members` members are.
    fn gaps(&self, members: usize) -> impl Iterator<Item = usize> {
        let members = self.members.iter().take(members);
        let gaps = members.filter(|member| member.value.is_gap());
        gaps.map(|member| member.value.start.into())
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
