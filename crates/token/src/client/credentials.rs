//! Tokens of our own for upstreams (RFC 6749 section 4.4), renewed before they expire.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::client::endpoint::{IssuedToken, TokenEndpoint, TokenError, is_within};
use crate::single_flight::{Flight, SingleFlight, landed};

/// Life assumed where the server does not say.
const DEFAULT_LIFE: Duration = Duration::from_mins(5);
/// Least time between two attempts.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long before its end a token is no longer handed out.
const MARGIN: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialsRequest {
    /// `scope`: names parted by spaces.
    pub scope: Option<String>,
    /// `resource`, any number (RFC 8707).
    pub resources: Vec<String>,
    /// `audience`, as some servers want it.
    pub audience: Option<String>,
}

/// A token of our own, kept fresh: renewed in the background when a fifth of its life is left, or
/// a tenth of the time for which it is handed out, whichever is earlier.
/// While the server cannot be reached, the token at hand serves to its end.
#[derive(Debug)]
pub struct ClientCredentials {
    endpoint: TokenEndpoint,
    request: CredentialsRequest,
    place: Arc<OwnToken>,
}

/// The place of a token of our own. It outlives the configuration that asked for the token, and
/// the key with which it was obtained.
#[derive(Debug)]
pub(crate) struct OwnToken {
    held: ArcSwapOption<Held>,
    latest: ArcSwap<Result<(), TokenError>>,
    flights: SingleFlight,
}

impl Default for OwnToken {
    fn default() -> Self {
        Self {
            held: ArcSwapOption::empty(),
            latest: ArcSwap::from_pointee(Err(TokenError::TooEarly)),
            flights: SingleFlight::default(),
        }
    }
}

#[derive(Debug)]
struct Held {
    issued: Arc<IssuedToken>,
    /// Monotonic times: due for renewal, and no longer good.
    due: Duration,
    end: Duration,
}

impl ClientCredentials {
    /// No token yet; the first is asked for when it is needed.
    pub fn new(endpoint: TokenEndpoint, request: CredentialsRequest) -> Arc<Self> {
        Self::with_place(endpoint, request, Arc::default())
    }

    pub(crate) fn with_place(
        endpoint: TokenEndpoint,
        request: CredentialsRequest,
        place: Arc<OwnToken>,
    ) -> Arc<Self> {
        Arc::new(Self {
            endpoint,
            request,
            place,
        })
    }

    /// A token that is good now. Waits only when there is none, for one request that all who
    /// wait share. Needs a tokio runtime.
    ///
    /// # Errors
    /// Why the latest request brought none.
    pub async fn token(self: &Arc<Self>) -> Result<Arc<IssuedToken>, TokenError> {
        if let Some(token) = self.at_hand() {
            return Ok(token);
        }
        if let Some(flight) = self.take_off() {
            landed(flight).await;
        }
        let latest = || self.place.latest.load().as_ref().clone().err();
        self.at_hand()
            .ok_or_else(|| latest().unwrap_or(TokenError::TooEarly))
    }

    /// The token, if there is one that is good now. Never waits; starts a renewal in the
    /// background when one is due.
    pub fn at_hand(self: &Arc<Self>) -> Option<Arc<IssuedToken>> {
        let held = self.place.held.load();
        let held = held.as_ref()?;
        let now = self.endpoint.clock.monotonic();
        if now >= held.due {
            drop(self.take_off());
        }
        (now < held.end).then(|| Arc::clone(&held.issued))
    }

    /// Asks for the first token in the background, where there is none.
    pub(crate) fn warm(self: &Arc<Self>) {
        if self.place.held.load().is_none() {
            drop(self.take_off());
        }
    }

    fn take_off(self: &Arc<Self>) -> Option<Flight> {
        let own = Arc::clone(self);
        let now = self.endpoint.clock.monotonic();
        let run = || async move {
            let renewed = own.renew().await;
            own.place.latest.store(Arc::new(renewed));
        };
        self.place.flights.take_off(now, INTERVAL, run)
    }

    async fn renew(&self) -> Result<(), TokenError> {
        let asked = self.endpoint.clock.monotonic();
        let issued = self.endpoint.request(&self.parameters()).await?;
        self.check(&issued)?;
        // From when it was asked for: the answer may have taken its time.
        let life = issued.expires_in.unwrap_or(DEFAULT_LIFE);
        let good = life.saturating_sub(MARGIN);
        let held = Held {
            issued: Arc::new(issued),
            // Of a short life, the margin is the better part.
            due: asked + (life * 4 / 5).min(good * 9 / 10),
            end: asked + good,
        };
        self.place.held.store(Some(Arc::new(held)));
        Ok(())
    }

    fn parameters(&self) -> Vec<(&str, &str)> {
        let request = &self.request;
        let mut parameters = vec![("grant_type", "client_credentials")];
        let single = [("scope", &request.scope), ("audience", &request.audience)];
        for (name, value) in single {
            parameters.extend(value.iter().map(|value| (name, value.as_str())));
        }
        let resources = request.resources.iter();
        parameters.extend(resources.map(|resource| ("resource", resource.as_str())));
        parameters
    }

    fn check(&self, issued: &IssuedToken) -> Result<(), TokenError> {
        if !issued.token_type.eq_ignore_ascii_case("bearer") {
            return Err(TokenError::Answer);
        }
        match (&issued.scope, &self.request.scope) {
            (Some(granted), Some(asked)) if !is_within(granted, asked) => Err(TokenError::Widened),
            _ => Ok(()),
        }
    }
}
