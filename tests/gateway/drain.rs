//! The end of a gateway: what is under way is finished, nobody new is let in, and nobody is waited
//! for without end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use ztag_test_support::{
    Authority, Connection, Failure, Gateway, MockServer, RawServer, Reply, TlsClient, masked_frame,
    read_frame,
};

use crate::house::{House, POLICY};

/// Between two looks at something that cannot be waited for, and how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const ATTEMPTS: u32 = 6_000;

const PATIENT: &str = "  limits: {drainTimeout: 60s}\n";
const HASTY: &str = "  limits: {drainTimeout: 1s}\n";

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                      Transfer-Encoding: chunked\r\n\r\n";

/// An upstream that says what a test tells it to, when it is told.
struct Puppet {
    server: RawServer,
    asked: Receiver<()>,
    says: Sender<String>,
}

impl Puppet {
    fn start() -> Result<Self, Failure> {
        let (told, asked) = channel();
        let (says, heard) = channel::<String>();
        let heard = Mutex::new(heard);
        let server = RawServer::start(move |_, mut stream| {
            read_head(&mut stream);
            told.send(()).ok();
            let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            while let Ok(text) = heard.recv() {
                if text.is_empty() || stream.write_all(text.as_bytes()).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self {
            server,
            asked,
            says,
        })
    }

    fn before(&self, server: &str) -> Result<House, Failure> {
        let policy = POLICY.replace("{upstream}", &self.server.address().to_string());
        House::open(tempfile::tempdir()?, server, &policy)
    }

    fn wait_until_asked(&self) -> Result<(), Failure> {
        let asked = self.asked.recv();
        asked.map_err(|_| Failure::new("nobody asks the upstream"))
    }

    fn say(&self, text: &str) {
        self.says.send(text.to_owned()).ok();
    }
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.extend(byte);
    }
}

fn request(path: &str, lines: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: app.example.com\r\n{lines}\r\n").into_bytes()
}

/// Tells the gateway to end, and waits until nobody new is let in.
fn terminate(house: &House) -> Result<(), Failure> {
    let process = &house.gateway.process;
    process.signal("TERM")?;
    process.wait_for_line(|line| line.contains("draining"))?;
    for _ in 0..ATTEMPTS {
        if TcpStream::connect(house.address()).is_err() {
            return Ok(());
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    Err(Failure::new("connections are taken without end"))
}

/// Starts a gateway where another one listens.
fn start_beside(config: &Path, port: u16) -> Result<Gateway, Failure> {
    let gateway = Gateway::start(config, port, &[])?;
    let process = &gateway.process;
    process.wait_for_line(|line| line.contains("\"listening\""))?;
    Ok(gateway)
}

fn expect_end(gateway: &mut Gateway) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS {
        if gateway.process.has_ended() {
            return Ok(());
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    let log = gateway.process.log();
    Err(Failure::new(format!("the gateway goes on\n{log}")))
}

#[test]
fn a_slow_reply_under_way_is_finished() -> Result<(), Failure> {
    let upstream = Puppet::start()?;
    let mut house = upstream.before(PATIENT)?;
    let mut idle = Connection::open(house.address())?;
    idle.write(&request("/orders/7", ""))?;
    assert_eq!(idle.reply("GET")?.status, 401);
    let mut client = Connection::open(house.address())?;
    client.write(&request("/open", ""))?;
    upstream.wait_until_asked()?;
    terminate(&house)?;
    assert!(idle.ends(), "a silent connection is kept");
    assert!(!house.gateway.process.has_ended(), "it did not wait");
    upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    let reply = client.reply("GET")?;
    assert_eq!((reply.status, reply.text().as_str()), (200, "late"));
    let said = reply.headers.value("connection");
    assert_eq!(said.as_deref(), Some("close"), "the client is not told");
    assert!(client.ends());
    expect_end(&mut house.gateway)
}

#[test]
fn a_stream_under_way_goes_on_to_its_end() -> Result<(), Failure> {
    let upstream = Puppet::start()?;
    let mut house = upstream.before(PATIENT)?;
    let mut client = Connection::open(house.address())?;
    client.write(&request("/open", ""))?;
    upstream.wait_until_asked()?;
    upstream.say(STREAM);
    upstream.say("9\r\ndata: 0\n\n\r\n");
    while client.line()? != "data: 0\n" {}
    terminate(&house)?;
    for _ in 0..3 {
        upstream.say("9\r\ndata: 1\n\n\r\n");
        while client.line()? != "data: 1\n" {}
        assert!(!house.gateway.process.has_ended());
    }
    upstream.say("0\r\n\r\n");
    let rest = String::from_utf8_lossy(&client.rest()?).into_owned();
    assert!(rest.ends_with("0\r\n\r\n"), "no end but a cut: {rest:?}");
    expect_end(&mut house.gateway)
}

#[test]
fn a_stream_without_end_is_cut_when_its_time_is_over() -> Result<(), Failure> {
    let upstream = Puppet::start()?;
    let mut house = upstream.before(HASTY)?;
    let mut client = Connection::open(house.address())?;
    client.write(&request("/open", ""))?;
    upstream.wait_until_asked()?;
    upstream.say(STREAM);
    terminate(&house)?;
    let rest = String::from_utf8_lossy(&client.rest()?).into_owned();
    assert!(!rest.ends_with("0\r\n\r\n"), "a cut looks like an end");
    expect_end(&mut house.gateway)?;
    let cut = |line: &str| line.contains("drain timeout");
    house.gateway.process.wait_for_line(cut).map(drop)
}

/// A switched connection has no end that could be waited for: whoever speaks on it comes back to the
/// next process.
#[test]
fn a_socket_is_closed_at_once_and_both_sides_know() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let mut house = House::before(&upstream, PATIENT)?;
    let mut socket = Connection::open(house.address())?;
    let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    socket.write(&request("/open", lines))?;
    assert_eq!(socket.reply("GET")?.status, 101);
    socket.write(&masked_frame(1, b"here"))?;
    assert_eq!(read_frame(&mut socket)?, (1, b"here".to_vec()));
    terminate(&house)?;
    assert!(socket.ends());
    expect_end(&mut house.gateway)
}

const CLIENTS: usize = 4;
/// Requests that are answered between two events.
const BETWEEN: usize = 100;

/// Clients that keep their connections until they are told to go, as good clients do.
struct Crowd<'a> {
    house: &'a House,
    tls: TlsClient,
    over: AtomicBool,
    answered: AtomicUsize,
}

impl Crowd<'_> {
    fn more(&self) -> Result<(), Failure> {
        let goal = self.answered.load(Ordering::Acquire) + BETWEEN;
        for _ in 0..ATTEMPTS {
            if self.answered.load(Ordering::Acquire) >= goal {
                return Ok(());
            }
            thread::park_timeout(LOOK_AGAIN);
        }
        Err(Failure::new("nobody is answered any more"))
    }

    /// What was not answered as it should have been.
    fn ask(&self, number: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        while !self.over.load(Ordering::Acquire) {
            if let Err(error) = self.visit(number) {
                wrong.push(error.to_string());
            }
        }
        wrong
    }

    /// One connection, until it is told to go.
    fn visit(&self, number: usize) -> Result<(), Failure> {
        let mut connection = Connection::open_tls(self.house.address(), &self.tls, b"")?;
        let body = "b".repeat(number * 30_000);
        let length = body.len();
        while !self.over.load(Ordering::Acquire) {
            let head = format!(
                "POST /orders HTTP/1.1\r\nHost: app.example.com\r\nAuthorization: Bearer t-alice\r\n\
                 Content-Length: {length}\r\n\r\n"
            );
            connection.write((head + &body).as_bytes())?;
            let reply = connection.reply("POST")?;
            if reply.status != 200 || reply.text() != length.to_string() {
                return Err(Failure::new(format!("{} {}", reply.status, reply.text())));
            }
            self.answered.fetch_add(1, Ordering::AcqRel);
            if reply.headers.value("connection").as_deref() == Some("close") {
                break;
            }
        }
        Ok(())
    }
}

/// A listener with handover and TLS, and the policy with one more route, to a stream.
fn streaming_policy(folder: &Path, upstream: &MockServer, streaming: &Puppet) -> (String, String) {
    let listen = format!(
        "    handover: '{}'\n    tls: {{certificates: [{{certFile: app.pem, keyFile: app.key}}]}}\n%%\n",
        folder.join("handover.sock").display()
    );
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    let streams = format!(
        "routes:\n  stream: {{paths: [/stream], public: true, upstream: stream}}\n%routes%\
         upstreams:\n  stream: {{targets: [{{url: 'http://{}'}}]}}\n",
        streaming.server.address()
    );
    let (before, after) = streams.split_once("%routes%").unwrap_or_default();
    let policy = policy
        .replace("routes:\n", before)
        .replace("upstreams:\n", after);
    (listen, policy)
}

/// Uploads over kept, encrypted connections, while one process after the other takes over.
#[test]
fn restarts_in_a_row_lose_no_upload_and_no_stream() -> Result<(), Failure> {
    let upstream = MockServer::start(|request| Reply::text(200, &request.body.len().to_string()))?;
    let streaming = Puppet::start()?;
    let (folder, authority) = (tempfile::tempdir()?, Authority::new()?);
    authority.issue(folder.path(), "app", &["app.example.com"])?;
    let (listen, policy) = streaming_policy(folder.path(), &upstream, &streaming);
    let house = House::open(folder, PATIENT, &(listen + &policy))?;
    let tls = authority.client("app.example.com", &["http/1.1"], None)?;
    let mut stream = Connection::open_tls(house.address(), &tls, b"")?;
    stream.write(&request("/stream", ""))?;
    streaming.wait_until_asked()?;
    streaming.say(STREAM);
    let crowd = Crowd {
        house: &house,
        tls,
        over: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
    };
    let (config, port) = (
        house.folder.path().join("config.yaml"),
        house.address().port(),
    );
    let mut later = Vec::new();
    let (happened, wrong) = thread::scope(|scope| {
        let crowd = &crowd;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || crowd.ask(number)))
            .collect();
        let happened = (0..3).try_for_each(|_| {
            crowd.more()?;
            later.push(start_beside(&config, port)?);
            crowd.more()
        });
        crowd.over.store(true, Ordering::Release);
        let failed = |_| vec![String::from("a client failed")];
        let ended = clients.into_iter().map(thread::ScopedJoinHandle::join);
        let wrong: Vec<_> = ended.flat_map(|end| end.unwrap_or_else(failed)).collect();
        (happened, wrong)
    });
    happened?;
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "{}",
        house.gateway.process.log()
    );
    // All the while the first process has served what it began.
    streaming.say("9\r\ndata: 1\n\n\r\n0\r\n\r\n");
    while stream.line()? != "0\r\n" {}
    stream.line()?;
    // It serves what comes on the connection, too, and says then that it is the last.
    stream.write(&request("/orders/7", ""))?;
    let reply = stream.reply("GET")?;
    let said = reply.headers.value("connection");
    assert_eq!((reply.status, said.as_deref()), (401, Some("close")));
    let mut gateways: Vec<_> = std::iter::once(house.gateway).chain(later).collect();
    let last = gateways.pop();
    gateways.iter_mut().try_for_each(expect_end)?;
    assert!(last.is_some_and(|mut last| !last.process.has_ended()));
    Ok(())
}

/// Without a handover two processes may listen side by side. Whoever is connected to the one that
/// ends gets the reply under way, and comes back to the other one.
#[test]
fn a_second_process_beside_the_first_takes_over_whoever_comes_after() -> Result<(), Failure> {
    let upstream = Puppet::start()?;
    let mut house = upstream.before(PATIENT)?;
    let mut client = Connection::open(house.address())?;
    client.write(&request("/open", ""))?;
    upstream.wait_until_asked()?;
    let config = house.folder.path().join("config.yaml");
    let _second = start_beside(&config, house.address().port())?;
    house.gateway.process.signal("TERM")?;
    let draining = |line: &str| line.contains("draining");
    house.gateway.process.wait_for_line(draining)?;
    upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlate");
    assert_eq!(client.reply("GET")?.status, 200);
    expect_end(&mut house.gateway)?;
    let mut later = Connection::open(house.address())?;
    later.write(&request("/orders/7", ""))?;
    assert_eq!(later.reply("GET")?.status, 401);
    Ok(())
}
