//! What a gateway routes by.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;
use ztag_pipeline::EndpointState;
use ztag_proxy::{
    RouteDeps, RouteEndpoint, RouteState, RouteTable, Upstream, UpstreamDeps, UpstreamPlaces,
    WrittenRoute,
};
use ztag_types::{ConfigPath, Findings};

use super::ledger::Ledger;
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

/// Compiles routes and upstreams over these endpoints.
pub(super) fn compile(
    loaded: &Loaded,
    places: &UpstreamPlaces,
    endpoints: &[EndpointState],
    correlation: Option<&HeaderName>,
    ledger: &mut Ledger,
) -> Routing {
    let upstreams = upstreams(loaded, places, ledger);
    let endpoints = endpoints.iter();
    let endpoints = endpoints.map(|state| (state.name().to_string(), RouteEndpoint::of(state)));
    let deps = RouteDeps {
        endpoints: &endpoints.collect(),
        upstreams: &upstreams,
        identity: &identity(&loaded.tree),
        correlation,
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
    places: &UpstreamPlaces,
    ledger: &mut Ledger,
) -> BTreeMap<String, Option<Arc<Upstream>>> {
    let definitions = loaded.upstreams.iter();
    let compiled = definitions.map(|(name, definition)| {
        let compile = |spec: &_, at: &ConfigPath, findings: &mut Findings| {
            // Without material, loading has noted why.
            let material = loaded.upstream_tls.get(name)?;
            let deps = UpstreamDeps { places, material };
            Upstream::compile(spec, name, at, deps, findings)
        };
        let definition = (Kind::Upstream, name.as_str(), definition);
        (name.clone(), ledger.examine(definition, loaded, compile))
    });
    compiled.collect()
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
        ledger.add(diagnostic, users.iter().map(String::as_str));
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
