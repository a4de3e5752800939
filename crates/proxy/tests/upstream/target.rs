//! Targets that do on the wire what a test says.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A response of 200 with `body`.
pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A response of `status` without a body.
pub(crate) fn status(status: u16) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")
}

/// A listening target; stops when dropped.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Target {
    /// Hands every connection, numbered from 0, to `serve`.
    pub(crate) async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(usize, Connection) -> Fut + Send + 'static,
        Fut: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, serve)
    }

    /// Like [`Self::start`], on `listener`.
    pub(crate) fn on<F, Fut>(listener: TcpListener, serve: F) -> Self
    where
        F: Fn(usize, Connection) -> Fut + Send + 'static,
        Fut: Future<Output = Option<()>> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                serving.spawn(serve(number, Connection::new(stream)));
            }
        });
        Self {
            address,
            accepted,
            task,
        }
    }

    /// Answers every request with `reply`.
    pub(crate) async fn replying(reply: impl Into<String>) -> Self {
        let reply = reply.into();
        Self::start(move |_, mut connection| {
            let reply = reply.clone();
            async move {
                loop {
                    connection.request().await?;
                    connection.send(&reply).await;
                }
            }
        })
        .await
    }

    /// Connections accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A connection as the target sees it.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// The head of the next request; its body, by `content-length`, is read too.
    pub(crate) async fn request(&mut self) -> Option<String> {
        let head = self.head().await?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).await.ok()?;
        Some(head)
    }

    /// The head of the next request.
    pub(crate) async fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        loop {
            let read = self.0.read_line(&mut head).await.ok()?;
            if read == 0 {
                return None;
            }
            if head.ends_with("\r\n\r\n") {
                return Some(head);
            }
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        // The peer may be gone: then the test sees it there.
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// Reads `count` bytes.
    pub(crate) async fn read(&mut self, count: usize) -> Option<String> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await.ok()?;
        String::from_utf8(bytes).ok()
    }

    /// Reads until the peer closes.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
    }

    /// Closes with a reset, so that the peer cannot mistake it for an end.
    pub(crate) fn reset(self) {
        let stream = self.0.into_inner();
        stream.set_zero_linger().unwrap();
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.0.into_inner()
    }
}
