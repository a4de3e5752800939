//! What a gateway serves: a plan and the routes that name its endpoints, swapped together.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use ztag_pipeline::Plan;

use crate::route::RouteTable;

/// A plan and its routes. Immutable: a reload publishes another.
#[derive(Debug)]
pub struct Edge {
    plan: Arc<Plan>,
    routes: RouteTable,
}

impl Edge {
    /// The endpoints that decide.
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Where requests go.
    pub const fn routes(&self) -> &RouteTable {
        &self.routes
    }
}

/// The edge in force. Clones share it.
#[derive(Clone, Debug)]
pub struct EdgeHandle(Arc<ArcSwap<Edge>>);

impl EdgeHandle {
    /// Puts `routes` over `plan` in force.
    pub fn new(plan: Arc<Plan>, routes: RouteTable) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Edge { plan, routes })))
    }

    /// The edge in force. A request loads it once and keeps it to its end.
    pub fn load(&self) -> Guard<Arc<Edge>> {
        self.0.load()
    }

    /// The edge in force, shared, for work that takes long.
    pub fn load_full(&self) -> Arc<Edge> {
        self.0.load_full()
    }

    /// Puts `routes` over `plan` in force for all requests that arrive from now on. A request is
    /// never routed by the one and decided by another: both are swapped by one store.
    pub fn publish(&self, plan: Arc<Plan>, routes: RouteTable) {
        self.0.store(Arc::new(Edge { plan, routes }));
    }
}
