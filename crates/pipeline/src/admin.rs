//! The admin listener: metrics, health, the compiled policy, and dry runs.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::{Value as Json, json};
use ztag_result_cache::ResultCache;
use ztag_server::{Answer, Incoming, Peer};
use ztag_telemetry::CacheGauges;
use ztag_token::{RevocationError, RevocationRequest, Revocations};
use ztag_types::Reply;

use crate::decide::Pipeline;
use crate::describe::RequestSpec;
use crate::explain;
use crate::plan::{EndpointState, Selection};
use crate::service::{plain, readiness, respond};
use crate::signpost::Signpost;

/// Bytes of a described request.
const MAX_DESCRIPTION: usize = 256 * 1024;

/// Bytes of a described revocation.
const MAX_REVOCATION: usize = 16 * 1024;

/// Answers `/metrics`, `/healthz`, `/readyz`, `/explain` and `/{endpoint}/explain`, and takes
/// `POST /revocations`.
#[derive(Clone, Debug)]
pub struct AdminService {
    pipeline: Pipeline,
    cache: Arc<ResultCache>,
    revocations: Arc<Revocations>,
    routes: Option<Arc<dyn Signpost>>,
    neighbour: Option<Arc<dyn Neighbour>>,
}

/// Something beside the pipeline whose health is told together with ours.
pub trait Neighbour: fmt::Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// What is wrong with it, if anything is.
    fn trouble(&self) -> Option<Json>;
}

impl AdminService {
    /// A service over `pipeline` that also tells of `cache` and revokes tokens.
    pub const fn new(
        pipeline: Pipeline,
        cache: Arc<ResultCache>,
        revocations: Arc<Revocations>,
    ) -> Self {
        Self {
            pipeline,
            cache,
            revocations,
            routes: None,
            neighbour: None,
        }
    }

    /// The same service, which tells of a neighbour's health, too.
    #[must_use]
    pub fn with_neighbour(self, neighbour: Arc<dyn Neighbour>) -> Self {
        Self {
            neighbour: Some(neighbour),
            ..self
        }
    }

    /// The same service, which explains requests that name no endpoint by the route they take.
    #[must_use]
    pub fn with_routes(self, routes: Arc<dyn Signpost>) -> Self {
        Self {
            routes: Some(routes),
            ..self
        }
    }

    pub(crate) const fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    pub(crate) const fn routes(&self) -> Option<&Arc<dyn Signpost>> {
        self.routes.as_ref()
    }

    fn health(&self) -> Json {
        let plan = self.pipeline.plans().load();
        let report = self.pipeline.plans().last_report();
        let neighbour = self.neighbour.as_ref();
        let trouble = neighbour.and_then(|own| Some((own.name(), own.trouble()?)));
        let sound = report.published && plan.quarantined().next().is_none();
        let healthy = sound && trouble.is_none();
        let mut health = explain::plan(&plan, &report);
        if let Json::Object(fields) = &mut health {
            let status = if healthy { "ok" } else { "degraded" };
            fields.insert("cache".to_owned(), json!(self.cache.stats()));
            fields.insert("status".to_owned(), status.into());
            fields.extend(trouble.map(|(name, trouble)| (name.to_owned(), trouble)));
        }
        health
    }

    fn explain(&self, endpoint: Option<&str>) -> Reply {
        let plan = self.pipeline.plans().load();
        match endpoint {
            None => json_reply(StatusCode::OK, &self.health()),
            Some(name) => match plan.select(Some(name)) {
                Selection::Endpoint(state) => json_reply(StatusCode::OK, &explain::endpoint(state)),
                Selection::Unnamed | Selection::Unknown => {
                    let names: Vec<_> = plan.endpoints().map(EndpointState::name).collect();
                    let answer = json!({
                        "error": "no endpoint has this name",
                        "availableEndpoints": names,
                    });
                    json_reply(StatusCode::NOT_FOUND, &answer)
                }
            },
        }
    }

