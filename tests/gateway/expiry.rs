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
  idp: {issuer: 'https://idp.example/', audiences: [a], clockSkew: {skew}, jwks: {keys: '{keys}'}}
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

/// A gateway before an upstream that tells events, which forgives `skew` seconds, and a token that
/// expires in so many seconds.
fn open(skew: u64, left: i64) -> Result<(House, RawServer, String), Failure> {
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
        .replace("{skew}", &format!("{skew}s"))
        .replace("{upstream}", &upstream.address().to_string());
    let house = House::open(tempfile::tempdir()?, "", &policy)?;
    let expires = unix_time().saturating_add_signed(left);
    let token = mint.token(&json!({
        "iss": "https://idp.example/", "aud": "a", "sub": "ada", "client_id": "c",
        "jti": "1", "iat": expires - 60, "exp": expires,
    }));
    Ok((house, upstream, token))
}

/// Both streams begin and are cut off.
fn check_streams(house: &House, token: &str) -> Result<(), Failure> {
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

#[test]
fn attack_42_a_stream_ends_with_the_token() -> Result<(), Failure> {
    let (house, _upstream, token) = open(0, 5)?;
    check_streams(&house, &token)
}

/// Who is let in while clocks differ is served for as long as that is forgiven.
#[test]
fn attack_42_a_stream_ends_when_no_skew_is_forgiven_any_more() -> Result<(), Failure> {
    let (house, _upstream, token) = open(7, -2)?;
    check_streams(&house, &token)
}
