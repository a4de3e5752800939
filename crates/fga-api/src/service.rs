//! The API as something that answers requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::{BodyExt, Limited};
use serde_json::json;
use tokio::time::timeout;
use ztag_fga::{Limits, Revision, Store};
use ztag_fga_store::{NamedStore, StoreId, Stores};
use ztag_server::{Answer, Incoming, Peer};
use ztag_types::{Clock, SystemClock};

use crate::access::{Access, Grant, forbidden};
use crate::calls::lists::Turns;
use crate::calls::{
    Asked, assertions, authzen, edits, lists, models, queries, search, stores, tuples,
};
use crate::failure::Failure;
use crate::metrics::FgaMetrics;
use crate::query::Query;
use crate::reply::{Reply, ReplyBody, STORE_ID};
use crate::route::{Call, Route};
use crate::rule::Rule;

/// The revision that a question must be answered by at least.
const MIN_REVISION: HeaderName = HeaderName::from_static("ztag-min-revision");
/// Bytes of a request.
const MAX_BODY: usize = 616_448;
/// How long the body of a request may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Lists that run at once.
const LISTS: usize = 8;

/// Answers `OpenFGA`'s HTTP API. Clones answer for the same stores.
#[derive(Clone, Debug)]
pub struct FgaService(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stores: Arc<Stores>,
    access: Access,
    turns: Turns,
    metrics: Arc<FgaMetrics>,
    /// What a store that does not exist is asked through.
    nothing: Arc<Store>,
    /// The beginning of the numbers of requests, and how many there were.
    epoch: String,
    count: AtomicU64,
}

impl FgaService {
    /// An API over these stores, for those whom `access` admits.
    pub fn new(stores: Arc<Stores>, access: Access) -> Self {
        let metrics = FgaMetrics::new(Arc::clone(&stores));
        Self::counted(stores, access, Arc::new(metrics))
    }

    /// The same; `metrics` are told of by others as well.
    pub fn counted(stores: Arc<Stores>, access: Access, metrics: Arc<FgaMetrics>) -> Self {
        Self(Arc::new(Inner {
            stores,
            access,
            turns: Turns::new(LISTS),
            metrics,
            nothing: Arc::new(Store::new(Limits::default())),
            epoch: StoreId::generate(SystemClock::new().now()).to_string(),
            count: AtomicU64::new(0),
        }))
    }

    /// The stores.
    pub fn stores(&self) -> &Arc<Stores> {
        &self.0.stores
    }

    /// What the stores are asked and told.
    pub fn metrics(&self) -> &FgaMetrics {
        &self.0.metrics
    }

    async fn serve(&self, parts: &Parts, body: Incoming) -> Result<Reply, Failure> {
        let route = Route::of(&parts.method, parts.uri.path())?;
        if route.call == Call::Health {
            return self.health();
        }
        let grant = self.0.access.admit(&parts.headers).await?;
        authorize(&grant, &route)?;
        if !route.store.is_empty() {
            Rule::Ulid.check(route.call.request(), "StoreId", route.store)?;
        }
        self.meet(route.store).await;
        let body = intake(body).await?;
        let query = Query::parse(parts.uri.query());
        let stores = &self.0.stores;
        match route.call {
            Call::CreateStore => stores::create(stores, &body).await,
            Call::ListStores => stores::list(stores, &query, &grant),
            Call::GetStore => stores::read(stores, route.store),
            Call::DeleteStore => stores::delete(stores, route.store).await,
            Call::Metrics => Reply::json(&self.0.metrics.json()),
            Call::Prometheus => Ok(Reply::text(self.0.metrics.text())),
            _ => {
                let least = least_revision(&parts.headers)?;
                self.ask(&route, query, body, least).await
            }
        }
    }

    /// Answers a call about what is in a store.
    async fn ask(
        &self,
        route: &Route<'_>,
        query: Query,
        body: Bytes,
        least: Option<Revision>,
    ) -> Result<Reply, Failure> {
        let store = StoreId::parse(route.store).and_then(|id| self.0.stores.find(&id));
        if store.is_none() && route.call == Call::WriteAuthorizationModel {
            return Err(stores::unknown());
        }
        let nothing = || Arc::clone(&self.0.nothing);
        let engine = |named: &Arc<NamedStore>| Arc::clone(named.store());
        let patience = self.0.stores.settings().patience;
        if let (Some(named), Some(revision)) = (&store, least) {
            named.at_least(revision, patience).await?;
        }
        let asked = Asked {
            call: route.call,
            store: store.as_ref().map_or_else(nothing, engine),
            named: store,
            store_id: route.store,
            model_id: route.model,
            query,
            body,
            patience,
        };
        let reply = self.answer_known(&asked).await?;
        Ok(reply.header(STORE_ID, route.store))
    }

