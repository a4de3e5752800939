//! One token for another (RFC 8693): acting for somebody, towards somebody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ahash::RandomState;
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use ztag_types::{Secret, Timestamp};

use crate::client::endpoint::{IssuedToken, TokenEndpoint, TokenError, is_within};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The type of an access token.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Life assumed where the server does not say.
const DEFAULT_LIFE: Duration = Duration::from_mins(1);
/// How long a refusal is remembered.
const REFUSED_LIFE: Duration = Duration::from_secs(5);
/// How long a server that could not answer is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes that an entry takes beside the token, and in all.
const OVERHEAD: u64 = 320;
const TYPICAL: u64 = 2_048;
/// How long before its end a token is no longer handed out.
const MARGIN: Duration = Duration::from_secs(5);

/// What is exchanged for what.
#[derive(Clone, Debug)]
pub struct ExchangeRequest<'a> {
    /// The token of the one who is acted for.
    pub subject: Secret<&'a str>,
    /// When it expires: nothing obtained with it is used longer.
    pub subject_expires: Timestamp,
    /// The token of the one who acts, for delegation; without it, the server decides by our own
    /// identity.
    pub actor: Option<Secret<&'a str>>,
    /// `audience`, any number.
    pub audiences: &'a [String],
    /// `resource`, any number (RFC 8707).
    pub resources: &'a [String],
    /// `scope`: names parted by spaces. More than this is never used, even if granted.
    pub scope: Option<&'a str>,
}

/// Exchanges access tokens, and remembers what it got: for this subject token, actor, target and
/// scope, never by user alone.
#[derive(Debug)]
pub struct TokenExchange {
    endpoint: TokenEndpoint,
    place: Arc<ExchangedTokens>,
}

/// The place of the tokens that one client got from one server.
#[derive(Debug)]
pub(crate) struct ExchangedTokens {
    tokens: Cache<Digest, Exchanged, Weight, RandomState>,
    /// Milliseconds of monotonic time before which the server is left alone: it is not well.
    paused_until: AtomicU64,
}

type Digest = [u8; SHA256_OUTPUT_LEN];

#[derive(Clone, Debug)]
struct Exchanged {
    /// The token, or why the server refused this very request.
    answer: Result<Arc<IssuedToken>, TokenError>,
    /// Monotonic time.
    end: Duration,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Digest, Exchanged> for Weight {
    fn weight(&self, _: &Digest, exchanged: &Exchanged) -> u64 {
        // The token is held twice: as it is, and as a header field.
        let token = exchanged.answer.as_ref();
        let length = token.map_or(0, |issued| issued.token.expose().len());
        OVERHEAD + 2 * u64::try_from(length).unwrap_or(u64::MAX / 4)
    }
}

impl ExchangedTokens {
    /// Room for tokens of `max_bytes` in all.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let places = usize::try_from(max_bytes / TYPICAL).unwrap_or(usize::MAX);
        let (hasher, lifecycle) = (RandomState::new(), DefaultLifecycle::default());
        Self {
            tokens: Cache::with(places.max(1), max_bytes, Weight, hasher, lifecycle),
            paused_until: AtomicU64::new(0),
        }
    }

    fn is_paused(&self, now: Duration) -> bool {
        now < Duration::from_millis(self.paused_until.load(Ordering::Relaxed))
    }

    fn pause(&self, now: Duration) {
        let until = u64::try_from((now + PAUSE).as_millis()).unwrap_or(u64::MAX);
        self.paused_until.store(until, Ordering::Relaxed);
    }
}

impl TokenExchange {
    /// An exchange that remembers tokens of at most `max_bytes` in all.
    pub fn new(endpoint: TokenEndpoint, max_bytes: u64) -> Self {
        Self::with_place(endpoint, Arc::new(ExchangedTokens::new(max_bytes)))
    }

    pub(crate) const fn with_place(endpoint: TokenEndpoint, place: Arc<ExchangedTokens>) -> Self {
        Self { endpoint, place }
    }

