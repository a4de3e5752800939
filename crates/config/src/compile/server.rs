//! The server section: what its shape does not say.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ztag_result_cache::check_server_cache;
use ztag_server::Certificates;
use ztag_telemetry::check_logging;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::ledger::Ledger;
use crate::load::Loaded;
use crate::spec::{ProofsSpec, ServerSpec};
use crate::stores::{self, TokenPlaces};

/// How old a proof may be.
const PROOF_AGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);
/// Greatest difference between clocks that may be forgiven in proofs.
const MAX_PROOF_SKEW: Duration = Duration::from_mins(1);
/// How long a nonce may be good.
const NONCE_LIFE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
/// Least bytes of the secret that seals nonces.
const MIN_SECRET: usize = 32;

/// What is wrong with the server section beyond its shape.
pub(super) fn check(server: &ServerSpec, judged: &mut Ledger) {
    let at = ConfigPath::root().key("server");
    let cache = check_server_cache(&server.cache, &at.key("cache"));
    let logging = check_logging(&server.logging, &at.key("logging"));
    let exposed = check_listeners(server, &at);
    let proofs = check_proofs(&server.tokens.proofs, &at.key("tokens").key("proofs"));
    let found = cache.into_iter().chain(logging).chain(exposed);
    for diagnostic in found.chain(proofs) {
        judged.add_general(diagnostic);
    }
}

/// The certificates of the public listener, and what is wrong with it.
pub(super) fn listener(
    loaded: &Loaded,
    server: &ServerSpec,
    judged: &mut Ledger,
) -> Option<Certificates> {
    let mut findings = Findings::new();
    let certificates = stores::certificates(loaded, &mut findings);
    stores::proxy_protocol(server, &mut findings);
    for diagnostic in findings.into_vec() {
        judged.add_general(diagnostic);
    }
    certificates
}

/// What is wrong with the place where stores of relationships are written down.
pub(super) fn fga_home(loaded: &Loaded, judged: &mut Ledger) {
    let mut findings = Findings::new();
    stores::fga_home(loaded, &mut findings);
    for diagnostic in findings.into_vec() {
        judged.add_general(diagnostic);
    }
}

/// What is wrong with the API of stores of relationships.
pub(super) fn fga_api(server: &ServerSpec, tokens: &TokenPlaces, judged: &mut Ledger) {
    let Some(spec) = &server.fga.api else {
        return;
    };
    let mut findings = Findings::new();
    stores::fga_access(server, tokens, &mut findings);
    let at = ConfigPath::root().key("server").key("fga").key("api");
    let listens_at = match &spec.listen {
        Some(listen) => Some((listen.socket(), at.key("listen").key("port"))),
        None if server.admin.enabled => None,
        None => {
            let message = "without a listener of its own, the API needs the admin listener";
            findings.push(Diagnostic::error(Code::Conflict, &at, message));
            None
        }
    };
    let admin = server.admin.enabled.then(|| server.admin.socket());
    if let Some((own, at)) = &listens_at {
        let others = [Some(server.listen.socket()), admin];
        let mut others = others.into_iter().flatten();
        let clash = |other: SocketAddr| {
            let covers = other.ip() == own.ip() || other.ip().is_unspecified();
            own.port() != 0 && own.port() == other.port() && covers
        };
        if others.any(clash) {
            let message = format!("port `{}` is that of another listener, too", own.port());
            findings.push(Diagnostic::error(Code::Conflict, at, message));
        }
    }
    let address = listens_at.map(|(own, _)| own).or(admin);
    if spec.open && address.is_some_and(|own| !own.ip().is_loopback()) {
        let message = "whoever reaches the listener may change who has which relation to what";
        findings.push(Diagnostic::warning(Code::Unsafe, &at.key("open"), message));
    }
    for diagnostic in findings.into_vec() {
        judged.add_general(diagnostic);
    }
}

/// The admin listener shows the compiled policy to whoever reaches it.
fn check_listeners(server: &ServerSpec, at: &ConfigPath) -> Option<Diagnostic> {
    let admin = &server.admin;
    if !admin.enabled {
        return None;
    }
    let clash = admin.port != 0
        && admin.port == server.listen.port
        && (admin.address == server.listen.address || server.listen.address.is_unspecified());
    if clash {
        let message = format!("port `{}` is that of `server.listen`, too", admin.port);
        return Some(Diagnostic::error(
            Code::Conflict,
            &at.key("admin").key("port"),
            message,
        ));
    }
    if !admin.address.is_loopback() {
        let message = "whoever reaches the admin listener may read the compiled policy";
        let at = at.key("admin").key("address");
        return Some(Diagnostic::warning(Code::Unsafe, &at, message));
    }
    None
}

fn check_proofs(proofs: &ProofsSpec, at: &ConfigPath) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut refuse = |at: ConfigPath, message: &str| {
        found.push(Diagnostic::error(Code::InvalidValue, &at, message));
    };
    if !PROOF_AGE.contains(&proofs.max_age.get()) {
        let message = "`maxAge` is not between 1 second and 5 minutes";
        refuse(at.key("maxAge"), message);
    }
    if proofs.clock_skew.get() > MAX_PROOF_SKEW {
        refuse(at.key("clockSkew"), "more than 1 minute of clock skew");
    }
    if let Some(nonces) = &proofs.nonces {
        let at = at.key("nonces");
        if !NONCE_LIFE.contains(&nonces.lifetime.get()) {
            let message = "`lifetime` is not between 1 second and 1 hour";
            refuse(at.key("lifetime"), message);
        }
        let secret = nonces.secret.as_ref();
        if secret.is_some_and(|secret| secret.expose().len() < MIN_SECRET) {
            refuse(at.key("secret"), "the secret is shorter than 32 bytes");
        }
    }
    found
}
