//! Continuation tokens: opaque to callers, and checked when they come back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, ErrorCode};

/// Pages hold this many items where nothing is said.
const DEFAULT_PAGE: usize = 50;
/// Items of a page at the most.
const MAX_PAGE: usize = 100;

/// Where a page ended, and what it was filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) revision: u32,
    /// Up to where the log was folded when the page was read, if the page is of that part.
    pub(super) floor: Option<u32>,
    pub(super) kind: String,
}

impl Token {
    /// A token of a page that was not filtered.
    pub(super) fn at(revision: u32) -> Self {
        Self {
            revision,
            ..Self::default()
        }
    }

    pub(super) fn write(&self) -> String {
        let (revision, kind) = (self.revision, &self.kind);
        URL_SAFE_NO_PAD.encode(match self.floor {
            Some(floor) => format!("{revision}.{floor}|{kind}"),
            None => format!("{revision}|{kind}"),
        })
    }

    /// Reads a token; the empty one is the beginning.
    pub(super) fn read(text: &str) -> Result<Option<Self>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        let parse = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (place, kind) = text.split_once('|')?;
            let (revision, floor) = match place.split_once('.') {
                Some((revision, floor)) => (revision, Some(floor.parse().ok()?)),
                None => (place, None),
            };
            Some(Self {
                revision: revision.parse().ok()?,
                floor,
                kind: kind.to_owned(),
            })
        };
        parse()
            .map(Some)
            .ok_or_else(|| broken("Invalid continuation token"))
    }
}

/// A token that cannot be gone on with.
pub(super) fn broken(why: &str) -> Error {
    Error::new(ErrorCode::InvalidContinuationToken, why)
}

/// The size of a page.
pub(super) fn page_size(asked: Option<usize>) -> Result<usize, Error> {
    let size = asked.unwrap_or(DEFAULT_PAGE);
    if (1..=MAX_PAGE).contains(&size) {
        return Ok(size);
    }
    let message = format!("page size must be inside range [1, {MAX_PAGE}]");
    Err(Error::new(ErrorCode::PageSizeInvalid, message))
}
