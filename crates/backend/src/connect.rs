//! From a URL to a connection: look-up, guard, TCP, TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::compile::Settings;
use crate::error::{Failure, FailureKind};
use crate::guard::AddressGuard;
use crate::pool::{Channel, Opened, Origin};
use crate::tls::Tls;
use crate::wire::{Life, Stream, Wire};

/// Most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
/// Most name look-ups under way. Each holds a thread until the system's resolver gives up, which
/// may be long after the call that asked has timed out.
const MAX_LOOKUPS: usize = 16;
/// Most bytes of the head of a reply, and of its trailers.
const MAX_HEAD: usize = 64 * 1024;
/// Most bytes buffered per connection.
const MAX_BUFFER: usize = 128 * 1024;

/// How connections are made.
pub(crate) struct Connector {
    pub(crate) timeout: Duration,
    idle_timeout: Duration,
    guard: AddressGuard,
    tls: Tls,
    lookups: Arc<Semaphore>,
}

impl Connector {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            timeout: settings.connect_timeout,
            idle_timeout: settings.idle_timeout,
            guard: settings.guard,
            tls: settings.tls,
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
        }
    }

    /// A new connection to the host of `url`, on the current runtime.
    pub(crate) async fn connect(&self, url: &Url, origin: &Origin) -> Result<Channel, Failure> {
        match timeout(self.timeout, self.open(url, origin)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(timed_out()),
        }
    }

    async fn open(&self, url: &Url, origin: &Origin) -> Result<Channel, Failure> {
        let deadline = Instant::now() + self.timeout;
        let addresses = self.addresses(url).await?;
        let tcp = reach(&addresses, deadline).await?;
        let stream = match url.scheme() {
            "https" => self.encrypt(url, tcp).await?,
            _ => Stream::Plain(tcp),
        };
        let life = Arc::new(Life::new());
        let wire = TokioIo::new(Wire::new(stream, Arc::clone(&life)));
        let (sender, connection) = http1::Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .handshake(wire)
            .await
            .map_err(|error| Failure::because(FailureKind::Connect, error))?;
        let opened = origin.opened();
        tokio::spawn(drive(
            connection,
            Arc::clone(&life),
            self.idle_timeout,
            opened,
        ));
        Ok(Channel { sender, life })
    }

    /// The addresses of the host that the guard permits.
    ///
    /// INVARIANT: only these are called. The name is not looked up again, so that a name server
    /// cannot swap the answer after the check.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, Failure> {
        let port = url.port_or_known_default().unwrap_or_default();
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![SocketAddr::new(address.into(), port)],
            Some(Host::Ipv6(address)) => vec![SocketAddr::new(address.into(), port)],
            Some(Host::Domain(name)) => self.look_up(name, port).await?,
            None => return Err(Failure::new(FailureKind::BadUrl)),
        };
        let permitted = found.iter().filter(|found| self.guard.permits(found.ip()));
        let permitted: Vec<_> = permitted.copied().take(MAX_ADDRESSES).collect();
        if permitted.is_empty() && !found.is_empty() {
            return Err(Failure::new(FailureKind::BlockedAddress));
        }
        Ok(permitted)
    }

    async fn look_up(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let failed = |error: io::Error| Failure::because(FailureKind::Connect, error);
        let permit = Arc::clone(&self.lookups).acquire_owned().await;
        let name = name.to_owned();
        let answer = tokio::spawn(async move {
            let _permit = permit;
            let found = lookup_host((&*name, port)).await?;
            Ok(found.collect())
        });
        answer
            .await
            .unwrap_or_else(|error| Err(error.into()))
            .map_err(failed)
    }

    async fn encrypt(&self, url: &Url, tcp: TcpStream) -> Result<Stream, Failure> {
        let name = match &self.tls.name {
            Some(name) => name.clone(),
            None => server_name(url).ok_or(Failure::new(FailureKind::BadUrl))?,
        };
        let connector = TlsConnector::from(Arc::clone(&self.tls.config));
        match connector.connect(name, tcp).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) => {
                let kind = if wraps_tls(&error) {
                    FailureKind::Tls
                } else {
                    FailureKind::Connect
                };
                Err(Failure::because(kind, error))
            }
        }
    }
}

/// Whether TLS, and not the network below it, is what failed.
pub(crate) fn wraps_tls(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>())
        .is_some()
}

fn timed_out() -> Failure {
    Failure::because(
        FailureKind::Connect,
        io::Error::from(io::ErrorKind::TimedOut),
    )
}

/// The first of `addresses` that accepts. Each gets a fair share of the time left, so that a
/// silent one cannot use up that of the others.
async fn reach(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Failure> {
    let mut last = Failure::because(
        FailureKind::Connect,
        io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
    );
    for (left, address) in (1..=addresses.len()).rev().zip(addresses) {
        let now = Instant::now();
        let share = (deadline - now) / u32::try_from(left).unwrap_or(u32::MAX);
        last = match timeout_at(now + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are written whole: waiting to fill segments only adds latency.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => Failure::because(FailureKind::Connect, error),
            Err(_) => timed_out(),
        };
    }
    Err(last)
}

fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::IpAddress(address.into())),
        Host::Ipv6(address) => Some(ServerName::IpAddress(address.into())),
    }
}

/// Moves a connection's bytes until it closes or has been idle for `idle_timeout`.
async fn drive(
    connection: http1::Connection<TokioIo<Wire>, Full<Bytes>>,
    life: Arc<Life>,
    idle_timeout: Duration,
    opened: Opened,
) {
    let mut connection = pin!(connection);
    let mut check = pin!(sleep_until(Instant::now() + idle_timeout));
    loop {
        tokio::select! {
            biased;
            // Whoever waits for a reply learns of an error; on an idle connection it is an end.
            _ = connection.as_mut() => break,
            () = check.as_mut() => {
                let now = Instant::now();
                let end = life.idle_since().unwrap_or(now) + idle_timeout;
                if end <= now {
                    break;
                }
                check.as_mut().reset(end);
            }
        }
    }
    drop(opened);
}
