//! How the requests of one endpoint are captured.

use std::num::NonZeroU8;

use http::HeaderName;
use ztag_types::{Code, ConfigPath, Diagnostic, Reads, ReasonCode};

use crate::canonical::PathRules;
use crate::error::Fault;
use crate::forwarded::{CertificateHeader, Dialect};
use crate::spec::{ForwardProxySpec, Untrusted};
use crate::trust::TrustedProxies;

/// The compiled [`ForwardProxySpec`], and what the endpoint's expressions read.
#[derive(Clone, Debug, Default)]
pub struct CapturePolicy {
    dialect: Dialect,
    trusted: TrustedProxies,
    development_mode: bool,
    drops_untrusted: bool,
    certificate: Option<CertificateHeader>,
    hops: Option<NonZeroU8>,
    path_rules: PathRules,
    allow_method_override: bool,
    correlation: Option<HeaderName>,
    body: BodyUse,
    single: Single,
    protected: Vec<HeaderName>,
}

/// What the expressions make of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum BodyUse {
    #[default]
    Ignored,
    /// Its JSON is read.
    Parsed,
    /// It is read as text, its JSON perhaps too.
    Text,
}

/// What must have one value, because somebody reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Single {
    pub(crate) headers: Vec<HeaderName>,
    pub(crate) queries: Vec<Box<str>>,
    /// Some expression takes all headers as one value.
    pub(crate) all_headers: bool,
    /// Some expression takes all query parameters as one value.
    pub(crate) all_queries: bool,
}

impl CapturePolicy {
    /// Compiles `spec`, found at `path`, and adds what is wrong or doubtful to `findings`.
    pub fn compile(
        spec: &ForwardProxySpec,
        path: &ConfigPath,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let list = path.key("trustedProxyIPs");
        let trusted = TrustedProxies::compile(&spec.trusted_proxy_ips, &list, findings);
        if spec.dialect != Dialect::Direct && spec.trusted_proxy_ips.is_empty() {
            findings.push(lonely_dialect(spec, path));
        }
        if spec.untrusted == Untrusted::Drop && spec.dialect != Dialect::Direct {
            findings.push(mute_dialect(spec, path));
        }
        let certificate = spec.client_certificate.as_ref().and_then(|own| {
            let path = path.key("clientCertificate");
            if spec.trusted_proxy_ips.is_empty() {
                findings.push(unheard_certificate(&path));
            }
            CertificateHeader::compile(own, &path, findings)
        });
        if spec.development_mode {
            let message = "development mode lets requests of untrusted proxies in";
            let path = path.key("developmentMode");
            findings.push(Diagnostic::warning(Code::Unsafe, &path, message));
        }
        Self {
            dialect: spec.dialect,
            trusted,
            development_mode: spec.development_mode,
            drops_untrusted: spec.untrusted == Untrusted::Drop,
            certificate,
            hops: spec.hops,
            path_rules: PathRules {
                parameters: spec.allow_path_parameters,
            },
            allow_method_override: spec.allow_method_override,
            ..Self::default()
        }
    }

    /// Takes the correlation id from this header field, which must then have one value.
    pub fn correlate_by(&mut self, header: HeaderName) {
        self.demand_header(header.clone());
        self.correlation = Some(header);
    }

    /// Demands that whatever `reads` names has one value, and reads the body if `reads` does.
    pub fn prepare_for(&mut self, reads: &Reads) {
        for path in reads.paths() {
            let segments: Vec<&str> = path.segments().collect();
            match segments.as_slice() {
                ["request" | "subrequest"] => {
                    self.single.all_headers = true;
                    self.single.all_queries = true;
                }
                ["request" | "subrequest", "headers"] => self.single.all_headers = true,
                ["request" | "subrequest", "query"] => self.single.all_queries = true,
                ["request" | "subrequest", "headers", name, ..] => {
                    if let Ok(name) = HeaderName::try_from(*name) {
                        self.demand_header(name);
                    }
                }
                ["request" | "subrequest", "query", name, ..] => self.demand_query(name),
                _ => {}
            }
        }
        let used = if reads.touches(&["request", "bodyText"]) {
            BodyUse::Text
        } else if reads.touches(&["request", "body"]) {
            BodyUse::Parsed
        } else {
            BodyUse::Ignored
        };
        self.body = self.body.max(used);
    }

    /// Refuses requests with header fields that applications take for one of `headers`, which the
    /// reply to a pass sets: many read `X_User` as `X-User`, and no proxy replaces the former.
    pub fn protect(&mut self, headers: impl IntoIterator<Item = HeaderName>) {
        self.protected.extend(headers);
    }

