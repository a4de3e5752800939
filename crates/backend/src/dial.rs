//! From a URL to a connection: look-up, guard, TCP, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};
use ztag_types::{ConfigPath, DurationSpec, Findings};

use crate::compile::{LONGEST_WAIT, positive};
use crate::error::{Failure, FailureKind};
use crate::guard::AddressGuard;
use crate::outbound::check_url;
use crate::spec::{GuardSpec, TlsSpec};
use crate::tls::{Tls, TlsMaterial};
use crate::wire::{Stream, Wire};

/// Most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
/// Most name look-ups under way. Each holds a thread until the system's resolver gives up, which
/// may be long after the call that asked has timed out.
const MAX_LOOKUPS: usize = 16;

/// What a [`Dialer`] works by, as written in configuration.
#[derive(Clone, Copy, Debug)]
pub struct DialSpec<'a> {
    /// Longest wait for one connection: TCP and TLS together.
    pub connect_timeout: DurationSpec,
    /// TLS towards `https` hosts.
    pub tls: &'a TlsSpec,
    /// Which addresses may be called.
    pub address_guard: &'a GuardSpec,
    /// What is offered in the TLS handshake.
    pub protocol: Alpn,
}

/// The protocol to agree on in a TLS handshake (RFC 7301).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alpn {
    /// `http/1.1`; hosts that agree on nothing are taken too.
    #[default]
    Http1,
    /// `h2`; a host that does not agree is refused.
    Http2,
}

impl Alpn {
    pub(crate) fn offer(self) -> Vec<Vec<u8>> {
        vec![match self {
            Self::Http1 => b"http/1.1".to_vec(),
            Self::Http2 => b"h2".to_vec(),
        }]
    }
}

/// Makes connections. Together with [`Client`](crate::Client), which uses it, the one door out.
#[derive(Clone)]
pub struct Dialer {
    pub(crate) timeout: Duration,
    guard: AddressGuard,
    tls: Tls,
    lookups: Arc<Semaphore>,
}

/// Addresses that a guard permits: only a [`Dialer`] makes them.
#[derive(Clone, Debug)]
pub struct Addresses(Vec<SocketAddr>);

impl Addresses {
    /// The first, which is tried first.
    pub fn first(&self) -> Option<SocketAddr> {
        self.0.first().copied()
    }
}

impl Dialer {
    /// A dialer as `spec` says, whose keys stand below `at`: `connectTimeout`, `tls` and
    /// `addressGuard`. `None` when something is wrong, with findings.
    pub fn compile(
        spec: DialSpec<'_>,
        material: TlsMaterial,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let timeout = spec.connect_timeout.get();
        positive(timeout, &at.key("connectTimeout"), findings);
        let guard = AddressGuard::compile(spec.address_guard, &at.key("addressGuard"), findings);
        let tls = Tls::compile(spec.tls, material, spec.protocol, &at.key("tls"), findings);
        let dialer = Self::new(timeout.min(LONGEST_WAIT), guard?, tls?);
        (findings.errors() == before).then_some(dialer)
    }

    pub(crate) fn new(timeout: Duration, guard: AddressGuard, tls: Tls) -> Self {
        Self {
            timeout,
            guard,
            tls,
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
        }
    }

    /// A connection to the host of `url`; `hold` is dropped with it. Needs a tokio runtime with
    /// I/O and time, which the connection stays with.
    ///
    /// # Errors
    /// As [`Self::resolve`] and [`Self::dial_any`]. The timeout is for both together.
    pub async fn dial<H>(&self, url: &Url, hold: H) -> Result<Wire<H>, Failure> {
        let deadline = Instant::now() + self.timeout;
        let addresses = timeout_at(deadline, self.resolve(url))
            .await
            .unwrap_or_else(|_| Err(timed_out()))?;
        self.open(url, &addresses, hold, deadline).await
    }

    /// The addresses of the host of `url` that the guard permits.
    ///
    /// INVARIANT: only these are called. The name is not looked up again, so that a name server
    /// cannot swap the answer after the check.
    ///
    /// # Errors
    /// When the URL cannot be called, the name does not resolve, or the guard denies every address.
    pub async fn resolve(&self, url: &Url) -> Result<Addresses, Failure> {
        check_url(url)?;
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
        Ok(Addresses(permitted))
    }

    /// A connection to the first of `addresses`, those of the host of `url`, that accepts; `hold`
    /// is dropped with it.
    ///
    /// # Errors
    /// When none accepts in time, or TLS fails.
    pub async fn dial_any<H>(
        &self,
        url: &Url,
        addresses: &Addresses,
        hold: H,
    ) -> Result<Wire<H>, Failure> {
        let deadline = Instant::now() + self.timeout;
        self.open(url, addresses, hold, deadline).await
    }

    async fn open<H>(
        &self,
        url: &Url,
        addresses: &Addresses,
        hold: H,
        deadline: Instant,
    ) -> Result<Wire<H>, Failure> {
        let tcp = reach(&addresses.0, deadline).await?;
        let stream = match url.scheme() {
            "https" => timeout_at(deadline, self.encrypt(url, tcp))
                .await
                .unwrap_or_else(|_| Err(timed_out()))?,
            _ => Stream::Plain(tcp),
        };
        Ok(Wire::new(stream, hold))
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
        let stream = connector.connect(name, tcp).await.map_err(|error| {
            let kind = if wraps_tls(&error) {
                FailureKind::Tls
            } else {
                FailureKind::Connect
            };
            Failure::because(kind, error)
        })?;
        let agreed = stream.get_ref().1.alpn_protocol();
        if self.tls.protocol == Alpn::Http2 && agreed != Some(b"h2") {
            return Err(Failure::because(
                FailureKind::Tls,
                "the host does not offer h2",
            ));
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

/// Whether TLS, and not the network below it, is what failed.
pub(crate) fn wraps_tls(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>())
        .is_some()
}

pub(crate) fn timed_out() -> Failure {
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
