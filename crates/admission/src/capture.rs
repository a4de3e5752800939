//! From the request on our own connection to the snapshot that everybody judges.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Uri};
use ztag_types::{ConfigPath, Diagnostic, Reads, Snapshot, Timestamp};

use crate::error::Refused;
use crate::forwarded::Dialect;
use crate::spec::ForwardProxySpec;

/// A request as it arrived on our own connection.
#[derive(Debug)]
pub struct Hop {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub uri: Uri,
    /// Its header fields, taken over whole.
    pub headers: HeaderMap,
    /// Its body, buffered; empty when no rule reads it.
    pub body: Bytes,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Whether the connection is encrypted; only the `direct` dialect asks.
    pub encrypted: bool,
    /// Bytes of the path that are our own route, such as `/api/auth`; only the `envoy` dialect
    /// asks.
    pub mount: usize,
    /// When it arrived.
    pub received: Timestamp,
}

/// How the requests of one endpoint are captured.
#[derive(Clone, Debug)]
pub struct CapturePolicy {
    dialect: Dialect,
}

impl CapturePolicy {
    /// Compiles `spec`, found at `path`. Warnings go to `findings` on success, everything on failure.
    pub fn compile(
        spec: &ForwardProxySpec,
        path: &ConfigPath,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let _ = (path, findings);
        Some(Self {
            dialect: spec.dialect,
        })
    }

    /// The dialect.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Takes and echoes the correlation id in this header field; none by default.
    pub fn correlate_by(&mut self, header: HeaderName) {
        let _ = header;
    }

    /// Demands that whatever `reads` names has one value, and reads the body if `reads` does.
    pub fn prepare_for(&mut self, reads: &Reads) {
        let _ = reads;
    }

    /// Whether the body must be buffered before [`capture`].
    pub const fn reads_body(&self) -> bool {
        false
    }
}

/// Captures `hop`, or refuses what cannot be believed or can be read in two ways.
pub fn capture(hop: Hop, policy: &CapturePolicy) -> Result<Snapshot, Refused> {
    let _ = policy;
    Err(Refused {
        fault: crate::error::Fault::untrusted(),
        status: http::StatusCode::FORBIDDEN,
        correlation: "".into(),
        peer: hop.peer,
        received: hop.received,
    })
}
