//! What a rule forwards to its backend in place of the credentials it matched.

use std::borrow::Cow;

use http::HeaderName;
use smallvec::SmallVec;
use ztag_expr::{EvalError, Template};
use ztag_types::{Credential, Reads, Scope};

use crate::auth::Won;
use crate::error::Fault;
use crate::evidence::Evidence;

/// The forwards of one match group.
#[derive(Clone, Debug, Default)]
pub(crate) enum Forwards {
    /// The matched credentials themselves.
    #[default]
    Same,
    /// These instead; empty for `type: none`.
    Instead(Box<[Forward]>),
}

#[derive(Clone, Debug)]
pub(crate) enum Forward {
    Bearer {
        token: Template,
    },
    Basic {
        user: Option<Template>,
        password: Option<Template>,
    },
    Header {
        name: Template,
        value: Template,
    },
    Query {
        name: Template,
        value: Template,
    },
}

/// One credential to send. Holds secrets in plain: it has no `Debug` and does not outlive the call.
pub(crate) enum Forwarded<'a> {
    Bearer {
        token: Cow<'a, str>,
    },
    Basic {
        user: Cow<'a, str>,
        password: Cow<'a, str>,
    },
    Header {
        name: Cow<'a, str>,
        value: Cow<'a, str>,
    },
    Query {
        name: Cow<'a, str>,
        value: Cow<'a, str>,
    },
}

impl Forwarded<'_> {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Bearer { .. } => "bearer",
            Self::Basic { .. } => "basic",
            Self::Header { .. } => "header",
            Self::Query { .. } => "query",
        }
    }
}

impl<'a> Won<'a> {
    /// The credentials to send, over what `evidence` knows.
    pub(crate) fn forward(
        &self,
        evidence: &Evidence<'_>,
    ) -> Result<SmallVec<[Forwarded<'a>; 1]>, Fault> {
        let Some(group) = self.group else {
            return Ok(SmallVec::new());
        };
        match &group.forwards {
            Forwards::Same => Ok(self.credentials.iter().copied().filter_map(same).collect()),
            Forwards::Instead(forwards) => {
                evidence.over(|scope| forwards.iter().map(|own| own.render(scope)).collect())
            }
        }
    }
}

/// The credential as it came. What was verified here is passed on only where a rule says how: a
/// backend that is not the audience of a token must not get it (RFC 9700 section 2.3).
fn same(credential: &Credential) -> Option<Forwarded<'_>> {
    Some(match credential {
        Credential::Bearer { token } => Forwarded::Bearer {
            token: Cow::Borrowed(token.expose()),
        },
        Credential::Basic { user, password } => Forwarded::Basic {
            user: Cow::Borrowed(user),
            password: Cow::Borrowed(password.expose()),
        },
        Credential::Header { name, value } => Forwarded::Header {
            name: Cow::Borrowed(name),
            value: Cow::Borrowed(value.expose()),
        },
        Credential::Query { name, value } => Forwarded::Query {
            name: Cow::Borrowed(name),
            value: Cow::Borrowed(value.expose()),
        },
        Credential::Jwt { .. }
        | Credential::Introspected { .. }
        | Credential::Certificate { .. } => return None,
    })
}

impl Forward {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Bearer { .. } => "bearer",
            Self::Basic { .. } => "basic",
            Self::Header { .. } => "header",
            Self::Query { .. } => "query",
        }
    }

    fn render(&self, scope: Scope<'_>) -> Result<Forwarded<'static>, Fault> {
        Ok(match self {
            Self::Bearer { token } => Forwarded::Bearer {
                token: filled("token", token, scope)?,
            },
            Self::Basic { user, password } => {
                let user = part("user", user.as_ref(), scope)?;
                let password = part("password", password.as_ref(), scope)?;
                // One of the two may be empty (access tokens are sent so), both are nothing.
                if user.is_empty() && password.is_empty() {
                    return Err(Fault::EmptyForward { part: "user" });
                }
                Forwarded::Basic { user, password }
            }
            Self::Header { name, value } => Forwarded::Header {
                name: header_name(name, scope)?,
                value: filled("value", value, scope)?,
            },
            Self::Query { name, value } => Forwarded::Query {
                name: filled("name", name, scope)?,
                value: part("value", Some(value), scope)?,
            },
        })
    }

    pub(crate) fn add_reads(&self, reads: &mut Reads) {
        let (first, second) = match self {
            Self::Bearer { token } => (Some(token), None),
            Self::Basic { user, password } => (user.as_ref(), password.as_ref()),
            Self::Header { name, value } | Self::Query { name, value } => (Some(name), Some(value)),
        };
        for template in [first, second].into_iter().flatten() {
            reads.extend(template.reads());
        }
    }
}

fn part(
    part: &'static str,
    template: Option<&Template>,
    scope: Scope<'_>,
) -> Result<Cow<'static, str>, Fault> {
    let failed = |source: EvalError| Fault::Forward { part, source };
    let text = template.map(|template| template.render(scope)).transpose();
    Ok(Cow::Owned(text.map_err(failed)?.unwrap_or_default()))
}

fn filled(
    name: &'static str,
    template: &Template,
    scope: Scope<'_>,
) -> Result<Cow<'static, str>, Fault> {
    let text = part(name, Some(template), scope)?;
    if text.trim().is_empty() {
        return Err(Fault::EmptyForward { part: name });
    }
    Ok(text)
}

fn header_name(template: &Template, scope: Scope<'_>) -> Result<Cow<'static, str>, Fault> {
    let text = filled("name", template, scope)?;
    match HeaderName::from_bytes(text.trim().as_bytes()) {
        Ok(name) if !is_framing(name.as_str()) => Ok(Cow::Owned(name.as_str().to_owned())),
        _ => Err(Fault::UnfitForward { part: "name" }),
    }
}

/// Whether a header of this (lower-case) name belongs to the connection and is never set by a rule.
pub(crate) fn is_framing(name: &str) -> bool {
    [
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
    .contains(&name)
}
