//! What a body is read as while it is passed on.

use ztag_ai_security::guardrail::Reading;
use ztag_ai_security::stream::{EventGuard, Stopped, TextGuard};

/// What the body is read as.
#[derive(Debug)]
pub(super) enum Form {
    Events(Box<EventGuard>),
    Text(Box<TextGuard>),
    /// Something whole, of which a copy is read when all of it has passed.
    Beside(Copied),
    /// Nothing.
    Unread,
}

/// A copy of what has passed, and its type; nothing once it is too large.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) media: Option<String>,
}

impl Form {
    pub(super) fn events(guard: EventGuard) -> Self {
        Self::Events(Box::new(guard))
    }

    pub(super) fn text() -> Self {
        Self::Text(Box::default())
    }

    pub(super) fn beside(media: Option<&str>) -> Self {
        Self::Beside(Copied {
            bytes: Some(Vec::new()),
            media: media.map(str::to_owned),
        })
    }

    /// Reads the next piece; appends to `out` what may pass. Of a copy, `most` bytes are kept.
    pub(super) fn push(
        &mut self,
        data: &[u8],
        most: usize,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        match self {
            Self::Events(events) => events.push(data, reading, out),
            Self::Text(text) => text.push(data, reading, out),
            Self::Beside(Copied { bytes, .. }) => {
                if bytes
                    .as_ref()
                    .is_some_and(|own| own.len() + data.len() > most)
                {
                    *bytes = None;
                }
                if let Some(own) = bytes {
                    own.extend_from_slice(data);
                }
                Ok(())
            }
            Self::Unread => Ok(()),
        }
    }

    /// Ends it because it must not go on; appends to `out` what says so.
    pub(super) fn refuse(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Events(events) => events.refuse(out),
            Self::Text(text) => text.refuse(),
            Self::Beside(_) | Self::Unread => {}
        }
    }

    /// Reads the end; appends to `out` what was held.
    pub(super) fn finish(
        &mut self,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        match self {
            Self::Events(events) => events.finish(reading, out),
            Self::Text(text) => text.finish(reading, out),
            Self::Beside(_) | Self::Unread => Ok(()),
        }
    }
}
