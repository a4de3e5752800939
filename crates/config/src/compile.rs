//! Compiling: from what was loaded to a plan, without any I/O.

mod classifiers;
mod endpoint;
mod fga;
mod guardrails;
mod ledger;
mod routes;
mod rules;
mod server;
mod stages;
mod tokens;

use ztag_pipeline::{EndpointState, Plan};
use ztag_server::Certificates;
use ztag_types::{Code, ConfigPath, Diagnostic, EndpointName};

use self::endpoint::Workshop;
use self::ledger::{Ledger, is_fatal};
use self::routes::Outward;
use self::tokens::Tokens;

pub use self::routes::Routing;
use crate::diagnose;
use crate::kind::Kind;
use crate::load::{Loaded, Program};
use crate::report::Report;
use crate::stores::Stores;

/// What compiling makes of a configuration.
#[derive(Debug)]
pub struct Compiled {
    /// The plan; none when the server section is broken, a document cannot be read or no endpoint
    /// is usable.
    pub plan: Option<Plan>,
    /// What a gateway routes by over this plan; there when the plan is.
    pub routing: Option<Routing>,
    /// The certificates of the public listener, when it speaks TLS and they are sound.
    pub certificates: Option<Certificates>,
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
    server::check(server, &mut judged);
    let certificates = server::listener(loaded, server, &mut judged);
    server::fga_api(server, &stores.tokens, &mut judged);
    server::fga_home(loaded, &mut judged);
    let tokens = Tokens::compile(
        loaded,
        server,
        (&stores.tokens, &stores.client),
        &mut judged,
    );
    let directory = fga::stores(loaded, stores, &tokens, &mut judged);
    let guardrails = guardrails::guardrails(loaded, stores, &mut judged);
    let named = (&tokens, &directory, &guardrails);
    let workshop = Workshop::new(loaded, server, stores, named);
    let mut states = Vec::with_capacity(loaded.endpoints.len());
    for (name, definition) in &loaded.endpoints {
        states.push(workshop.endpoint(name, definition, &mut judged));
    }
    workshop.unused_rules(&mut judged);
    let correlation = workshop.correlation.as_ref();
    let outward = Outward {
        places: &stores.upstreams,
        tokens: &tokens,
        stores: &directory,
        guardrails: &guardrails,
    };
    let routing = routes::compile(loaded, outward, &states, correlation, &mut judged);
    let decides = states
        .iter()
        .any(|state| matches!(state, EndpointState::Ready(_)));
    // A gateway may have routes that nobody has to decide about, and no others.
    let routes = loaded.program() == Program::Gateway && routing.serves();
    if !decides && !routes {
        judged.add_general(no_endpoint(loaded));
    }
    let mut notes = loaded.notes.iter();
    let broken = judged.is_broken(loaded) || notes.any(|note| is_fatal(&note.diagnostic, loaded));
    let quarantined = states.iter().filter_map(quarantined).collect();
    let now = stores.clock.now();
    let plan = match (broken, routes) {
        (true, _) => None,
        (false, true) => Some(Plan::beside_routes(now, states)),
        (false, false) => Plan::new(now, states),
    };
    Compiled {
        routing: plan.is_some().then_some(routing),
        plan,
        certificates,
        report: diagnose::report(loaded, &judged.into_vec()),
        quarantined,
    }
}

/// The result when there is nothing to compile with.
fn refused(loaded: &Loaded, judged: Ledger) -> Compiled {
    Compiled {
        plan: None,
        routing: None,
        certificates: None,
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

#[cfg(test)]
mod tests;