    /// The same policy for requests that nobody forwards, such as one described for a dry run.
    #[must_use]
    pub fn as_direct(&self) -> Self {
        Self {
            dialect: Dialect::Direct,
            ..self.clone()
        }
    }

    /// The dialect.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the body must be buffered before [`crate::capture`].
    pub const fn reads_body(&self) -> bool {
        !matches!(self.body, BodyUse::Ignored)
    }

    /// Whether the body is read as text.
    pub(crate) const fn reads_text(&self) -> bool {
        matches!(self.body, BodyUse::Text)
    }

    /// Whether a field of this (lower-case) name passes for another that is protected.
    pub(crate) fn is_alias(&self, name: &str) -> bool {
        let mut own = self.protected.iter().map(HeaderName::as_str);
        own.any(|own| reads_alike(own, name)) && !self.protected.iter().any(|own| own == name)
    }

    /// Demands that a header field has one value. Cookies are joined instead.
    pub(crate) fn demand_header(&mut self, name: HeaderName) {
        if name != http::header::COOKIE && !self.single.headers.contains(&name) {
            self.single.headers.push(name);
        }
    }

    /// Demands that a query parameter has one value.
    pub(crate) fn demand_query(&mut self, name: &str) {
        if !self.single.queries.iter().any(|other| &**other == name) {
            self.single.queries.push(name.into());
        }
    }

    pub(crate) const fn trusted(&self) -> &TrustedProxies {
        &self.trusted
    }

    /// Whether the words that caused `fault` are dropped instead of refused.
    pub(crate) fn forgives(&self, fault: Fault) -> bool {
        self.development_mode && fault.is_about_proxies()
            || self.drops_untrusted && fault.code() == ReasonCode::ProxyUntrusted
    }

    /// Where a trusted proxy passes the client's certificate on.
    pub(crate) const fn certificate_header(&self) -> Option<&CertificateHeader> {
        self.certificate.as_ref()
    }

    pub(crate) fn is_certificate_header(&self, name: &str) -> bool {
        self.certificate
            .as_ref()
            .is_some_and(|own| own.name() == name)
    }

    pub(crate) const fn hops(&self) -> Option<NonZeroU8> {
        self.hops
    }

    pub(crate) const fn path_rules(&self) -> PathRules {
        self.path_rules
    }

    pub(crate) const fn allows_method_override(&self) -> bool {
        self.allow_method_override
    }

    /// The header field that carries the correlation id, in requests and replies.
    pub const fn correlation(&self) -> Option<&HeaderName> {
        self.correlation.as_ref()
    }

    pub(crate) const fn single(&self) -> &Single {
        &self.single
    }
}

/// Whether two names differ at most in what is neither letter nor digit.
fn reads_alike(a: &str, b: &str) -> bool {
    let alike =
        |(a, b): (u8, u8)| a == b || !a.is_ascii_alphanumeric() && !b.is_ascii_alphanumeric();
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(alike)
}

/// A proxy dialect without anybody to believe answers 403 to everything, unless in development.
fn lonely_dialect(spec: &ForwardProxySpec, path: &ConfigPath) -> Diagnostic {
    let message = format!(
        "dialect `{}` needs a trusted proxy, and none is listed",
        spec.dialect.as_str()
    );
    let path = path.key("trustedProxyIPs");
    let hint = "list the addresses from which the proxy asks, such as `127.0.0.1`";
    if spec.development_mode {
        Diagnostic::warning(Code::MissingKey, &path, message).hint(hint)
    } else {
        Diagnostic::error(Code::MissingKey, &path, message).hint(hint)
    }
}

/// Where every request is a question of the proxy, what a stranger asks is nobody's request.
fn mute_dialect(spec: &ForwardProxySpec, path: &ConfigPath) -> Diagnostic {
    let message = format!(
        "`drop` leaves nothing of a request in dialect `{}`",
        spec.dialect.as_str()
    );
    let hint = "drop words of proxies where clients come themselves: dialect `direct`";
    Diagnostic::error(Code::Conflict, &path.key("untrusted"), message).hint(hint)
}

fn unheard_certificate(path: &ConfigPath) -> Diagnostic {
    let message = "certificates are believed from trusted proxies only, and none is listed";
    let hint = "list the proxy that terminates TLS under `trustedProxyIPs`";
    Diagnostic::error(Code::MissingKey, path, message).hint(hint)
}
