//! Tokens that an issuer vouches for, and the proof that their sender may use them.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use url::Url;
use ztag_token::{
    AcceptedToken, Confirmation, Introspector, ProofVerifier, ProvenRequest, Refusal, Verifier,
};
use ztag_types::{Credential, RequestLine, Secret, Snapshot};

use crate::forwarded::text;

/// Who judges the tokens of an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) verifier: Option<Arc<Verifier>>,
    pub(crate) introspectors: Box<[Arc<Introspector>]>,
    pub(crate) proofs: Option<Arc<ProofVerifier>>,
    /// Whether the endpoint takes a query parameter `access_token` for a credential of its own.
    pub(crate) query_is_credential: bool,
}

/// A token as presented.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'r> {
    pub(crate) scheme: Scheme,
    token: &'r str,
}

/// The scheme of `Authorization` under which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449 section 7.1.
    Dpop,
}

/// The request is not one that carries a token as it should: `invalid_request` (RFC 6750 section
/// 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) scheme: Scheme,
    pub(crate) what: &'static str,
}

/// The query parameter of RFC 6750 section 2.3, which ends up in logs.
pub(crate) const QUERY: &str = "access_token";

pub(crate) const PROOF: &str = "dpop";

impl Tokens {
    /// What is shown as the token of the request, whatever it is. It stands in `Authorization`,
    /// and nowhere else.
    pub(crate) fn find<'r>(&self, snapshot: &'r Snapshot) -> Result<Option<Presented<'r>>, Unfit> {
        let found = authorization(snapshot.subrequest.headers.raw())?;
        let in_query = snapshot.query.get(QUERY).is_some();
        if in_query && (found.is_some() || !self.query_is_credential) {
            return Err(Unfit {
                scheme: Scheme::Bearer,
                what: "a token stands in the query",
            });
        }
        Ok(found)
    }

    /// Judges by what is known now; `None` where keys must be fetched or an issuer asked.
    pub(crate) fn judge(
        &self,
        presented: Presented<'_>,
        snapshot: &Snapshot,
    ) -> Result<Option<Result<Credential, Refusal>>, Unfit> {
        let verifier = self.verifier.as_ref();
        if let Some(remembered) = verifier.and_then(|own| own.recall(presented.token)) {
            // Its spelling is fit, being the very one that was accepted before.
            let judged = remembered.and_then(|own| self.signed(own, presented, snapshot));
            return Ok(Some(judged));
        }
        presented.check()?;
        Ok(self.check_anew(presented, snapshot))
    }

    /// Judges a token that is not remembered.
    fn check_anew(
        &self,
        presented: Presented<'_>,
        snapshot: &Snapshot,
    ) -> Option<Result<Credential, Refusal>> {
        match self.verifier.as_ref()?.check_anew(presented.token) {
            Ok(accepted) => Some(self.signed(accepted, presented, snapshot)),
            Err(Refusal::KeyUnknown | Refusal::KeysUnavailable) => None,
            Err(refusal) if self.asks_about(refusal) => None,
            Err(refusal) => Some(Err(refusal)),
        }
    }

    /// Judges as [`Self::judge`] does, after fetching keys or asking an issuer.
    pub(crate) async fn ask(
        &self,
        presented: Presented<'_>,
        snapshot: &Snapshot,
    ) -> Result<Credential, Refusal> {
        if let Some(verifier) = &self.verifier {
            match verifier.verify(presented.token).await {
                Ok(accepted) => return self.signed(accepted, presented, snapshot),
                Err(refusal) if self.asks_about(refusal) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        let asker = snapshot.client.address;
        let accepted = self.introspect(presented.token, asker).await?;
        self.confirm(&accepted, presented, snapshot)?;
        Ok(Credential::Introspected {
            token: Secret::new(presented.token.into()),
            principal: accepted,
        })
    }

    /// Whether somebody is asked about a token that the verifier refused so: only about one that
    /// none of its issuers signed.
    fn asks_about(&self, refusal: Refusal) -> bool {
        let foreign = matches!(
            refusal,
            Refusal::Malformed
                | Refusal::HeaderInvalid
                | Refusal::Encrypted
                | Refusal::IssuerUnknown
        );
        foreign && !self.introspectors.is_empty()
    }

    /// The first to know the token decides. Without one, an issuer that could not be asked may
    /// have been it.
    async fn introspect(&self, token: &str, asker: IpAddr) -> Result<Arc<AcceptedToken>, Refusal> {
        let mut refused = Refusal::Inactive;
        for introspector in &self.introspectors {
            match introspector.verify_for(token, asker).await {
                Ok(accepted) => return Ok(accepted),
                Err(_) if refused.is_transient() => {}
                Err(refusal) => refused = refusal,
            }
        }
        Err(refused)
    }

    fn signed(
        &self,
        accepted: Arc<AcceptedToken>,
        presented: Presented<'_>,
        snapshot: &Snapshot,
    ) -> Result<Credential, Refusal> {
        self.confirm(&accepted, presented, snapshot)?;
        Ok(Credential::Jwt {
            token: Secret::new(presented.token.into()),
            principal: accepted,
        })
    }

    /// Whether the sender holds the key that the token is bound to, if it is bound to one.
    ///
    /// A token bound to a proof key comes under `DPoP` with a proof (RFC 9449 section 7), one bound
    /// to a certificate under `Bearer` over a connection with that certificate (RFC 8705 section
    /// 3), any other under `Bearer`.
    fn confirm(
        &self,
        accepted: &AcceptedToken,
        presented: Presented<'_>,
        snapshot: &Snapshot,
    ) -> Result<(), Refusal> {
        let confirmation = accepted.confirmation()?;
        match (confirmation, presented.scheme) {
            (None, Scheme::Bearer) => Ok(()),
            (None, Scheme::Dpop) => Err(Refusal::BindingMissing),
            (Some(bound @ Confirmation::Certificate(_)), Scheme::Bearer) => {
                let certificate = snapshot.client.certificate.as_ref();
                bound.check_thumbprint(certificate.map(|own| &*own.fingerprint))
            }
            (Some(bound @ Confirmation::ProofKey(_)), Scheme::Dpop) => {
                self.check_proof(bound, presented.token, snapshot)
            }
            (Some(_), _) => Err(Refusal::BindingMismatch),
        }
    }

    fn check_proof(
        &self,
        confirmation: Confirmation<'_>,
        token: &str,
        snapshot: &Snapshot,
    ) -> Result<(), Refusal> {
        let proofs = self.proofs.as_ref().ok_or(Refusal::ProofInvalid)?;
        let mut fields = snapshot.subrequest.headers.raw().get_all(PROOF).into_iter();
        let (Some(proof), None) = (fields.next(), fields.next()) else {
            return Err(Refusal::ProofInvalid);
        };
        let url = outside_url(&snapshot.line).ok_or(Refusal::ProofInvalid)?;
        let request = ProvenRequest {
            method: snapshot.line.method.as_str(),
            url: &url,
            token,
            confirmation,
        };
        proofs.check(text(proof), &request)
    }
}

/// The URL that the client asked for, as far as trusted proxies vouch for it, without its query.
fn outside_url(line: &RequestLine) -> Option<Url> {
    let (scheme, host) = (line.scheme, &line.host);
    let path = line.uri.get(..line.path_len)?;
    let url = match line.port {
        Some(port) => format!("{scheme}://{host}:{port}{path}"),
        None => format!("{scheme}://{host}{path}"),
    };
    Url::parse(&url).ok()
}

/// The token in `Authorization`, where its scheme is one for tokens.
fn authorization(headers: &HeaderMap) -> Result<Option<Presented<'_>>, Unfit> {
    let mut fields = headers.get_all(AUTHORIZATION).into_iter();
    let Some(value) = fields.next() else {
        return Ok(None);
    };
    let value = text(value).trim_matches([' ', '\t']);
    let end = value.find([' ', '\t']).unwrap_or(value.len());
    let (scheme, rest) = value.split_at_checked(end).unwrap_or((value, ""));
    let scheme = if scheme.eq_ignore_ascii_case("bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Scheme::Dpop
    } else {
        return Ok(None);
    };
    if fields.next().is_some() {
        let what = "`authorization` is sent twice";
        return Err(Unfit { scheme, what });
    }
    // One blank and no other: whoever reads on finds the same token.
    let token = rest.strip_prefix(' ').unwrap_or_default();
    Ok(Some(Presented { scheme, token }))
}

