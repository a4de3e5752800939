//! From the specs to the compiled admission, with everything that is wrong.

mod tokens;

use std::collections::BTreeSet;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, StatusCode};
use ztag_expr::{Shape, Template, TemplateFiles, Vocabulary};
use ztag_types::{Code, ConfigPath, Diagnostic, EndpointName, Headers, Root};

use self::tokens::tokens;
use crate::admission::AdmissionDeps;
use crate::answer::{Answer, plain_text};
use crate::certificates::Certificates;
use crate::challenge::Challenges;
use crate::credentials::Sources;
use crate::spec::{AdmissionResponseSpec, AllowSpec, AuthenticationSpec, ChallengeSpec};
use crate::token_sources::TokenSources;
use crate::tokens::Tokens;

/// Compiles where credentials may stand.
pub(crate) fn sources(
    spec: &AllowSpec,
    path: &ConfigPath,
    judges: &dyn TokenSources,
    findings: &mut Vec<Diagnostic>,
) -> Sources {
    let certificates = spec.client_certificate.as_ref();
    let mut sources = Sources {
        tokens: tokens(spec, path, judges, findings),
        certificates: certificates
            .map(|own| Certificates::compile(own, &path.key("clientCertificate"), findings)),
        ..Sources::default()
    };
    schemes(spec, &path.key("authorization"), &mut sources, findings);
    let headers = path.key("header");
    for (index, name) in spec.header.iter().enumerate() {
        match credential_header(name, &headers.index(index)) {
            Ok(name) if sources.headers.contains(&name) => {
                findings.push(repeated(name.as_str(), &headers.index(index)));
            }
            Ok(name) => sources.headers.push(name),
            Err(finding) => findings.push(finding),
        }
    }
    let queries = path.key("query");
    for (index, name) in spec.query.iter().enumerate() {
        let name = name.trim();
        if name.is_empty() {
            findings.push(blank(&queries.index(index)));
        } else if sources.queries.iter().any(|other| &**other == name) {
            findings.push(repeated(name, &queries.index(index)));
        } else {
            sources.queries.push(name.into());
        }
    }
    if !names_source(spec) && !spec.none {
        findings.push(no_source(path));
    }
    sources
}

const fn names_source(spec: &AllowSpec) -> bool {
    let verified =
        !spec.jwt.is_empty() || !spec.introspection.is_empty() || spec.client_certificate.is_some();
    verified || !spec.authorization.is_empty() || !spec.header.is_empty() || !spec.query.is_empty()
}

fn schemes(
    spec: &AllowSpec,
    path: &ConfigPath,
    sources: &mut Sources,
    findings: &mut Vec<Diagnostic>,
) {
    for (index, written) in spec.authorization.iter().enumerate() {
        let path = path.index(index);
        let slot = match written.trim().to_ascii_lowercase().as_str() {
            "basic" => &mut sources.basic,
            "bearer" => &mut sources.bearer,
            "" => {
                findings.push(blank(&path));
                continue;
            }
            other => {
                findings.push(unsupported(other, &["basic", "bearer"], &path));
                continue;
            }
        };
        if std::mem::replace(slot, true) {
            findings.push(repeated(written.trim(), &path));
        }
    }
}

fn credential_header(written: &str, path: &ConfigPath) -> Result<HeaderName, Diagnostic> {
    let written = written.trim();
    if written.is_empty() {
        return Err(blank(path));
    }
    let name = HeaderName::try_from(written).map_err(|_| {
        let message = format!("`{written}` is not a header name");
        Diagnostic::error(Code::InvalidName, path, message)
    })?;
    if name == AUTHORIZATION {
        let message = "`authorization` is read by scheme";
        let hint = "list `basic` or `bearer` under `allow.authorization`";
        return Err(Diagnostic::error(Code::CredentialHeader, path, message).hint(hint));
    }
    if Headers::is_hidden(name.as_str()) {
        let message = format!("`{name}` belongs to proxies or aliases another name");
        let hint = "use a name of letters, digits and `-` that no proxy sets";
        return Err(Diagnostic::error(Code::InvalidName, path, message).hint(hint));
    }
    Ok(name)
}

