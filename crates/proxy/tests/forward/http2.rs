//! Clients of HTTP/2 before an upstream of HTTP/1.1.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::gate::Gate;
use crate::origin::Origin;

#[test]
fn what_differs_between_versions_is_translated() {
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nok\r\n0\r\nGrpc-Status: 0\r\n\r\n"
            .into()
    });
    let gate = Gate::route(origin.address, r#""endpoint": "open""#);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stream = TcpStream::connect(gate.address).await.unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::get("http://App.Example:8080/a%20b?c=d")
            .version(Version::HTTP_2)
            .header("te", "trailers")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("keep-alive"));
        let collected = response.into_body().collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        assert_eq!(
            trailers.get("grpc-status").map(http::HeaderValue::as_bytes),
            Some(b"0".as_slice())
        );
        assert_eq!(collected.to_bytes(), "ok");
    });
    let seen = origin.only();
    assert_eq!(seen.start(), "GET /a%20b?c=d HTTP/1.1");
    assert_eq!(seen.all("host"), ["app.example:8080"]);
    assert_eq!(seen.all("cookie"), ["a=1; b=2"]);
    assert_eq!(seen.all("te"), ["trailers"]);
    assert_eq!(seen.all("connection"), ["te"]);
    let via = seen.all("via");
    assert!(
        matches!(*via, [via] if via.starts_with("2.0 ztag-")),
        "{seen:?}"
    );
}
