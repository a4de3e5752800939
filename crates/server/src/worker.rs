//! One worker: its accept loop, its connections, its end.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection::{Connection, Protocols, local_address};
use crate::listen::Listen;
use crate::peer::Peer;
use crate::progress::Drain;
use crate::serve::{Answer, Connections, Seat};
use crate::shutdown::Shutdown;
use crate::spec::LimitsSpec;
use crate::sweep::Sweep;

/// What the workers of a listener have in common.
#[derive(Debug)]
pub(crate) struct Plan {
    protocols: Arc<Protocols>,
    limits: LimitsSpec,
    greeting_timeout: Duration,
    /// Connections that each worker may have.
    capacity: usize,
}

impl Plan {
    /// That of `count` workers of `listen`.
    pub(crate) fn new<A: Answer>(listen: &Listen, count: usize) -> Self {
        let limits = listen.limits.clone();
        let each = limits.max_connections.div_ceil(count.max(1)).max(1);
        Self {
            protocols: Arc::new(Protocols::new::<A>(listen)),
            greeting_timeout: listen.greeting_timeout(),
            capacity: each.min(Semaphore::MAX_PERMITS),
            limits,
        }
    }
}

pub(crate) struct Worker<A> {
    answer: Arc<A>,
    protocols: Arc<Protocols>,
    sweep: Arc<Sweep>,
    places: Arc<Semaphore>,
    capacity: usize,
    drain_timeout: Duration,
    shutdown: Shutdown,
    connections: Connections,
}

impl<A: Answer> Worker<A> {
    pub(crate) fn new(
        answer: A,
        plan: &Plan,
        shutdown: Shutdown,
        connections: Connections,
    ) -> Self {
        Self {
            answer: Arc::new(answer),
            protocols: Arc::clone(&plan.protocols),
            sweep: Sweep::new(&plan.limits, plan.greeting_timeout),
            places: Arc::new(Semaphore::new(plan.capacity)),
            capacity: plan.capacity,
            drain_timeout: plan.limits.drain_timeout.get(),
            shutdown,
            connections,
        }
    }

    /// Serves `listener` until the signal to stop, then drains.
    pub(crate) async fn run(self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let sweep = self.sweep.clone();
        let sweeping = tokio::spawn(async move { sweep.run().await });
        let mut begun = pin!(self.shutdown.begun());
        loop {
            tokio::select! {
                biased;
                () = &mut begun => break,
                () = self.accept(&listener, address) => {}
            }
        }
        self.drain(listener, address).await;
        sweeping.abort();
        Ok(())
    }

    async fn accept(&self, listener: &TcpListener, local: SocketAddr) {
        let Ok(place) = self.places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, address)) => self.open(stream, address, local, place),
            Err(error) => {
                // Out of file descriptors or a connection gone already: give others time.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Takes what already waits in the accept queue, unless somebody else does, then waits for
    /// open connections to finish.
    async fn drain(&self, listener: TcpListener, local: SocketAddr) {
        let drain = self.shutdown.given();
        while drain == Drain::Prompt
            && let Ok(place) = self.places.clone().try_acquire_owned()
        {
            let waiting = poll_fn(|cx| match listener.poll_accept(cx) {
                Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
                Poll::Pending => Poll::Ready(None),
            });
            let Some((stream, address)) = waiting.await else {
                break;
            };
            self.open(stream, address, local, place);
        }
        drop(listener);
        self.sweep.drain(drain);
        let finished = async {
            tokio::select! {
                () = self.finished() => {}
                () = self.escalated(drain) => self.finished().await,
            }
        };
        if tokio::time::timeout(self.drain_timeout, finished)
            .await
            .is_err()
        {
            tracing::warn!("drain timeout: connections were cut");
        }
    }

    /// Waits until no connection is open.
    async fn finished(&self) {
        let all = u32::try_from(self.capacity).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
    }

    /// Waits until there is less patience than with `drain`.
    async fn escalated(&self, drain: Drain) {
        if drain == Drain::Prompt {
            std::future::pending::<()>().await;
        }
        self.shutdown.at_least(Drain::Prompt).await;
        self.sweep.drain(Drain::Prompt);
    }

    fn open(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        local: SocketAddr,
        place: OwnedSemaphorePermit,
    ) {
        // A socket that is already gone fails at the first read.
        let _ = stream.set_nodelay(true);
        let progress = self.sweep.begin();
        let connection = Connection {
            answer: self.answer.clone(),
            protocols: self.protocols.clone(),
            progress: progress.clone(),
            peer: Peer::new(address, local_address(local, &stream)),
        };
        let seat = Seat::take(&self.connections, place);
        let task = tokio::spawn(connection.run(stream, seat));
        self.sweep.watch(progress, task.abort_handle());
    }
}
