//! What forwarding takes of the heap, from the client's bytes to its answer: both connections,
//! routing, the decision, the record and its line.
//!
//! One test, because the counters are those of the whole process; client and upstream take nothing
//! of its heap.

#![cfg(test)]

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use ztag_benches::{TokenMint, serve};
use ztag_test_support::{Failure, Process, free_port};
use ztag_token::Algorithm;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests whose mean is taken, after as many that fill pools and caches.
const REQUESTS: usize = 320;

/// Routes that ask for nothing, for a token, and for a token, two conditions and four fields.
const POLICY: &str = r#"
endpoints:
  token:
    authentication: {allow: {jwt: [idp]}, challenge: {type: bearer, realm: api}}
    rules: [{name: known}]
  chain:
    authentication: {allow: {jwt: [idp]}, challenge: {type: bearer, realm: api}}
    rules: [{name: identify}, {name: orders}]
    responsePolicy:
      pass:
        headers:
          X-User: "{{ response.user }}"
          X-Client: "{{ response.client }}"
          X-Method: "{{ request.method }}"
          X-Scope: "{{ response.scope }}"
rules:
  known: {auth: [{match: [{type: jwt}]}]}
  identify:
    auth: [{match: [{type: jwt}]}]
    conditions: {pass: ['"read:orders" in auth.input.jwt.claims.permissions']}
    responses:
      pass:
        variables:
          user: auth.input.jwt.claims.sub
          client: auth.input.jwt.claims.client_id
          scope: auth.input.jwt.claims.scope
  orders: {conditions: {pass: ['request.path.startsWith("/chain")']}}
issuers:
  idp: {issuer: 'https://tenant.eu.example/', audiences: ['https://api.example'], jwks: {keys: KEY}}
routes:
  public: {paths: [/public], public: true, upstream: up}
  token: {paths: [/token], endpoint: token, upstream: up}
  chain: {paths: [/chain], endpoint: chain, upstream: up}
upstreams: {up: {targets: [{url: 'http://UPSTREAM'}]}}
"#;

#[test]
fn each_forwarded_request_takes_little() -> Result<(), Failure> {
    let mint = TokenMint::new(Algorithm::Es256)?;
    let upstream = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut command = Command::new(env!("CARGO_BIN_EXE_responder"));
    command.arg(upstream.to_string());
    let mut process = Process::start("responder", command)?;
    process.wait_until_listening(upstream)?;
    let key = serde_json::Value::from(mint.public_key()).to_string();
    let policy = POLICY
        .replace("KEY", &key)
        .replace("UPSTREAM", &upstream.to_string());
    let (address, shutdown) = serve(&policy)?;
    let token = mint.token(1)?;
    for (path, most) in [("/public", 17), ("/token", 20), ("/chain", 32)] {
        let calls = calls(address, path, &token)?;
        println!("{path}: {calls} allocations per request");
        assert!(calls <= most, "{path}: {calls} allocations per request");
    }
    shutdown.begin();
    Ok(())
}

/// Calls to the allocator for one request of `path` with `token`.
fn calls(address: SocketAddr, path: &str, token: &str) -> Result<usize, Failure> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: app.example.com\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    for _ in 0..REQUESTS {
        ask(&mut connection, request.as_bytes())?;
    }
    let region = Region::new(HEAP);
    for _ in 0..REQUESTS {
        ask(&mut connection, request.as_bytes())?;
    }
    let change = region.change();
    Ok((change.allocations + change.reallocations) / REQUESTS)
}

/// Sends a request and reads its answer, which has no body, without the heap.
fn ask(connection: &mut TcpStream, request: &[u8]) -> Result<(), Failure> {
    connection.write_all(request)?;
    let mut answer = [0; 2_048];
    let mut end = 0;
    while !answer[..end].ends_with(b"\r\n\r\n") {
        let read = connection.read(&mut answer[end..])?;
        assert!(read > 0, "the gateway hung up");
        end += read;
    }
    let head = &answer[..end];
    assert!(
        head.starts_with(b"HTTP/1.1 200 "),
        "{:?}",
        str::from_utf8(head)
    );
    Ok(())
}
