//! What a door takes in beside the head of a request: bodies that rules read, certificates.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
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

    /// The body, unless it is too large or too slow.
    pub async fn read(self, body: Incoming) -> Option<Bytes> {
        let collected = Limited::new(body, self.max_bytes).collect();
        let collected = tokio::time::timeout(self.timeout, collected)
            .await
            .ok()?
            .ok()?;
        Some(collected.to_bytes())
    }
}

/// Who the other end of the connection is, by the certificate that it proved to hold; nobody, when
/// it cannot be read. It is read once per connection.
pub fn certificate_of(peer: &Peer) -> Option<Arc<ClientCertificate>> {
    let session = peer.tls.as_ref()?;
    let identity = session.identity(|der| ztag_token::certificate::read(der).ok());
    identity.cloned()
}
