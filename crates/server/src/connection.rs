//! The life of one connection: who it speaks for, TLS, which HTTP, requests.

mod front;
mod http1;
mod http2;
mod reply;
mod sniff;
mod stream;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hyper::server::conn;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use ztag_types::SmolStr;

use crate::listen::{Listen, Tls};
use crate::peer::{Peer, TlsSession, canonical};
use crate::progress::{Phase, Progress};
use crate::proxy_protocol::{self, Announced, ProxyProtocol};
use crate::serve::{Answer, Seat};
use front::Front;
use sniff::Protocol;
use stream::{Stream, Wire};

/// The header fields that hyper reads where it is told nothing: with room on its stack. Told a number,
/// be it the same, it takes memory for so many with every request.
const UNCOUNTED_HEADERS: usize = 100;

/// How connections are served.
#[derive(Debug)]
pub(crate) struct Protocols {
    http1: conn::http1::Builder,
    http2: Option<conn::http2::Builder<TokioExecutor>>,
    tls: Option<Tls>,
    proxy_protocol: Option<ProxyProtocol>,
    max_headers: usize,
    max_reset: u32,
}

impl Protocols {
    pub(crate) fn new<A: Answer>(listen: &Listen) -> Self {
        let Listen { limits, http2, .. } = listen;
        let mut http1 = conn::http1::Builder::new();
        http1.max_buf_size(limits.max_header_bytes.max(8192));
        if limits.max_headers != UNCOUNTED_HEADERS {
            http1.max_headers(limits.max_headers);
        }
        let enabled = http2.enabled;
        Self {
            http1,
            http2: enabled.then(|| http2::builder(http2, limits, A::EXTENDED_CONNECT)),
            tls: listen.tls.clone(),
            proxy_protocol: listen.proxy_protocol.clone(),
            max_headers: limits.max_headers,
            max_reset: http2.max_reset_streams.max(1),
        }
    }
}

/// One connection, just accepted.
pub(crate) struct Connection<A> {
    pub(crate) answer: Arc<A>,
    pub(crate) protocols: Arc<Protocols>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) peer: Peer,
}

impl<A: Answer> Connection<A> {
    /// Serves the connection to its end. Bounded by the sweep, not by itself.
    pub(crate) async fn run(self, socket: TcpStream, seat: Seat) {
        poll_fn(|cx| {
            self.progress.woken_by(cx.waker());
            Poll::Ready(())
        })
        .await;
        if let Err(error) = self.greet(socket, seat).await {
            tracing::debug!(%error, "connection refused");
        }
    }

    async fn greet(mut self, mut socket: TcpStream, seat: Seat) -> io::Result<()> {
        let protocols = Arc::clone(&self.protocols);
        if let Some(proxies) = &protocols.proxy_protocol {
            self.peer = announced(proxies, self.peer, &mut socket).await?;
        }
        let (protocol, ahead, wire) = if let Some(tls) = &protocols.tls {
            let stream = Box::pin(handshake(tls, socket)).await?;
            let session = session(&stream);
            let protocol = Protocol::settled(session.alpn.as_deref());
            self.peer.tls = Some(Arc::new(session));
            self.progress.enter(Phase::Head);
            (protocol, Bytes::new(), Wire::Tls(Box::new(stream)))
        } else {
            self.progress.enter(Phase::Head);
            let spoken = sniff::sniff(&mut socket, protocols.http2.is_some(), &self.progress);
            let Some((protocol, ahead)) = spoken.await? else {
                return Ok(());
            };
            (protocol, ahead, Wire::Plain(socket))
        };
        let stream = Stream::new(wire, ahead, Arc::clone(&self.progress), seat);
        self.serve(&protocols, protocol, stream).await;
        Ok(())
    }

    async fn serve(self, protocols: &Protocols, protocol: Protocol, stream: Stream) {
        let tls = protocols.tls.as_ref();
        let front = Front {
            answer: self.answer,
            progress: self.progress,
            peer: self.peer,
            certificates: tls.map(|tls| tls.certificates.clone()),
            max_headers: protocols.max_headers,
        };
        match (protocol, &protocols.http2) {
            (Protocol::Http2, Some(builder)) => {
                front.progress.multiplex();
                http2::serve(front, builder, protocols.max_reset, stream).await;
            }
            _ => http1::serve(&front, &protocols.http1, stream).await,
        }
    }
}

/// The peer as its balancer announces it.
async fn announced(
    proxies: &ProxyProtocol,
    peer: Peer,
    socket: &mut TcpStream,
) -> io::Result<Peer> {
    if !proxies.trusts(peer.address.ip()) {
        let message = "not a balancer that may announce clients";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(match proxy_protocol::read(socket).await? {
        Announced::Itself => peer,
        Announced::Client {
            source,
            destination,
        } => Peer {
            address: canonical(source),
            local: canonical(destination),
            via: Some(peer.address),
            tls: None,
        },
    })
}

async fn handshake(tls: &Tls, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    TlsAcceptor::from(tls.certificates.config())
        .accept(socket)
        .await
}

fn session(stream: &TlsStream<TcpStream>) -> TlsSession {
    let (_, connection) = stream.get_ref();
    let name = connection.server_name();
    let alpn = connection.alpn_protocol();
    let certificates = connection.peer_certificates().unwrap_or_default();
    TlsSession::new(
        name.map(|name| SmolStr::new(name.to_ascii_lowercase())),
        alpn.and_then(|alpn| std::str::from_utf8(alpn).ok())
            .map(SmolStr::new),
        certificates.first().map(|leaf| leaf.clone().into_owned()),
    )
}

/// Our end of `socket`: that of the listener, unless that is every address.
pub(crate) fn local_address(listening: SocketAddr, socket: &TcpStream) -> SocketAddr {
    if listening.ip().is_unspecified() {
        socket.local_addr().unwrap_or(listening)
    } else {
        listening
    }
}
