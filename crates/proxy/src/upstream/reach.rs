//! A connection for one exchange: an idle one, or a new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use url::Host;
use ztag_backend::{Addresses, Failure, Wire};

use super::failure::{Absence, Breach, UpstreamFailure};
use super::http1::Http1;
use super::line::{Channel, Http2};
use super::place::{Seat, TargetPlace};
use super::pool::Opened;
use super::spec::UpstreamProtocol;

/// How long the addresses of a name are used before it is looked up again.
const ADDRESSES_KEPT: Duration = Duration::from_secs(30);

/// A connection for one exchange.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) channel: Channel,
    /// Whether it was used before, and so may have been closed in the meantime.
    pub(super) used: bool,
}

impl TargetPlace {
    /// A seat, at once or after waiting in a line of at most `max_pending`.
    pub(super) async fn seat(self: &Arc<Self>, max_pending: u32) -> Result<Seat, UpstreamFailure> {
        if let Ok(permit) = self.seats.try_acquire() {
            return Ok(Seat::of(self, permit));
        }
        let _waiting = Waiting::begin(&self.waiting, max_pending)?;
        match self.seats.acquire().await {
            Ok(permit) => Ok(Seat::of(self, permit)),
            // Nobody closes it.
            Err(_) => Err(UpstreamFailure::Overloaded),
        }
    }

    /// A connection for whoever holds a seat. With `fresh`, one that nobody used before.
    pub(super) async fn reach(&self, fresh: bool) -> Result<Reached, UpstreamFailure> {
        match self.wiring.protocol {
            UpstreamProtocol::Http1 => self.reach_http1(fresh).await,
            UpstreamProtocol::Http2 => self.reach_http2(fresh).await,
        }
    }

    async fn reach_http1(&self, fresh: bool) -> Result<Reached, UpstreamFailure> {
        let idle = if fresh { None } else { self.pool.take_http1() };
        if let Some(channel) = idle {
            return Ok(Reached {
                channel,
                used: true,
            });
        }
        // In memory of its own: every request that waits for a response would carry the size of a
        // TLS handshake otherwise.
        let line = Box::pin(self.begin_http1()).await?;
        Ok(Reached {
            channel: Channel::http1(Box::new(line)),
            used: false,
        })
    }

    async fn begin_http1(&self) -> Result<Http1, UpstreamFailure> {
        let wire = self.wire().await.map_err(absent)?;
        let line = Http1::begin(wire, self.pool.keeper()).await;
        line.map_err(no_protocol)
    }

    async fn reach_http2(&self, fresh: bool) -> Result<Reached, UpstreamFailure> {
        let taken = if fresh { None } else { self.pool.take_http2() };
        match taken {
            Some(channel) => Ok(Reached {
                channel,
                used: true,
            }),
            None => Box::pin(self.begin_http2(fresh)).await,
        }
    }

    /// A new connection, which the others of this thread that need one wait for and share.
    async fn begin_http2(&self, fresh: bool) -> Result<Reached, UpstreamFailure> {
        let Some(shelf) = self.pool.own_shelf() else {
            return Err(UpstreamFailure::Unavailable(Absence::Lost));
        };
        let failed_before = shelf.failed.load(Ordering::Relaxed);
        let _only_one = shelf.dialing.lock().await;
        let shared = if fresh { None } else { self.pool.take_http2() };
        let full = self.pool.is_full();
        let shared = shared.or_else(|| full.then(|| self.pool.take_any_http2())?);
        if let Some(channel) = shared {
            return Ok(Reached {
                channel,
                used: true,
            });
        }
        if shelf.failed.load(Ordering::Relaxed) != failed_before {
            // What failed while we waited for it would only fail once more.
            return Err(UpstreamFailure::Unavailable(Absence::Lost));
        }
        let begun = async {
            let wire = self.wire().await.map_err(absent)?;
            let line = Http2::begin(wire, self.wiring.idle_timeout).await;
            line.map_err(no_protocol)
        };
        let line = begun.await.inspect_err(|_| {
            shelf.failed.fetch_add(1, Ordering::Relaxed);
        })?;
        self.pool.share(line.clone());
        Ok(Reached {
            channel: Channel::http2(line),
            used: false,
        })
    }

    /// A connection to an address of the target, which is looked up at most every
    /// [`ADDRESSES_KEPT`] unless connecting fails.
    async fn wire(&self) -> Result<Wire<Opened>, Failure> {
        if !matches!(self.url.host(), Some(Host::Domain(_))) {
            return self.dialer.dial(&self.url, self.pool.opened()).await;
        }
        let addresses = match self.known_addresses() {
            Some(addresses) => addresses,
            None => self.look_up().await?,
        };
        let dialed = self
            .dialer
            .dial_any(&self.url, &addresses, self.pool.opened())
            .await;
        if dialed.is_err() {
            *self.addresses.lock() = None;
        }
        dialed
    }

    fn known_addresses(&self) -> Option<Addresses> {
        let known = self.addresses.lock();
        let (since, addresses) = known.as_ref()?;
        (since.elapsed() < ADDRESSES_KEPT).then(|| addresses.clone())
    }

    async fn look_up(&self) -> Result<Addresses, Failure> {
        let addresses = timeout(self.wiring.connect_timeout, self.dialer.resolve(&self.url)).await;
        let addresses = addresses.unwrap_or_else(|_| Err(Failure::timeout()))?;
        *self.addresses.lock() = Some((Instant::now(), addresses.clone()));
        Ok(addresses)
    }
}

const fn absent(failure: Failure) -> UpstreamFailure {
    UpstreamFailure::Unavailable(Absence::Connect(failure))
}

const fn no_protocol(error: hyper::Error) -> UpstreamFailure {
    UpstreamFailure::Broken(Breach::Connection(error))
}

/// One of those waiting, until dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn begin(line: &'a AtomicU32, most: u32) -> Result<Self, UpstreamFailure> {
        let within = |count: u32| (count < most).then_some(count + 1);
        line.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .map(|_| Self(line))
            .map_err(|_| UpstreamFailure::Overloaded)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
