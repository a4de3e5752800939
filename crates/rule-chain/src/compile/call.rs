//! The backend request.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use url::Url;
use ztag_backend::{Cursor, Pagination};
use ztag_expr::Template;
use ztag_types::{Code, ConfigPath, Diagnostic, Headers};

use super::Compiler;
use crate::auth::Auth;
use crate::call::{BodyPlan, CallPlan, HeaderPlan, HeaderSource, QueryPlan, QuerySource};
use crate::forward::is_framing;
use crate::reply::Accepted;
use crate::spec::{BackendApiSpec, PaginationSpec};

const PAGINATIONS: &[&str] = &["link-header", "cursor"];

impl Compiler<'_> {
    /// The request, and which statuses of its answer are accepted; `None` for a rule without a
    /// backend.
    pub(super) fn call(&mut self, auth: &Auth) -> Option<(CallPlan, Accepted)> {
        let (spec, at) = (&self.spec.backend_api, self.at.key("backendApi"));
        let url = self.url(&spec.url, &at.key("url"));
        if !self.spec.has_backend() {
            self.check_unused(spec, &at);
            return None;
        }
        let method = self.method(&spec.method, &at.key("method"));
        let headers = self.headers(spec, auth, &at.key("headers"));
        let query = self.query(&spec.query, auth, &at.key("query"));
        let json = headers.iter().any(is_json);
        let body = self.body(spec, json, &at);
        let pagination = self.pagination(&spec.pagination, &at.key("pagination"));
        let accepted = self.accepted(&spec.accepted_statuses, &at.key("acceptedStatuses"));
        let max_body = self.max_body(spec.max_body_bytes, &at.key("maxBodyBytes"));
        if spec.timeout.get().is_zero() {
            let message = "a time limit of zero lets no call succeed";
            self.error(Code::InvalidValue, &at.key("timeout"), message);
        }
        let facts = self.deps.endpoint;
        let call = CallPlan {
            method: method?,
            url: url?,
            headers,
            query,
            body,
            proxy_headers: spec.forward_proxy_headers && facts.forward_proxy_headers,
            correlation: facts.correlation.clone(),
            pagination,
            timeout: spec.timeout.get(),
            retries: spec.retries.min(10),
            max_body: max_body?,
        };
        Some((call, accepted))
    }

    fn check_unused(&mut self, spec: &BackendApiSpec, at: &ConfigPath) {
        let written = !spec.headers.is_empty()
            || !spec.query.is_empty()
            || spec.body.is_some()
            || spec.body_file.is_some();
        if written {
            let message = "a backend needs a `url`";
            self.error(Code::MissingKey, &at.key("url"), message);
        }
    }

    fn url(&mut self, text: &str, at: &ConfigPath) -> Option<Url> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let refuse = |message: &str| Diagnostic::error(Code::InvalidUrl, at, message);
        let checked = if text.contains("{{") || text.contains("{%") {
            let hint = "put what differs per request into `query`, `headers` or `body`";
            Err(refuse("a URL is taken literally and holds no template").hint(hint))
        } else {
            match Url::parse(text) {
                Err(_) => Err(refuse("this is not an absolute URL")),
                Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                    Err(refuse("a backend is called by `http` or `https`"))
                }
                Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                    let hint = "send credentials with `auth[].forwardAs`";
                    Err(refuse("a URL must not hold credentials").hint(hint))
                }
                Ok(url) if url.host_str().is_none() => Err(refuse("the URL names no host")),
                Ok(url) => Ok(url),
            }
        };
        self.findings.keep(checked)
    }

    fn method(&mut self, text: &str, at: &ConfigPath) -> Option<Method> {
        let upper = text.trim().to_ascii_uppercase();
        let method = Method::from_bytes(upper.as_bytes()).ok();
        let method = method.filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE));
        if method.is_none() {
            let message = format!("`{text}` is not a method that a backend is called with");
            self.error(Code::InvalidValue, at, message);
        }
        method
    }

    fn headers(
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

    fn query(
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

    fn body(&mut self, spec: &BackendApiSpec, json: bool, at: &ConfigPath) -> BodyPlan {
        let (template, at) = match (&spec.body, &spec.body_file) {
            (Some(body), file) => {
                if file.is_some() {
                    let message = "`bodyFile` is not used beside `body`";
                    self.warn(
                        Code::Conflict,
                        &at.key("bodyFile"),
                        message,
                        "remove one of the two",
                    );
                }
                let at = at.key("body");
                (self.template(body, &at, |words| &words.request), at)
            }
            (None, Some(path)) => {
                let at = at.key("bodyFile");
                let words = &self.words.request;
                let template = Template::compile_file(path, words, self.deps.templates);
                (self.keep(template, &at), at)
            }
            (None, None) => (None, at.clone()),
        };
        let Some(template) = template else {
            return BodyPlan::Literal(Bytes::new());
        };
        if template.raw_json_interpolation() {
            let message = "text put into JSON as it is can change what the JSON says";
            self.warn(
                Code::RawJson,
                &at,
                message,
                "write `{{ value | tojson }}` without quotes around it",
            );
        } else if json
            && template.literal().is_none()
            && spec
                .body
                .as_ref()
                .is_some_and(|body| !body.contains("tojson"))
        {
            let message = "a JSON body is written without `tojson`";
            self.warn(
                Code::RawJson,
                &at,
                message,
                "write `{{ value | tojson }}` without quotes around it",
            );
        }
        match template.literal() {
            Some(text) => BodyPlan::Literal(Bytes::copy_from_slice(text.as_bytes())),
            None => BodyPlan::Template(template),
        }
    }

    fn pagination(&mut self, spec: &PaginationSpec, at: &ConfigPath) -> Pagination {
        let max_pages = spec.max_pages.max(1);
        match spec.kind.trim().to_ascii_lowercase().as_str() {
            "" => Pagination::None,
            "link-header" => Pagination::Link { max_pages },
            "cursor" => {
                let parameter = Some(spec.parameter.trim()).filter(|name| !name.is_empty());
                let pointer = spec.cursor.as_deref().unwrap_or_default();
                match Cursor::new(pointer, parameter) {
                    Some(cursor) => Pagination::Cursor {
                        max_pages,
                        cursor: Arc::new(cursor),
                    },
                    None => {
                        let message = "a cursor needs the place of the next one in the body";
                        let diagnostic =
                            Diagnostic::error(Code::MissingKey, &at.key("cursor"), message);
                        self.findings
                            .push(diagnostic.hint("for example `meta.next`"));
                        Pagination::None
                    }
                }
            }
            other => {
                let message = format!("`{other}` is not a type of pagination");
                let near = Diagnostic::nearest(other, PAGINATIONS.iter().copied());
                let hint = near.map_or_else(
                    || "use `link-header` or `cursor`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let diagnostic = Diagnostic::error(Code::InvalidValue, &at.key("type"), message);
                self.findings.push(diagnostic.hint(hint));
                Pagination::None
            }
        }
    }

    fn accepted(&mut self, statuses: &[u16], at: &ConfigPath) -> Accepted {
        for (index, status) in statuses.iter().enumerate() {
            if !(100..=599).contains(status) {
                let message = format!("`{status}` is not a status");
                self.error(Code::InvalidValue, &at.index(index), message);
            }
        }
        Accepted(statuses.into())
    }

    fn max_body(&mut self, bytes: u64, at: &ConfigPath) -> Option<usize> {
        let limit = usize::try_from(bytes).ok().filter(|limit| *limit > 0);
        if limit.is_none() {
            let message = format!("`{bytes}` is not a limit for a body");
            self.error(Code::InvalidValue, at, message);
        }
        limit
    }
}

fn is_json(header: &HeaderPlan) -> bool {
    let json = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("json"));
    match &header.source {
        HeaderSource::Literal(value) => header.name == http::header::CONTENT_TYPE && json(value),
        _ => false,
    }
}
