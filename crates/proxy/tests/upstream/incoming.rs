//! Request bodies that a client streams.

use std::convert::Infallible;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::Empty;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use ztag_proxy::Outgoing;

use crate::patient;

/// What the client may let wait.
const PATIENCE: Duration = Duration::from_mins(10);

/// The client of a streamed request; the request breaks off when it is dropped.
pub(crate) struct Client(DuplexStream);

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }
}

/// A request whose body of `length` bytes its client still has to send.
pub(crate) async fn streamed(method: Method, length: usize) -> (Request<Outgoing>, Client) {
    let (mut client, server) = duplex(64 * 1024);
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let serving = http1::Builder::new().serve_connection(
        TokioIo::new(server),
        service_fn(move |request: Request<_>| {
            arrived.send(request.into_body()).unwrap();
            // The answer is somebody else's.
            std::future::pending::<Result<Response<Empty<&[u8]>>, Infallible>>()
        }),
    );
    tokio::spawn(serving);
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let body = patient(arrivals.recv()).await.unwrap();
    let mut request = Request::new(Outgoing::streamed(body, PATIENCE, None));
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_static("/");
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("app.example"));
    headers.insert("content-length", length.into());
    (request, Client(client))
}
