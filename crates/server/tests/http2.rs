//! HTTP/2, and clients that misuse it.
#![cfg(test)]

mod wire;

use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use tokio::sync::Semaphore;
use wire::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, Raw, Running,
    WINDOW_UPDATE, field, get, listen, read_reply,
};
use ztag_server::{Answer, Incoming, LimitsSpec, Listen, Peer};

/// `:status: 200`, indexed.
const OK: u8 = 0x88;
const PROTOCOL_ERROR: u8 = 1;
const REFUSED_STREAM: u8 = 7;
const CANCEL: u8 = 8;
const ENHANCE_YOUR_CALM: u8 = 11;

/// Echoes the path; `/endless` never ends, `/held` waits until it is let go.
#[derive(Clone)]
struct Service {
    asked: Arc<AtomicUsize>,
    gone: Arc<AtomicUsize>,
    held: Arc<Semaphore>,
}

/// Counts itself when it is dropped.
struct Gone(Arc<AtomicUsize>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// So many parts of 1,000 bytes.
struct Parts(usize, Bytes);

impl Body for Parts {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.1.clone()))))
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }
}

impl Answer for Service {
    type Body = Parts;

    async fn answer(&self, request: Request<Incoming>, _: Peer) -> Response<Self::Body> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _gone = Gone(self.gone.clone());
        let parts = match request.uri().path() {
            "/endless" => Parts(usize::MAX, Bytes::from(vec![b'x'; 1000])),
            "/held" => {
                self.held.acquire().await.unwrap().forget();
                Parts(0, Bytes::new())
            }
            path => Parts(1, Bytes::from(path.to_owned())),
        };
        Response::new(parts)
    }
}

fn start(listen: &Listen) -> (Running, Service) {
    let service = Service {
        asked: Arc::default(),
        gone: Arc::default(),
        held: Arc::new(Semaphore::new(0)),
    };
    let answer = service.clone();
    let running = Running::start(listen, move || answer.clone());
    (running, service)
}

fn wait_for(counter: &AtomicUsize, least: usize) {
    while counter.load(Ordering::SeqCst) < least {
        std::thread::yield_now();
    }
}

#[test]
fn both_versions_are_spoken_on_one_port() {
    let (running, _) = start(&listen(&LimitsSpec::default()));
    let mut new = Raw::connect(&running);
    new.ask(1, "/one").unwrap();
    new.ask(3, "/two").unwrap();
    let mut old = running.connect();
    write!(old, "GET /old HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(read_reply(&mut old).0.starts_with("http/1.1 200 ok"));
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let frame = new.receive().unwrap();
        if frame.kind == HEADERS || frame.kind == DATA {
            seen.push((frame.stream, frame.kind, frame.payload));
        }
    }
    seen.sort();
    assert_eq!((seen[0].2.as_slice(), seen[1].2[0]), (&b"/one"[..], OK));
    assert_eq!((seen[2].2.as_slice(), seen[3].2[0]), (&b"/two"[..], OK));
}

#[test]
fn a_preface_may_come_in_pieces() {
    let (running, _) = start(&listen(&LimitsSpec::default()));
    let mut client = running.connect();
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        client.write_all(&[*byte]).unwrap();
    }
    let mut raw = Raw(client);
    raw.send(wire::SETTINGS, 0, 0, &[]).unwrap();
    raw.ask(1, "/").unwrap();
    assert_eq!(raw.receive_kind(HEADERS).unwrap().payload[0], OK);
}

#[test]
fn a_drain_lets_streams_finish_and_takes_no_more() {
    let (running, service) = start(&listen(&LimitsSpec::default()));
    let mut raw = Raw::connect(&running);
    raw.ask(1, "/held").unwrap();
    wait_for(&service.asked, 1);
    running.shutdown.begin();
    assert_eq!(raw.receive_kind(GOAWAY).unwrap().goaway_code(), 0);
    service.held.add_permits(1);
    assert_eq!(raw.receive_kind(HEADERS).unwrap().stream, 1);
    while raw.receive().is_some() {}
    running.join();
}

#[test]
fn a_reply_to_head_has_no_body() {
    let (running, _) = start(&listen(&LimitsSpec::default()));
    let mut raw = Raw::connect(&running);
    let mut block = get("/");
    // `:method: HEAD` as a literal in the place of the indexed `GET`.
    block.splice(..1, [0x02, 4, b'H', b'E', b'A', b'D']);
    raw.send(HEADERS, END_HEADERS | END_STREAM, 1, &block)
        .unwrap();
    let head = raw.receive_kind(HEADERS).unwrap();
    assert_eq!(head.flags & END_STREAM, END_STREAM);
}

