//! Servers: workers and the connections that they hold.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::runtime;
use tokio::sync::OwnedSemaphorePermit;

use crate::handover::{self, Predecessor};
use crate::listen::Listen;
use crate::peer::Peer;
use crate::shutdown::Shutdown;
use crate::socket;
use crate::worker::{Plan, Worker};

/// Something that answers requests.
pub trait Answer: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Whether clients may ask to switch streams of HTTP/2 to another protocol (RFC 8441). Such a
    /// request is a `CONNECT` with [`hyper::ext::Protocol`], an upgrade, and an [`OpenStream`] among
    /// its extensions; a successful answer switches the stream.
    ///
    /// [`OpenStream`]: crate::OpenStream
    const EXTENDED_CONNECT: bool = false;

    /// Answers one request. A panic closes the connection without a reply.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// How many connections are open, those included that were upgraded to something else than
/// HTTP. Clones count the same ones.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<AtomicU64>);

impl Connections {
    /// Those open now.
    pub fn open(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The place that one open connection takes, until dropped.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    connections: Connections,
    _place: Option<OwnedSemaphorePermit>,
}

impl Seat {
    pub(crate) fn take(connections: &Connections, place: OwnedSemaphorePermit) -> Self {
        connections.0.fetch_add(1, Ordering::Relaxed);
        Self {
            connections: connections.clone(),
            _place: Some(place),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Running workers.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    connections: Connections,
    workers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts the workers of `listen`; `answer` is called once in each. Where a running process
    /// hands over its sockets, they are served, and it drains.
    ///
    /// # Errors
    /// When the address cannot be bound or a thread or runtime cannot be started.
    pub fn start<A, F>(listen: &Listen, shutdown: &Shutdown, answer: F) -> io::Result<Self>
    where
        A: Answer,
        F: Fn() -> A + Send + Sync + 'static,
    {
        let handover = listen.handover.as_deref();
        let mut predecessor = handover.map(meet).transpose()?.flatten();
        let listeners = listeners(listen, predecessor.as_mut())?;
        let address = listeners
            .first()
            .map_or(Ok(listen.address), TcpListener::local_addr)?;
        let offered = handover.map(|path| copies(&listeners).map(|copies| (path, copies)));
        let offered = offered.transpose()?;
        let connections = Connections::default();
        let workers = work(listeners, listen, (shutdown, &connections), answer)?;
        if let Some((path, listeners)) = offered {
            handover::offer(path, listeners, shutdown)?;
        }
        // Last: whatever fails before leaves the running process at work.
        if let Some(Err(error)) = predecessor.map(Predecessor::relieve) {
            tracing::warn!(%error, "the process before is gone already");
        }
        Ok(Self {
            address,
            connections,
            workers,
        })
    }

    /// The bound address, with the port the system chose.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connections of all workers.
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// Waits until every worker has drained; give the shutdown signal first.
    pub fn join(self) {
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("worker panicked");
            }
        }
    }
}

fn meet(path: &Path) -> io::Result<Option<Predecessor>> {
    let met = Predecessor::meet(path);
    met.map_err(|error| io::Error::new(error.kind(), format!("handover: {error}")))
}

/// The sockets of the process before us, if they are where `listen` says, or else our own.
fn listeners(
    listen: &Listen,
    predecessor: Option<&mut Predecessor>,
) -> io::Result<Vec<TcpListener>> {
    let count = listen.limits.worker_count();
    let taken = predecessor.map(|predecessor| std::mem::take(&mut predecessor.listeners));
    let mut taken = taken.unwrap_or_default();
    taken.retain(|listener| listener.local_addr().is_ok_and(|own| own == listen.address));
    if taken.is_empty() {
        socket::bind(listen.address, count)
    } else {
        socket::share(taken, count)
    }
}

fn copies(listeners: &[TcpListener]) -> io::Result<Vec<TcpListener>> {
    listeners.iter().map(TcpListener::try_clone).collect()
}

/// Starts a worker for each of `listeners`.
fn work<A, F>(
    listeners: Vec<TcpListener>,
    listen: &Listen,
    (shutdown, connections): (&Shutdown, &Connections),
    answer: F,
) -> io::Result<Vec<JoinHandle<()>>>
where
    A: Answer,
    F: Fn() -> A + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let plan = Arc::new(Plan::new::<A>(listen, listeners.len()));
    let start = |(index, listener)| {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (answer, plan) = (answer.clone(), plan.clone());
        let (shutdown, connections) = (shutdown.clone(), connections.clone());
        let thread = std::thread::Builder::new().name(format!("ztag-worker-{index}"));
        thread.spawn(move || {
            let worker = Worker::new(answer(), &plan, shutdown, connections);
            if let Err(error) = runtime.block_on(worker.run(listener)) {
                tracing::error!(%error, "worker stopped");
            }
        })
    };
    listeners.into_iter().enumerate().map(start).collect()
}
