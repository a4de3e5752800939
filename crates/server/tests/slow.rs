//! Clients that take their time, against limits of one second.
#![cfg(test)]

mod wire;

use std::convert::Infallible;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use tokio::sync::Semaphore;
use wire::{DATA, HEADERS, Raw, Running, listen, read_reply};
use ztag_server::{Answer, Incoming, LimitsSpec, Listen, Peer};

/// `/endless` sends without end, `/held` waits before the reply, `/drip` within it.
#[derive(Clone)]
struct Service(Arc<Semaphore>);

enum Reply {
    Empty,
    Endless(Bytes),
    /// One part, then another as soon as there is a permit.
    Drip(bool, Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Endless(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes.clone())))),
            Self::Drip(first @ true, _) => {
                *first = false;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"one")))))
            }
            Self::Drip(_, more) => more.as_mut().poll(cx).map(|()| {
                *self = Self::Empty;
                Some(Ok(Frame::data(Bytes::from_static(b"two"))))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl Answer for Service {
    type Body = Reply;

    async fn answer(&self, request: Request<Incoming>, _: Peer) -> Response<Reply> {
        let held = self.0.clone();
        let held = async move { held.acquire().await.unwrap().forget() };
        Response::new(match request.uri().path() {
            "/endless" => Reply::Endless(Bytes::from(vec![b'x'; 65_536])),
            "/drip" => Reply::Drip(true, Box::pin(held)),
            "/held" => {
                held.await;
                Reply::Empty
            }
            _ => Reply::Empty,
        })
    }
}

fn impatient() -> Listen {
    let second = "1s".parse().unwrap();
    listen(&LimitsSpec {
        header_timeout: second,
        write_timeout: second,
        idle_timeout: second,
        ..LimitsSpec::default()
    })
}

fn start() -> (Running, Arc<Semaphore>) {
    let held = Arc::new(Semaphore::new(0));
    let service = Service(held.clone());
    (Running::start(&impatient(), move || service.clone()), held)
}

/// Reads until the server ends the connection, as the test would else wait for ever.
fn is_cut(client: &mut impl Read) {
    let mut bytes = [0; 4096];
    loop {
        match client.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                let reset = error.kind() == std::io::ErrorKind::ConnectionReset;
                assert!(reset, "still open: {error}");
                return;
            }
        }
    }
}

#[test]
fn attack_25_connections_that_ask_nothing_are_cut() {
    let (running, _) = start();
    let mut silent = running.connect();
    let mut slow = running.connect();
    write!(slow, "GET / HTTP/1.1\r\nHost:").unwrap();
    let mut idle = running.connect();
    write!(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(read_reply(&mut idle).0.starts_with("http/1.1 200"));
    let mut preface = running.connect();
    write!(preface, "PRI * HT").unwrap();
    let mut streams = Raw::connect(&running);
    let mut quiet = Raw::connect(&running);
    quiet.ask(1, "/").unwrap();
    assert_eq!(quiet.receive_kind(HEADERS).unwrap().stream, 1);
    for client in [
        &mut silent,
        &mut slow,
        &mut idle,
        &mut preface,
        &mut streams.0,
        &mut quiet.0,
    ] {
        is_cut(client);
    }
}

#[test]
fn attack_25_a_head_of_a_stream_that_never_ends_is_cut() {
    let (running, _) = start();
    let mut raw = Raw::connect(&running);
    // A head without its end: nothing else may come before that (RFC 9113 section 6.10).
    raw.send(HEADERS, 0, 1, &wire::get("/")).unwrap();
    is_cut(&mut raw.0);
}

#[test]
fn attack_25_a_reply_that_nobody_takes_is_cut() {
    let (running, _) = start();
    let mut old = running.connect();
    write!(old, "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut new = Raw::connect(&running);
    new.ask(1, "/endless").unwrap();
    // Both stop to read, and lose their connection: seen from outside, as the count falls.
    while running.connections.open() > 0 {
        std::thread::yield_now();
    }
}

/// A reply that waits for us is not the client's fault, however long it takes.
#[test]
fn waiting_for_an_answer_is_no_slowness() {
    let (running, held) = start();
    let mut clients = Vec::new();
    for path in ["/held", "/drip"] {
        let mut old = running.connect();
        write!(old, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut new = Raw::connect(&running);
        new.ask(1, path).unwrap();
        if path == "/drip" {
            assert!(read_reply(&mut old).0.starts_with("http/1.1 200"));
            assert_eq!(new.receive_kind(DATA).unwrap().payload, b"one");
        }
        clients.push((path, old, new));
    }
    // Long enough for others to be cut three times.
    for _ in 0..3 {
        is_cut(&mut running.connect());
    }
    held.add_permits(4);
    for (path, mut old, mut new) in clients {
        if path == "/held" {
            assert!(read_reply(&mut old).0.starts_with("http/1.1 200"));
            assert_eq!(new.receive_kind(HEADERS).unwrap().stream, 1);
        } else {
            let mut rest = [0; 16];
            old.read_exact(&mut rest).unwrap();
            assert_eq!(&rest, b"3\r\none\r\n3\r\ntwo\r\n");
            assert_eq!(new.receive_kind(DATA).unwrap().payload, b"two");
        }
    }
}
