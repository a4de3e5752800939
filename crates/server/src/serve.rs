//! Servers: workers and the connections that they hold.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::runtime;
use tokio::sync::OwnedSemaphorePermit;

use crate::listen::Listen;
use crate::peer::Peer;
use crate::shutdown::Shutdown;
use crate::socket;
use crate::worker::Worker;

/// Something that answers requests.
pub trait Answer: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

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
    /// Starts the workers of `listen`; `answer` is called once in each.
    ///
    /// # Errors
    /// When the address cannot be bound or a thread or runtime cannot be started.
    pub fn start<A, F>(mut listen: Listen, shutdown: &Shutdown, answer: F) -> io::Result<Self>
    where
        A: Answer,
        F: Fn() -> A + Send + Sync + 'static,
    {
        let inherited = std::mem::take(&mut listen.inherited);
        let listeners = if inherited.is_empty() {
            socket::bind(listen.address, listen.limits.worker_count())?
        } else {
            socket::share(inherited, listen.limits.worker_count())?
        };
        let address = listeners
            .first()
            .map_or(Ok(listen.address), std::net::TcpListener::local_addr)?;
        let connections = Connections::default();
        let (answer, listen) = (Arc::new(answer), Arc::new(listen));
        let count = listeners.len();
        let mut workers = Vec::new();
        for (index, listener) in listeners.into_iter().enumerate() {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let (answer, listen) = (answer.clone(), listen.clone());
            let (shutdown, connections) = (shutdown.clone(), connections.clone());
            let thread = std::thread::Builder::new().name(format!("ztag-worker-{index}"));
            workers.push(thread.spawn(move || {
                let worker = Worker::new(answer(), &listen, count, shutdown, connections);
                if let Err(error) = runtime.block_on(worker.run(listener)) {
                    tracing::error!(%error, "worker stopped");
                }
            })?);
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
