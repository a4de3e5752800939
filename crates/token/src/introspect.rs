//! Opaque tokens: their issuer is asked (RFC 7662).

mod askers;
mod compile;
mod signed;
mod spec;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ahash::RandomState;
use http::HeaderValue;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use ztag_backend::Client;
use ztag_types::View;

use crate::accepted::{AcceptedToken, Form, Lifetime};
use crate::binding::Confirmation;
use crate::cache::Moment;
use crate::claims::Claims;
use crate::client::form::Form as Fields;
use crate::client::{Address, Authentication};
use crate::fetch::send;
use crate::refusal::Refusal;
use crate::verify::Places;

use askers::Askers;
pub use compile::IntrospectionDeps;
use signed::SignedAnswers;
pub use spec::IntrospectionSpec;

/// Longest token asked about, in bytes.
const MAX_TOKEN: usize = 4 * 1024;
/// Longest answer read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// The form of signed answers (RFC 9701 section 4).
const SIGNED_ANSWER: &str = "application/token-introspection+jwt";
/// Most tokens remembered as not active.
const MAX_INACTIVE: usize = 4_096;
/// Most questions under way at a time, and most tokens that wait for an answer.
const MAX_QUESTIONS: usize = 64;
const MAX_WAITING: usize = 4_096;
/// How long the difference between clocks may be.
const SKEW: i64 = 10;

/// How an issuer is asked about tokens.
#[derive(Debug)]
pub struct Introspection {
    /// The issuer: an `iss` in its answers must be this.
    pub issuer: Arc<str>,
    /// Where it is asked.
    pub address: Address,
    /// Who we are: an answer must name one of these in `aud`.
    pub audiences: Vec<String>,
    /// Whether answers without `aud` are taken as meant for us.
    pub allow_no_audience: bool,
    /// How we show who we are.
    pub authentication: Authentication,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Longest time before the issuer is asked again about an active token: how late a revocation
    /// is noticed.
    pub max_age: Duration,
    /// The same about a token that is not active.
    pub max_age_inactive: Duration,
}

/// Asks an issuer about tokens, once for all who ask at the same time.
#[derive(Debug)]
pub struct Introspector {
    policy: Introspection,
    signed: Option<SignedAnswers>,
    client: Arc<Client>,
    places: Places,
    id: u64,
    /// Tokens that are not active, apart from the accepted ones: a flood of them displaces only
    /// its like. With the monotonic time until which that is believed.
    inactive: Cache<Box<str>, Duration>,
    flights: Mutex<HashMap<Box<str>, Flight, RandomState>>,
    questions: Semaphore,
    askers: Askers,
}

type Answer = Result<Arc<AcceptedToken>, Refusal>;

/// Tells what a question came to.
type Flight = watch::Receiver<Option<Answer>>;

impl Introspector {
    /// An introspector that asks through `client`.
    pub fn new(policy: Introspection, client: Arc<Client>, places: Places) -> Arc<Self> {
        Self::with_signed(policy, None, client, places)
    }

    fn with_signed(
        policy: Introspection,
        signed: Option<SignedAnswers>,
        client: Arc<Client>,
        places: Places,
    ) -> Arc<Self> {
        // Counts down, verifiers count up: they share a cache.
        static INTROSPECTORS: AtomicU64 = AtomicU64::new(u64::MAX);
        Arc::new(Self {
            policy,
            signed,
            client,
            places,
            id: INTROSPECTORS.fetch_sub(1, Ordering::Relaxed),
            inactive: Cache::new(MAX_INACTIVE),
            flights: Mutex::default(),
            questions: Semaphore::new(MAX_QUESTIONS),
            askers: Askers::new(),
        })
    }

    /// The issuer that is asked.
    pub fn issuer(&self) -> &str {
        &self.policy.issuer
    }

    /// Judges `token`. Needs a tokio runtime.
    ///
    /// # Errors
    /// Why the token is not accepted; [`Refusal::IssuerUnavailable`] when the issuer gave no
    /// answer, which nobody remembers.
    pub async fn verify(self: &Arc<Self>, token: &str) -> Answer {
        self.verify_of(token, None).await
    }

    /// Judges `token` as [`Self::verify`] does, for the client at `asker`.
    ///
    /// # Errors
    /// [`Refusal::Throttled`] when the issuer is not asked, because this client showed too many
    /// tokens lately that are not active.
    pub async fn verify_for(self: &Arc<Self>, token: &str, asker: IpAddr) -> Answer {
        self.verify_of(token, Some(asker)).await
    }

    async fn verify_of(self: &Arc<Self>, token: &str, asker: Option<IpAddr>) -> Answer {
        if token.len() > MAX_TOKEN {
            return Err(Refusal::TooLarge);
        }
        if !is_token68(token) {
            return Err(Refusal::Malformed);
        }
        let now = Moment::of(&*self.places.clock);
        let found = self.places.cache.find(token, self.id, now);
        let accepted = match found {
            Some(accepted) => accepted,
            None if self.is_inactive(token, now) => return Err(Refusal::Inactive),
            None => self.ask_together(token, asker).await?,
        };
        if self.places.revocations.covers(&accepted, now.wall) {
            return Err(Refusal::Revoked);
        }
        Ok(accepted)
    }

    fn is_inactive(&self, token: &str, now: Moment) -> bool {
        self.inactive
            .get(token)
            .is_some_and(|until| until > now.monotonic)
    }

