//! Nobody is answered for longer than what they were admitted by is good for.

use std::io::Write;
use std::net::TcpStream;

use serde_json::json;
use ztag_test_support::{Connection, Failure, Mint, RawServer, unix_time};

use crate::house::House;
use crate::upgrade::read_head;

const POLICY: &str = r"
endpoints:
  api:
    authentication: {allow: {jwt: [idp]}}
    rules: [{name: identify}]
rules:
  identify: {auth: [{match: [{type: jwt}]}]}
issuers:
  idp: {issuer: 'https://idp.example/', audiences: [a], jwks: {keys: '{keys}'}}
routes:
  all: {endpoint: api, upstream: app}
upstreams:
  app: {targets: [{url: 'http://{upstream}'}]}
";

const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                      Transfer-Encoding: chunked\r\n\r\n";

/// One event, and then nothing, or the same without end.
fn tell(stream: &mut TcpStream, path: &str) -> std::io::Result<()> {
    stream.write_all(EVENTS.as_bytes())?;
    let event = b"9\r\ndata: x\n\n\r\n";
    stream.write_all(event)?;
    if path == "/flood" {
        let events = event.repeat(1_000);
        loop {
            stream.write_all(&events)?;
        }
    }
    // Until the gateway hangs up.
    read_head(stream);
    Ok(())
}

#[test]
fn attack_42_a_stream_ends_with_the_token() -> Result<(), Failure> {
    let upstream = RawServer::start(|_, mut stream| {
        let head = String::from_utf8_lossy(&read_head(&mut stream)).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        // The gateway hangs up.
        let _ = tell(&mut stream, &path);
    })?;
    let mint = Mint::new("k")?;
    let keys = json!({"keys": [mint.public()]}).to_string();
    let policy = POLICY
        .replace("{keys}", &keys)
        .replace("{upstream}", &upstream.address().to_string());
    let house = House::open(tempfile::tempdir()?, "", &policy)?;
    let now = unix_time();
    let token = mint.token(&json!({
        "iss": "https://idp.example/", "aud": "a", "sub": "ada", "client_id": "c",
        "jti": "1", "iat": now, "exp": now + 5,
    }));
    let mut streams = Vec::new();
    for path in ["/quiet", "/flood"] {
        let mut client = Connection::open(house.address())?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: app.example.com\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        client.write(head.as_bytes())?;
        streams.push((path, client));
    }
    for (path, mut client) in streams {
        assert_eq!(client.line()?.trim_end(), "HTTP/1.1 200 OK", "{path}");
        let rest = client.rest()?;
        let contains = |part: &[u8]| rest.windows(part.len()).any(|own| own == part);
        assert!(contains(b"data: x"), "{path}");
        assert!(
            !rest.ends_with(b"0\r\n\r\n"),
            "{path}: nobody takes it for whole"
        );
    }
    Ok(())
}
