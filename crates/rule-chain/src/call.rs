//! The request that a rule sends to its backend, rendered from the evidence.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;
use ztag_backend::{Call, Pagination};
use ztag_expr::Template;
use ztag_types::{Curated, Key, ReadPath, Reads, Root, Scope, Snapshot};

use crate::error::Fault;
use crate::forward::Forwarded;

/// The backend request of a rule, compiled.
#[derive(Clone, Debug)]
pub(crate) struct CallPlan {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Box<[HeaderPlan]>,
    pub(crate) query: Box<[QueryPlan]>,
    pub(crate) body: BodyPlan,
    /// Whether the curated proxy headers are sent.
    pub(crate) proxy_headers: bool,
    pub(crate) correlation: Option<HeaderName>,
    pub(crate) pagination: Pagination,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) max_body: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct HeaderPlan {
    pub(crate) name: HeaderName,
    pub(crate) source: HeaderSource,
}

#[derive(Clone, Debug)]
pub(crate) enum HeaderSource {
    /// The client's own header.
    Copy,
    Literal(HeaderValue),
    Template(Template),
}

#[derive(Clone, Debug)]
pub(crate) struct QueryPlan {
    pub(crate) name: Arc<str>,
    pub(crate) source: QuerySource,
}

#[derive(Clone, Debug)]
pub(crate) enum QuerySource {
    /// The client's own parameter.
    Copy,
    Template(Template),
}

#[derive(Clone, Debug)]
pub(crate) enum BodyPlan {
    Literal(Bytes),
    Template(Template),
}

impl CallPlan {
    /// The request for this evidence. Nothing of the client's request is in it unless the rule
    /// names it.
    pub(crate) fn render(
        &self,
        snapshot: &Snapshot,
        curated: &Curated,
        forwarded: &[Forwarded<'_>],
        scope: Scope<'_>,
    ) -> Result<Call, Fault> {
        Ok(Call {
            method: self.method.clone(),
            url: self.url(snapshot, forwarded, scope)?,
            headers: self.headers(snapshot, curated, forwarded, scope)?,
            body: self.body.render(scope)?,
            timeout: self.timeout,
            max_body: self.max_body,
            retries: self.retries,
            pagination: self.pagination.clone(),
        })
    }

    /// Own headers, then the proxy's, then the forwarded credentials, each replacing the earlier.
    fn headers(
        &self,
        snapshot: &Snapshot,
        curated: &Curated,
        forwarded: &[Forwarded<'_>],
        scope: Scope<'_>,
    ) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + forwarded.len() + 2);
        for plan in &self.headers {
            if let Some(value) = plan.value(snapshot, scope)? {
                headers.insert(plan.name.clone(), value);
            }
        }
        if self.proxy_headers {
            add_proxy_headers(curated, &mut headers);
        }
        for credential in forwarded {
            credential.add_header(&mut headers)?;
        }
        Ok(headers)
    }

    /// Adds the correlation id to a call that is sent. It is new for each request and part of no
    /// cache key, so that a verdict found in the cache does not pay for it.
    pub(crate) fn correlate(&self, call: &mut Call, snapshot: &Snapshot) {
        if let Some(name) = &self.correlation
            && !call.headers.contains_key(name)
            && let Ok(value) = HeaderValue::from_str(&snapshot.correlation)
        {
            call.headers.insert(name.clone(), value);
        }
    }