impl Presented<'_> {
    /// Whether it is a token at all.
    fn check(self) -> Result<(), Unfit> {
        if is_token68(self.token) {
            return Ok(());
        }
        Err(Unfit {
            scheme: self.scheme,
            what: "what follows the scheme is not a token",
        })
    }
}

/// Whether `text` is a token as RFC 6750 section 2.1 and RFC 9110 section 11.2 write it.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    // Without a way out at the first odd byte, many are looked at together.
    let legal = body
        .bytes()
        .fold(true, |legal, byte| legal & is_of_token(byte));
    legal && !body.is_empty()
}

/// A letter, a digit, or one of `-._~+/`.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a branch for each byte keeps many from being looked at together"
)]
const fn is_of_token(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // From `-` to `9` there are `.`, `/` and the digits.
    let common = byte.wrapping_sub(b'-') <= b'9' - b'-';
    letter | common | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_tokens_are_those_of_the_standard() {
        for byte in 0..=u8::MAX {
            let legal = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_of_token(byte), legal, "{byte:#x}");
        }
        for (text, legal) in [
            ("a.b", true),
            ("a==", true),
            ("", false),
            ("=", false),
            ("a=b", false),
        ] {
            assert_eq!(is_token68(text), legal, "{text}");
        }
    }
}
