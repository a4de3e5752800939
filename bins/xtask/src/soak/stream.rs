//! Sockets and event streams that stay open from the first request to the last.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ztag_test_support::{Connection, Failure, TlsClient, masked_frame, read_frame};

use super::house::House;

/// Streams of each sort through each gateway.
const EACH: usize = 4;

/// From one frame to the next.
const FRAME: Duration = Duration::from_millis(250);

/// The opcode of a binary frame.
const BINARY: u8 = 2;

#[derive(Clone, Copy, Debug)]
enum Sort {
    WebSocket,
    Events,
}

/// Streams, each in a thread of its own.
pub(super) struct Streams {
    over: Arc<AtomicBool>,
    passed: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Result<(), Failure>>>,
}

/// What became of them.
pub(super) struct Streamed {
    count: usize,
    passed: u64,
    faults: Vec<String>,
}

impl Streams {
    /// Opens all of them.
    pub(super) fn open(house: &House) -> Result<Self, Failure> {
        let mut streams = Self {
            over: Arc::default(),
            passed: Arc::default(),
            threads: Vec::new(),
        };
        let wallet = house.issuer.wallet();
        for (address, client) in house.stream_doors()? {
            for turn in 0..EACH * 2 {
                let token = wallet.holder(turn);
                let token = token.ok_or_else(|| Failure::new("no token"))?;
                let sort = if turn < EACH {
                    Sort::WebSocket
                } else {
                    Sort::Events
                };
                let (client, text) = (client.clone(), token.text.clone());
                let (over, passed) = (Arc::clone(&streams.over), Arc::clone(&streams.passed));
                streams.threads.push(thread::spawn(move || {
                    let mut stream = connect(address, client.as_ref())?;
                    let run = match sort {
                        Sort::WebSocket => socket(&mut stream, &text, &over, &passed),
                        Sort::Events => events(&mut stream, &text, &over, &passed),
                    };
                    run.map_err(|failure| failure.during(&format!("{sort:?}")))
                }));
            }
        }
        Ok(streams)
    }

    /// Closes them.
    pub(super) fn end(self) -> Streamed {
        self.over.store(true, Ordering::Release);
        let count = self.threads.len();
        let ended = self.threads.into_iter().filter_map(|thread| {
            let ended = thread.join();
            let ended = ended.unwrap_or_else(|_| Err(Failure::new("a stream panicked")));
            ended.err().map(|failure| failure.to_string())
        });
        let faults = ended.collect();
        Streamed {
            count,
            passed: self.passed.load(Ordering::Acquire),
            faults,
        }
    }
}

impl Streamed {
    /// What is wrong.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        if self.passed == 0 {
            faults.push(String::from("nothing passed through streams"));
        }
        faults
    }
}

impl fmt::Display for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} streams held open, {} frames and events, {} streams broken",
            self.count,
            self.passed,
            self.faults.len()
        )
    }
}

fn connect(address: SocketAddr, client: Option<&TlsClient>) -> io::Result<Connection> {
    match client {
        None => Connection::open(address),
        Some(client) => Connection::open_tls(address, client, b""),
    }
}

fn head(path: &str, token: &str, lines: &str) -> Vec<u8> {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: live.example.com\r\nAuthorization: Bearer {token}\r\n{lines}\r\n"
    );
    head.into_bytes()
}

/// Sends numbered frames and wants each back.
fn socket(
    stream: &mut Connection,
    token: &str,
    over: &AtomicBool,
    passed: &AtomicU64,
) -> Result<(), Failure> {
    let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    stream.write(&head("/feed", token, lines))?;
    let status = stream.reply("GET")?.status;
    if status != 101 {
        return Err(Failure::new(format!("answered {status}")));
    }
    let mut number: u64 = 0;
    while !over.load(Ordering::Acquire) {
        let sent = number.to_be_bytes();
        stream.write(&masked_frame(BINARY, &sent))?;
        if read_frame(stream)? != (BINARY, sent.to_vec()) {
            return Err(Failure::new(format!("frame {number} came back changed")));
        }
        passed.fetch_add(1, Ordering::Relaxed);
        number += 1;
        thread::park_timeout(FRAME);
    }
    Ok(())
}

/// Reads numbered events, none of which may be missing.
fn events(
    stream: &mut Connection,
    token: &str,
    over: &AtomicBool,
    passed: &AtomicU64,
) -> Result<(), Failure> {
    stream.write(&head("/events", token, ""))?;
    let first = stream.line()?;
    if !first.contains(" 200 ") {
        return Err(Failure::new(format!("answered {first}")));
    }
    let mut number: u64 = 0;
    while !over.load(Ordering::Acquire) {
        let line = stream.line()?;
        if line.is_empty() {
            return Err(Failure::new(format!("ended after {number} events")));
        }
        let Some(event) = line.strip_prefix("data: ") else {
            continue;
        };
        if event.trim() != number.to_string() {
            return Err(Failure::new(format!("event {event} instead of {number}")));
        }
        passed.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
    Ok(())
}
