//! Calls to the server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;
use ztag_backend::{Call, Client, PageReply, Pagination};
use ztag_fga::spec::ModelSpec;
use ztag_token::client::OutboundCredential;
use ztag_types::Clock;

use super::breaker::Breaker;
use super::wire::{self, Changes};
use crate::undecided::Undecided;

/// Bytes of an answer at the most: a thousand objects with the longest names.
const MAX_ANSWER: usize = 1024 * 1024;
/// The pause after a 429 that does not say how long.
const PAUSE: Duration = Duration::from_secs(1);

/// The way to the calls of one store.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) client: Arc<Client>,
    /// Below which the calls are.
    pub(super) base: Url,
    pub(super) model: Option<Box<str>>,
    pub(super) credential: Credential,
    pub(super) timeout: Duration,
    pub(super) breaker: Breaker,
    pub(super) clock: Arc<dyn Clock>,
}

/// What the server is shown.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    None,
    Key(HeaderValue),
    Own(OutboundCredential),
}

/// What is sent.
struct Letter<'a> {
    method: Method,
    /// Below the store.
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    body: Bytes,
}

/// What came of a call.
enum Outcome {
    Answer(Bytes),
    Refused(Undecided),
    /// The server asks to be left alone this long.
    Later(Duration),
    Failed(Undecided),
}

impl Line {
    /// The model that questions are about.
    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The answer to a question, of which there is none while the server is left alone.
    pub(super) async fn post(&self, call: &str, body: Bytes) -> Result<Bytes, Undecided> {
        let path = [call];
        let letter = Letter {
            method: Method::POST,
            path: &path,
            query: &[],
            body,
        };
        self.exchange(&letter).await
    }

    /// The model that questions are about, with its id.
    pub(super) async fn model_spec(&self) -> Result<ModelSpec, Undecided> {
        const MODELS: &str = "authorization-models";
        if let Some(id) = self.model() {
            let reply = self.get(&[MODELS, id], &[]).await?;
            return wire::model(&reply);
        }
        let reply = self.get(&[MODELS], &[("page_size", "1")]).await?;
        wire::latest_model(&reply)
    }

    /// Changes of tuples after `token`, those from the beginning where it is empty.
    pub(super) async fn changes(&self, token: &str, most: usize) -> Result<Changes, Undecided> {
        let most = most.to_string();
        let query = [("page_size", &*most), ("continuation_token", token)];
        let query = query.get(..if token.is_empty() { 1 } else { 2 });
        let reply = self.get(&["changes"], query.unwrap_or_default()).await?;
        wire::changes(&reply)
    }

    async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Bytes, Undecided> {
        let letter = Letter {
            method: Method::GET,
            path,
            query,
            body: Bytes::new(),
        };
        self.exchange(&letter).await
    }

    async fn exchange(&self, letter: &Letter<'_>) -> Result<Bytes, Undecided> {
        let begun = self.clock.monotonic();
        if !self.breaker.admits(begun) {
            return Err(Undecided::unavailable("left_alone"));
        }
        match self.send(letter, self.timeout).await {
            Outcome::Later(pause) => {
                let now = self.clock.monotonic();
                let left = self.timeout.saturating_sub(now.saturating_sub(begun));
                self.breaker.hold(now, pause);
                if pause >= left {
                    return Err(Undecided::unavailable("throttled"));
                }
                tokio::time::sleep(pause).await;
                let again = self.send(letter, left.saturating_sub(pause)).await;
                self.conclude(again)
            }
            outcome => self.conclude(outcome),
        }
    }

    fn conclude(&self, outcome: Outcome) -> Result<Bytes, Undecided> {
        let now = self.clock.monotonic();
        match outcome {
            Outcome::Answer(body) => {
                self.breaker.succeed();
                Ok(body)
            }
            Outcome::Refused(undecided) => {
                self.breaker.succeed();
                Err(undecided)
            }
            Outcome::Later(pause) => {
                self.breaker.hold(now, pause);
                Err(Undecided::unavailable("throttled"))
            }
            Outcome::Failed(undecided) => {
                self.breaker.fail(now);
                tracing::debug!(%undecided, server = ?self.base.host_str(), "no answer");
                Err(undecided)
            }
        }
    }

    async fn send(&self, letter: &Letter<'_>, timeout: Duration) -> Outcome {
        let headers = match self.headers().await {
            Ok(headers) => headers,
            Err(undecided) => return Outcome::Failed(undecided),
        };
        let mut url = self.base.clone();
        // Set when the configuration was read: it can be a base.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(letter.path);
        }
        if !letter.query.is_empty() {
            url.query_pairs_mut().extend_pairs(letter.query);
        }
        let call = Call {
            method: letter.method.clone(),
            url,
            headers,
            body: letter.body.clone(),
            timeout,
            max_body: MAX_ANSWER,
            retries: 1,
            pagination: Pagination::None,
        };
        // Boxed: whoever finds the answer in memory shall not pay for its size.
        let pages = match Box::pin(self.client.send(call)).await {
            Ok(pages) => pages,
            Err(failure) => {
                let class = failure.kind().as_str();
                return Outcome::Failed(Undecided::unavailable(class));
            }
        };
        match pages.pages.into_iter().next_back() {
            Some(reply) => understand(reply),
            None => Outcome::Failed(Undecided::unavailable("protocol")),
        }
    }

    async fn headers(&self) -> Result<HeaderMap, Undecided> {
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let value = match &self.credential {
            Credential::None => None,
            Credential::Key(value) => Some(value.clone()),
            Credential::Own(own) => {
                let issued = own.authorize(None).await;
                issued.map_err(|_| Undecided::unavailable("credential"))?
            }
        };
        headers.extend(value.map(|value| (AUTHORIZATION, value)));
        Ok(headers)
    }
}

fn understand(reply: PageReply) -> Outcome {
    let status = reply.status;
    match status {
        StatusCode::OK => Outcome::Answer(reply.body),
        StatusCode::TOO_MANY_REQUESTS => Outcome::Later(pause(&reply.headers).unwrap_or(PAUSE)),
        StatusCode::SERVICE_UNAVAILABLE => match pause(&reply.headers) {
            Some(pause) => Outcome::Later(pause),
            None => Outcome::Failed(Undecided::unavailable("status_5xx")),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Outcome::Failed(Undecided::unavailable("unauthorized"))
        }
        _ if status.is_server_error() => Outcome::Failed(Undecided::unavailable("status_5xx")),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            let told = wire::refusal(&reply.body);
            Outcome::Refused(told.unwrap_or_else(Undecided::unknown_call))
        }
        _ if status.is_client_error() => {
            let told = wire::refusal(&reply.body);
            let strange = || Undecided::unavailable("status_4xx");
            Outcome::Refused(told.unwrap_or_else(strange))
        }
        _ => Outcome::Failed(Undecided::unavailable("status")),
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); a date counts as not said.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
