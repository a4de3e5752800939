//! Workers, their accept loops, and the life of one connection.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection::Stream;
use crate::shutdown::Shutdown;
use crate::socket;
use crate::spec::LimitsSpec;
use crate::sweep::{Phase, Progress, Sweep};

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address and port.
    pub address: SocketAddr,
}

/// Something that answers requests.
pub trait Answer: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers one request. A panic closes the connection without a reply.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// How many connections are open. Clones count the same ones.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<AtomicU64>);

impl Connections {
    /// Those open now.
    pub fn open(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Entered {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self.clone())
    }
}

/// One of the connections open, until dropped.
#[derive(Debug)]
struct Entered(Connections);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
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
    /// Binds `address` and starts the workers; `answer` is called once in each.
    ///
    /// # Errors
    /// When the address cannot be bound or a thread or runtime cannot be started.
    pub fn start<A, F>(
        address: SocketAddr,
        limits: &LimitsSpec,
        shutdown: &Shutdown,
        answer: F,
    ) -> io::Result<Self>
    where
        A: Answer,
        F: Fn() -> A + Send + Sync + 'static,
    {
        let listeners = socket::bind(address, limits.worker_count())?;
        let address = listeners
            .first()
            .map_or(Ok(address), std::net::TcpListener::local_addr)?;
        let answer = Arc::new(answer);
        let each = limits
            .max_connections
            .div_ceil(limits.worker_count())
            .max(1);
        let connections = Connections::default();
        let mut workers = Vec::new();
        for (index, listener) in listeners.into_iter().enumerate() {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let (answer, shutdown, limits) = (answer.clone(), shutdown.clone(), limits.clone());
            let connections = connections.clone();
            let worker = std::thread::Builder::new().name(format!("ztag-worker-{index}"));
            workers.push(worker.spawn(move || {
                let worker = Worker::new(answer(), &limits, (shutdown, connections), each);
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

struct Worker<A> {
    answer: Arc<A>,
    builder: http1::Builder,
    sweep: Arc<Sweep>,
    places: Arc<Semaphore>,
    capacity: usize,
    drain_timeout: Duration,
    shutdown: Shutdown,
    connections: Connections,
}

impl<A: Answer> Worker<A> {
    fn new(
        answer: A,
        limits: &LimitsSpec,
        (shutdown, connections): (Shutdown, Connections),
        capacity: usize,
    ) -> Self {
        let mut builder = http1::Builder::new();
        builder
            .max_buf_size(limits.max_header_bytes.max(8192))
            .max_headers(limits.max_headers);
        let capacity = capacity.min(Semaphore::MAX_PERMITS);
        Self {
            answer: Arc::new(answer),
            builder,
            sweep: Sweep::new(limits),
            places: Arc::new(Semaphore::new(capacity)),
            capacity,
            drain_timeout: limits.drain_timeout.get(),
            shutdown,
            connections,
        }
    }

    async fn run(self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let sweep = self.sweep.clone();
        let sweeping = tokio::spawn(async move { sweep.run().await });
        let mut begun = pin!(self.shutdown.begun());
        loop {
            tokio::select! {
                biased;
                () = &mut begun => break,
                () = self.accept(&listener) => {}
            }
        }
        self.drain(&listener).await;
        sweeping.abort();
        Ok(())
    }

    async fn accept(&self, listener: &TcpListener) {
        let Ok(place) = self.places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, address)) => self.open(stream, Peer { address }, place),
            Err(error) => {
                // Out of file descriptors or a connection gone already: give others time.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Takes what already waits in the accept queue, then waits for open connections to finish.
    async fn drain(&self, listener: &TcpListener) {
        while let Ok(place) = self.places.clone().try_acquire_owned() {
            let waiting = std::future::poll_fn(|cx| match listener.poll_accept(cx) {
                std::task::Poll::Ready(accepted) => std::task::Poll::Ready(accepted.ok()),
                std::task::Poll::Pending => std::task::Poll::Ready(None),
            });
            let Some((stream, address)) = waiting.await else {
                break;
            };
            self.open(stream, Peer { address }, place);
        }
        let all = u32::try_from(self.capacity).unwrap_or(u32::MAX);
        if tokio::time::timeout(self.drain_timeout, self.places.acquire_many(all))
            .await
            .is_err()
        {
            tracing::warn!("drain timeout: connections were cut");
        }
    }

    fn open(&self, stream: TcpStream, peer: Peer, place: OwnedSemaphorePermit) {
        // A socket that is already gone fails at the first read.
        let _ = stream.set_nodelay(true);
        let progress = Progress::new(self.sweep.ticks.clone());
        let connection = Connection {
            answer: self.answer.clone(),
            progress: progress.clone(),
            peer,
            shutdown: self.shutdown.clone(),
        };
        let builder = self.builder.clone();
        let entered = self.connections.enter();
        let task = tokio::spawn(async move {
            connection.run(&builder, stream).await;
            drop((place, entered));
        });
        self.sweep.watch(progress, task.abort_handle());
    }
}

struct Connection<A> {
    answer: Arc<A>,
    progress: Arc<Progress>,
    peer: Peer,
    shutdown: Shutdown,
}

impl<A: Answer> Connection<A> {
    async fn run(self, builder: &http1::Builder, stream: TcpStream) {
        let Self {
            answer,
            progress,
            peer,
            shutdown,
        } = self;
        let stream = Stream::new(stream, progress.clone());
        let service = service_fn(|request| {
            let (answer, progress) = (&answer, &progress);
            async move {
                progress.enter(Phase::Answer);
                let response = answer.answer(request, peer).await;
                progress.enter(Phase::Reply);
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = pin!(builder.serve_connection(stream, service));
        let mut begun = pin!(shutdown.begun());
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = &mut begun => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended early");
        }
    }
}