#[test]
fn too_many_fields_are_refused() {
    let limits = LimitsSpec {
        max_headers: 10,
        ..LimitsSpec::default()
    };
    let (running, service) = start(&listen(&limits));
    let mut raw = Raw::connect(&running);
    let mut block = get("/");
    for index in 0..11 {
        block.extend(field(&format!("x-{index}"), "1"));
    }
    raw.send(HEADERS, END_HEADERS | END_STREAM, 1, &block)
        .unwrap();
    let head = raw.receive_kind(HEADERS).unwrap();
    assert_ne!(head.payload[0], OK);
    assert_eq!(service.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn attack_24_no_more_streams_than_announced_run_at_a_time() {
    let mut listen = listen(&LimitsSpec::default());
    listen.http2.max_concurrent_streams = 4;
    let (running, service) = start(&listen);
    let mut raw = Raw::connect(&running);
    for stream in 0..5 {
        raw.ask(2 * stream + 1, "/held").unwrap();
    }
    let reset = raw.receive_kind(RST_STREAM).unwrap();
    assert_eq!((reset.stream, reset.reset_code()), (9, REFUSED_STREAM));
    wait_for(&service.asked, 4);
    service.held.add_permits(4);
    for _ in 0..4 {
        raw.receive_kind(HEADERS).unwrap();
    }
    assert_eq!(service.asked.load(Ordering::SeqCst), 4);
}

/// CVE-2023-44487, all at once: the streams are reset before anybody looks at them.
#[test]
fn attack_24_a_burst_of_resets_ends_the_connection() {
    let (running, service) = start(&listen(&LimitsSpec::default()));
    let mut raw = Raw::connect(&running);
    let mut bytes = Vec::new();
    for stream in (1..2_000).step_by(2) {
        bytes.extend(wire::frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            stream,
            &get("/held"),
        ));
        bytes.extend(wire::frame(RST_STREAM, 0, stream, &[0, 0, 0, CANCEL]));
    }
    // The server may close before all of it is written.
    let _ = raw.0.write_all(&bytes);
    if let Some(goaway) = raw.receive_kind(GOAWAY) {
        assert_eq!(goaway.goaway_code(), ENHANCE_YOUR_CALM);
    }
    while raw.receive().is_some() {}
    assert!(service.asked.load(Ordering::SeqCst) < 100);
}

/// CVE-2023-44487, patiently: each stream is seen before it is reset.
#[test]
fn attack_24_resets_are_counted_over_the_whole_connection() {
    let mut listen = listen(&LimitsSpec::default());
    listen.http2.max_reset_streams = 20;
    let (running, service) = start(&listen);
    let mut raw = Raw::connect(&running);
    for index in 0..21_u32 {
        let stream = 2 * index + 1;
        raw.ask(stream, "/held").unwrap();
        wait_for(&service.asked, index as usize + 1);
        raw.send(RST_STREAM, 0, stream, &[0, 0, 0, CANCEL]).unwrap();
        wait_for(&service.gone, index as usize + 1);
    }
    assert_eq!(raw.receive_kind(GOAWAY).unwrap().goaway_code(), 0);
    while raw.receive().is_some() {}
    assert_eq!(service.asked.load(Ordering::SeqCst), 21);
}

/// CVE-2025-8671: the client breaks the rules of its streams, so that the server resets them.
#[test]
fn attack_24_streams_made_to_be_reset_are_counted() {
    let (running, service) = start(&listen(&LimitsSpec::default()));
    let mut raw = Raw::connect(&running);
    let mut sent = 0;
    for stream in (1..2_000).step_by(2) {
        let asked = raw.ask(stream, "/held");
        // A window that grows by nothing is an error of the stream.
        let broken = raw.send(WINDOW_UPDATE, 0, stream, &[0; 4]);
        if asked.is_err() || broken.is_err() {
            break;
        }
        sent += 1;
    }
    let end = raw.receive_kind(GOAWAY);
    if let Some(goaway) = end {
        assert!(matches!(
            goaway.goaway_code(),
            ENHANCE_YOUR_CALM | PROTOCOL_ERROR
        ));
    }
    while raw.receive().is_some() {}
    assert!(service.asked.load(Ordering::SeqCst) < 500, "of {sent}");
}

#[test]
fn attack_24_a_head_in_endless_pieces_is_refused() {
    let (running, service) = start(&listen(&LimitsSpec::default()));
    let mut raw = Raw::connect(&running);
    raw.send(HEADERS, END_STREAM, 1, &get("/")).unwrap();
    let mut sent = 0;
    // Each piece within the size of a frame, and none the last.
    while sent < 100_000 && raw.send(CONTINUATION, 0, 1, &field("x-a", "1")).is_ok() {
        sent += 1;
    }
    while raw.receive().is_some() {}
    assert!(sent < 100_000, "still listening after {sent}");
    assert_eq!(service.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn attack_25_a_huge_head_of_a_stream_is_refused() {
    let limits = LimitsSpec {
        max_header_bytes: 8192,
        ..LimitsSpec::default()
    };
    let (running, service) = start(&listen(&limits));
    let mut raw = Raw::connect(&running);
    let mut block = get("/");
    for index in 0..100 {
        block.extend(field(&format!("x-{index}"), &"a".repeat(120)));
    }
    raw.send(HEADERS, END_HEADERS | END_STREAM, 1, &block)
        .unwrap();
    // 431, or the end of the stream or connection.
    if let Some(frame) = raw.receive() {
        assert!(frame.kind != HEADERS || frame.payload[0] != OK);
    }
    assert_eq!(service.asked.load(Ordering::SeqCst), 0);
}

/// A client that opens no window gets no more than what it left open, and costs no more.
#[test]
fn attack_25_a_stream_that_nobody_reads_waits_for_its_client() {
    let (running, _) = start(&listen(&LimitsSpec::default()));
    let mut raw = Raw::connect(&running);
    raw.ask(1, "/endless").unwrap();
    let mut received = 0;
    while received < 65_535 {
        received += raw.receive_kind(DATA).unwrap().payload.len();
    }
    assert_eq!(received, 65_535);
    // Nothing further until the window opens.
    raw.send(PING, 0, 0, &[1; 8]).unwrap();
    raw.ask(3, "/other").unwrap();
    assert_eq!(raw.receive_kind(HEADERS).unwrap().stream, 3);
    raw.send(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]).unwrap();
    raw.send(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]).unwrap();
    let mut more = 0;
    while more < 256 {
        more += raw.receive_kind(DATA).unwrap().payload.len();
    }
    assert_eq!(more, 256);
}

#[test]
fn malformed_requests_reset_their_stream_and_nothing_else() {
    let (running, service) = start(&listen(&LimitsSpec::default()));
    let mut raw = Raw::connect(&running);
    let broken = [
        [get("/"), field("connection", "close")].concat(),
        [get("/"), field("transfer-encoding", "chunked")].concat(),
        [get("/"), field("te", "gzip")].concat(),
        [get("/"), field(":authority", "b")].concat(),
        [field("x-a", "1"), get("/")].concat(),
        [get("/"), field(":protocol", "websocket")].concat(),
    ];
    let mut stream = 1;
    for block in &broken {
        raw.send(HEADERS, END_HEADERS | END_STREAM, stream, block)
            .unwrap();
        let answer = raw
            .receive_kind(RST_STREAM)
            .unwrap_or_else(|| panic!("the connection lives: {block:?}"));
        assert_eq!(answer.stream, stream);
        assert_eq!(answer.reset_code(), PROTOCOL_ERROR);
        stream += 2;
    }
    assert_eq!(service.asked.load(Ordering::SeqCst), 0);
    raw.ask(stream, "/").unwrap();
    assert_eq!(raw.receive_kind(HEADERS).unwrap().payload[0], OK);
}

/// Bytes that no field may have end the connection: nobody writes them by mistake.
#[test]
fn attack_08_fields_with_other_bytes_reach_nobody() {
    let (running, service) = start(&listen(&LimitsSpec::default()));
    for block in [
        field("X-Upper", "1"),
        field("x-a", "b\r\nc: d"),
        field("x-a", "b\0"),
        field("x a", "b"),
        field("", "b"),
    ] {
        let mut raw = Raw::connect(&running);
        let block = [get("/"), block].concat();
        raw.send(HEADERS, END_HEADERS | END_STREAM, 1, &block)
            .unwrap();
        while let Some(frame) = raw.receive() {
            assert_ne!(frame.kind, HEADERS, "{block:?}");
            if matches!(frame.kind, RST_STREAM | GOAWAY) {
                break;
            }
        }
    }
    assert_eq!(service.asked.load(Ordering::SeqCst), 0);
}
