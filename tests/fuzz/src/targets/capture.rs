//! Whole requests: the head of one, in every dialect, from a believed and from another peer.

use std::net::SocketAddr;
use std::str;
use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use ztag_admission::{
    Admission, AdmissionDeps, AdmissionSpec, CapturePolicy, Dialect, Hop, capture,
};
use ztag_expr::TemplateFiles;
use ztag_types::{ConfigPath, EndpointName, Timestamp};

const BELIEVED: &str = "192.0.2.1:1000";
const STRANGER: &str = "203.0.113.1:1000";

static POLICIES: LazyLock<Vec<(Dialect, CapturePolicy, Admission)>> = LazyLock::new(|| {
    Dialect::ALL
        .iter()
        .filter_map(|dialect| policy(*dialect))
        .collect()
});

fn policy(dialect: Dialect) -> Option<(Dialect, CapturePolicy, Admission)> {
    let mut spec = AdmissionSpec::default();
    spec.authentication.allow.authorization = vec!["basic".into(), "bearer".into()];
    spec.authentication.allow.header = vec!["x-api-key".into()];
    spec.authentication.allow.query = vec!["token".into()];
    spec.forward_proxy_policy.dialect = dialect;
    spec.forward_proxy_policy.trusted_proxy_ips = vec!["192.0.2.0/24".into()];
    let deps = AdmissionDeps {
        endpoint: &EndpointName::from("api"),
        files: &TemplateFiles::empty(),
        tokens: &ztag_admission::NoTokens,
    };
    let compiled = Admission::compile(&spec, &ConfigPath::root(), deps).ok()?;
    Some((dialect, compiled.capture, compiled.admission))
}

/// The first line is method and target, the others are header fields.
pub(crate) fn target(data: &[u8]) {
    let Some((method, uri, headers)) = read(data) else {
        return;
    };
    for (dialect, policy, admission) in POLICIES.iter() {
        for peer in [BELIEVED, STRANGER] {
            let Ok(peer) = peer.parse::<SocketAddr>() else {
                continue;
            };
            let hop = Hop {
                method: method.clone(),
                uri: uri.clone(),
                headers: headers.clone(),
                body: Bytes::new(),
                peer,
                encrypted: false,
                certificate: None,
                mount: 0,
                received: Timestamp::default(),
                located: None,
            };
            let Ok(snapshot) = capture(hop, policy) else {
                continue;
            };
            if peer.ip().to_string() == "203.0.113.1" {
                assert_eq!(*dialect, Dialect::Direct, "a stranger is believed");
                assert_eq!(snapshot.client.address, peer.ip());
            }
            assert!(snapshot.line.path().starts_with('/'));
            assert!(snapshot.line.path_len <= snapshot.line.uri.len());
            if let Ok(admitted) = admission.admit(&snapshot) {
                assert!(admitted.authenticated, "nobody is admitted");
            }
        }
    }
}

fn read(data: &[u8]) -> Option<(Method, Uri, HeaderMap)> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let (method, target) = str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = HeaderName::from_bytes(name).ok()?;
        headers.append(
            name,
            HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?,
        );
    }
    Some((method.parse().ok()?, target.parse().ok()?, headers))
}
