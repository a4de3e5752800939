//! What an idle connection costs. Run alone and in release: `cargo test --release -p ztag-server
//! --test idle -- --ignored --nocapture`.
#![cfg(test)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use ztag_server::{Answer, Incoming, LimitsSpec, Listen, Peer, Server, Shutdown};

/// That of the programs: others keep what is free among what is not.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Nothing;

impl Answer for Nothing {
    type Body = Full<Bytes>;

    async fn answer(&self, _: Request<Incoming>, _: Peer) -> Response<Self::Body> {
        Response::new(Full::default())
    }
}

/// Resident memory of this process in KB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.unwrap().split_whitespace();
    words.map(str::parse).find_map(Result::ok).unwrap()
}

fn ask(client: &mut TcpStream) {
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut reply = [0; 512];
    assert!(client.read(&mut reply).unwrap() > 0);
}

#[test]
#[ignore = "a measurement: takes seconds, and memory of other tests would count"]
fn an_idle_connection_costs_less_than_8_kb() {
    const COUNT: usize = 3_000;
    let limits = LimitsSpec {
        workers: 1,
        ..LimitsSpec::default()
    };
    let listen = Listen::plain("127.0.0.1:0".parse().unwrap(), limits);
    let shutdown = Shutdown::new();
    let server = Server::start(&listen, &shutdown, || Nothing).unwrap();
    for _ in 0..100 {
        ask(&mut TcpStream::connect(server.address()).unwrap());
    }
    let before = resident();
    let mut clients: Vec<_> = (0..COUNT)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    clients.iter_mut().for_each(ask);
    let served = resident();
    thread::sleep(Duration::from_secs(5));
    // The allocator gives memory back while it works, not by itself.
    let mut busy = TcpStream::connect(server.address()).unwrap();
    for _ in 0..2_000 {
        ask(&mut busy);
    }
    thread::sleep(Duration::from_secs(1));
    for _ in 0..2_000 {
        ask(&mut busy);
    }
    let idle = resident();
    let each = |resident: usize| {
        #[expect(clippy::cast_precision_loss, reason = "KB in thousands")]
        let growth = resident.saturating_sub(before) as f64;
        growth / 3_000.0
    };
    println!(
        "just served: {:.2} KB, idle: {:.2} KB",
        each(served),
        each(idle)
    );
    clients.iter_mut().for_each(ask);
    assert!(each(idle) < 8.0);
    drop(clients);
    shutdown.begin();
    server.join();
}
