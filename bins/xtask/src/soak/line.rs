//! Connections of clients: kept alive, used in turn, and replaced after a while.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_rustls::TlsConnector;

/// How long a connection is used, so that connections come and go all the time.
const LIFE: Duration = Duration::from_secs(5);

/// Connections of one kind, and requests under way on them: where replies take long, further requests
/// wait, and their time counts.
const MOST: usize = 64;

pub(super) type Failed = Box<dyn Error + Send + Sync>;

/// How clients reach a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Plain,
    Tls,
    Http2,
}

/// Connections of one kind to one gateway.
pub(super) struct Lines {
    pub(super) transport: Transport,
    address: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    places: Semaphore,
    /// Those that nobody uses, the one that waits for longest in front: none is idle for long.
    idle: RefCell<VecDeque<Line>>,
    /// The certificates shown so far, one for each that was put in place at the most.
    certificates: RefCell<BTreeSet<Vec<u8>>>,
}

struct Line {
    sender: Sender,
    until: Instant,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Lines {
    /// Plain connections.
    pub(super) fn plain(address: SocketAddr) -> Self {
        Self {
            transport: Transport::Plain,
            address,
            tls: None,
            places: Semaphore::new(MOST),
            idle: RefCell::default(),
            certificates: RefCell::default(),
        }
    }

    /// Encrypted connections, asking for `name`.
    pub(super) fn tls(
        address: SocketAddr,
        mut config: ClientConfig,
        name: ServerName<'static>,
        transport: Transport,
    ) -> Self {
        let protocol: &[u8] = match transport {
            Transport::Http2 => b"h2",
            Transport::Plain | Transport::Tls => {
                // A session that is resumed shows the certificate that it began with.
                config.resumption = Resumption::disabled();
                b"http/1.1"
            }
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        Self {
            transport,
            address,
            tls: Some((TlsConnector::from(Arc::new(config)), name)),
            places: Semaphore::new(MOST),
            idle: RefCell::default(),
            certificates: RefCell::default(),
        }
    }

    /// How many certificates the gateway has shown.
    pub(super) fn certificates(&self) -> usize {
        self.certificates.borrow().len()
    }

    /// Waits until one more request may be under way, for as long as the permit is kept.
    pub(super) async fn place(&self) -> Result<SemaphorePermit<'_>, Failed> {
        Ok(self.places.acquire().await?)
    }

    /// Sends one request. The connection is free again when `whole` has read the reply.
    pub(super) async fn exchange<T>(
        &self,
        request: Request<Full<Bytes>>,
        whole: impl AsyncFnOnce(Response<Incoming>) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let mut line = match self.take() {
            Some(line) => line,
            None => self.open().await?,
        };
        match &mut line.sender {
            Sender::Http1(sender) => {
                let reply = sender.send_request(request).await?;
                let whole = whole(reply).await?;
                // A server that wants to close does so now.
                if sender.ready().await.is_ok() {
                    self.give_back(line);
                }
                Ok(whole)
            }
            Sender::Http2(sender) => {
                let sent = sender.send_request(request);
                self.give_back(line);
                whole(sent.await?).await
            }
        }
    }

    /// An idle connection that is still open.
    fn take(&self) -> Option<Line> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let line = idle.pop_front()?;
            if Instant::now() < line.until && !line.sender.is_closed() {
                return Some(line);
            }
        }
    }

    fn give_back(&self, line: Line) {
        self.idle.borrow_mut().push_back(line);
    }

    async fn open(&self) -> Result<Line, Failed> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.speak(stream).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                let shown = stream.get_ref().1.peer_certificates();
                let shown = shown.and_then(|shown| Some(shown.first()?.to_vec()));
                self.certificates.borrow_mut().extend(shown);
                self.speak(stream).await
            }
        }
    }

    async fn speak<S>(&self, stream: S) -> Result<Line, Failed>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (stream, until) = (TokioIo::new(stream), Instant::now() + LIFE);
        // A connection that breaks is told by the requests on it.
        if self.transport == Transport::Http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            return Ok(Line {
                sender: Sender::Http2(sender),
                until,
            });
        }
        let (sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Line {
            sender: Sender::Http1(sender),
            until,
        })
    }
}

impl Sender {
    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }
}
