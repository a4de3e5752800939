//! Headers and query parameters of the backend request.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use url::Url;
use ztag_types::{Code, ConfigPath, Diagnostic, Headers};

use super::Compiler;
use crate::auth::Auth;
use crate::call::{HeaderPlan, HeaderSource, QueryPlan, QuerySource};
use crate::forward::is_framing;
use crate::spec::BackendApiSpec;

impl Compiler<'_> {
    pub(super) fn headers(
        &mut self,
        spec: &BackendApiSpec,
        auth: &Auth,
        at: &ConfigPath,
    ) -> Box<[HeaderPlan]> {
        let mut headers: Vec<HeaderPlan> = Vec::with_capacity(spec.headers.len());
        for (name, text) in &spec.headers {
            let at = at.key(name);
            let Some(name) = self.header_name(name, &at) else {
                continue;
            };
            if headers.iter().any(|own| own.name == name) {
                let message = format!("`{name}` is set twice");
                self.error(Code::Duplicate, &at, message);
                continue;
            }
            let source = match text {
                None => self.copied_header(auth, &name, &at),
                Some(text) => self.header_source(text, &at),
            };
            headers.extend(source.map(|source| HeaderPlan { name, source }));
        }
        headers.into()
    }

    fn header_name(&mut self, name: &str, at: &ConfigPath) -> Option<HeaderName> {
        let lower = name.trim().to_ascii_lowercase();
        let checked = match HeaderName::from_bytes(lower.as_bytes()) {
            Err(_) => {
                let message = format!("`{name}` is not a header name");
                Err(Diagnostic::error(Code::InvalidName, at, message))
            }
            Ok(_) if matches!(&*lower, "authorization" | "proxy-authorization") => {
                let message = format!("`{lower}` is a credential and is not set by hand");
                let hint = "use `auth[].forwardAs`";
                Err(Diagnostic::error(Code::CredentialHeader, at, message).hint(hint))
            }
            Ok(_) if is_framing(&lower) => {
                let message =
                    format!("`{lower}` belongs to the connection and is not set by a rule");
                Err(Diagnostic::error(Code::InvalidName, at, message))
            }
            Ok(name) => Ok(name),
        };
        self.findings.keep(checked)
    }

    /// A copy of the client's header, unless it is a credential: those travel by `forwardAs`.
    fn copied_header(
        &mut self,
        auth: &Auth,
        name: &HeaderName,
        at: &ConfigPath,
    ) -> Option<HeaderSource> {
        if self.is_credential_header(auth, name) {
            self.warn_stripped(name.as_str(), at);
            return None;
        }
        if Headers::is_hidden(name.as_str()) {
            let message = format!("`{name}` speaks for a proxy and is never copied from a client");
            let hint = "use `forwardProxyHeaders`";
            self.warn(Code::InvalidValue, at, message, hint);
        }
        Some(HeaderSource::Copy)
    }

    fn warn_stripped(&mut self, name: &str, at: &ConfigPath) {
        let message = format!("`{name}` is a credential and is not copied");
        let hint = "forward it with `auth[].forwardAs`";
        self.warn(Code::CredentialHeader, at, message, hint);
    }

    fn header_source(&mut self, text: &str, at: &ConfigPath) -> Option<HeaderSource> {
        let template = self.template(text, at, |words| &words.request)?;
        let Some(literal) = template.literal() else {
            return Some(HeaderSource::Template(template));
        };
        let literal = literal.trim();
        if literal.is_empty() {
            return None;
        }
        let value = HeaderValue::from_bytes(literal.as_bytes()).map_err(|_| {
            let message = "a header value holds visible characters on one line only";
            Diagnostic::error(Code::InvalidValue, at, message)
        });
        self.findings.keep(value).map(HeaderSource::Literal)
    }

    pub(super) fn query(
        &mut self,
        spec: &BTreeMap<String, Option<String>>,
        auth: &Auth,
        at: &ConfigPath,
    ) -> Box<[QueryPlan]> {
        let written: Vec<String> = Url::parse(self.spec.backend_api.url.trim())
            .map(|url| {
                url.query_pairs()
                    .map(|(name, _)| name.into_owned())
                    .collect()
            })
            .unwrap_or_default();
        let mut query = Vec::with_capacity(spec.len());
        for (name, text) in spec {
            let at = at.key(name);
            if name.is_empty() {
                self.error(Code::InvalidName, &at, "a query parameter needs a name");
                continue;
            }
            if written.contains(name) {
                let message = format!("`{name}` stands in the URL, which wins over this");
                self.warn(Code::Conflict, &at, message, "remove one of the two");
                continue;
            }
            let source = match text {
                None if self.is_credential_query(auth, name) => {
                    self.warn_stripped(name, &at);
                    None
                }
                None => Some(QuerySource::Copy),
                Some(text) => {
                    let template = self.template(text, &at, |words| &words.request);
                    template.map(QuerySource::Template)
                }
            };
            let name = Arc::from(name.as_str());
            query.extend(source.map(|source| QueryPlan { name, source }));
        }
        query.into()
    }
}
