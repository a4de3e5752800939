//! What a gateway serves, put in force and counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ztag_config::Routing;
use ztag_pipeline::Plan;
use ztag_proxy::{EdgeHandle, RouteState, Upstream};
use ztag_telemetry::{PublishedEdge, TargetGauges, Telemetry};

/// The routes in force and the upstreams that they lead to. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Edges {
    handle: EdgeHandle,
    upstreams: Arc<ArcSwap<Vec<Arc<Upstream>>>>,
    telemetry: Telemetry,
}

impl Edges {
    /// Puts the first routes in force. Call it in the runtime that shall ask targets how they are.
    pub(crate) fn open(plan: Arc<Plan>, routing: Routing, telemetry: Telemetry) -> Self {
        announce(&routing, &telemetry);
        let upstreams = Arc::new(ArcSwap::from_pointee(routing.upstreams));
        let counted = Arc::clone(&upstreams);
        telemetry.count_targets(move || targets(&counted.load()));
        Self {
            handle: EdgeHandle::new(plan, routing.table),
            upstreams,
            telemetry,
        }
    }

    /// Puts other routes in force, in the same runtime.
    pub(crate) fn publish(&self, plan: Arc<Plan>, routing: Routing) {
        announce(&routing, &self.telemetry);
        self.handle.publish(plan, routing.table);
        self.upstreams.store(Arc::new(routing.upstreams));
    }

    /// Where requests find the routes in force.
    pub(crate) fn handle(&self) -> EdgeHandle {
        self.handle.clone()
    }
}

/// Makes metrics and health checks of what is about to serve.
fn announce(routing: &Routing, telemetry: &Telemetry) {
    let routes: Vec<&str> = routing
        .table
        .routes()
        .map(|route| &**route.name())
        .collect();
    let closed = |route: &&RouteState| matches!(route, RouteState::Closed(_));
    let upstreams = routing.upstreams.iter();
    let upstreams: Vec<&str> = upstreams.map(|upstream| upstream.name().as_str()).collect();
    telemetry.edge_published(&PublishedEdge {
        routes: &routes,
        upstreams: &upstreams,
        quarantined_routes: routing.table.routes().filter(closed).count(),
        quarantined_upstreams: routing.broken_upstreams,
    });
    routing.upstreams.iter().for_each(|own| own.watch_health());
    routing.table.warm();
}

fn targets(upstreams: &[Arc<Upstream>]) -> Vec<TargetGauges> {
    let mut counts = BTreeMap::new();
    for status in upstreams.iter().flat_map(|upstream| upstream.status()) {
        *counts
            .entry((status.upstream, status.state.as_str()))
            .or_insert(0) += 1;
    }
    let gauge = |((upstream, state), count): ((ztag_types::SmolStr, _), _)| TargetGauges {
        upstream: upstream.to_string(),
        state,
        count,
    };
    counts.into_iter().map(gauge).collect()
}
