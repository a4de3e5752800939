//! The least a proxy on this stack can cost: hyper on both sides, one runtime, connections to one
//! upstream kept on a shelf, nothing decided, nothing changed. A floor to compare with.
//!
//! `proxy ADDRESS UPSTREAM`

use std::cell::RefCell;
use std::env;
use std::error::Error;
use std::net::{SocketAddr, TcpListener as Listener};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::task::{LocalSet, spawn_local};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failed = Box<dyn Error + Send + Sync>;
type Sender = SendRequest<Incoming>;

fn main() -> Result<(), Failed> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: proxy ADDRESS UPSTREAM");
    let listener = Listener::bind(next()?)?;
    listener.set_nonblocking(true)?;
    let upstream = next()?.parse()?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let shelf = Rc::new(Shelf {
        upstream,
        idle: RefCell::default(),
    });
    LocalSet::new().block_on(&runtime, accept(listener, shelf))
}

async fn accept(listener: Listener, shelf: Rc<Shelf>) -> Result<(), Failed> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        spawn_local(serve(stream, Rc::clone(&shelf)));
    }
}

async fn serve(stream: TcpStream, shelf: Rc<Shelf>) {
    let forward = |request| Rc::clone(&shelf).forward(request);
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(forward));
    // A client that goes away is no failure of ours.
    let _ = connection.await;
}

/// Connections to the upstream that nobody uses.
struct Shelf {
    upstream: SocketAddr,
    idle: RefCell<Vec<Sender>>,
}

impl Shelf {
    async fn forward(self: Rc<Self>, request: Request<Incoming>) -> Result<Response<Lent>, Failed> {
        let mut sender = self.take().await?;
        let response = sender.send_request(request).await?;
        Ok(response.map(|body| Lent {
            body,
            sender: Some(sender),
            shelf: self,
        }))
    }

    /// A connection that has finished its last response and is still open, or a new one.
    async fn take(&self) -> Result<Sender, Failed> {
        loop {
            let idle = self.idle.borrow_mut().pop();
            let Some(mut sender) = idle else {
                return self.connect().await;
            };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
    }

    async fn connect(&self) -> Result<Sender, Failed> {
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        spawn_local(connection);
        Ok(sender)
    }
}

/// The body of a response, which gives its connection back at its end.
struct Lent {
    body: Incoming,
    sender: Option<Sender>,
    shelf: Rc<Shelf>,
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if self.body.is_end_stream() || matches!(polled, Poll::Ready(None)) {
            let sender = self.sender.take();
            self.shelf.idle.borrow_mut().extend(sender);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