fn no_source(path: &ConfigPath) -> Diagnostic {
    Diagnostic::error(
        Code::NoCredentialSource,
        path,
        "the endpoint accepts no credential at all",
    )
    .hint("name a source, such as `authorization: [bearer]`, or admit everybody with `none: true`")
}

fn blank(path: &ConfigPath) -> Diagnostic {
    Diagnostic::error(Code::InvalidValue, path, "a name must not be blank")
}

fn repeated(name: &str, path: &ConfigPath) -> Diagnostic {
    Diagnostic::error(Code::Duplicate, path, format!("`{name}` is listed twice"))
}

fn unsupported(word: &str, supported: &[&str], path: &ConfigPath) -> Diagnostic {
    let finding = Diagnostic::error(
        Code::InvalidValue,
        path,
        format!("`{word}` is not supported"),
    );
    match Diagnostic::nearest(word, supported.iter().copied()) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding.hint(format!("use `{}`", supported.join("` or `"))),
    }
}

/// Compiles the answer to those who are not admitted. `None` when the findings say why not.
pub(crate) fn answer(
    spec: &AuthenticationSpec,
    path: &ConfigPath,
    deps: AdmissionDeps<'_>,
    tokens: Option<&Tokens>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Answer> {
    let challenge = spec
        .challenge
        .as_ref()
        .and_then(|spec| challenge(spec, &path.key("challenge"), findings));
    let challenges = tokens.map(|tokens| challenges(spec, deps.endpoint, tokens));
    let challenge = challenge.or_else(|| challenges.as_ref()?.plain());
    let path = path.key("response");
    let status = status(&spec.response, &path.key("status"), findings);
    let headers = headers(&spec.response, challenge, &path.key("headers"), findings);
    let body = body(&spec.response, &path, deps.files, findings);
    Some(Answer {
        status: status?,
        headers,
        body,
        challenges: challenges.filter(|_| !writes_challenge(&spec.response)),
        endpoint: deps.endpoint.clone(),
    })
}

impl AuthenticationSpec {
    /// The realm of the challenges of `endpoint`, as a quoted string (RFC 9110 section 5.6.4): the
    /// configured one, else the name of the endpoint.
    pub fn quoted_realm(&self, endpoint: &str) -> String {
        let configured = self.challenge.as_ref().map(|own| own.realm.as_str());
        let mut realm = String::new();
        push_quoted(&mut realm, configured.unwrap_or(endpoint));
        realm
    }
}

fn challenges(spec: &AuthenticationSpec, endpoint: &EndpointName, tokens: &Tokens) -> Challenges {
    Challenges::new(
        spec.quoted_realm(endpoint.as_str()),
        tokens.proofs.as_deref(),
    )
}

/// Whether the configuration sends a challenge of its own making.
fn writes_challenge(spec: &AdmissionResponseSpec) -> bool {
    let mut names = spec.headers.keys();
    names.any(|name| name.trim().eq_ignore_ascii_case(WWW_AUTHENTICATE.as_str()))
}

/// The value of `WWW-Authenticate`.
fn challenge(
    spec: &ChallengeSpec,
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) -> Option<HeaderValue> {
    let kind = spec.kind.trim().to_ascii_lowercase();
    let scheme = match kind.as_str() {
        "basic" => Some("Basic"),
        "bearer" => Some("Bearer"),
        other => {
            findings.push(unsupported(other, &["basic", "bearer"], &path.key("type")));
            None
        }
    };
    if spec.realm.trim().is_empty() {
        let finding = "a challenge needs a realm";
        findings.push(Diagnostic::error(
            Code::MissingKey,
            &path.key("realm"),
            finding,
        ));
        return None;
    }
    if let Some(charset) = &spec.charset {
        check_charset(charset, &kind, &path.key("charset"), findings);
    }
    let mut text = format!("{} realm=", scheme?);
    push_quoted(&mut text, &spec.realm);
    if spec.charset.is_some() {
        // RFC 7617, section 2.1: the only value there is.
        text.push_str(", charset=\"UTF-8\"");
    }
    let value = HeaderValue::try_from(text);
    if value.is_err() {
        let finding = "the realm holds a control character";
        findings.push(Diagnostic::error(
            Code::InvalidValue,
            &path.key("realm"),
            finding,
        ));
    }
    value.ok()
}

fn check_charset(charset: &str, kind: &str, path: &ConfigPath, findings: &mut Vec<Diagnostic>) {
    if kind == "bearer" {
        let finding = "only a basic challenge has a charset";
        findings.push(Diagnostic::error(Code::Conflict, path, finding));
    } else if !charset.eq_ignore_ascii_case("utf-8") {
        let finding = format!("`{charset}` is not a charset of a challenge");
        findings.push(Diagnostic::error(Code::InvalidValue, path, finding).hint("use `UTF-8`"));
    }
}

/// A quoted string (RFC 9110, section 5.6.4).
fn push_quoted(text: &mut String, raw: &str) {
    text.push('"');
    for c in raw.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
}

fn status(
    spec: &AdmissionResponseSpec,
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) -> Option<StatusCode> {
    let Some(written) = spec.status else {
        return Some(StatusCode::UNAUTHORIZED);
    };
    let status = StatusCode::from_u16(written).ok();
    let status = status.filter(|_| (300..=599).contains(&written));
    if status.is_none() {
        let finding = format!("`{written}` does not turn a request away");
        findings.push(Diagnostic::error(Code::InvalidValue, path, finding).hint("use 300 to 599"));
    }
    status
}

/// Challenge first, then the configured fields by name, then the content type.
fn headers(
    spec: &AdmissionResponseSpec,
    challenge: Option<HeaderValue>,
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut seen = BTreeSet::new();
    let mut headers = Vec::new();
    for (name, value) in &spec.headers {
        match header(name, value, &path.key(name)) {
            Ok(header) if seen.insert(header.0.as_str().to_owned()) => headers.push(header),
            Ok(header) => findings.push(repeated(header.0.as_str(), &path.key(name))),
            Err(finding) => findings.push(finding),
        }
    }
    if let Some(challenge) = challenge
        && !seen.contains(WWW_AUTHENTICATE.as_str())
    {
        headers.insert(0, (WWW_AUTHENTICATE, challenge));
    }
    if !seen.contains(CONTENT_TYPE.as_str()) {
        headers.push(plain_text());
    }
    headers
}

fn header(
    name: &str,
    value: &str,
    path: &ConfigPath,
) -> Result<(HeaderName, HeaderValue), Diagnostic> {
    let name = HeaderName::try_from(name.trim()).map_err(|_| {
        let message = format!("`{name}` is not a header name");
        Diagnostic::error(Code::InvalidName, path, message)
    })?;
    if [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
        let message = format!("`{name}` frames the message and cannot be set");
        return Err(Diagnostic::error(Code::InvalidName, path, message));
    }
    let value = HeaderValue::try_from(value.trim()).map_err(|_| {
        let message = "a header value holds no line breaks or other controls";
        Diagnostic::error(Code::InvalidValue, path, message)
    })?;
    Ok((name, value))
}

fn body(
    spec: &AdmissionResponseSpec,
    path: &ConfigPath,
    files: &TemplateFiles,
    findings: &mut Vec<Diagnostic>,
) -> Option<Template> {
    let vocabulary = Vocabulary::policy(&[
        Root::Request,
        Root::Subrequest,
        Root::Admission,
        Root::CorrelationId,
        Root::Now,
    ])
    .with(Root::Endpoint, Shape::String);
    let (compiled, path) = match (&spec.body, &spec.body_file) {
        (Some(body), file) => {
            if file.is_some() {
                let path = path.key("bodyFile");
                let message = "`bodyFile` is not used beside `body`";
                findings.push(Diagnostic::warning(Code::Conflict, &path, message));
            }
            (
                Template::compile(body, &vocabulary, files),
                path.key("body"),
            )
        }
        (None, Some(file)) => {
            let compiled = Template::compile_file(file, &vocabulary, files);
            (compiled, path.key("bodyFile"))
        }
        (None, None) => return None,
    };
    compiled
        .map_err(|error| findings.push(error.at(&path)))
        .ok()
}

#[cfg(test)]
mod tests;
