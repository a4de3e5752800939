//! The answers to those who are not admitted.

use http::StatusCode;
use smallvec::SmallVec;
use ztag_token::Refusal;
use ztag_types::{Admitted, Halt, Outcome, Reason, ReasonCode, Snapshot};

use super::Admission;
use crate::answer::Said;
use crate::credentials::Malformed;
use crate::tokens::{Scheme, Unfit};

const REFUSED: &str = "the token was refused";
const UNDECIDED: &str = "the token could not be judged";

impl Admission {
    /// To a request without an accepted credential: the configured answer. `told` is what its body
    /// may say.
    pub(super) fn turn_away(
        &self,
        snapshot: &Snapshot,
        reason: Reason,
        told: &'static str,
    ) -> Halt {
        Halt {
            outcome: Outcome::Fail,
            reason,
            reply: Box::new(self.answer.challenge(snapshot, &denied(told))),
        }
    }

    /// To credentials that cannot be read.
    pub(super) fn malformed(&self, snapshot: &Snapshot, Malformed(what): Malformed) -> Halt {
        let reason = Reason::with_detail(ReasonCode::CredentialsMalformed, what);
        self.turn_away(snapshot, reason, what)
    }

    /// To a request that does not carry its token as it should: 400 (RFC 6750 section 3.1).
    pub(super) fn unfit(&self, snapshot: &Snapshot, Unfit { scheme, what }: Unfit) -> Halt {
        let challenges = self.answer.challenges.as_ref();
        let said = Said {
            status: Some(StatusCode::BAD_REQUEST),
            challenge: challenges.and_then(|own| own.unfit(scheme)),
            nonce: None,
        };
        Halt {
            outcome: Outcome::Fail,
            reason: Reason::with_detail(ReasonCode::CredentialsMalformed, what),
            reply: Box::new(self.answer.refused(snapshot, &denied(what), said)),
        }
    }

    /// To a request whose token was refused: the configured answer with the error in its challenge,
    /// or 503 where nobody could tell whether the token is good. Why is for operators alone.
    pub(super) fn refuse_token(
        &self,
        snapshot: &Snapshot,
        scheme: Scheme,
        refusal: Refusal,
    ) -> Halt {
        let challenges = self.answer.challenges.as_ref();
        let challenge = challenges.and_then(|own| own.refused(scheme, refusal));
        let (outcome, code, status, told) = if refusal.is_transient() {
            let status = Some(StatusCode::SERVICE_UNAVAILABLE);
            (
                Outcome::Error,
                ReasonCode::TokenUndecided,
                status,
                UNDECIDED,
            )
        } else {
            (Outcome::Fail, ReasonCode::TokenRefused, None, REFUSED)
        };
        let said = Said {
            status,
            challenge,
            nonce: self.nonce(refusal),
        };
        Halt {
            outcome,
            reason: Reason::with_detail(code, refusal.as_str()),
            reply: Box::new(self.answer.refused(snapshot, &denied(told), said)),
        }
    }

    /// The nonce to prove with, for whoever must try again with it.
    fn nonce(&self, refusal: Refusal) -> Option<String> {
        let proofs = self.sources.tokens.as_ref()?.proofs.as_ref()?;
        let nonces = proofs.nonces.as_ref()?;
        (refusal == Refusal::NonceRequired).then(|| nonces.current(proofs.clock.now()))
    }
}

fn denied(told: &'static str) -> Admitted {
    Admitted {
        credentials: SmallVec::new(),
        authenticated: false,
        reason: told.into(),
    }
}
