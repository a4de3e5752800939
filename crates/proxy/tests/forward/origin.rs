//! Upstreams that read raw requests and answer as a test says.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crate::{Message, Wire};

/// An upstream on loopback. Its threads end with the process.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Message>>>,
}

impl Origin {
    /// Hands every connection to `serve`.
    pub(crate) fn raw(serve: impl Fn(Wire) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(Wire::new(stream)));
            }
        });
        Self {
            address,
            requests: Arc::default(),
        }
    }

    /// Answers every request with `answer`, as it stands, and keeps the requests.
    pub(crate) fn answering(answer: impl Fn(&Message) -> String + Send + Sync + 'static) -> Self {
        let requests: Arc<Mutex<Vec<Message>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let origin = Self::raw(move |mut wire| {
            while let Some(request) = wire.message(false) {
                let answer = answer(&request);
                seen.lock().unwrap().push(request);
                wire.write(answer);
            }
        });
        Self { requests, ..origin }
    }

    /// Answers every request with 200 and `ok`.
    pub(crate) fn fine() -> Self {
        Self::answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into())
    }

    /// What arrived so far.
    pub(crate) fn requests(&self) -> Vec<Message> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request that arrived.
    pub(crate) fn only(&self) -> Message {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.into_iter().next().unwrap()
    }
}

/// An upstream whose one connection is the test's to drive.
pub(crate) fn driven() -> (SocketAddr, mpsc::Receiver<Wire>) {
    let (sender, receiver) = mpsc::channel();
    let origin = Origin::raw(move |wire| {
        let _ = sender.send(wire);
    });
    (origin.address, receiver)
}
