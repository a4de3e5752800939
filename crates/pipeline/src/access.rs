//! The same decisions inside somebody else's service: a tower layer.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tower_layer::Layer;
use tower_service::Service;
use ztag_admission::Hop;
use ztag_types::{EndpointName, ReasonCode, Reply};

use crate::decide::Pipeline;
use crate::intake::Unread;
use crate::judge::Permitted;
use crate::plan::{Endpoint, EndpointState, Plan, Selection};
use crate::service::respond;
use crate::unjudged::Unjudged;

/// Bytes of a request body that a rule reads.
const MAX_BODY: usize = 1024 * 1024;

/// Tells the peer of a request, such as axum's `ConnectInfo`, from the request's extensions.
pub type PeerOf = fn(&Extensions) -> Option<SocketAddr>;

/// Lets only those requests through to a service that an endpoint permits.
///
/// The service gets the request as it was judged, with the header fields that the endpoint's
/// reply to a pass sets in place of those of the client, and with the [`Permit`](crate::Permit)
/// among its extensions, as an `Arc`. Everybody else gets the endpoint's answer.
#[derive(Clone)]
pub struct AccessLayer {
    gate: Arc<Gate>,
}

struct Gate {
    pipeline: Pipeline,
    endpoint: EndpointName,
    peer: PeerOf,
}

impl AccessLayer {
    /// A layer that decides by the endpoint called `endpoint` of the plan in force. A request
    /// whose peer `peer` cannot tell is refused with 503; a body that a rule reads may have 1 MiB.
    pub fn new(pipeline: Pipeline, endpoint: impl Into<EndpointName>, peer: PeerOf) -> Self {
        Self {
            gate: Arc::new(Gate {
                pipeline,
                endpoint: endpoint.into(),
                peer,
            }),
        }
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access {
            gate: Arc::clone(&self.gate),
            inner,
        }
    }
}

impl fmt::Debug for AccessLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLayer")
            .field("endpoint", &self.gate.endpoint)
            .finish_non_exhaustive()
    }
}

/// A service behind an [`AccessLayer`].
#[derive(Clone)]
pub struct Access<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S: fmt::Debug> fmt::Debug for Access<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("endpoint", &self.gate.endpoint)
            .field("inner", &self.inner)
            .finish()
    }
}

impl<S, B, R> Service<Request<B>> for Access<S>
where
    S: Service<Request<B>, Response = Response<R>, Future: Send> + Clone + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + From<Bytes>
        + Send
        + 'static,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        // The one that was polled ready is the one to be called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            match gate.ask(request).await {
                Ok(permitted) => inner.call(permitted).await,
                Err(reply) => Ok(respond(reply)),
            }
        })
    }
}

impl Gate {
    /// The request with its permit, or the answer to it.
    async fn ask<B>(&self, request: Request<B>) -> Result<Request<B>, Reply>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + From<Bytes>,
    {
        let plan = self.pipeline.plans().load_full();
        let Some(peer) = (self.peer)(request.extensions()) else {
            tracing::error!("the peer of a request is not known: is it put into its extensions?");
            let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
            return Err(self.turn_away(&plan, ReasonCode::Internal, &request, nobody));
        };
        match plan.select(Some(self.endpoint.as_str())) {
            Selection::Endpoint(EndpointState::Ready(endpoint)) => {
                self.judge(endpoint, plan.generation(), request, peer).await
            }
            Selection::Endpoint(EndpointState::Quarantined(_)) => {
                Err(self.turn_away(&plan, ReasonCode::EndpointQuarantined, &request, peer))
            }
            Selection::Unnamed | Selection::Unknown => {
                Err(self.turn_away(&plan, ReasonCode::EndpointUnknown, &request, peer))
            }
        }
    }

    async fn judge<B>(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        request: Request<B>,
        peer: SocketAddr,
    ) -> Result<Request<B>, Reply>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + From<Bytes>,
    {
        let (parts, body) = request.into_parts();
        let mut hop = Hop {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: Bytes::new(),
            peer,
            encrypted: false,
            certificate: None,
            mount: 0,
            received: self.pipeline.clock().now(),
            located: None,
        };
        let mut body = body;
        if endpoint.capture.reads_body() {
            let read = match Limited::new(body, MAX_BODY).collect().await {
                Ok(read) => read,
                Err(error) => {
                    let refused = Unread::of(&*error).refuse(&hop, &endpoint.capture);
                    let judged = self
                        .pipeline
                        .judge_refused::<B>(endpoint, generation, refused);
                    self.pipeline.telemetry().observe(&judged.record);
                    return judged
                        .outcome
                        .map(|permitted| restore(permitted, parts.extensions));
                }
            };
            hop.body = read.to_bytes();
            body = B::from(hop.body.clone());
        }
        let judged = self.pipeline.judge(endpoint, generation, hop, body).await;
        self.pipeline.telemetry().observe(&judged.record);
        judged
            .outcome
            .map(|permitted| restore(permitted, parts.extensions))
    }

    fn turn_away<B>(
        &self,
        plan: &Plan,
        code: ReasonCode,
        request: &Request<B>,
        peer: SocketAddr,
    ) -> Reply {
        self.pipeline.turn_away(&Unjudged {
            reason: code.into(),
            endpoint: Some(&self.endpoint),
            route: None,
            generation: plan.generation(),
            headers: request.headers(),
            correlation: None,
            peer,
        })
    }
}

/// The request as the service gets it: what was judged, and who was found to ask.
fn restore<B>(permitted: Permitted<B>, extensions: Extensions) -> Request<B> {
    let (permit, judged, body) = permitted.into_parts();
    let mut request = Request::new(body);
    *request.method_mut() = judged.method;
    *request.uri_mut() = judged.target;
    *request.headers_mut() = judged.headers;
    *request.extensions_mut() = extensions;
    for (name, _) in &judged.identity {
        request.headers_mut().remove(name);
    }
    for (name, value) in judged.identity {
        request.headers_mut().append(name, value);
    }
    request.extensions_mut().insert(Arc::new(permit));
    request
}
