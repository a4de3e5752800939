//! Where an authorization server is called: as configured, or as its metadata says.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use url::Url;
use ztag_backend::{Client, FailureKind};
use ztag_types::Clock;

use crate::fetch::FetchError;
use crate::remote::discover;
use crate::single_flight::{Flight, SingleFlight, landed};

/// How long an address serves before the metadata is read again.
const REFRESH: Duration = Duration::from_hours(1);
/// Least time between two readings.
const INTERVAL: Duration = Duration::from_secs(5);
/// Longest metadata read, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Where an authorization server is called.
#[derive(Clone, Debug)]
pub struct Address(Known);

#[derive(Clone, Debug)]
enum Known {
    Fixed(Url),
    Discovered(Arc<Discovered>),
}

/// What is looked for, and in whose metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sought {
    /// The server, letter by letter as configured, and as an address.
    pub(crate) name: String,
    pub(crate) issuer: Url,
    /// Member of the metadata.
    pub(crate) member: &'static str,
    /// Origins that may be named beside that of the issuer: what we send there shows who we are.
    pub(crate) origins: Vec<Url>,
}

/// An address that is looked up when it is first needed; the last good one serves while the
/// metadata cannot be read.
#[derive(Debug)]
struct Discovered {
    sought: Sought,
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    held: ArcSwapOption<Held>,
    latest: ArcSwap<FetchError>,
    flights: SingleFlight,
}

#[derive(Debug)]
struct Held {
    url: Url,
    /// Monotonic time.
    due: Duration,
}

impl Address {
    /// The address that the metadata of an issuer names.
    pub(crate) fn discovered(
        sought: Sought,
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        timeout: Duration,
    ) -> Self {
        Self(Known::Discovered(Arc::new(Discovered {
            sought,
            client,
            clock,
            timeout,
            held: ArcSwapOption::empty(),
            latest: ArcSwap::from_pointee(FetchError::Call(FailureKind::Timeout)),
            flights: SingleFlight::default(),
        })))
    }

    /// The address now. Waits only while none is known, for one reading that all who wait share.
    ///
    /// # Errors
    /// Why the latest reading brought none.
    pub(crate) async fn find(&self) -> Result<Url, FetchError> {
        match &self.0 {
            Known::Fixed(url) => Ok(url.clone()),
            Known::Discovered(own) => own.find().await,
        }
    }
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        Self(Known::Fixed(url))
    }
}

impl Discovered {
    async fn find(self: &Arc<Self>) -> Result<Url, FetchError> {
        if let Some(url) = self.at_hand() {
            return Ok(url);
        }
        if let Some(flight) = self.take_off() {
            landed(flight).await;
        }
        self.at_hand().ok_or_else(|| **self.latest.load())
    }

    fn at_hand(self: &Arc<Self>) -> Option<Url> {
        let held = self.held.load();
        let held = held.as_ref()?;
        if self.clock.monotonic() >= held.due {
            drop(self.take_off());
        }
        Some(held.url.clone())
    }

    fn take_off(self: &Arc<Self>) -> Option<Flight> {
        let own = Arc::clone(self);
        let run = || async move {
            if let Err(error) = own.read().await {
                own.latest.store(Arc::new(error));
            }
        };
        self.flights.take_off(self.clock.monotonic(), INTERVAL, run)
    }

    async fn read(&self) -> Result<(), FetchError> {
        let sought = &self.sought;
        let metadata = discover(
            &self.client,
            &sought.issuer,
            &sought.name,
            self.timeout,
            MAX_DOCUMENT,
        );
        let url =
            metadata
                .await?
                .trusted_endpoint(sought.member, &sought.issuer, &sought.origins)?;
        let due = self.clock.monotonic() + REFRESH;
        self.held.store(Some(Arc::new(Held { url, due })));
        Ok(())
    }
}
