//! One token for another (RFC 8693): acting for somebody, towards somebody else.

use std::time::Duration;

use ahash::RandomState;
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use ztag_types::{Secret, Timestamp};

use crate::client::endpoint::{IssuedToken, TokenEndpoint, TokenError, is_within};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The type of an access token.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Life assumed where the server does not say.
const DEFAULT_LIFE: Duration = Duration::from_mins(1);
/// How long before its end a token is no longer handed out.
const MARGIN: Duration = Duration::from_secs(5);

/// What is exchanged for what.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeRequest<'a> {
    /// The token of the one who is acted for.
    pub subject: &'a Secret<String>,
    /// When it expires: nothing obtained with it is used longer.
    pub subject_expires: Timestamp,
    /// The token of the one who acts, for delegation; without it, the server decides by our own
    /// identity.
    pub actor: Option<&'a Secret<String>>,
    /// `audience`, any number.
    pub audiences: &'a [&'a str],
    /// `resource`, any number (RFC 8707).
    pub resources: &'a [&'a str],
    /// `scope`: names parted by spaces. More than this is never used, even if granted.
    pub scope: Option<&'a str>,
}

/// Exchanges access tokens, and remembers what it got: for this subject token, actor, target and
/// scope, never by user alone.
#[derive(Debug)]
pub struct TokenExchange {
    endpoint: TokenEndpoint,
    exchanged: Cache<Digest, Exchanged, UnitWeighter, RandomState>,
}

type Digest = [u8; SHA256_OUTPUT_LEN];

#[derive(Clone, Debug)]
struct Exchanged {
    token: IssuedToken,
    /// Monotonic time.
    end: Duration,
}

impl TokenExchange {
    /// An exchange that remembers at most `capacity` tokens.
    pub fn new(endpoint: TokenEndpoint, capacity: usize) -> Self {
        let lifecycle = DefaultLifecycle::default();
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        Self {
            endpoint,
            exchanged: Cache::with(
                capacity,
                weight,
                UnitWeighter,
                RandomState::new(),
                lifecycle,
            ),
        }
    }

    /// The token that the server gives for this request: remembered, or asked for once by all
    /// who want the same at the same time.
    ///
    /// # Errors
    /// Why there is none; nobody remembers that.
    pub async fn exchange(&self, request: &ExchangeRequest<'_>) -> Result<IssuedToken, TokenError> {
        let key = key(request);
        loop {
            let now = self.endpoint.clock.monotonic();
            // Dropping the guard, as an error or a cancellation does, hands it to the next.
            match self.exchanged.get_value_or_guard_async(&key).await {
                Ok(found) if found.end > now => return Ok(found.token),
                Ok(_) => {
                    self.exchanged.remove_if(&key, |own| own.end <= now);
                }
                Err(guard) => {
                    let exchanged = self.ask(request).await?;
                    let token = exchanged.token.clone();
                    if exchanged.end > now {
                        // An error means that the place was taken back meanwhile.
                        let _ = guard.insert(exchanged);
                    }
                    return Ok(token);
                }
            }
        }
    }

    async fn ask(&self, request: &ExchangeRequest<'_>) -> Result<Exchanged, TokenError> {
        let clock = &self.endpoint.clock;
        let (asked, now) = (clock.monotonic(), clock.now());
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
        Ok(Exchanged { token, end })
    }
}

fn parameters<'a>(request: &ExchangeRequest<'a>) -> Vec<(&'static str, &'a str)> {
    let mut parameters = vec![
        ("grant_type", GRANT),
        ("requested_token_type", ACCESS_TOKEN),
        ("subject_token", request.subject.expose().as_str()),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    if let Some(actor) = request.actor {
        parameters.push(("actor_token", actor.expose()));
        parameters.push(("actor_token_type", ACCESS_TOKEN));
    }
    parameters.extend(request.audiences.iter().map(|own| ("audience", *own)));
    parameters.extend(request.resources.iter().map(|own| ("resource", *own)));
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
