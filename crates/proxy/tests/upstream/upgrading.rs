//! Upgraded connections.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use ztag_proxy::Outgoing;

use crate::target::{Connection, Target, ok};
use crate::{ask, at_rest, connections, get, group, patient, send, until};

fn upgrade() -> Request<Outgoing> {
    let mut request = get();
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("echo"));
    request
}

#[tokio::test]
async fn an_upgraded_connection_belongs_to_whoever_asked_for_it() {
    let target = Target::start(|_, mut connection: Connection| async move {
        connection.request().await?;
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhi";
        connection.send(head).await;
        while let Some(text) = connection.read(3).await {
            connection.send(&text).await;
        }
        Some(())
    })
    .await;
    let upstream = group(&[target.url()], |_| {});
    let mut response = send(&upstream, upgrade()).await.outcome.unwrap();
    assert_eq!(response.status(), 101);
    let upgraded = patient(hyper::upgrade::on(&mut response)).await.unwrap();
    let mut wire = TokioIo::new(upgraded);
    let mut text = [0; 2];
    patient(wire.read_exact(&mut text)).await.unwrap();
    assert_eq!(&text, b"hi");
    for message in [b"abc", b"def"] {
        wire.write_all(message).await.unwrap();
        let mut text = [0; 3];
        patient(wire.read_exact(&mut text)).await.unwrap();
        assert_eq!(&text, message);
    }
    // It counts as under way as long as its body is held, and as open until it is closed.
    assert_eq!((upstream.requests(), connections(&upstream)), (1, 1));
    drop(response);
    at_rest(&upstream).await;
    assert_eq!(connections(&upstream), 1);
    drop(wire);
    until("closed", || connections(&upstream) == 0).await;
}

#[tokio::test]
async fn attack_21_a_refused_upgrade_is_a_response_like_any_other() {
    let target = Target::replying(ok("no")).await;
    let upstream = group(&[target.url()], |_| {});
    for _ in 0..2 {
        assert_eq!(ask(&upstream, upgrade()).await, "200 no");
    }
    assert_eq!(target.accepted(), 1);
    at_rest(&upstream).await;
}
