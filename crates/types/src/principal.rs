//! Who asks, as somebody else vouches for it: a token's issuer, a certificate's authority.

use std::borrow::Cow;
use std::fmt;

use smol_str::SmolStr;

use crate::clock::Timestamp;
use crate::value::{Map, Value};
use crate::view::{Object, View};

/// What a verified token says of its bearer.
///
/// Implemented by the engine that verifies; whoever holds one knows that it did.
pub trait Principal: fmt::Debug + Send + Sync {
    /// The issuer, as configured.
    fn issuer(&self) -> &str;

    /// What the issuer says.
    fn claims(&self) -> &dyn Object;

    /// The same, letter by letter: what stands for the principal in keys of caches.
    fn text(&self) -> Cow<'_, str>;

    /// The outermost `act` (RFC 8693 section 4.1): who acts for the subject. What is nested in
    /// it is history and grants nothing.
    fn actor(&self) -> Option<&Map>;

    /// When the token expires; nothing derived from it may live longer.
    fn expires(&self) -> Timestamp;

    /// Until when the token is accepted: whoever verifies it may grant its issuer some clock skew, or
    /// set a greatest age. What it was let in for ends then.
    fn valid_until(&self) -> Timestamp {
        self.expires()
    }
}

/// [`Principal`] as the value that expressions read: `auth.input.jwt`, `auth.input.introspection`.
#[derive(Clone, Copy, Debug)]
pub struct PrincipalView<'a> {
    /// The principal.
    pub principal: &'a dyn Principal,
    /// The token itself.
    pub token: &'a str,
}

impl Object for PrincipalView<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "token" => Some(View::Str(self.token)),
            "issuer" => Some(View::Str(self.principal.issuer())),
            "claims" => Some(View::Object(self.principal.claims())),
            "actor" => self.principal.actor().map(View::Map),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        let actor = self.principal.actor().map(|_| "actor");
        ["token", "issuer", "claims"]
            .into_iter()
            .chain(actor)
            .collect()
    }
}

/// The certificate that the client proved to hold (RFC 8446 section 4.4.2), the leaf of its chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientCertificate {
    /// SHA-256 of the DER in base64url: `x5t#S256` (RFC 8705 section 3.1).
    pub fingerprint: SmolStr,
    /// The subject, as RFC 4514 writes it; possibly empty.
    pub subject: SmolStr,
    /// The issuer, in the same way.
    pub issuer: SmolStr,
    /// The serial number, lower-case hexadecimal.
    pub serial: SmolStr,
    /// The only `spiffe://` URI (SPIFFE X.509-SVID section 2), if there is one.
    pub spiffe_id: Option<SmolStr>,
    /// DNS names, lower case, each a text.
    pub dns: Vec<Value>,
    /// URIs, each a text.
    pub uris: Vec<Value>,
    /// Mail addresses, each a text.
    pub emails: Vec<Value>,
    /// When it expires.
    pub expires: Timestamp,
}

impl Object for ClientCertificate {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(match name {
            "fingerprint" => View::Str(&self.fingerprint),
            "subject" => View::Str(&self.subject),
            "issuer" => View::Str(&self.issuer),
            "serial" => View::Str(&self.serial),
            "spiffeId" => View::Str(self.spiffe_id.as_deref()?),
            "dns" => View::List(&self.dns),
            "uris" => View::List(&self.uris),
            "emails" => View::List(&self.emails),
            "expires" => View::Timestamp(self.expires),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        let spiffe = self.spiffe_id.as_ref().map(|_| "spiffeId");
        let always = [
            "fingerprint",
            "subject",
            "issuer",
            "serial",
            "dns",
            "uris",
            "emails",
            "expires",
        ];
        always.into_iter().chain(spiffe).collect()
    }
}