    /// The token that the server gives for this request: remembered, or asked for once by all
    /// who want the same at the same time. A refusal is remembered for 5 seconds; a server that
    /// cannot be reached is left alone for one.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn exchange(
        &self,
        request: &ExchangeRequest<'_>,
    ) -> Result<Arc<IssuedToken>, TokenError> {
        let key = key(request);
        let tokens = &self.place.tokens;
        loop {
            let now = self.endpoint.clock.monotonic();
            // Dropping the guard, as an error or a cancellation does, hands it to the next.
            match tokens.get_value_or_guard_async(&key).await {
                Ok(found) if found.end > now => return found.answer,
                Ok(_) => {
                    tokens.remove_if(&key, |own| own.end <= now);
                }
                Err(_) if self.place.is_paused(now) => return Err(TokenError::TooEarly),
                Err(guard) => {
                    let exchanged = self.ask(request, now).await?;
                    let answer = exchanged.answer.clone();
                    if exchanged.end > now {
                        // An error means that the place was taken back meanwhile.
                        let _ = guard.insert(exchanged);
                    }
                    return answer;
                }
            }
        }
    }

    async fn ask(
        &self,
        request: &ExchangeRequest<'_>,
        asked: Duration,
    ) -> Result<Exchanged, TokenError> {
        match self.issue(request, asked).await {
            Err(error @ TokenError::Refused(_)) => Ok(Exchanged {
                answer: Err(error),
                end: asked + REFUSED_LIFE,
            }),
            Err(error) => {
                if is_outage(&error) {
                    self.place.pause(self.endpoint.clock.monotonic());
                }
                Err(error)
            }
            exchanged => exchanged,
        }
    }

    async fn issue(
        &self,
        request: &ExchangeRequest<'_>,
        asked: Duration,
    ) -> Result<Exchanged, TokenError> {
        let now = self.endpoint.clock.now();
        let token = self.endpoint.request(&parameters(request)).await?;
        let is_access = token.issued_token_type.as_deref() == Some(ACCESS_TOKEN);
        if !is_access || !token.token_type.eq_ignore_ascii_case("bearer") {
            return Err(TokenError::Answer);
        }
        if let (Some(granted), Some(scope)) = (&token.scope, request.scope)
            && !is_within(granted, scope)
        {
            return Err(TokenError::Widened);
        }
        let life = token.expires_in.unwrap_or(DEFAULT_LIFE);
        let life = life.min(request.subject_expires.since(now));
        let end = asked + life.saturating_sub(MARGIN);
        let answer = Ok(Arc::new(token));
        Ok(Exchanged { answer, end })
    }
}

/// Whether the server, and not this request, is the trouble.
const fn is_outage(error: &TokenError) -> bool {
    matches!(
        error,
        TokenError::Call(_) | TokenError::Metadata(_) | TokenError::Status(429 | 500..)
    )
}

fn parameters<'a>(request: &ExchangeRequest<'a>) -> Vec<(&'static str, &'a str)> {
    let mut parameters = vec![
        ("grant_type", GRANT),
        ("requested_token_type", ACCESS_TOKEN),
        ("subject_token", *request.subject.expose()),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    if let Some(actor) = &request.actor {
        parameters.push(("actor_token", actor.expose()));
        parameters.push(("actor_token_type", ACCESS_TOKEN));
    }
    parameters.extend(
        request
            .audiences
            .iter()
            .map(|own| ("audience", own.as_str())),
    );
    parameters.extend(
        request
            .resources
            .iter()
            .map(|own| ("resource", own.as_str())),
    );
    parameters.extend(request.scope.map(|scope| ("scope", scope)));
    parameters
}

/// A hash of everything that is sent.
fn key(request: &ExchangeRequest<'_>) -> Digest {
    let mut context = Context::new(&SHA256);
    for (name, value) in parameters(request) {
        for part in [name, value] {
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
    }
    let digest = context.finish();
    digest.as_ref().try_into().unwrap_or_default()
}
