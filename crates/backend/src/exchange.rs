//! One page: attempts until a reply is there or there is no point in asking again.

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::SemaphorePermit;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::call::PageReply;
use crate::connect::Connector;
use crate::dial::wraps_tls;
use crate::error::{Failure, FailureKind};
use crate::outbound::Outbound;
use crate::pool::{Channel, Origin};

/// The wait before the first retry is random between 0 and this; it doubles each time ...
const FIRST_BACKOFF: Duration = Duration::from_millis(25);
/// ... up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// What it takes to ask for any page of a call.
pub(crate) struct Exchange<'a> {
    pub(crate) connector: &'a Connector,
    pub(crate) origin: &'a Origin,
    pub(crate) outbound: &'a Outbound,
    pub(crate) retries: u32,
}

/// An attempt without a reply.
struct Missed {
    failure: Failure,
    repeat: Repeat,
    /// Whether the connection was used before, and so may have been closed in the meantime.
    reused: bool,
}

/// When an attempt may be repeated without the chance of a second effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// Nothing was sent.
    Always,
    /// Something was sent, and not a byte came back.
    IfIdempotent,
    Never,
}

impl Exchange<'_> {
    /// The page at `url`, whose body is at most `limit` bytes long. Counts into `attempts`.
    pub(crate) async fn page(
        &self,
        url: &Url,
        limit: usize,
        attempts: &mut u32,
    ) -> Result<PageReply, Failure> {
        let mut retries = 0;
        let mut reuse = true;
        loop {
            *attempts = attempts.saturating_add(1);
            let missed = match self.attempt(url, limit, reuse).await {
                Ok(page) => return Ok(page),
                Err(missed) => missed,
            };
            if !self.may_repeat(missed.repeat) {
                return Err(missed.failure);
            }
            // A peer may close an idle connection at any time: that is no failure of its own.
            if missed.reused && reuse {
                reuse = false;
                continue;
            }
            if retries == self.retries {
                return Err(missed.failure);
            }
            sleep(backoff(retries)).await;
            retries += 1;
        }
    }

    fn may_repeat(&self, repeat: Repeat) -> bool {
        match repeat {
            Repeat::Always => true,
            Repeat::IfIdempotent => self.outbound.is_idempotent(),
            Repeat::Never => false,
        }
    }

    async fn attempt(&self, url: &Url, limit: usize, reuse: bool) -> Result<PageReply, Missed> {
        let _place = self.place().await?;
        let idle = if reuse { self.origin.take() } else { None };
        let reused = idle.is_some();
        let mut channel = match idle {
            Some(channel) => channel,
            None => self.connector.connect(url, self.origin).await?,
        };
        let request = self.outbound.request(url)?;
        let response = match channel.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message().is_some();
                let failure = broken(error.into_error());
                return Err(Missed {
                    repeat: repeat(&failure, unsent, channel.life.answered()),
                    failure,
                    reused,
                });
            }
        };
        Ok(self.receive(response, limit, url, channel).await?)
    }

    /// A place among the calls that the origin may have under way.
    async fn place(&self) -> Result<SemaphorePermit<'_>, Missed> {
        let places = &self.origin.places;
        if let Ok(place) = places.try_acquire() {
            return Ok(place);
        }
        let waited = timeout(self.connector.dialer.timeout, places.acquire()).await;
        match waited {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Failure::new(FailureKind::PoolExhausted).into()),
        }
    }

    /// Reads the reply to its end.
    ///
    /// INVARIANT: only then does the connection go back to the pool. On every other way out of
    /// here it is dropped, and so closed: what is left of one reply can never become another's.
    async fn receive(
        &self,
        response: Response<Incoming>,
        limit: usize,
        url: &Url,
        channel: Channel,
    ) -> Result<PageReply, Failure> {
        let (head, body) = response.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::new(FailureKind::Protocol));
        }
        let body = read(body, limit).await?;
        self.origin.put(channel);
        Ok(PageReply {
            url: url.clone(),
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        let repeat = match failure.kind() {
            FailureKind::Connect => Repeat::Always,
            _ => Repeat::Never,
        };
        Self {
            failure,
            repeat,
            reused: false,
        }
    }
}

/// When an exchange that ended without a reply may be repeated.
fn repeat(failure: &Failure, unsent: bool, answered: bool) -> Repeat {
    if failure.kind() == FailureKind::Tls {
        Repeat::Never
    } else if unsent {
        // Even if something came: it answers no request, such as a parting 408.
        Repeat::Always
    } else if answered {
        Repeat::Never
    } else {
        Repeat::IfIdempotent
    }
}

/// The whole body, if it is at most `limit` bytes long.
async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, Failure> {
    let too_large = || Failure::new(FailureKind::BodyTooLarge);
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large());
    }
    // Most replies arrive in one piece, which is then the body without being copied.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        if data.len() > limit - first.len().max(all.len()) {
            return Err(too_large());
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(announced.max(first.len() + data.len()));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Classes an error of the connection or of what came over it.
fn broken(error: hyper::Error) -> Failure {
    let kind = if is_tls(&error) {
        FailureKind::Tls
    } else {
        FailureKind::Protocol
    };
    Failure::because(kind, error)
}

/// Whether TLS is behind `error`: a peer may refuse our certificate after the handshake.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(wraps_tls) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A random wait before retry number `retry`, so that callers who failed together do not come
/// back together.
fn backoff(retry: u32) -> Duration {
    let longest = FIRST_BACKOFF
        .saturating_mul(1 << retry.min(16))
        .min(LONGEST_BACKOFF);
    // A hasher is keyed at random.
    let random = RandomState::new().build_hasher().finish();
    let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % micros.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_have_had_an_effect_is_repeated() {
        for (kind, unsent, answered, expected) in [
            (FailureKind::Protocol, true, false, Repeat::Always),
            (FailureKind::Protocol, false, false, Repeat::IfIdempotent),
            (FailureKind::Protocol, false, true, Repeat::Never),
            (FailureKind::Protocol, true, true, Repeat::Always),
            (FailureKind::Tls, false, false, Repeat::Never),
        ] {
            let found = repeat(&Failure::new(kind), unsent, answered);
            assert_eq!(found, expected, "{kind} {unsent} {answered}");
        }
        for &kind in FailureKind::ALL {
            let missed = Missed::from(Failure::new(kind));
            let expected = kind == FailureKind::Connect;
            assert_eq!(missed.repeat == Repeat::Always, expected, "{kind}");
        }
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        for retry in 0..40 {
            let bound = FIRST_BACKOFF.saturating_mul(1 << retry.min(16));
            for _ in 0..50 {
                assert!(backoff(retry) <= bound.min(LONGEST_BACKOFF));
            }
        }
    }
}
