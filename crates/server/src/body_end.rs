//! The end of a request body, which only whoever reads the body sees.

use std::sync::Arc;

use crate::progress::Progress;

/// Tells the server that the body of a request was read to its end, so that its connection may give
/// up its buffers while the client is silent afterwards. It stands among the extensions of requests
/// with a body; told or not, the next request is served.
#[derive(Clone, Debug)]
pub struct BodyEnd {
    progress: Arc<Progress>,
    request: u32,
}

impl BodyEnd {
    pub(crate) const fn new(progress: Arc<Progress>, request: u32) -> Self {
        Self { progress, request }
    }

    /// All of the body was read.
    pub fn reach(&self) {
        self.progress.consume(self.request);
    }
}
