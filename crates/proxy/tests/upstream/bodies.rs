//! Bodies: whole or broken, never cut short in silence.

use http_body_util::BodyExt;
use tokio::sync::mpsc;

use crate::target::{Connection, Target, ok};
use crate::{ask, at_rest, connections, get, group, patient, send, until};

#[tokio::test]
async fn attack_23_a_response_that_breaks_off_is_an_error_never_an_end() {
    for reply in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ] {
        let target = Target::start(move |_, mut connection: Connection| async move {
            connection.request().await?;
            connection.send(reply).await;
            Some(())
        })
        .await;
        let upstream = group(&[target.url()], |_| {});
        let text = ask(&upstream, get()).await;
        assert!(text.starts_with("200 and then: "), "{reply}: {text}");
        at_rest(&upstream).await;
        until("closed", || connections(&upstream) == 0).await;
    }
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_whole_unless_it_was_reset() {
    for reset in [false, true] {
        let (go_on, wait) = mpsc::channel::<()>(1);
        let wait = std::sync::Arc::new(tokio::sync::Mutex::new(wait));
        let target = Target::start(move |_, mut connection: Connection| {
            let wait = wait.clone();
            async move {
                connection.request().await?;
                connection.send("HTTP/1.1 200 OK\r\n\r\nabc").await;
                wait.lock().await.recv().await;
                if reset {
                    connection.reset();
                }
                Some(())
            }
        })
        .await;
        let upstream = group(&[target.url()], |_| {});
        let mut body = send(&upstream, get()).await.outcome.unwrap().into_body();
        let first = patient(body.frame()).await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "abc");
        go_on.send(()).await.unwrap();
        let end = patient(body.frame()).await;
        assert_eq!(end.is_some_and(|end| end.is_err()), reset);
        at_rest(&upstream).await;
    }
}

#[tokio::test]
async fn a_response_that_nobody_reads_on_closes_its_connection() {
    let (closed, mut saw) = mpsc::unbounded_channel();
    let target = Target::start(move |_, mut connection: Connection| {
        let closed = closed.clone();
        async move {
            connection.request().await?;
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nabc";
            connection.send(head).await;
            connection.closed().await;
            closed.send(()).ok()
        }
    })
    .await;
    let upstream = group(&[target.url()], |_| {});
    let response = send(&upstream, get()).await.outcome.unwrap();
    assert_eq!(upstream.requests(), 1);
    drop(response);
    patient(saw.recv()).await.unwrap();
    at_rest(&upstream).await;
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_closes_its_connection() {
    let (event, mut events) = mpsc::unbounded_channel();
    let target = Target::start(move |_, mut connection: Connection| {
        let event = event.clone();
        async move {
            connection.request().await?;
            event.send("asked").ok()?;
            connection.closed().await;
            event.send("closed").ok()
        }
    })
    .await;
    let upstream = group(&[target.url()], |_| {});
    let asking = tokio::spawn({
        let upstream = upstream.clone();
        async move { ask(&upstream, get()).await }
    });
    assert_eq!(patient(events.recv()).await, Some("asked"));
    assert_eq!(upstream.status()[0].requests, 1);
    asking.abort();
    assert_eq!(patient(events.recv()).await, Some("closed"));
    at_rest(&upstream).await;
}

#[tokio::test]
async fn silence_in_the_middle_of_a_body_is_an_error() {
    let target = Target::start(|_, mut connection: Connection| async move {
        connection.request().await?;
        connection
            .send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
            .await;
        connection.closed().await;
        Some(())
    })
    .await;
    let upstream = group(&[target.url()], |spec| {
        spec.idle_timeout = "30ms".parse().unwrap();
    });
    let text = ask(&upstream, get()).await;
    assert_eq!(
        text,
        "200 and then: the upstream fell silent in the middle of its response"
    );
    at_rest(&upstream).await;
    until("closed", || connections(&upstream) == 0).await;
}

#[tokio::test]
async fn events_pass_one_by_one_as_they_come() {
    let (next, wait) = mpsc::unbounded_channel::<String>();
    let wait = std::sync::Arc::new(tokio::sync::Mutex::new(wait));
    let target = Target::start(move |_, mut connection: Connection| {
        let wait = wait.clone();
        async move {
            connection.request().await?;
            connection
                .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                .await;
            while let Some(event) = wait.lock().await.recv().await {
                connection
                    .send(&format!("{:x}\r\n{event}\r\n", event.len()))
                    .await;
            }
            connection.send("0\r\n\r\n").await;
            connection.closed().await;
            Some(())
        }
    })
    .await;
    let upstream = group(&[target.url()], |_| {});
    let mut body = send(&upstream, get()).await.outcome.unwrap().into_body();
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        next.send(event.to_owned()).unwrap();
        let frame = patient(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), event);
    }
    drop(next);
    assert!(patient(body.frame()).await.is_none());
    at_rest(&upstream).await;
    assert_eq!(connections(&upstream), 1);
}

#[tokio::test]
async fn attack_22_heads_that_can_be_read_in_two_ways_are_refused() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(70_000));
    for reply in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : y\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: y\r\n z\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        "SSH-2.0-x\r\n",
        &long,
    ] {
        let target = Target::replying(reply).await;
        let upstream = group(&[target.url()], |spec| spec.retries.attempts = 0);
        assert_eq!(ask(&upstream, get()).await, "broken", "{reply:.80}");
        at_rest(&upstream).await;
        until("closed", || connections(&upstream) == 0).await;
    }
}

#[tokio::test]
async fn attack_22_a_length_beside_chunks_counts_for_nobody_and_ends_the_connection() {
    let reply = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
                 5\r\nabcde\r\n0\r\n\r\n";
    let target = Target::replying(reply).await;
    let upstream = group(&[target.url()], |_| {});
    for connections in 1..4 {
        let sent = send(&upstream, get()).await;
        let headers = sent.outcome.as_ref().unwrap().headers();
        assert!(!headers.contains_key("content-length"));
        assert_eq!(sent.text().await, "200 abcde");
        assert_eq!(target.accepted(), connections);
    }
}

#[tokio::test]
async fn a_response_before_the_end_of_the_request_is_passed_on() {
    let target = Target::start(|_, mut connection: Connection| async move {
        loop {
            // Answers without reading the body.
            connection.head().await?;
            connection.send(&ok("early")).await;
            connection.read("order".len()).await?;
        }
    })
    .await;
    let upstream = group(&[target.url()], |_| {});
    for _ in 0..5 {
        assert_eq!(ask(&upstream, crate::post()).await, "200 early");
    }
    at_rest(&upstream).await;
}
