//! Which connection a call uses.

use std::sync::mpsc;
use std::thread;

use ztag_backend::{ClientSpec, PoolSpec};

use crate::stub::{Reply, Stub, ok, raw};
use crate::{body, client, client_of, get, millis};

fn pool(max_idle_per_origin: u32, idle_millis: u64) -> ClientSpec {
    ClientSpec {
        pool: PoolSpec {
            max_idle_per_origin,
            idle_timeout: millis(idle_millis),
        },
        ..ClientSpec::default()
    }
}

#[tokio::test]
async fn a_connection_serves_one_call_after_the_other() {
    let stub = Stub::start(|_| ok("here")).await;
    let client = client();
    for _ in 0..5 {
        client.send(get(&stub.url("/"))).await.unwrap();
    }
    assert_eq!(stub.connections(), [0; 5]);
}

#[tokio::test]
async fn chunked_replies_leave_the_connection_usable() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    let stub = Stub::start(move |_| raw(chunked)).await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(body(&client.send(get(&stub.url("/"))).await.unwrap()), "a");
    }
    assert_eq!(stub.connections(), [0; 3]);
}

#[tokio::test]
async fn a_connection_that_the_backend_ends_is_not_used_again() {
    for head in ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.0 200 OK"] {
        let reply = format!("{head}\r\nContent-Length: 1\r\n\r\na");
        let stub = Stub::start(move |_| raw(&reply)).await;
        let client = client();
        for _ in 0..2 {
            let pages = client.send(get(&stub.url("/"))).await.unwrap();
            assert_eq!(pages.attempts, 1, "{head}");
        }
        assert_eq!(stub.connections(), [0, 1], "{head}");
    }
}

#[tokio::test]
async fn without_a_pool_each_call_has_its_own_connection() {
    let stub = Stub::start(|_| ok("here")).await;
    let client = client_of(&pool(0, 1000));
    for _ in 0..2 {
        client.send(get(&stub.url("/"))).await.unwrap();
    }
    assert_eq!(stub.connections(), [0, 1]);
    stub.has_ended(2).await;
}

#[tokio::test]
async fn idle_connections_are_bounded_in_number() {
    let stub = Stub::start(|_| ok("here")).await;
    let client = client_of(&pool(1, 60_000));
    let (url, send) = (stub.url("/"), |url: &str| client.send(get(url)));
    let (a, b, c) = tokio::join!(send(&url), send(&url), send(&url));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    stub.has_ended(2).await;
}

#[tokio::test]
async fn idle_connections_are_bounded_in_time() {
    let stub = Stub::start(|_| ok("here")).await;
    let client = client_of(&pool(8, 20));
    client.send(get(&stub.url("/"))).await.unwrap();
    stub.has_ended(1).await;
    let pages = client.send(get(&stub.url("/"))).await.unwrap();
    assert_eq!((body(&pages), pages.attempts), ("here", 1));
    assert_eq!(stub.connections(), [0, 1]);
}

#[tokio::test]
async fn attack_22_bytes_after_a_reply_never_answer_the_next_call() {
    let stub = Stub::start(|request| match request.connection {
        0 => raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        _ => ok("b"),
    })
    .await;
    let client = client();
    assert_eq!(body(&client.send(get(&stub.url("/1"))).await.unwrap()), "a");
    assert_eq!(body(&client.send(get(&stub.url("/2"))).await.unwrap()), "b");
    assert_eq!(stub.connections(), [0, 1]);
}

#[tokio::test]
async fn attack_23_a_reply_not_read_to_its_end_closes_the_connection() {
    let stub = Stub::start(|_| ok("abcdef")).await;
    let client = client();
    let mut call = get(&stub.url("/"));
    call.max_body = 3;
    assert!(client.send(call).await.is_err());
    stub.has_ended(1).await;
    assert_eq!(
        body(&client.send(get(&stub.url("/"))).await.unwrap()),
        "abcdef"
    );
    assert_eq!(stub.connections(), [0, 1]);
}

#[tokio::test]
async fn giving_up_closes_the_connection() {
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab".to_vec();
    for sent in [Vec::new(), begun] {
        let stub = Stub::start(move |request| match request.connection {
            0 => Reply::Hang(sent.clone()),
            _ => ok("here"),
        })
        .await;
        let client = client();
        tokio::select! {
            _ = client.send(get(&stub.url("/"))) => panic!("nobody answers"),
            () = stub.has_received(1) => {}
        }
        stub.has_ended(1).await;
        assert_eq!(
            body(&client.send(get(&stub.url("/"))).await.unwrap()),
            "here"
        );
        assert_eq!(stub.connections(), [0, 1]);
    }
}

#[tokio::test]
async fn origins_do_not_share_connections() {
    let stub = Stub::start(|request| ok(request.header("host").unwrap())).await;
    let client = client();
    let port = stub.address.port();
    for host in ["127.0.0.1", "localhost", "127.0.0.1"] {
        let url = format!("http://{host}:{port}/");
        let pages = client.send(get(&url)).await.unwrap();
        assert_eq!(body(&pages), format!("{host}:{port}"));
    }
    assert_eq!(stub.connections(), [0, 1, 0]);
}

#[test]
fn a_client_outlives_the_runtime_of_its_connections() {
    let (tell, address) = mpsc::channel();
    let (done, wait) = tokio::sync::oneshot::channel::<()>();
    let backend = thread::spawn(move || {
        runtime().block_on(async {
            let stub = Stub::start(|_| ok("here")).await;
            tell.send(stub.url("/")).unwrap();
            let _ = wait.await;
            stub.connections()
        })
    });
    let url = address.recv().unwrap();
    let client = client();
    for _ in 0..2 {
        let pages = runtime().block_on(client.send(get(&url))).unwrap();
        assert_eq!((body(&pages), pages.attempts), ("here", 1));
    }
    drop(done);
    assert_eq!(backend.join().unwrap(), [0, 1]);
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_share_a_client() {
    let stub = Stub::start(|request| ok(request.target())).await;
    let client = std::sync::Arc::new(client());
    let calls = (0..200).map(|number| {
        let (client, url) = (client.clone(), stub.url(&format!("/{number}")));
        tokio::spawn(async move {
            let pages = client.send(get(&url)).await.unwrap();
            assert_eq!(body(&pages), format!("/{number}"));
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}
