//! What a gateway routes by.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;
use ztag_ai_security::guardrail::Guardrail;
use ztag_fga_remote::Directory;
use ztag_pipeline::EndpointState;
use ztag_proxy::{
    RouteDeps, RouteEndpoint, RouteSpec, RouteState, RouteTable, Upstream, UpstreamDeps,
    UpstreamPlaces, UpstreamSpec, WrittenRoute,
};
use ztag_token::client::OutboundCredential;
use ztag_types::{ConfigPath, Findings};

use super::ledger::Ledger;
use super::tokens::Tokens;
use crate::document::{Content, Node};
use crate::kind::Kind;
use crate::load::{Definition, Loaded};
use crate::users::users_of;

/// What a gateway routes by: published together with the plan it was compiled with.
#[derive(Debug)]
pub struct Routing {
    /// All routes, the broken ones closed in their places.
    pub table: RouteTable,
    /// The upstreams that are sound, whether routes lead to them or not.
    pub upstreams: Vec<Arc<Upstream>>,
    /// How many upstreams are broken.
    pub broken_upstreams: usize,
}

impl Routing {
    /// Whether some route is open to requests.
    pub(super) fn serves(&self) -> bool {
        let mut routes = self.table.routes();
        routes.any(|route| matches!(route, RouteState::Ready(_)))
    }
}

/// What routes and upstreams are compiled with beside what is written of them.
#[derive(Clone, Copy)]
pub(super) struct Outward<'a> {
    /// Connections, health and breakers.
    pub(super) places: &'a UpstreamPlaces,
    /// Credentials for upstreams.
    pub(super) tokens: &'a Tokens<'a>,
    /// Stores of relationships.
    pub(super) stores: &'a Directory,
    /// Guardrails.
    pub(super) guardrails: &'a ztag_types::Directory<Arc<Guardrail>>,
}

/// Compiles routes and upstreams over these endpoints.
pub(super) fn compile(
    loaded: &Loaded,
    outward: Outward<'_>,
    endpoints: &[EndpointState],
    correlation: Option<&HeaderName>,
    ledger: &mut Ledger,
) -> Routing {
    let upstreams = upstreams(loaded, outward, ledger);
    let endpoints = endpoints.iter();
    let endpoints = endpoints.map(|state| (state.name().to_string(), RouteEndpoint::of(state)));
    let deps = RouteDeps {
        endpoints: &endpoints.collect(),
        upstreams: &upstreams,
        credentials: &credentials(loaded, outward.tokens, ledger),
        identity: &identity(&loaded.tree),
        correlation,
        stores: outward.stores,
        guardrails: outward.guardrails,
        templates: &loaded.templates,
    };
    let table = table(loaded, &deps, ledger);
    let defined = upstreams.len();
    let upstreams: Vec<_> = upstreams.into_values().flatten().collect();
    Routing {
        table,
        broken_upstreams: defined - upstreams.len(),
        upstreams,
    }
}

/// The fields in which endpoints say who asks. They are looked up as written, because an endpoint
/// that breaks must not open its fields to clients on the routes of others. What a client is to say
/// itself, which is written as nothing, is not among them.
fn identity(tree: &Node) -> Vec<HeaderName> {
    let endpoints = tree.get(Kind::Endpoint.section()).map(Node::entries);
    let headers = endpoints.unwrap_or_default().iter().filter_map(|endpoint| {
        let pass = endpoint.node.get("responsePolicy")?.get("pass")?;
        pass.get("headers").map(Node::entries)
    });
    let said = headers
        .flatten()
        .filter(|header| !matches!(header.node.content, Content::Null));
    said.filter_map(|header| header.key.trim().parse().ok())
        .collect()
}

fn upstreams(
    loaded: &Loaded,
    outward: Outward<'_>,
    ledger: &mut Ledger,
) -> BTreeMap<String, Option<Arc<Upstream>>> {
    let definitions = loaded.upstreams.iter();
    let compiled = definitions.map(|(name, definition)| {
        let compile = |spec: &UpstreamSpec, at: &ConfigPath, findings: &mut Findings| {
            let credential =
                spec.credentials
                    .as_ref()
                    .map_or(Some(OutboundCredential::NONE), |spec| {
                        outward
                            .tokens
                            .credential(spec, &at.key("credentials"), findings)
                    });
            let deps = UpstreamDeps {
                places: outward.places,
                // Without material, loading has noted why.
                material: loaded.upstream_tls.get(name)?,
                credential: credential.as_ref().unwrap_or(&OutboundCredential::NONE),
            };
            let upstream = Upstream::compile(spec, name, at, deps, findings);
            credential.and(upstream)
        };
        let definition = (Kind::Upstream, name.as_str(), definition);
        (name.clone(), ledger.examine(definition, loaded, compile))
    });
    compiled.collect()
}

/// The credentials that routes name themselves; none where they are broken.
fn credentials(
    loaded: &Loaded,
    tokens: &Tokens<'_>,
    ledger: &mut Ledger,
) -> BTreeMap<String, Option<OutboundCredential>> {
    let mut credentials = BTreeMap::new();
    for (name, definition) in &loaded.routes {
        let compile = |spec: &RouteSpec, at: &ConfigPath, findings: &mut Findings| {
            let at = at.key("credentials");
            let written = spec.credentials.as_ref();
            written.map(|spec| tokens.credential(spec, &at, findings))
        };
        let definition = (Kind::Route, name.as_str(), definition);
        let compiled = ledger.examine(definition, loaded, compile);
        credentials.insert(name.clone(), compiled.flatten());
    }
    credentials
}

fn table(loaded: &Loaded, deps: &RouteDeps<'_>, ledger: &mut Ledger) -> RouteTable {
    let at = ConfigPath::root().key(Kind::Route.section());
    let unread = || loaded.unread_routes.iter();
    let closed = || unread().map(|route| (route.name.as_str(), route.written()));
    let read = loaded.routes.iter().filter_map(|(name, route)| {
        let (spec, _) = route.read()?;
        Some((name.as_str(), WrittenRoute::Read(spec)))
    });
    let mut findings = Findings::new();
    // To find what else is wrong, routes with keys that do not exist are read without them.
    let whole = |name: &str| !matches!(loaded.routes.get(name), Some(Definition::Flawed(_)));
    let broken = closed().filter(|(name, _)| whole(name));
    let mut table = RouteTable::compile(read.chain(broken), &at, deps, &mut findings);
    for diagnostic in findings.into_vec() {
        let users = users_of(&diagnostic.path, &loaded.tree);
        ledger.add(diagnostic, users);
    }
    if loaded.routes.keys().any(|name| !whole(name)) {
        // They serve nobody, and are closed wherever they may have been meant for.
        let sound = loaded
            .routes
            .iter()
            .filter_map(|(name, route)| Some((name.as_str(), WrittenRoute::Read(route.sound()?))));
        let routes = sound.chain(closed());
        table = RouteTable::compile(routes, &at, deps, &mut Findings::new());
    }
    table
}

#[cfg(test)]
mod tests;
