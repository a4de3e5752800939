//! What a guardrail adds to a request and to the first byte of a stream, through the gateway and back, beside
//! the same route without one: requests alternate, so that whatever else the machine does falls on both.
//!
//! Prints the median and the 99th percentile of each route, and the difference of the medians.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot start has nothing to measure, and prints what it measured"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mimalloc::MiMalloc;
use ztag_benches::serve;

#[global_allocator]
static HEAP: MiMalloc = MiMalloc;

/// Pairs of requests that count, after a tenth as many that do not.
const PAIRS: usize = 4_000;

/// The same upstream with a guardrail before it and without.
const POLICY: &str = "
guardrails:
  chat: {content: {output: {links: {}}}}
routes:
  plain: {paths: [/plain/*], public: true, upstream: up}
  request:
    paths: [/request/*]
    public: true
    upstream: up
    guard: {guardrail: chat, request: {json: {presets: [openai-chat]}}}
  both:
    paths: [/both/*]
    public: true
    upstream: up
    guard:
      guardrail: chat
      restore: true
      request: {json: {presets: [openai-chat]}}
      response: {json: {presets: [openai-chat]}}
upstreams: {up: {targets: [{url: 'http://UPSTREAM'}]}}
";

/// Sentences of which bodies of about 2 KB are made.
const SENTENCE: &str =
    "Our team met on Monday to plan the launch, and Priya will send the notes by noon. ";

fn main() {
    let upstream = model();
    let (gateway, shutdown) =
        serve(&POLICY.replace("UPSTREAM", &upstream.to_string())).expect("the policy is sound");
    println!("| what | plain p50 | p99 | guarded p50 | p99 | added p50 |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (what, guarded, kind) in [
        ("2 KB JSON request, read", "/request/short", Kind::Whole),
        (
            "the same, and a 2 KB JSON answer",
            "/both/whole",
            Kind::Whole,
        ),
        (
            "first byte of a stream, 2 KB request",
            "/both/events",
            Kind::First,
        ),
    ] {
        let plain = format!("/plain/{}", guarded.rsplit('/').next().unwrap_or_default());
        let times = measure(gateway, [&plain, guarded], kind);
        row(what, times);
    }
    shutdown.begin();
}

/// Until when is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Until the whole answer is there.
    Whole,
    /// Until the first byte behind the head is there.
    First,
}

/// A model: what it answers stands in the path.
fn model() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("it is open");
    let events = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there. \"}}]}\n\n")
    );
    let (short, whole) = (json("Yes."), json(&SENTENCE.repeat(24)));
    let mut buffer = Vec::new();
    while let Some(head) = message(&mut stream, &mut buffer) {
        let reply = match head.split(' ').nth(1).unwrap_or_default() {
            path if path.ends_with("/events") => &events,
            path if path.ends_with("/whole") => &whole,
            _ => &short,
        };
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

fn json(text: &str) -> String {
    let body = format!(r#"{{"choices": [{{"index": 0, "message": {{"content": "{text}"}}}}]}}"#);
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The head of the next message, whose body is read and dropped.
fn message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
            let head: Vec<u8> = buffer.drain(..end + 4).collect();
            break String::from_utf8_lossy(&head).into_owned();
        }
        more(stream, buffer)?;
    };
    let lower = head.to_ascii_lowercase();
    if let Some((_, rest)) = lower.split_once("content-length: ") {
        let length: usize = rest.split("\r\n").next()?.parse().ok()?;
        while buffer.len() < length {
            more(stream, buffer)?;
        }
        buffer.drain(..length);
    } else if lower.contains("transfer-encoding: chunked") {
        let end = loop {
            if let Some(end) = buffer.windows(5).position(|part| part == b"0\r\n\r\n") {
                break end;
            }
            more(stream, buffer)?;
        };
        buffer.drain(..end + 5);
    }
    Some(head)
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 16 * 1024];
    let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(piece.get(..read)?);
    Some(())
}

/// Times of requests to both paths in turn.
fn measure(gateway: SocketAddr, paths: [&str; 2], kind: Kind) -> [Vec<Duration>; 2] {
    let body = format!(
        r#"{{"model": "m", "messages": [{{"role": "user", "content": "{}"}}]}}"#,
        SENTENCE.repeat(24)
    );
    let requests = paths.map(|path| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: models.example.com\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
    });
    let mut stream = TcpStream::connect(gateway).expect("the gateway listens");
    stream.set_nodelay(true).expect("it is open");
    let mut times = [Vec::new(), Vec::new()];
    for pair in 0..PAIRS + PAIRS / 10 {
        for (request, times) in requests.iter().zip(&mut times) {
            let time = ask(&mut stream, request, kind);
            if pair >= PAIRS / 10 {
                times.push(time);
            }
        }
    }
    times
}

fn ask(stream: &mut TcpStream, request: &str, kind: Kind) -> Duration {
    let mut buffer = Vec::new();
    let begun = Instant::now();
    stream
        .write_all(request.as_bytes())
        .expect("the gateway reads");
    let first = |buffer: &[u8]| {
        let end = buffer.windows(4).position(|part| part == b"\r\n\r\n");
        end.is_some_and(|end| buffer.len() > end + 4)
    };
    while kind == Kind::First && !first(&buffer) {
        more(stream, &mut buffer).expect("the gateway answers");
    }
    let until_first = begun.elapsed();
    let head = message(stream, &mut buffer).expect("the gateway answers");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    match kind {
        Kind::Whole => begun.elapsed(),
        Kind::First => until_first,
    }
}

fn row(what: &str, times: [Vec<Duration>; 2]) {
    let [plain, guarded] = times.map(|mut times| {
        times.sort_unstable();
        let at = |part: usize| {
            let time = times.get(times.len() * part / 100).copied();
            time.unwrap_or_default().as_secs_f64() * 1e6
        };
        (at(50), at(99))
    });
    println!(
        "| {what} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
        plain.0,
        plain.1,
        guarded.0,
        guarded.1,
        guarded.0 - plain.0
    );
}
