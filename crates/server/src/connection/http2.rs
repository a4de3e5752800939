//! HTTP/2 (RFC 9113) on one connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::front::Front;
use super::stream::Stream;
use crate::progress::Drain;
use crate::serve::Answer;
use crate::spec::{Http2Spec, LimitsSpec};

/// Streams that a client reset before anybody looked at them (rapid reset, CVE-2023-44487), at a
/// time.
const MAX_RESET_UNSEEN: usize = 20;

/// Streams that were reset because a client broke the rules on them (`MadeYouReset`,
/// CVE-2025-8671), on one connection.
const MAX_BROKEN: usize = 100;

/// How connections are to be served; `extended_connect` is whether streams may be switched (RFC
/// 8441).
pub(super) fn builder(
    spec: &Http2Spec,
    limits: &LimitsSpec,
    extended_connect: bool,
) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .max_concurrent_streams(spec.max_concurrent_streams.max(1))
        .initial_stream_window_size(spec.stream_window_bytes.min(MAX_WINDOW))
        .initial_connection_window_size(spec.connection_window_bytes.clamp(MIN_WINDOW, MAX_WINDOW))
        .max_frame_size(spec.max_frame_bytes.clamp(MIN_FRAME, MAX_FRAME))
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(usize::try_from(spec.send_buffer_bytes).unwrap_or(usize::MAX))
        .max_pending_accept_reset_streams(MAX_RESET_UNSEEN)
        .max_local_error_reset_streams(MAX_BROKEN);
    if extended_connect {
        builder.enable_connect_protocol();
    }
    let interval = spec.ping_interval.get();
    if !interval.is_zero() {
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(interval)
            .keep_alive_timeout(spec.ping_timeout.get());
    }
    builder
}

/// Bounds of RFC 9113 sections 6.5.2 and 6.9.1.
const MIN_WINDOW: u32 = 65_535;
const MAX_WINDOW: u32 = (1 << 31) - 1;
const MIN_FRAME: u32 = 1 << 14;
const MAX_FRAME: u32 = (1 << 24) - 1;

/// Serves streams until one side ends the connection, or the client resets too many of them.
pub(super) async fn serve<A: Answer>(
    front: Front<A>,
    builder: &Builder<TokioExecutor>,
    max_reset: u32,
    stream: Stream,
) {
    let front = Arc::new(front);
    let progress = Arc::clone(&front.progress);
    let service = service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let mut connection = Box::pin(builder.serve_connection(stream, service));
    let mut ending = false;
    let ended = poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(ended));
            }
            if progress.cut() > max_reset.saturating_mul(2) {
                return Poll::Ready(None);
            }
            let must_end = progress.cut() > max_reset || progress.pulse().drain() != Drain::No;
            if ending || !must_end {
                return Poll::Pending;
            }
            ending = true;
            connection.as_mut().graceful_shutdown();
        }
    })
    .await;
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "connection ended early"),
        None => tracing::debug!("connection closed: too many streams were reset"),
    }
}
