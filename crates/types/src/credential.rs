//! What a request shows of who sent it.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::principal::{ClientCertificate, Principal};
use crate::secret::Secret;

/// A credential that the endpoint allows and the request presented.
#[derive(Clone, Debug)]
pub enum Credential {
    /// RFC 7617 user and password.
    Basic {
        /// The user name, possibly empty.
        user: Box<str>,
        /// The password, possibly empty.
        password: Secret<Box<str>>,
    },
    /// RFC 6750 token.
    Bearer {
        /// The token.
        token: Secret<Box<str>>,
    },
    /// A header field.
    Header {
        /// Its name, lower case.
        name: Box<str>,
        /// Its value, trimmed.
        value: Secret<Box<str>>,
    },
    /// A query parameter.
    Query {
        /// Its name, as configured.
        name: Box<str>,
        /// Its value, trimmed.
        value: Secret<Box<str>>,
    },
    /// A signed token (RFC 7519) that an issuer vouches for.
    Jwt {
        /// The token.
        token: Secret<Box<str>>,
        /// What it says.
        principal: Arc<dyn Principal>,
    },
    /// A token that its issuer was asked about (RFC 7662).
    Introspected {
        /// The token.
        token: Secret<Box<str>>,
        /// What the issuer answered.
        principal: Arc<dyn Principal>,
    },
    /// A TLS client certificate.
    Certificate {
        /// What its authority vouches for.
        certificate: Arc<ClientCertificate>,
    },
}

impl Credential {
    /// `basic`, `bearer`, `header`, `query`, `jwt`, `introspection` or `certificate`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "basic",
            Self::Bearer { .. } => "bearer",
            Self::Header { .. } => "header",
            Self::Query { .. } => "query",
            Self::Jwt { .. } => "jwt",
            Self::Introspected { .. } => "introspection",
            Self::Certificate { .. } => "certificate",
        }
    }

    /// When whoever vouches for it no longer does; `None` where nobody does. Nothing derived from
    /// the credential may be remembered longer.
    pub fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::Certificate { certificate } => Some(certificate.expires),
            _ => Some(self.principal()?.expires()),
        }
    }

    /// Until when it is accepted, clock skew included: what goes on because of it ends then.
    pub fn valid_until(&self) -> Option<Timestamp> {
        let until = self.principal().map(Principal::valid_until);
        until.or_else(|| self.expires())
    }

    fn principal(&self) -> Option<&dyn Principal> {
        match self {
            Self::Jwt { principal, .. } | Self::Introspected { principal, .. } => {
                Some(&**principal)
            }
            Self::Basic { .. }
            | Self::Bearer { .. }
            | Self::Header { .. }
            | Self::Query { .. }
            | Self::Certificate { .. } => None,
        }
    }

    /// The part that nobody else may see; a certificate has none.
    pub const fn secret(&self) -> Option<&Secret<Box<str>>> {
        match self {
            Self::Basic { password, .. } => Some(password),
            Self::Bearer { token } | Self::Jwt { token, .. } | Self::Introspected { token, .. } => {
                Some(token)
            }
            Self::Header { value, .. } | Self::Query { value, .. } => Some(value),
            Self::Certificate { .. } => None,
        }
    }
}
