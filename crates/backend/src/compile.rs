//! From a [`ClientSpec`] to the settings of a client.

use std::time::Duration;

use tokio::sync::Semaphore;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::dial::Alpn;
use crate::guard::AddressGuard;
use crate::spec::ClientSpec;
use crate::tls::{Tls, TlsMaterial};

/// Longer waits are as good as endless, and this long clocks can count.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// What a client works by.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_idle: usize,
    pub(crate) max_connections: usize,
    pub(crate) guard: AddressGuard,
    pub(crate) tls: Tls,
}

/// Compiles `spec`, standing at `at`. `None` when something is wrong, with findings.
pub(crate) fn compile(
    spec: &ClientSpec,
    material: TlsMaterial,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<Settings> {
    let before = findings.errors();
    positive(
        spec.connect_timeout.get(),
        &at.key("connectTimeout"),
        findings,
    );
    positive(
        spec.pool.idle_timeout.get(),
        &at.key("pool").key("idleTimeout"),
        findings,
    );
    let max_connections = spec.max_connections_per_origin as usize;
    if max_connections == 0 {
        let at = at.key("maxConnectionsPerOrigin");
        findings.push(Diagnostic::error(
            Code::InvalidValue,
            &at,
            "must be at least 1",
        ));
    }
    let guard = AddressGuard::compile(&spec.address_guard, &at.key("addressGuard"), findings);
    let tls = Tls::compile(&spec.tls, material, Alpn::Http1, &at.key("tls"), findings);
    let settings = Settings {
        connect_timeout: spec.connect_timeout.get().min(LONGEST_WAIT),
        idle_timeout: spec.pool.idle_timeout.get().min(LONGEST_WAIT),
        max_idle: spec.pool.max_idle_per_origin as usize,
        max_connections: max_connections.min(Semaphore::MAX_PERMITS),
        guard: guard?,
        tls: tls?,
    };
    (findings.errors() == before).then_some(settings)
}

pub(crate) fn positive(duration: Duration, at: &ConfigPath, findings: &mut Findings) {
    if duration.is_zero() {
        let message = "must be longer than 0";
        findings.push(Diagnostic::error(Code::InvalidValue, at, message));
    }
}