    async fn ask_together(self: &Arc<Self>, token: &str, asker: Option<IpAddr>) -> Answer {
        self.check_asker(asker)?;
        let mut flight = self.board(token, asker)?;
        let landed = flight.wait_for(Option::is_some).await;
        // An error means that the question was dropped with its runtime.
        let answer = landed.ok().and_then(|answer| answer.clone());
        answer.unwrap_or(Err(Refusal::IssuerUnavailable))
    }

    fn check_asker(&self, asker: Option<IpAddr>) -> Result<(), Refusal> {
        let now = self.places.clock.monotonic();
        if asker.is_none_or(|asker| self.askers.may_ask(asker, now)) {
            Ok(())
        } else {
            Err(Refusal::Throttled)
        }
    }

    /// The question about `token` under way, or a new one. It goes on when whoever asked first
    /// goes away.
    fn board(self: &Arc<Self>, token: &str, asker: Option<IpAddr>) -> Result<Flight, Refusal> {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get(token) {
            return Ok(flight.clone());
        }
        if flights.len() >= MAX_WAITING {
            return Err(Refusal::IssuerUnavailable);
        }
        let (answer, flight) = watch::channel(None);
        flights.insert(token.into(), flight.clone());
        drop(flights);
        let seat = Seat {
            introspector: Arc::clone(self),
            token: token.into(),
        };
        tokio::spawn(async move {
            let judged = seat.introspector.ask(&seat.token, asker).await;
            answer.send_replace(Some(judged));
        });
        Ok(flight)
    }

    async fn ask(&self, token: &str, asker: Option<IpAddr>) -> Answer {
        let turn = timeout(self.policy.timeout, self.questions.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Refusal::IssuerUnavailable);
        };
        // Those before it in the queue may have been too many.
        self.check_asker(asker)?;
        let answer = self.question(token).await?;
        let now = Moment::of(&*self.places.clock);
        let judged = self.judge(token, answer, now);
        if judged.is_err() {
            let until = now.monotonic + self.policy.max_age_inactive;
            self.inactive.insert(token.into(), until);
            if let Some(asker) = asker {
                self.askers.note_miss(asker, now.monotonic);
            }
        }
        let (cache, max_age) = (&self.places.cache, Some(self.policy.max_age));
        judged.map(|accepted| cache.remember(token, self.id, accepted, max_age, now))
    }

    async fn question(&self, token: &str) -> Result<Claims, Refusal> {
        let policy = &self.policy;
        let address = policy.address.find().await;
        let address = address.map_err(|_| Refusal::IssuerUnavailable)?;
        let mut form = Fields::new(address, policy.timeout, MAX_ANSWER);
        if self.signed.is_some() {
            form.accept(HeaderValue::from_static(SIGNED_ANSWER));
        }
        form.add("token", token);
        form.add("token_type_hint", "access_token");
        let now = self.places.clock.now();
        let signed = policy.authentication.sign(&mut form, now);
        signed.map_err(|_| Refusal::IssuerUnavailable)?;
        let page = send(&self.client, form.into_call()).await;
        let page = page.map_err(|_| Refusal::IssuerUnavailable)?;
        let answer = match &self.signed {
            None => Claims::parse(page.body.to_vec()),
            Some(signed) => {
                let now = Moment::of(&*self.places.clock);
                signed.read(&page.body, policy, now).await
            }
        };
        // An answer that cannot be read, or that the issuer did not sign, is no answer.
        answer.map_err(|_| Refusal::IssuerUnavailable)
    }

    fn judge(&self, token: &str, claims: Claims, now: Moment) -> Result<AcceptedToken, Refusal> {
        if !matches!(claims.claim("active"), Some(View::Bool(true))) {
            return Err(Refusal::Inactive);
        }
        let policy = &self.policy;
        if claims
            .text("iss")?
            .is_some_and(|name| name != &*policy.issuer)
        {
            return Err(Refusal::IssuerUnknown);
        }
        let ours = |audience: &str| policy.audiences.iter().any(|own| own == audience);
        let unnamed = policy.allow_no_audience && claims.claim("aud").is_none();
        if !unnamed && !claims.holds("aud", ours)? {
            return Err(Refusal::AudienceRefused);
        }
        let present = now.wall.seconds();
        if claims
            .date("nbf")?
            .is_some_and(|since| since > present + SKEW)
        {
            return Err(Refusal::NotYetValid);
        }
        let longest = now.wall.plus(policy.max_age).seconds().max(present + 1);
        let expires = claims.date("exp")?.unwrap_or(longest);
        if expires <= present {
            return Err(Refusal::Expired);
        }
        Confirmation::of(&claims)?;
        // What can be revoked is told by these; a number would never be found.
        for name in ["sub", "jti"] {
            claims.text(name)?;
        }
        let form = Form::Opaque(token.into());
        let issuer = Arc::clone(&policy.issuer);
        AcceptedToken::new(issuer, claims, Lifetime::ending(expires), form)
    }
}

/// A question under way; off the board however it ends.
struct Seat {
    introspector: Arc<Introspector>,
    token: Box<str>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.introspector.flights.lock().remove(&self.token);
    }
}

/// Whether `token` can be a bearer token (RFC 6750 section 2.1).
fn is_token68(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(legal)
}
