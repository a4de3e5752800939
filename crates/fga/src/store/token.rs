//! Continuation tokens: opaque to callers, and checked when they come back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, ErrorCode};

/// Pages hold this many items where nothing is said.
const DEFAULT_PAGE: usize = 50;
/// Items of a page at the most.
const MAX_PAGE: usize = 100;

/// Where a page ended, and what it was filtered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) revision: u32,
    pub(super) kind: String,
}

impl Token {
    pub(super) fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}|{}", self.revision, self.kind))
    }

    /// Reads a token; the empty one is the beginning.
    pub(super) fn read(text: &str) -> Result<Option<Self>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        let parse = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (revision, kind) = text.split_once('|')?;
            Some(Self {
                revision: revision.parse().ok()?,
                kind: kind.to_owned(),
            })
        };
        let wrong = || {
            Error::new(
                ErrorCode::InvalidContinuationToken,
                "Invalid continuation token",
            )
        };
        parse().map(Some).ok_or_else(wrong)
    }
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
