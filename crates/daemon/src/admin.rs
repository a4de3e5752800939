//! The admin listener, and the API of stores of relationships, on it or beside it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use serde_json::{Value as Json, json};
use ztag_config::{FgaPlaces, ServerSpec, Stores};
use ztag_fga_api::{FgaService, ReplyBody};
use ztag_pipeline::{AdminService, Neighbour};
use ztag_server::{Answer, Incoming, Listen, Peer, Server, Shutdown};

use crate::run::{Stop, failed};

/// Where the API of stores begins; the admin listener answers nothing there.
const STORES: &str = "/stores";
/// What the stores are asked and told, which is part of that API.
const STORE_METRICS: &str = "/api/v1/fga/metrics";

/// What the admin listener answers.
#[derive(Clone, Debug)]
pub(crate) struct AdminDoor {
    pub(crate) admin: AdminService,
    /// The API of stores, where it has no listener of its own.
    pub(crate) stores: Option<FgaService>,
}

/// The health of stores of relationships, which is told with that of the process.
#[derive(Debug)]
pub(crate) struct Relations(pub(crate) Arc<FgaPlaces>);

impl Neighbour for Relations {
    fn name(&self) -> &'static str {
        "relations"
    }

    fn trouble(&self) -> Option<Json> {
        let outage = self.0.served().outage()?;
        let since = outage.since.seconds();
        Some(json!({"writes": "unavailable", "since": since, "why": outage.why}))
    }
}

impl Answer for AdminDoor {
    type Body = Either<Full<Bytes>, ReplyBody>;

    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<Self::Body> {
        if let Some(refusal) = AdminService::refuse(request.headers()) {
            return refusal.map(Either::Left);
        }
        match &self.stores {
            Some(stores) if is_about_stores(request.uri().path()) => {
                stores.answer(request, peer).await.map(Either::Right)
            }
            _ => self.admin.answer(request, peer).await.map(Either::Left),
        }
    }
}

/// The API of stores on a listener of its own, and the same for the admin listener, whichever is
/// asked for.
pub(crate) fn serve_stores(
    server: &ServerSpec,
    stores: &Stores,
    shutdown: &Shutdown,
) -> Result<(Option<Server>, Option<FgaService>), Stop> {
    let (Some(spec), Some(service)) = (&server.fga.api, stores.fga_api(server)) else {
        return Ok((None, None));
    };
    let Some(listen) = &spec.listen else {
        return Ok((None, Some(service)));
    };
    let address = listen.socket();
    let listen = Listen::plain(address, server.limits.clone());
    let listener = Server::start(&listen, shutdown, move || service.clone());
    let listener = listener.map_err(failed(&format!("cannot listen on {address}")))?;
    tracing::info!(stores = %listener.address(), "listening");
    Ok((Some(listener), None))
}

fn is_about_stores(path: &str) -> bool {
    let rest = path.strip_prefix(STORES);
    path == STORE_METRICS || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_parts_of_a_path_lead_to_the_stores() {
        for (path, expected) in [
            ("/stores", true),
            ("/stores/01/check", true),
            ("/storesx", false),
            ("/explain", false),
            ("/api/v1/fga/metrics", true),
            ("/metrics", false),
        ] {
            assert_eq!(is_about_stores(path), expected, "{path}");
        }
    }
}
