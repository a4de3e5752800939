//! A stream of HTTP/2 that goes on behind its answer.

use std::sync::Arc;

use crate::progress::{Exchange, Progress};

/// Keeps the connection of a switched stream (RFC 8441) from being taken for idle, until the last
/// clone is dropped: to the server, the exchange is over with its answer.
#[derive(Clone, Debug)]
pub struct OpenStream(#[expect(dead_code, reason = "only held")] Arc<Exchange>);

impl OpenStream {
    pub(crate) fn begin(progress: &Arc<Progress>) -> Self {
        let mut exchange = Exchange::begin(progress, true);
        // However it ends, it is no reply that was broken off.
        exchange.finish();
        Self(Arc::new(exchange))
    }
}
