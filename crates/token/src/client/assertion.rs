//! How a client shows an authorization server who it is.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde_json::json;
use url::form_urlencoded::byte_serialize;
use ztag_types::{Secret, Timestamp};

use crate::client::form::Form;
use crate::client::signer::{Signer, SignerError};
use crate::encoding;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest life of an assertion; authorization servers refuse more.
const MAX_LIFETIME: Duration = Duration::from_mins(5);

/// How a client shows who it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Authentication {
    /// A public client: its id alone.
    Id(String),
    /// `client_secret_basic` (RFC 6749 section 2.3.1).
    Basic {
        /// The client id.
        id: String,
        /// The client secret.
        secret: Secret<String>,
    },
    /// `private_key_jwt` (RFC 7523 section 2.2).
    Assertion(Arc<Assertion>),
}

/// Makes client assertions: a new one for each request, since servers accept each once.
#[derive(Debug)]
pub struct Assertion {
    client_id: String,
    /// The issuer of the authorization server, exactly as it publishes it, and nothing else: an
    /// assertion for an address that somebody else may answer would be a credential for them.
    audience: String,
    signer: ArcSwap<Signer>,
    lifetime: Duration,
    token_type: Option<&'static str>,
}

impl Authentication {
    /// The client id.
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Basic { id, .. } => id,
            Self::Assertion(assertion) => &assertion.client_id,
        }
    }

    /// Adds what shows who we are to `form`.
    pub(crate) fn sign(&self, form: &mut Form, now: Timestamp) -> Result<(), SignerError> {
        match self {
            Self::Id(id) => form.add("client_id", id),
            Self::Basic { id, secret } => form.authorize(basic(id, secret)?),
            Self::Assertion(assertion) => {
                form.add("client_assertion_type", ASSERTION_TYPE);
                form.add("client_assertion", assertion.make(now)?.expose());
            }
        }
        Ok(())
    }
}

impl Assertion {
    /// Assertions that `client_id` makes for the authorization server whose issuer is `audience`,
    /// good for 60 s and of the type `client-authentication+jwt`.
    pub fn new(
        client_id: impl Into<String>,
        audience: impl Into<String>,
        signer: Arc<Signer>,
    ) -> Self {
        Self {
            client_id: client_id.into(),
            audience: audience.into(),
            signer: ArcSwap::new(signer),
            lifetime: Duration::from_mins(1),
            token_type: Some("client-authentication+jwt"),
        }
    }

    /// The same, good for `lifetime`, between 1 s and 5 minutes.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.clamp(Duration::from_secs(1), MAX_LIFETIME);
        self
    }

    /// The same without a `typ`, for servers that refuse types they do not know.
    #[must_use]
    pub const fn without_type(mut self) -> Self {
        self.token_type = None;
        self
    }

    /// Signs with another key from now on.
    pub fn rotate(&self, signer: Arc<Signer>) {
        self.signer.store(signer);
    }

    /// A new assertion.
    ///
    /// # Errors
    /// When signing fails.
    pub fn make(&self, now: Timestamp) -> Result<Secret<String>, SignerError> {
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| SignerError::Signing)?;
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "jti": encoding::encode(id),
            "iat": now.seconds(),
            "exp": now.plus(self.lifetime).seconds(),
        });
        self.signer.load().sign(self.token_type, &claims)
    }
}

fn basic(id: &str, secret: &Secret<String>) -> Result<HeaderValue, SignerError> {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = encode(id) + ":" + &encode(secret.expose());
    let field = format!("Basic {}", STANDARD.encode(pair));
    HeaderValue::try_from(field).map_err(|_| SignerError::Signing)
}
