//! What each dialect of tokens must look like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::AlgorithmSet;
use crate::key::Purpose;

/// The dialect of an issuer's access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// RFC 9068: type `at+jwt`, and `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti`.
    #[default]
    Rfc9068,
    /// Auth0's own: type `JWT`, `at+jwt` or none, and `iss`, `exp`, `aud`, `sub` and `iat`.
    Auth0,
    /// As `rfc9068`, signed with PS256, ES256 or Ed25519, and bound to a key of the sender
    /// (FAPI 2.0 Security Profile).
    Fapi2,
    /// A SPIFFE JWT-SVID: no header members but `alg`, `kid` and `typ`, a subject in the trust
    /// domain that is the issuer, and `exp` and `aud`; `iss` is optional.
    Spiffe,
    /// Whatever else is signed by the issuer for us and expires: type `JWT`, `at+jwt` or none.
    Lenient,
}

/// What a profile asks for.
#[derive(Debug)]
pub(crate) struct Requirements {
    pub(crate) types: &'static [&'static str],
    /// Whether a token without `typ` is read as if it had the right one.
    pub(crate) untyped: bool,
    pub(crate) claims: &'static [&'static str],
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) bound: bool,
    pub(crate) purpose: Purpose,
}

const STRICT: Requirements = Requirements {
    types: &["at+jwt"],
    untyped: false,
    claims: &["iss", "exp", "aud", "sub", "client_id", "iat", "jti"],
    algorithms: AlgorithmSet::ASYMMETRIC,
    bound: false,
    purpose: Purpose::Signature,
};

impl Profile {
    pub(crate) const fn requirements(self) -> &'static Requirements {
        match self {
            Self::Rfc9068 => &STRICT,
            Self::Fapi2 => &Requirements {
                algorithms: AlgorithmSet::FAPI2,
                bound: true,
                ..STRICT
            },
            Self::Auth0 => &Requirements {
                types: &["JWT", "at+jwt"],
                untyped: true,
                claims: &["iss", "exp", "aud", "sub", "iat"],
                ..STRICT
            },
            Self::Spiffe => &Requirements {
                types: &["JWT", "JOSE"],
                untyped: true,
                claims: &["exp", "aud", "sub"],
                purpose: Purpose::JwtSvid,
                ..STRICT
            },
            Self::Lenient => &Requirements {
                types: &["JWT", "at+jwt"],
                untyped: true,
                claims: &["iss", "exp", "aud"],
                ..STRICT
            },
        }
    }
}
