//! What a classifier is asked about a stream on its way.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ztag_ai_security::guardrail::Guardrail;
use ztag_ai_security::transformer::{Answers, Questions};

/// Answers that are on their way. They are there by the deadline of the guardrail, if only to say that
/// there are none.
pub(super) struct Opinion(Pin<Box<dyn Future<Output = Answers> + Send + Sync>>);

impl Opinion {
    /// Asks.
    pub(super) fn of(guardrail: Arc<Guardrail>, questions: Questions) -> Self {
        Self(Box::pin(async move { guardrail.answers(questions).await }))
    }
}

impl Future for Opinion {
    type Output = Answers;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answers> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Opinion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opinion").finish_non_exhaustive()
    }
}
