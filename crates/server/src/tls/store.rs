//! The certificates in force: a place whose contents are swapped whole.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

use super::certificates::{Certificates, Chooser};

/// The certificates in force. Clones share them.
#[derive(Clone, Debug)]
pub struct CertificateStore {
    current: Arc<ArcSwap<Current>>,
    /// Seals sessions so that clients can resume them; its keys change by themselves.
    ticketer: Option<Arc<dyn ProducesTickets>>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    chooser: Arc<Chooser>,
}

impl CertificateStore {
    /// A store of `certificates`.
    pub fn new(certificates: Certificates) -> Self {
        // Without random bytes there are no tickets, and sessions are not resumed.
        let ticketer = Ticketer::new().ok();
        let current = seal(certificates, ticketer.as_ref());
        Self {
            current: Arc::new(ArcSwap::from_pointee(current)),
            ticketer,
        }
    }

    /// Uses `certificates` for handshakes from now on; open connections are left alone.
    pub fn replace(&self, certificates: Certificates) {
        let next = seal(certificates, self.ticketer.as_ref());
        self.current.store(Arc::new(next));
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Whether a connection on which the client asked for `asked` may carry requests for
    /// `authority` (RFC 9110 section 15.5.20).
    pub(crate) fn serves(&self, asked: &str, authority: &str) -> bool {
        self.current.load().chooser.serves(asked, authority)
    }
}

fn seal(certificates: Certificates, ticketer: Option<&Arc<dyn ProducesTickets>>) -> Current {
    let Certificates {
        mut config,
        chooser,
        resumes,
    } = certificates;
    if let Some(ticketer) = ticketer.filter(|_| resumes) {
        config.ticketer = Arc::clone(ticketer);
    }
    Current {
        config: Arc::new(config),
        chooser,
    }
}