    /// Answers; a question about a model that is not known here is asked again when it is known
    /// what others wrote.
    async fn answer_known(&self, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let answered = answer(asked, &self.0.turns).await;
        let shared = asked.named.as_ref().filter(|named| named.is_shared());
        match (&answered, shared) {
            (Err(failure), Some(named)) if failure.is_unknown_model() => {
                match named.latest(asked.patience).await {
                    Ok(()) => answer(asked, &self.0.turns).await,
                    Err(_) => answered,
                }
            }
            _ => answered,
        }
    }

    /// Sees to it that a store which others made a moment ago is known here. While that cannot be
    /// told, only those are that are known.
    async fn meet(&self, store: &str) {
        let stores = &self.0.stores;
        if let Some(id) = StoreId::parse(store)
            && stores.is_shared()
            && stores.find(&id).is_none()
        {
            let _ = stores.latest().await;
        }
    }

    /// Questions are answered, whatever becomes of writes. Anybody may ask: why is not told here.
    fn health(&self) -> Result<Reply, Failure> {
        match self.0.stores.outage() {
            None => Reply::json(&json!({"status": "SERVING"})),
            Some(_) => Reply::json(&json!({"status": "SERVING", "writes": "UNAVAILABLE"})),
        }
    }

    /// A number for logs, different for every request.
    fn request_id(&self) -> String {
        let count = self.0.count.fetch_add(1, Ordering::Relaxed);
        format!("{}-{count:x}", self.0.epoch)
    }
}

impl Answer for FgaService {
    type Body = ReplyBody;

    async fn answer(&self, request: Request<Incoming>, _: Peer) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        let outcome = self.serve(&parts, body).await;
        let reply = outcome.unwrap_or_else(|failure| Reply::from(&failure));
        let reply = reply.numbered(self.request_id());
        reply.into_response()
    }
}

/// Whoever may ask only some stores neither makes nor deletes any, nor sees what others ask.
fn authorize(grant: &Grant, route: &Route<'_>) -> Result<(), Failure> {
    let is_allowed = match route.call {
        Call::ListStores => true,
        Call::CreateStore | Call::DeleteStore | Call::Metrics | Call::Prometheus => {
            *grant == Grant::All
        }
        _ => grant.covers(route.store),
    };
    is_allowed.then_some(()).ok_or_else(forbidden)
}

async fn answer(asked: &Asked<'_>, turns: &Turns) -> Result<Reply, Failure> {
    match asked.call {
        Call::WriteAuthorizationModel => models::write(asked).await,
        Call::ReadAuthorizationModels => models::list(asked),
        Call::ReadAuthorizationModel => models::read(asked),
        Call::Read => tuples::read(asked),
        Call::Write => tuples::write(asked).await,
        Call::DeleteTuples => edits::delete(asked).await,
        Call::ReplaceRelation => edits::replace(asked).await,
        Call::ReadChanges => tuples::changes(asked),
        Call::Check => queries::check(asked).await,
        Call::BatchCheck => queries::batch_check(asked).await,
        Call::Expand => queries::expand(asked).await,
        Call::ListObjects => lists::objects(asked, turns).await,
        Call::StreamedListObjects => lists::stream(asked, turns).await,
        Call::ListUsers => lists::users(asked, turns).await,
        Call::ReadAssertions => assertions::read(asked),
        Call::WriteAssertions => assertions::write(asked).await,
        Call::Evaluation => authzen::evaluation(asked),
        Call::Evaluations => authzen::evaluations(asked),
        Call::SearchSubject => search::subjects(asked, turns).await,
        Call::SearchResource => search::resources(asked, turns).await,
        Call::SearchAction => search::actions(asked, turns).await,
        Call::Health
        | Call::Metrics
        | Call::Prometheus
        | Call::ListStores
        | Call::CreateStore
        | Call::GetStore
        | Call::DeleteStore => Err(Failure::undefined_endpoint("Not Found")),
    }
}

/// The revision that an answer must know at least.
fn least_revision(headers: &HeaderMap) -> Result<Option<Revision>, Failure> {
    let Some(value) = headers.get(MIN_REVISION) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    Ok(Some(text.parse()?))
}

/// The body of a request, unless it is too large or too slow.
async fn intake(body: Incoming) -> Result<Bytes, Failure> {
    let collected = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    let Ok(collected) = collected else {
        return Err(Failure::validation("the request took too long to arrive"));
    };
    let collected = collected.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Failure::too_large(format!("the request is larger than {MAX_BODY} bytes"))
        } else {
            Failure::validation("the request did not arrive whole")
        }
    })?;
    Ok(collected.to_bytes())
}