    async fn explain_request(&self, body: Incoming) -> Reply {
        let Ok(body) = Limited::new(body, MAX_DESCRIPTION).collect().await else {
            return json_error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the description is too large",
            );
        };
        let spec: RequestSpec = match serde_json::from_slice(&body.to_bytes()) {
            Ok(spec) => spec,
            Err(error) => return json_error(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        match self.dry_run(&spec).await {
            Ok(record) => json_reply(StatusCode::OK, &record),
            Err(error) => json_error(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
        }
    }
}

impl AdminService {
    /// Revokes tokens; from the answer on, none of them is accepted by this process.
    async fn revoke(&self, body: Incoming) -> Reply {
        let Ok(body) = Limited::new(body, MAX_REVOCATION).collect().await else {
            return json_error(StatusCode::PAYLOAD_TOO_LARGE, "the revocation is too large");
        };
        let applied = RevocationRequest::parse(&body.to_bytes())
            .and_then(|request| request.apply(&self.revocations, self.pipeline.clock()));
        match applied {
            Ok(()) => Reply::new(StatusCode::NO_CONTENT),
            Err(error @ RevocationError::Full(_)) => {
                json_error(StatusCode::INSUFFICIENT_STORAGE, &error.to_string())
            }
            Err(error) => json_error(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }
}

impl Answer for AdminService {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _: Peer) -> Response<Self::Body> {
        if let Some(refusal) = Self::refuse(request.headers()) {
            return refusal;
        }
        let method = request.method().clone();
        let path = request.uri().path().trim_matches('/').to_ascii_lowercase();
        let reply = match (&method, path.as_str()) {
            (&Method::POST, "explain") => self.explain_request(request.into_body()).await,
            (&Method::POST, "revocations") => self.revoke(request.into_body()).await,
            (&Method::GET, "metrics") => self.metrics(),
            (&Method::GET, "healthz" | "health") => json_reply(StatusCode::OK, &self.health()),
            (&Method::GET, "readyz") => readiness(self.pipeline.plans().last_report().published),
            (&Method::GET, "explain") => self.explain(None),
            (&Method::GET, path) => match path.strip_suffix("/explain") {
                Some(endpoint) => self.explain(Some(endpoint)),
                None => plain(StatusCode::NOT_FOUND, "not found"),
            },
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
        };
        respond(reply)
    }
}

impl AdminService {
    /// The answer to a request that nobody answers on an admin listener: one that a web page sends,
    /// or that asks for a host by name.
    pub fn refuse(headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        let why = if !is_addressed_directly(headers) {
            "host not allowed"
        } else if is_sent_by_a_page(headers) {
            "not for web pages"
        } else {
            return None;
        };
        Some(respond(plain(StatusCode::FORBIDDEN, why)))
    }

    fn metrics(&self) -> Reply {
        let stats = self.cache.stats();
        self.pipeline.telemetry().cache(&CacheGauges {
            entries: stats.entries,
            bytes: stats.bytes,
            evicted: stats.evicted,
            available: stats.available,
        });
        let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        Reply {
            status: StatusCode::OK,
            headers: vec![(CONTENT_TYPE, content_type)],
            body: Bytes::from(self.pipeline.telemetry().render()),
        }
    }
}

/// Whether the `Host` is an address or a local name. A web page that rebinds its own name to
/// this listener is refused.
fn is_addressed_directly(headers: &HeaderMap) -> bool {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Whether a browser sends the request for a page of somebody else. The page could not read the
/// answer, but a dry run calls backends for real.
fn is_sent_by_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    headers.contains_key(ORIGIN) || site.is_some_and(|site| site != b"none")
}

fn json_reply(status: StatusCode, json: &Json) -> Reply {
    Reply {
        status,
        headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        body: Bytes::from(format!("{json:#}\n")),
    }
}

fn json_error(status: StatusCode, message: &str) -> Reply {
    json_reply(status, &json!({ "error": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_45_a_web_page_cannot_ask() {
        let check = |name: &'static str, value: &'static str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(is_sent_by_a_page(&headers), expected, "{name}: {value}");
        };
        check("origin", "https://evil.example", true);
        check("origin", "null", true);
        check("sec-fetch-site", "cross-site", true);
        // Typed into the address bar.
        check("sec-fetch-site", "none", false);
        check("user-agent", "curl/8", false);
    }

    #[test]
    fn attack_45_dns_rebinding_is_refused() {
        let check = |host: &'static str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            assert_eq!(is_addressed_directly(&headers), expected, "{host}");
        };
        check("localhost:9901", true);
        check("127.0.0.1:9901", true);
        check("[::1]:9901", true);
        check("10.1.2.3", true);
        check("evil.example:9901", false);
        check("127.0.0.1.evil.example", false);
        check("", false);
    }
}
