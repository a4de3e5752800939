//! The token endpoint of an authorization server (RFC 6749 section 3.2).

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use ztag_backend::{Client, FailureKind};
use ztag_types::{Clock, Secret, View};

use crate::claims::Claims;
use crate::client::address::Address;
use crate::client::assertion::Authentication;
use crate::client::form::Form;
use crate::client::signer::SignerError;
use crate::fetch::FetchError;
use crate::refusal::Refusal;

/// Longest answer read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// Longest token taken, in bytes: it must fit in a header field.
const MAX_TOKEN: usize = 16 * 1024;
/// Longest error code taken, in bytes.
const MAX_CODE: usize = 64;

/// A token endpoint and who we are there.
#[derive(Debug)]
pub struct TokenEndpoint {
    /// Its address, from validated metadata or the configuration; never from a request.
    pub address: Address,
    /// How we show who we are.
    pub authentication: Authentication,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// The way out.
    pub client: Arc<Client>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A token that was issued to us.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: Secret<String>,
    /// The token as the value of `Authorization` (RFC 6750 section 2.1), marked as sensitive.
    pub authorization: HeaderValue,
    /// `Bearer`, `DPoP` or `N_A`, as the server writes it.
    pub token_type: String,
    /// How long it is good, where the server says.
    pub expires_in: Option<Duration>,
    /// What it is good for, where that differs from what was asked.
    pub scope: Option<String>,
    /// The type of token issued by an exchange (RFC 8693 section 2.2.1).
    pub issued_token_type: Option<String>,
}

/// Why no token was issued. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The server could not be reached.
    #[error("no reply: {0}")]
    Call(FailureKind),
    /// The server answered with this status and no error code.
    #[error("status {0}")]
    Status(u16),
    /// The server refused, with the `error` of RFC 6749 section 5.2.
    #[error("refused: `{0}`")]
    Refused(String),
    /// The answer is not one of a token endpoint.
    #[error("the answer is not one of a token endpoint")]
    Answer,
    /// The server granted more than was asked.
    #[error("the server granted more than was asked")]
    Widened,
    /// We could not show who we are.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The address of the server is not known.
    #[error("the metadata of the server: {0}")]
    Metadata(#[from] FetchError),
    /// There is no token to exchange: nobody showed one that was verified.
    #[error("there is no verified token to exchange")]
    NoSubject,
    /// The latest attempt failed, and it is too early for another.
    #[error("too early for another attempt")]
    TooEarly,
}

impl TokenEndpoint {
    /// Asks for a token with these parameters, once: an assertion is never sent twice.
    ///
    /// # Errors
    /// Why there is no token.
    pub async fn request(&self, parameters: &[(&str, &str)]) -> Result<IssuedToken, TokenError> {
        let address = self.address.find().await?;
        let mut form = Form::new(address, self.timeout, MAX_ANSWER);
        for (name, value) in parameters {
            form.add(name, value);
        }
        self.authentication.sign(&mut form, self.clock.now())?;
        let reply = self.client.send(form.into_call()).await;
        let mut pages = reply
            .map_err(|failure| TokenError::Call(failure.kind()))?
            .pages;
        let page = pages.pop().ok_or(TokenError::Answer)?;
        let answer = Claims::parse(page.body.to_vec());
        match (page.status.as_u16(), answer) {
            (200, Ok(answer)) => read(&answer).map_err(|_| TokenError::Answer)?,
            (200, Err(_)) => None,
            (status, answer) => return Err(refused(status, answer.ok().as_ref())),
        }
        .ok_or(TokenError::Answer)
    }
}

fn read(answer: &Claims) -> Result<Option<IssuedToken>, Refusal> {
    let (Some(token), Some(token_type)) =
        (answer.text("access_token")?, answer.text("token_type")?)
    else {
        return Ok(None);
    };
    let visible = |byte: u8| (0x21..0x7f).contains(&byte);
    let known = ["bearer", "dpop", "n_a"];
    if token.is_empty()
        || token.len() > MAX_TOKEN
        || !token.bytes().all(visible)
        || !known.iter().any(|own| token_type.eq_ignore_ascii_case(own))
    {
        return Ok(None);
    }
    let Ok(mut authorization) = HeaderValue::try_from(format!("Bearer {token}")) else {
        return Ok(None);
    };
    authorization.set_sensitive(true);
    let seconds = answer.date("expires_in")?.map(u64::try_from);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok(Some(IssuedToken {
        token: Secret::new(token.to_owned()),
        authorization,
        token_type: token_type.to_owned(),
        expires_in: seconds.and_then(Result::ok).map(Duration::from_secs),
        scope: owned(answer.text("scope")?),
        issued_token_type: owned(answer.text("issued_token_type")?),
    }))
}

fn refused(status: u16, answer: Option<&Claims>) -> TokenError {
    let Some(View::Str(code)) = answer.and_then(|answer| answer.claim("error")) else {
        return TokenError::Status(status);
    };
    // What else the server writes there is not for our logs.
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if code.len() > MAX_CODE || !code.bytes().all(legal) {
        return TokenError::Status(status);
    }
    TokenError::Refused(code.to_owned())
}

/// Whether everything in `granted` is in `asked`: both are scopes, parted by spaces.
pub(crate) fn is_within(granted: &str, asked: &str) -> bool {
    let mut granted = granted.split(' ').filter(|scope| !scope.is_empty());
    granted.all(|scope| asked.split(' ').any(|own| own == scope))
}
