//! Why a token is not accepted.

use std::fmt;

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a token is not accepted: a closed set, safe as a metric label and in a log, since
        /// it holds nothing of the token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $variant,)*
        }

        impl Refusal {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in metrics and reports.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

refusals! {
    /// Longer than allowed.
    TooLarge = "too_large",
    /// Not three parts of base64url joined by dots (RFC 7515 section 3.1).
    Malformed = "malformed",
    /// Five parts: an encrypted token (RFC 7516).
    Encrypted = "encrypted",
    /// The header is not a JSON object with the members and types of RFC 7515 section 4.1.
    HeaderInvalid = "header_invalid",
    /// `crit` or `b64` asks for an extension, and none is understood (RFC 7515 section 4.1.11).
    HeaderCritical = "header_critical",
    /// The algorithm is unknown or not on the allow-list.
    AlgorithmRefused = "algorithm_refused",
    /// The type is not one that is expected here (RFC 8725 section 3.11).
    TypeRefused = "type_refused",
    /// No key has this id, or there is no single key to choose.
    KeyUnknown = "key_unknown",
    /// The key is not for this algorithm (RFC 8725 section 3.1).
    KeyMismatch = "key_mismatch",
    /// There are no keys: they were never fetched, or too long ago.
    KeysUnavailable = "keys_unavailable",
    /// The signature is not one of the key over this header and payload.
    SignatureInvalid = "signature_invalid",
    /// The payload is not a JSON object without repeated members.
    ClaimsInvalid = "claims_invalid",
    /// A registered claim is of the wrong type.
    ClaimType = "claim_type",
    /// A required claim is absent.
    ClaimMissing = "claim_missing",
    /// The token is of an issuer that is not configured.
    IssuerUnknown = "issuer_unknown",
    /// The token is for somebody else.
    AudienceRefused = "audience_refused",
    /// Past `exp`.
    Expired = "expired",
    /// Before `nbf`, or issued in the future.
    NotYetValid = "not_yet_valid",
    /// Older, or longer valid, than allowed.
    TooOld = "too_old",
    /// The subject is not of the form that the profile asks for.
    SubjectRefused = "subject_refused",
    /// On the revocation list.
    Revoked = "revoked",
    /// The issuer says that the token is not active (RFC 7662 section 2.2).
    Inactive = "inactive",
    /// The issuer could not be asked.
    IssuerUnavailable = "issuer_unavailable",
    /// The token must be bound to a key and is not, or to one of an unknown kind.
    BindingMissing = "binding_missing",
    /// The token is bound to another key than the one presented, or to none that was.
    BindingMismatch = "binding_mismatch",
    /// The `DPoP` proof is malformed, of another request, or of another token (RFC 9449 section 4.3).
    ProofInvalid = "proof_invalid",
    /// The `DPoP` proof was made too long ago or in the future.
    ProofExpired = "proof_expired",
    /// The `DPoP` proof was seen before.
    ProofReplayed = "proof_replayed",
    /// The `DPoP` proof needs the nonce of this server (RFC 9449 section 9).
    NonceRequired = "nonce_required",
    /// The client certificate cannot be read (RFC 5280), or in more than one way.
    CertificateInvalid = "certificate_invalid",
    /// No further proof can be remembered for the moment.
    ReplayStoreFull = "replay_store_full",
    /// The issuer is not asked: whoever shows the token showed too many that are not active.
    Throttled = "throttled",
}

impl Refusal {
    /// Whether the token may be good and it is this side, or the issuer, that cannot tell: an
    /// answer of 503 and not of 401.
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::KeysUnavailable
                | Self::IssuerUnavailable
                | Self::ReplayStoreFull
                | Self::Throttled
        )
    }

    /// The `error` of a `WWW-Authenticate` challenge (RFC 6750 section 3.1, RFC 9449 sections
    /// 7.1 and 9); `None` for a transient refusal.
    pub const fn challenge_error(self) -> Option<&'static str> {
        match self {
            Self::NonceRequired => Some("use_dpop_nonce"),
            Self::ProofInvalid | Self::ProofExpired | Self::ProofReplayed => {
                Some("invalid_dpop_proof")
            }
            other if other.is_transient() => None,
            _ => Some("invalid_token"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Refusal {}
