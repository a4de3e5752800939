//! A backend that answers with whatever bytes a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    /// Number among the requests of the connection, from 0.
    pub(crate) number: usize,
    /// Request line and header fields.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Request {
    /// The request target.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// The value of a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What to do about a request.
pub(crate) enum Reply {
    /// Send these bytes and wait for the next request.
    Send(Vec<u8>),
    /// Send these bytes and hang up.
    Last(Vec<u8>),
    /// Send these bytes, then wait for the peer to hang up.
    Hang(Vec<u8>),
}

/// `200` with a body.
pub(crate) fn ok(body: &str) -> Reply {
    head_and_body("200 OK", body)
}

/// A status and header lines separated by CR LF, with a body.
pub(crate) fn head_and_body(head: &str, body: &str) -> Reply {
    let length = body.len();
    raw(&format!(
        "HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

/// Exactly these bytes.
pub(crate) fn raw(text: &str) -> Reply {
    Reply::Send(text.into())
}

/// Exactly these bytes, then the end.
pub(crate) fn last(text: &str) -> Reply {
    Reply::Last(text.into())
}

#[derive(Default)]
struct Events {
    received: Vec<Request>,
    ended: usize,
}

/// A listening stub. It stops with the runtime of the test.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    events: Arc<Mutex<Events>>,
    news: watch::Receiver<()>,
}

impl Stub {
    pub(crate) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, answer).await
    }

    pub(crate) async fn start_tls(
        tls: rustls::ServerConfig,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::new(tls))), answer).await
    }

    async fn listen(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let events = Arc::new(Mutex::new(Events::default()));
        let (tell, news) = watch::channel(());
        let (tell, answer) = (Arc::new(tell), Arc::new(answer));
        let shared = Arc::clone(&events);
        tokio::spawn(async move {
            for connection in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                let (answer, tls) = (Arc::clone(&answer), tls.clone());
                let (events, tell) = (Arc::clone(&shared), Arc::clone(&tell));
                tokio::spawn(async move {
                    let note = |request: &Request| {
                        events.lock().unwrap().received.push(request.clone());
                        tell.send_replace(());
                        answer(request)
                    };
                    match tls {
                        None => serve(connection, tcp, note).await,
                        Some(tls) => match tls.accept(tcp).await {
                            Ok(stream) => serve(connection, stream, note).await,
                            Err(_) => None,
                        },
                    };
                    events.lock().unwrap().ended += 1;
                    tell.send_replace(());
                });
            }
        });
        Self {
            address,
            events,
            news,
        }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything received so far.
    pub(crate) fn received(&self) -> Vec<Request> {
        self.events.lock().unwrap().received.clone()
    }

    /// The connection that each request came over.
    pub(crate) fn connections(&self) -> Vec<usize> {
        self.received()
            .iter()
            .map(|request| request.connection)
            .collect()
    }

    /// The target of each request.
    pub(crate) fn targets(&self) -> Vec<String> {
        let received = self.received();
        received
            .iter()
            .map(|request| request.target().to_owned())
            .collect()
    }

    /// Waits until `count` requests have arrived.
    pub(crate) async fn has_received(&self, count: usize) {
        self.until(|events| events.received.len() >= count).await;
    }

    /// Waits until `count` connections have ended.
    pub(crate) async fn has_ended(&self, count: usize) {
        self.until(|events| events.ended >= count).await;
    }

    async fn until(&self, reached: impl Fn(&Events) -> bool) {
        let mut news = self.news.clone();
        let reached = |(): &()| reached(&self.events.lock().unwrap());
        news.wait_for(reached).await.unwrap();
    }
}

/// Answers the requests of one connection until one side hangs up.
async fn serve(
    connection: usize,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: impl Fn(&Request) -> Reply,
) -> Option<()> {
    for number in 0.. {
        let (head, body) = read(&mut stream).await?;
        let request = Request {
            connection,
            number,
            head,
            body,
        };
        let (bytes, hang, end) = match answer(&request) {
            Reply::Send(bytes) => (bytes, false, false),
            Reply::Last(bytes) => (bytes, false, true),
            Reply::Hang(bytes) => (bytes, true, true),
        };
        stream.write_all(&bytes).await.ok()?;
        stream.flush().await.ok()?;
        if hang {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
        if end {
            let _ = stream.shutdown().await;
            return None;
        }
    }
    None
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}
