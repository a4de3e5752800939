//! Where credentials may stand, and reading them from there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use http::header::AUTHORIZATION;
use smallvec::SmallVec;
use ztag_types::{Credential, Secret, Snapshot};

use crate::certificates::Certificates;
use crate::forwarded::text;
use crate::tokens::Tokens;

/// The places where an endpoint looks for credentials.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) basic: bool,
    pub(crate) bearer: bool,
    pub(crate) headers: Vec<HeaderName>,
    pub(crate) queries: Vec<Box<str>>,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) certificates: Option<Certificates>,
}

/// An allowed credential is there and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl Sources {
    /// The credentials presented that nobody else vouches for, in the order basic, bearer, headers,
    /// query.
    ///
    /// A header value is taken whole, without surrounding blanks; an empty one is none.
    pub(crate) fn collect(
        &self,
        snapshot: &Snapshot,
    ) -> Result<SmallVec<[Credential; 2]>, Malformed> {
        let headers = snapshot.subrequest.headers.raw();
        let mut found = SmallVec::new();
        if self.basic || self.bearer {
            let value = headers.get(AUTHORIZATION).map_or("", text);
            found.extend(self.authorization(value)?);
        }
        for name in &self.headers {
            let value = headers.get(name).map_or("", text).trim();
            if !value.is_empty() {
                found.push(Credential::Header {
                    name: name.as_str().into(),
                    value: Secret::new(value.into()),
                });
            }
        }
        for name in &self.queries {
            let value = snapshot.query.get(name).unwrap_or_default().trim();
            if !value.is_empty() {
                found.push(Credential::Query {
                    name: name.clone(),
                    value: Secret::new(value.into()),
                });
            }
        }
        Ok(found)
    }

    fn authorization(&self, value: &str) -> Result<Option<Credential>, Malformed> {
        let value = value.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        let rest = rest.trim_start();
        if self.basic && scheme.eq_ignore_ascii_case("basic") {
            basic(rest).map(Some)
        } else if self.bearer && scheme.eq_ignore_ascii_case("bearer") {
            bearer(rest).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// RFC 7617: base64 of `user:password` in UTF-8, without controls; either part may be empty.
fn basic(encoded: &str) -> Result<Credential, Malformed> {
    const MALFORMED: Malformed = Malformed("basic credentials cannot be read");
    let decoded = STANDARD.decode(encoded).map_err(|_| MALFORMED)?;
    let pair = std::str::from_utf8(&decoded).map_err(|_| MALFORMED)?;
    let (user, password) = pair.split_once(':').ok_or(MALFORMED)?;
    if pair.chars().any(char::is_control) {
        return Err(MALFORMED);
    }
    Ok(Credential::Basic {
        user: user.into(),
        password: Secret::new(password.into()),
    })
}

/// RFC 6750, wider: any visible ASCII but the quotes, backslash and comma that would end the token
/// somewhere else for somebody else.
fn bearer(token: &str) -> Result<Credential, Malformed> {
    let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b',');
    if token.is_empty() || !token.bytes().all(allowed) {
        return Err(Malformed("bearer token cannot be read"));
    }
    Ok(Credential::Bearer {
        token: Secret::new(token.into()),
    })
}

#[cfg(test)]
mod tests;
