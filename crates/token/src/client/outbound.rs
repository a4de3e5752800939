//! The credential that requests carry to an upstream.

use std::sync::Arc;

use http::HeaderValue;
use ztag_types::{Principal, Secret};

use crate::client::credentials::ClientCredentials;
use crate::client::endpoint::{IssuedToken, TokenError};
use crate::client::exchange::{ExchangeRequest, TokenExchange};
use crate::client::identity::{ClientIdentity, KeyFiles};
use crate::client::stores::TokenStores;

/// What compiling credentials needs beside what is written.
#[derive(Clone, Copy, Debug)]
pub struct OutboundDeps<'a> {
    /// Where tokens are kept.
    pub stores: &'a TokenStores,
    /// Who we are where nothing else is said: `server.clientAuth`.
    pub identity: Option<&'a ClientIdentity>,
    /// The key files that the configuration names.
    pub files: &'a KeyFiles,
}

/// The credential that requests carry to an upstream, never the one that the client showed.
#[derive(Clone, Debug)]
pub struct OutboundCredential(Kind);

#[derive(Clone, Debug)]
enum Kind {
    None,
    Own(Arc<ClientCredentials>),
    Exchange(Arc<Delegation>),
}

/// What is asked for in the name of whoever sent a request.
#[derive(Debug)]
pub(crate) struct Delegation {
    pub(crate) exchange: TokenExchange,
    pub(crate) actor: Option<Arc<ClientCredentials>>,
    pub(crate) audiences: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) scope: Option<String>,
}

impl OutboundCredential {
    /// No credential.
    pub const NONE: Self = Self(Kind::None);

    pub(crate) const fn own(credentials: Arc<ClientCredentials>) -> Self {
        Self(Kind::Own(credentials))
    }

    pub(crate) fn exchange(delegation: Delegation) -> Self {
        Self(Kind::Exchange(Arc::new(delegation)))
    }

    /// Whether the upstream gets none.
    pub const fn is_none(&self) -> bool {
        matches!(self.0, Kind::None)
    }

    /// Whether it is obtained with the token that the client showed.
    pub const fn needs_subject(&self) -> bool {
        matches!(self.0, Kind::Exchange(_))
    }

    /// The value of `Authorization` to send now, marked as sensitive; `None` where the upstream
    /// gets none. `principal` is whom the request's token was verified for, with that token.
    ///
    /// A token of our own that is at hand neither waits nor asks: its renewal runs in the
    /// background. Needs a tokio runtime.
    ///
    /// # Errors
    /// Why there is none although there must be: the request must not be sent. An exchange
    /// without `principal` is [`TokenError::NoSubject`].
    pub async fn authorize(
        &self,
        principal: Option<(&dyn Principal, &str)>,
    ) -> Result<Option<HeaderValue>, TokenError> {
        let issued = match &self.0 {
            Kind::None => return Ok(None),
            Kind::Own(credentials) => match credentials.at_hand() {
                Some(issued) => issued,
                None => Box::pin(credentials.token()).await?,
            },
            // Boxed, so that a request without exchange does not carry its size.
            Kind::Exchange(own) => Box::pin(own.exchange(principal)).await?,
        };
        Ok(Some(issued.authorization.clone()))
    }

    /// Asks for the first token in the background, where it is one of our own. Not needed, but
    /// spares the first request the wait. Does nothing outside a tokio runtime.
    pub fn warm(&self) {
        if let Kind::Own(credentials) = &self.0 {
            credentials.warm();
        }
    }
}

impl Delegation {
    async fn exchange(
        &self,
        principal: Option<(&dyn Principal, &str)>,
    ) -> Result<Arc<IssuedToken>, TokenError> {
        let (principal, token) = principal.ok_or(TokenError::NoSubject)?;
        let actor = match &self.actor {
            Some(credentials) => Some(credentials.token().await?),
            None => None,
        };
        let actor = actor.as_ref().map(|issued| issued.token.expose().as_str());
        let request = ExchangeRequest {
            subject: Secret::new(token),
            subject_expires: principal.expires(),
            actor: actor.map(Secret::new),
            audiences: &self.audiences,
            resources: &self.resources,
            scope: self.scope.as_deref(),
        };
        self.exchange.exchange(&request).await
    }
}
