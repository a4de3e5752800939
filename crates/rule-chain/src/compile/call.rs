//! The backend request.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method};
use url::Url;
use ztag_backend::{Cursor, Pagination};
use ztag_expr::Template;
use ztag_types::{Code, ConfigPath, Diagnostic};

use super::Compiler;
use crate::auth::Auth;
use crate::call::{BodyPlan, CallPlan, HeaderPlan, HeaderSource};
use crate::reply::Accepted;
use crate::spec::{BackendApiSpec, MAX_PAGES, MAX_RETRIES, PaginationSpec};

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
        self.bounded(spec.retries, MAX_RETRIES, &at.key("retries"));
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
            retries: spec.retries,
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
        self.bounded(spec.max_pages, MAX_PAGES, &at.key("maxPages"));
        let max_pages = spec.max_pages.max(1);
        match spec.kind.trim().to_ascii_lowercase().as_str() {
            "" => Pagination::None,
            "link-header" => Pagination::Link { max_pages },
            "cursor" => self.cursor(spec, max_pages, &at.key("cursor")),
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

    fn cursor(&mut self, spec: &PaginationSpec, max_pages: u32, at: &ConfigPath) -> Pagination {
        let parameter = Some(spec.parameter.trim()).filter(|name| !name.is_empty());
        let pointer = spec.cursor.as_deref().unwrap_or_default();
        if let Some(cursor) = Cursor::new(pointer, parameter) {
            let cursor = Arc::new(cursor);
            return Pagination::Cursor { max_pages, cursor };
        }
        let message = "a cursor needs the place of the next one in the body";
        let diagnostic = Diagnostic::error(Code::MissingKey, at, message);
        self.findings
            .push(diagnostic.hint("for example `meta.next`"));
        Pagination::None
    }

    fn bounded(&mut self, number: u32, limit: u32, at: &ConfigPath) {
        if number > limit {
            let message = format!("`{number}` is more than {limit}");
            self.error(Code::InvalidValue, at, message);
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
