//! A server that records every request that reaches it, byte for byte, and answers as told.

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::Failure;
use crate::websocket::accept_key;
use crate::wire::{Headers, Unframed, read_body, read_head};

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The request target, exactly.
    pub target: String,
    /// The header lines.
    pub headers: Headers,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl Recorded {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

/// What the server answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code; after 101 the connection echoes every byte.
    pub status: u16,
    /// The header lines; `Content-Length` is added.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether to close the connection instead of answering.
    pub abort: bool,
}

impl Reply {
    /// A reply with a text body.
    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), "text/plain".to_owned())],
            body: body.as_bytes().to_vec(),
            abort: false,
        }
    }

    /// Adds one header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A recording server on a loopback port of its own, with a thread per connection. It ends when
/// dropped: later connections are refused.
#[derive(Debug)]
pub struct MockServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    recorded: Mutex<Vec<Recorded>>,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

impl MockServer {
    /// Starts a server that answers with what `answer` returns.
    pub fn start<F>(answer: F) -> Result<Self, Failure>
    where
        F: Fn(&Recorded) -> Reply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let answer = Arc::new(answer);
        thread::spawn(move || accept(&listener, &theirs, &answer));
        Ok(Self { address, shared })
    }

    /// A server that answers everything with 200 and echoes what it is sent over an upgraded
    /// connection: the application behind a proxy.
    pub fn application() -> Result<Self, Failure> {
        Self::start(|request| {
            if request.headers.value("upgrade").is_some() {
                let key = request.headers.value("sec-websocket-key");
                Reply::text(101, "")
                    .header("Upgrade", "websocket")
                    .header("Connection", "Upgrade")
                    .header("Sec-WebSocket-Accept", &accept_key(key.as_deref()))
            } else {
                Reply::text(200, "the application answers\n")
            }
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were opened to it so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// The requests so far, in the order of their arrival. A request is recorded before it is
    /// answered, so whoever has the answer finds the record.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.shared.recorded().clone()
    }

    /// The requests so far, forgotten by this call.
    pub fn take_recorded(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.shared.recorded())
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Wakes the accepting thread, which then drops the listener.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn recorded(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept<F>(listener: &TcpListener, shared: &Arc<Shared>, answer: &Arc<F>)
where
    F: Fn(&Recorded) -> Reply + Send + Sync + 'static,
{
    while let Ok((stream, _)) = listener.accept() {
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        shared.connections.fetch_add(1, Ordering::Release);
        let (shared, answer) = (Arc::clone(shared), Arc::clone(answer));
        // A connection that breaks is the client's business; the server goes on.
        thread::spawn(move || serve(stream, &shared, &*answer).ok());
    }
}

fn serve(
    mut stream: TcpStream,
    shared: &Shared,
    answer: &dyn Fn(&Recorded) -> Reply,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(head) = read_head(&mut reader)? {
        let body = read_body(&mut reader, &head.headers, Unframed::Empty)?;
        let mut words = head.start.split(' ');
        let request = Recorded {
            method: words.next().unwrap_or_default().to_owned(),
            target: words.next().unwrap_or_default().to_owned(),
            headers: head.headers,
            body,
        };
        let reply = answer(&request);
        let head_only = request.method == "HEAD";
        shared.recorded().push(request);
        if reply.abort || shared.stopped.load(Ordering::Acquire) {
            return Ok(());
        }
        stream.write_all(&encode(&reply, head_only))?;
        if reply.status == 101 {
            io::copy(&mut reader, &mut stream)?;
            return Ok(());
        }
    }
    Ok(())
}

fn encode(reply: &Reply, head_only: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Reply\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if reply.status != 101 && reply.status != 204 {
        let length = reply.body.len().to_string();
        head.extend(["Content-Length: ", &length, "\r\n"]);
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if !head_only {
        bytes.extend_from_slice(&reply.body);
    }
    bytes
}