    /// The URL with the rule's parameters, which never replace those written in the URL, and the
    /// forwarded credentials, which do.
    fn url(
        &self,
        snapshot: &Snapshot,
        forwarded: &[Forwarded<'_>],
        scope: Scope<'_>,
    ) -> Result<Url, Fault> {
        let mut url = self.url.clone();
        for plan in &self.query {
            if let Some(value) = plan.value(snapshot, scope)? {
                url.query_pairs_mut().append_pair(&plan.name, &value);
            }
        }
        for credential in forwarded {
            if let Forwarded::Query { name, value } = credential {
                replace_pair(&mut url, name, value);
            }
        }
        Ok(url)
    }

    /// What rendering reads, the copies included.
    pub(crate) fn add_reads(&self, reads: &mut Reads) {
        let request = Root::Request.as_str();
        for plan in &self.headers {
            match &plan.source {
                HeaderSource::Copy => {
                    reads.insert(ReadPath::new([request, "headers", plan.name.as_str()]));
                }
                HeaderSource::Literal(_) => {}
                HeaderSource::Template(template) => reads.extend(template.reads()),
            }
        }
        for plan in &self.query {
            match &plan.source {
                QuerySource::Copy => reads.insert(ReadPath::new([request, "query", &plan.name])),
                QuerySource::Template(template) => reads.extend(template.reads()),
            }
        }
        if let BodyPlan::Template(template) = &self.body {
            reads.extend(template.reads());
        }
        if self.proxy_headers {
            reads.insert(ReadPath::new([Root::Forward.as_str(), "headers"]));
        }
    }
}

impl HeaderPlan {
    /// The value to send; `None` where there is nothing.
    fn value(&self, snapshot: &Snapshot, scope: Scope<'_>) -> Result<Option<HeaderValue>, Fault> {
        match &self.source {
            HeaderSource::Literal(value) => Ok(Some(value.clone())),
            HeaderSource::Copy => {
                let own = snapshot.headers().get(self.name.as_str());
                own.map_or(Ok(None), |own| self.checked(own))
            }
            HeaderSource::Template(template) => {
                let rendered = template.render(scope).map_err(|source| Fault::Header {
                    name: self.name.clone(),
                    source,
                });
                self.checked(&rendered?)
            }
        }
    }

    fn checked(&self, text: &str) -> Result<Option<HeaderValue>, Fault> {
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() {
            return Ok(None);
        }
        let value = HeaderValue::from_bytes(text.as_bytes());
        value.map(Some).map_err(|_| Fault::HeaderValue {
            name: self.name.clone(),
        })
    }
}

impl QueryPlan {
    fn value(&self, snapshot: &Snapshot, scope: Scope<'_>) -> Result<Option<String>, Fault> {
        let text = match &self.source {
            QuerySource::Copy => snapshot.query.get(&self.name).map(str::to_owned),
            QuerySource::Template(template) => {
                let rendered = template.render(scope).map_err(|source| Fault::Query {
                    name: Arc::clone(&self.name),
                    source,
                });
                Some(rendered?)
            }
        };
        Ok(text.filter(|text| !text.is_empty()))
    }
}

impl BodyPlan {
    fn render(&self, scope: Scope<'_>) -> Result<Bytes, Fault> {
        match self {
            Self::Literal(body) => Ok(body.clone()),
            Self::Template(template) => {
                let text = template.render(scope);
                text.map(Bytes::from)
                    .map_err(|source| Fault::Body { source })
            }
        }
    }
}

impl Forwarded<'_> {
    fn add_header(&self, headers: &mut HeaderMap) -> Result<(), Fault> {
        let (name, value, part) = match self {
            Self::Bearer { token } => (AUTHORIZATION, secret(&["Bearer ", token]), "token"),
            Self::Basic { user, password } => (AUTHORIZATION, basic(user, password)?, "user"),
            Self::Header { name, value } => {
                let name = HeaderName::from_bytes(name.as_bytes());
                let name = name.map_err(|_| Fault::UnfitForward { part: "name" })?;
                (name, secret(&[value]), "value")
            }
            Self::Query { .. } => return Ok(()),
        };
        headers.insert(name, value.ok_or(Fault::UnfitForward { part })?);
        Ok(())
    }
}

/// A header value that is never printed; `None` when it cannot be one.
fn secret(parts: &[&str]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from(parts.concat())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// RFC 7617: the user holds no colon, either part may be empty.
fn basic(user: &str, password: &str) -> Result<Option<HeaderValue>, Fault> {
    if user.contains(':') {
        return Err(Fault::UnfitForward { part: "user" });
    }
    let encoded = BASE64.encode([user, ":", password].concat());
    Ok(secret(&["Basic ", &encoded]))
}

fn add_proxy_headers(curated: &Curated, headers: &mut HeaderMap) {
    for (key, value) in curated.headers.iter() {
        let (Key::String(name), Some(value)) = (key, value.as_str()) else {
            continue;
        };
        if !is_proxy_header(name) {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
}

/// Whether the curated header `name` is one of the proxy's, not one that the policy added.
fn is_proxy_header(name: &str) -> bool {
    name == "forwarded" || name.starts_with("x-forwarded-")
}

fn replace_pair(url: &mut Url, name: &str, value: &str) {
    if url.query_pairs().any(|(own, _)| own == name) {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(own, _)| own != name)
            .map(|(own, value)| (own.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    url.query_pairs_mut().append_pair(name, value);
}
