//! Endpoints and requests to them.

use std::sync::Arc;

use http::header::WWW_AUTHENTICATE;
use ztag_types::{ClientCertificate, Code, Detail, Reply, Timestamp};

use super::mint::{Issuers, Mint, START};
use crate::admission::*;
use crate::capture::capture;
use crate::capture::tests::hop;
use crate::spec::ClientCertificateSpec;

pub(super) fn compile_with(
    tokens: &dyn TokenSources,
    adjust: impl FnOnce(&mut AdmissionSpec),
) -> Result<Compiled, Vec<Diagnostic>> {
    let mut spec = AdmissionSpec::default();
    spec.authentication.allow.jwt = vec!["idp".into()];
    adjust(&mut spec);
    let deps = AdmissionDeps {
        endpoint: &EndpointName::from("api"),
        files: &TemplateFiles::empty(),
        tokens,
    };
    Admission::compile(&spec, &ConfigPath::root(), deps)
}

pub(super) fn compile(tokens: &dyn TokenSources) -> Compiled {
    compile_with(tokens, |_| {}).unwrap()
}

pub(super) fn request(compiled: &Compiled, target: &str, fields: &[(&str, &str)]) -> Snapshot {
    let host = [("host", "api.example")];
    let fields: Vec<_> = host.iter().chain(fields).copied().collect();
    capture(hop("203.0.113.7:1", target, &fields), &compiled.capture).unwrap()
}

pub(super) fn admit(compiled: &Compiled, fields: &[(&str, &str)]) -> Result<Admitted, Halt> {
    let snapshot = request(compiled, "/reports?page=2", fields);
    compiled.admission.admit(&snapshot)
}

pub(super) async fn run(compiled: &Compiled, fields: &[(&str, &str)]) -> Result<Admitted, Halt> {
    let snapshot = request(compiled, "/reports?page=2", fields);
    let mut trace = Trace::new(Detail::Summary);
    compiled.admission.run(&snapshot, &mut trace).wait().await
}

pub(super) fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

pub(super) fn admit_bearer(compiled: &Compiled, token: &str) -> Result<Admitted, Halt> {
    let (name, value) = bearer(token);
    admit(compiled, &[(name, &value)])
}

pub(super) fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let mut found = reply.headers.iter().filter(|(own, _)| *own == name);
    let first = found.next().map(|(_, value)| value.to_str().unwrap());
    assert!(found.next().is_none(), "{name} stands there once");
    first
}

/// Status, class, detail and challenge.
pub(super) fn told(halt: Result<Admitted, Halt>) -> (u16, ReasonCode, String, String) {
    let halt = halt.unwrap_err();
    let challenge = header(&halt.reply, WWW_AUTHENTICATE.as_str()).unwrap_or_default();
    let detail = halt.reason.detail().unwrap_or_default();
    (
        halt.reply.status.as_u16(),
        halt.reason.code(),
        detail.to_owned(),
        challenge.to_owned(),
    )
}

pub(super) fn refused(detail: &str) -> (u16, ReasonCode, String, String) {
    let challenge = r#"Bearer realm="api", error="invalid_token""#;
    (
        401,
        ReasonCode::TokenRefused,
        detail.into(),
        challenge.into(),
    )
}

pub(super) fn certificate(der: &[u8]) -> Arc<ClientCertificate> {
    Arc::new(ClientCertificate {
        fingerprint: ztag_token::certificate_thumbprint(der).into(),
        subject: "CN=billing,O=Example".into(),
        spiffe_id: Some("spiffe://example.org/ns/prod/billing".into()),
        dns: vec!["billing.example".into(), "b2.example".into()],
        expires: Timestamp::from_seconds(START + 60),
        ..ClientCertificate::default()
    })
}

pub(super) fn admit_over(
    compiled: &Compiled,
    certificate: Option<Arc<ClientCertificate>>,
    fields: &[(&str, &str)],
) -> Result<Admitted, Halt> {
    let mut hop = hop("203.0.113.7:1", "/reports", &[("host", "api.example")]);
    for (name, value) in fields {
        let name = HeaderName::try_from(*name).unwrap();
        hop.headers.append(name, value.parse().unwrap());
    }
    hop.certificate = certificate;
    let snapshot = capture(hop, &compiled.capture).unwrap();
    compiled.admission.admit(&snapshot)
}

pub(super) fn admit_dpop(
    compiled: &Compiled,
    token: &str,
    proofs: &[&str],
) -> Result<Admitted, Halt> {
    let value = format!("DPoP {token}");
    let mut fields = vec![("authorization", value.as_str())];
    fields.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    admit(compiled, &fields)
}

pub(super) async fn run_bearer(compiled: &Compiled, token: &str) -> Result<Admitted, Halt> {
    let (name, value) = bearer(token);
    run(compiled, &[(name, &value)]).await
}

pub(super) fn certified(adjust: impl FnOnce(&mut ClientCertificateSpec)) -> Compiled {
    let mut own = ClientCertificateSpec::default();
    adjust(&mut own);
    let compiled = compile_with(&crate::NoTokens, |spec| {
        let allow = &mut spec.authentication.allow;
        allow.jwt.clear();
        allow.header = vec!["x-api-key".into()];
        allow.client_certificate = Some(own);
    });
    compiled.unwrap()
}

/// Compiles what is wrong in one way.
pub(super) fn check_broken(
    adjust: &dyn Fn(&mut AdmissionSpec),
    code: Code,
    path: &str,
    hint: &str,
) {
    let found = compile_with(&Issuers::of(&Mint::new()), adjust).unwrap_err();
    let shown: Vec<_> = found
        .iter()
        .map(|own| (own.code, own.path.to_string()))
        .collect();
    let path = format!("authentication.allow.{path}");
    assert_eq!(shown, [(code, path)], "{found:?}");
    assert!(
        found[0].hint.clone().unwrap_or_default().contains(hint),
        "{found:?}"
    );
}
