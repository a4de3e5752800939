//! What a door takes in beside the head of a request: bodies that rules read, certificates.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ztag_admission::{CapturePolicy, Hop, Refused};
use ztag_server::{Incoming, LimitsSpec, Peer};
use ztag_types::ClientCertificate;

/// How much of a body is taken in, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub struct Intake {
    max_bytes: usize,
    timeout: Duration,
}

impl Intake {
    /// As `limits` say.
    pub fn new(limits: &LimitsSpec) -> Self {
        Self {
            max_bytes: limits.max_body_bytes,
            timeout: limits.body_timeout.get(),
        }
    }

    /// How long a body that nobody reads here may let wait.
    pub const fn patience(self) -> Duration {
        self.timeout
    }

    /// The body.
    ///
    /// # Errors
    /// When it is too large, too slow, or none.
    pub async fn read(self, body: Incoming) -> Result<Bytes, Unread> {
        let collected = Limited::new(body, self.max_bytes).collect();
        match tokio::time::timeout(self.timeout, collected).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) => Err(Unread::of(&*error)),
            Err(_) => Err(Unread::TooMuch),
        }
    }
}

/// Why a body was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is larger than allowed, or takes longer.
    TooMuch,
    /// It breaks off, or what came is no body.
    Broken,
}

impl Unread {
    /// What `error` of a [`Limited`] body means.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        if error.is::<LengthLimitError>() {
            Self::TooMuch
        } else {
            Self::Broken
        }
    }

    /// The refusal of the request that it belongs to.
    pub fn refuse(self, hop: &Hop, policy: &CapturePolicy) -> Refused {
        match self {
            Self::TooMuch => Refused::body_too_large(hop, policy),
            Self::Broken => Refused::body_broken(hop, policy),
        }
    }
}

/// Who the other end of the connection is, by the certificate that it proved to hold; nobody, when
/// it cannot be read. It is read once per connection.
pub fn certificate_of(peer: &Peer) -> Option<Arc<ClientCertificate>> {
    let session = peer.tls.as_ref()?;
    let identity = session.identity(|der| ztag_token::certificate::read(der).ok());
    identity.cloned()
}
