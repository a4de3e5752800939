//! One server takes the place of another while clients go on.
#![cfg(test)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use ztag_server::{Answer, Incoming, LimitsSpec, Listen, Peer, Server, Shutdown};

struct Named(usize);

impl Answer for Named {
    type Body = Full<Bytes>;

    async fn answer(&self, _: Request<Incoming>, _: Peer) -> Response<Self::Body> {
        Response::new(Full::from(self.0.to_string()))
    }
}

fn start(address: SocketAddr, path: &Path, name: usize) -> (Server, Shutdown) {
    let limits = LimitsSpec {
        workers: 2,
        ..LimitsSpec::default()
    };
    let mut listen = Listen::plain(address, limits);
    listen.handover = Some(path.to_owned());
    let shutdown = Shutdown::new();
    let server = Server::start(&listen, &shutdown, move || Named(name)).unwrap();
    (server, shutdown)
}

/// One request; whether the connection may carry another.
fn ask(client: &mut TcpStream) -> io::Result<bool> {
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    let mut reply = Vec::new();
    let mut byte = [0];
    // Names are of one digit.
    while !reply.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        reply.extend(byte);
    }
    client.read_exact(&mut byte)?;
    let reply = String::from_utf8_lossy(&reply).to_ascii_lowercase();
    if reply.starts_with("http/1.1 200 ok\r\n") {
        Ok(!reply.contains("connection: close"))
    } else {
        Err(io::Error::other(reply))
    }
}

/// Asks on and on, over connections that last for `each` requests at most.
fn keep_asking(address: SocketAddr, each: usize, stop: &AtomicBool, asked: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        let mut client = TcpStream::connect(address).unwrap();
        for _ in 0..each {
            asked.fetch_add(1, Ordering::Relaxed);
            if !ask(&mut client).unwrap() || stop.load(Ordering::Relaxed) {
                break;
            }
        }
    }
}

#[test]
fn a_restart_by_handover_loses_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handover");
    let (mut old, _first) = start("127.0.0.1:0".parse().unwrap(), &path, 0);
    let address = old.address();
    let (stop, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let clients: Vec<_> = [1, 7, usize::MAX]
        .map(|each| {
            let (stop, asked) = (stop.clone(), asked.clone());
            thread::spawn(move || keep_asking(address, each, &stop, &asked))
        })
        .into();
    // One that has nothing to say while all of this happens.
    let mut silent = TcpStream::connect(address).unwrap();
    assert!(ask(&mut silent).unwrap());

    for name in 1..=9 {
        let before = asked.load(Ordering::Relaxed);
        while asked.load(Ordering::Relaxed) < before + 100 {
            thread::yield_now();
        }
        let (new, shutdown) = start(address, &path, name);
        assert_eq!(new.address(), address);
        if name == 1 {
            // Told to go sooner or later, and answered until then.
            while ask(&mut silent).unwrap() {}
        }
        // The old one ends by itself: its clients were told to go with their replies.
        old.join();
        assert!(!shutdown.is_begun());
        old = new;
        std::mem::forget(shutdown);
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request is lost");
    }
}

#[test]
fn a_server_elsewhere_takes_no_socket_but_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handover");
    let (old, _old) = start("127.0.0.1:0".parse().unwrap(), &path, 0);
    let (new, shutdown) = start("127.0.0.2:0".parse().unwrap(), &path, 1);
    assert_ne!(old.address(), new.address());
    old.join();
    let mut client = TcpStream::connect(new.address()).unwrap();
    assert!(ask(&mut client).unwrap());
    drop(client);
    shutdown.begin();
    new.join();
}
