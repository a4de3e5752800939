//! HTTP/1.1 on one connection, which gives up its buffers while nobody speaks.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;

use super::front::Front;
use super::stream::Stream;
use crate::progress::{Drain, Phase};
use crate::serve::Answer;

/// Serves requests until one side ends the connection.
pub(super) async fn serve<A: Answer>(front: &Front<A>, builder: &Builder, mut stream: Stream) {
    loop {
        let Some(parked) = converse(front, builder, stream).await else {
            return;
        };
        if !is_spoken_to(front, &parked).await {
            return;
        }
        front.progress.rename(Phase::Idle);
        stream = parked;
    }
}

/// Serves requests until the connection ends, or is to be parked: then its stream comes back.
async fn converse<A: Answer>(
    front: &Front<A>,
    builder: &Builder,
    stream: Stream,
) -> Option<Stream> {
    let service = service_fn(|request| async { Ok::<_, Infallible>(front.answer(request).await) });
    let connection = builder.serve_connection(stream, service).with_upgrades();
    // On the heap, so that a parked connection does not keep its place.
    let mut connection = Box::new(connection);
    let mut ending = false;
    let ended = poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
                return Poll::Ready(Some(ended));
            }
            if ending || !must_end(front) {
                break;
            }
            ending = true;
            Pin::new(&mut *connection).graceful_shutdown();
        }
        // INVARIANT: nothing is buffered for writing, and the end of the last request is known:
        // what was read ahead comes back with the stream, what comes later stays in the socket.
        if front.progress.is_asked_to_park() && front.progress.is_parkable() {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await;
    match ended {
        None => {
            let parts = connection.into_parts()?;
            front.progress.rename(Phase::Parked);
            Some(parts.io.resume(parts.read_buf))
        }
        Some(ended) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
            None
        }
    }
}

/// Whether the connection must not go on behind the request under way, if there is one.
fn must_end<A>(front: &Front<A>) -> bool {
    match front.progress.pulse().drain() {
        Drain::No => false,
        Drain::Patient => front.progress.is_asked_to_end(),
        Drain::Prompt => true,
    }
}

/// Waits for the client without any buffer. `false` when we are to end first.
async fn is_spoken_to<A>(front: &Front<A>, stream: &Stream) -> bool {
    poll_fn(|cx| {
        if stream.poll_readable(cx).is_ready() {
            return Poll::Ready(true);
        }
        match front.progress.pulse().drain() {
            Drain::Prompt => Poll::Ready(false),
            Drain::No | Drain::Patient => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests;
