//! Compiling: from what was loaded to a plan, without any I/O.

mod endpoint;
mod rules;
mod stages;

use ztag_pipeline::{EndpointState, Plan};
use ztag_result_cache::check_server_cache;
use ztag_telemetry::check_logging;
use ztag_types::{Code, ConfigPath, Diagnostic, EndpointName};

use self::endpoint::Workshop;
use crate::diagnose::{self, Judged};
use crate::kind::Kind;
use crate::load::Loaded;
use crate::report::Report;
use crate::spec::ServerSpec;
use crate::stores::Stores;

/// What compiling makes of a configuration.
#[derive(Debug)]
pub struct Compiled {
    /// The plan; none when the server section is broken, a document cannot be read or no endpoint
    /// is usable.
    pub plan: Option<Plan>,
    /// Everything found, loading included.
    pub report: Report,
    /// The endpoints that do not serve, sorted.
    pub quarantined: Vec<EndpointName>,
}

/// Compiles what was loaded. A broken endpoint, or one that names a broken rule, is quarantined;
/// the others serve.
pub fn compile(loaded: &Loaded, stores: &Stores) -> Compiled {
    let mut judged = Ledger::default();
    let Some(server) = loaded.server() else {
        return refused(loaded, judged);
    };
    check_server(server, &mut judged);
    let workshop = Workshop::new(loaded, server, stores);
    let mut states = Vec::with_capacity(loaded.endpoints.len());
    for (name, definition) in &loaded.endpoints {
        states.push(workshop.endpoint(name, definition, &mut judged));
    }
    workshop.unused_rules(&mut judged);
    let usable = states
        .iter()
        .any(|state| matches!(state, EndpointState::Ready(_)));
    if !usable {
        judged.add(no_endpoint(loaded), None);
    }
    let broken = judged.is_broken() || loaded.notes.iter().any(|note| is_fatal(&note.diagnostic));
    let quarantined = states.iter().filter_map(quarantined).collect();
    let plan = (!broken)
        .then(|| Plan::new(stores.clock.now(), states))
        .flatten();
    Compiled {
        plan,
        report: diagnose::report(loaded, &judged.into_vec()),
        quarantined,
    }
}

/// The result when there is nothing to compile with.
fn refused(loaded: &Loaded, judged: Ledger) -> Compiled {
    Compiled {
        plan: None,
        report: diagnose::report(loaded, &judged.into_vec()),
        quarantined: loaded
            .endpoints
            .keys()
            .map(|name| name.as_str().into())
            .collect(),
    }
}

fn quarantined(state: &EndpointState) -> Option<EndpointName> {
    match state {
        EndpointState::Ready(_) => None,
        EndpointState::Quarantined(quarantine) => Some(quarantine.name.clone()),
    }
}

fn check_server(server: &ServerSpec, judged: &mut Ledger) {
    let at = ConfigPath::root().key("server");
    let cache = check_server_cache(&server.cache, &at.key("cache"));
    let logging = check_logging(&server.logging, &at.key("logging"));
    let exposed = check_listeners(server, &at);
    for diagnostic in cache.into_iter().chain(logging).chain(exposed) {
        judged.add(diagnostic, None);
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

fn no_endpoint(loaded: &Loaded) -> Diagnostic {
    let at = ConfigPath::root().key(Kind::Endpoint.section());
    if loaded.endpoints.is_empty() {
        let message = "no endpoint is configured";
        return Diagnostic::error(Code::NoEndpoint, &at, message)
            .hint("define one below `endpoints`, in the main document or in a rules document");
    }
    let message = "no endpoint is usable: each is quarantined";
    Diagnostic::error(Code::NoEndpoint, &at, message)
}

/// Whether an error concerns everything, so that nothing may be published.
fn is_fatal(diagnostic: &Diagnostic) -> bool {
    diagnostic.is_error() && diagnose::is_general(&diagnostic.path)
}

/// Diagnostics of compiling, each once, with those in whose service it was found.
#[derive(Debug, Default)]
struct Ledger {
    found: Vec<Judged>,
}

impl Ledger {
    fn add(&mut self, diagnostic: Diagnostic, user: Option<&str>) {
        let user = user.map(str::to_owned);
        match self
            .found
            .iter_mut()
            .find(|judged| judged.diagnostic == diagnostic)
        {
            Some(judged) => judged.users.extend(user),
            None => self.found.push(Judged {
                diagnostic,
                users: user.into_iter().collect(),
            }),
        }
    }

    fn is_broken(&self) -> bool {
        self.found.iter().any(|judged| is_fatal(&judged.diagnostic))
    }

    fn into_vec(self) -> Vec<Judged> {
        self.found
    }
}

#[cfg(test)]
mod tests;
