//! Connections are kept, shared, bounded and given up.

use http::Method;
use tokio::task::JoinSet;
use ztag_proxy::{UpstreamPlaces, UpstreamPoolSpec};

use crate::target::{Connection, Target, ok, status};
use crate::{ask, at_rest, compile, connections, get, group, post, request, send, spec, until};

#[tokio::test]
async fn ten_thousand_requests_need_one_connection_each_at_a_time() {
    let target = Target::replying(ok("x")).await;
    let upstream = group(&[target.url()], |_| {});
    for _ in 0..2_000 {
        assert_eq!(ask(&upstream, get()).await, "200 x");
    }
    assert_eq!(target.accepted(), 1);

    let mut asking = JoinSet::new();
    for _ in 0..8 {
        let upstream = upstream.clone();
        asking.spawn(async move {
            for _ in 0..1_000 {
                assert_eq!(ask(&upstream, get()).await, "200 x");
            }
        });
    }
    asking.join_all().await;
    assert!(target.accepted() <= 8, "{}", target.accepted());
    at_rest(&upstream).await;
}

#[tokio::test]
async fn responses_of_every_framing_leave_the_connection_whole() {
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nd";
    for (method, reply, expected) in [
        (Method::GET, ok("abc"), "200 abc"),
        (Method::GET, ok(""), "200 "),
        (Method::GET, chunked.to_owned(), "200 abc"),
        (Method::GET, early.to_owned(), "200 d"),
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_owned(),
            "200 ",
        ),
        (
            Method::GET,
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            "204 ",
        ),
        (
            Method::GET,
            "HTTP/1.1 304 X\r\ncontent-length: 9\r\n\r\n".to_owned(),
            "304 ",
        ),
        (Method::POST, status(500), "500 "),
    ] {
        let target = Target::replying(reply.clone()).await;
        let upstream = group(&[target.url()], |_| {});
        for _ in 0..3 {
            let asked = request(method.clone(), "/", "");
            assert_eq!(ask(&upstream, asked).await, expected, "{reply}");
        }
        assert_eq!(target.accepted(), 1, "{reply}");
        at_rest(&upstream).await;
    }
}

#[tokio::test]
async fn the_target_and_every_field_arrive_as_given() {
    let target = Target::start(|_, mut connection: Connection| async move {
        loop {
            let head = connection.request().await?;
            connection.send(&ok(&head)).await;
        }
    })
    .await;
    let upstream = group(&[target.url()], |_| {});
    let asked = request(Method::GET, "/a%2Fb/..;/c?d=%41&&e", "");
    let expected = "200 GET /a%2Fb/..;/c?d=%41&&e HTTP/1.1\r\nhost: app.example\r\n\r\n";
    assert_eq!(ask(&upstream, asked).await, expected);
}

#[tokio::test]
async fn a_connection_that_died_while_idle_costs_nothing() {
    // Each connection answers once, and closes without saying so.
    let target = Target::start(|_, mut connection: Connection| async move {
        connection.request().await?;
        connection.send(&ok("x")).await;
        Some(())
    })
    .await;
    let upstream = group(&[target.url()], |spec| spec.retries.attempts = 0);
    for _ in 0..20 {
        let sent = send(&upstream, get()).await;
        assert_eq!(sent.report.error, None);
        assert_eq!(sent.text().await, "200 x");
    }
    at_rest(&upstream).await;
    until("closed", || connections(&upstream) == 0).await;
}

#[tokio::test]
async fn a_connection_that_dies_on_the_next_request_is_replaced_once() {
    // The first connection answers once, reads the second request and hangs up.
    let target = Target::start(|number, mut connection: Connection| async move {
        connection.request().await?;
        connection.send(&ok("x")).await;
        connection.request().await?;
        if number > 0 {
            connection.send(&ok("y")).await;
        }
        Some(())
    })
    .await;
    let upstream = group(&[target.url()], |spec| spec.retries.attempts = 0);
    assert_eq!(ask(&upstream, get()).await, "200 x");
    let sent = send(&upstream, get()).await;
    assert_eq!(sent.report.attempts, 2);
    assert_eq!(sent.text().await, "200 x");
    assert_eq!(target.accepted(), 2);
    at_rest(&upstream).await;
}

#[tokio::test]
async fn what_may_have_had_an_effect_is_not_sent_twice_even_on_a_dead_connection() {
    let target = Target::start(|_, mut connection: Connection| async move {
        connection.request().await?;
        connection.send(&ok("x")).await;
        connection.request().await?;
        Some(())
    })
    .await;
    let upstream = group(&[target.url()], |spec| spec.retries.attempts = 3);
    assert_eq!(ask(&upstream, post()).await, "200 x");
    let sent = send(&upstream, post()).await;
    assert_eq!(sent.report.attempts, 1);
    assert_eq!(sent.text().await, "broken");
    assert_eq!(target.accepted(), 1);
    at_rest(&upstream).await;
}

#[tokio::test]
async fn idle_connections_are_bounded_and_closed() {
    let target = Target::replying(ok("x")).await;
    let upstream = group(&[target.url()], |spec| {
        spec.pool = UpstreamPoolSpec {
            max_idle: 2,
            idle_timeout: "20ms".parse().unwrap(),
        };
    });
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(send(&upstream, get()).await);
    }
    assert_eq!(connections(&upstream), 5);
    for sent in held {
        assert_eq!(sent.text().await, "200 x");
    }
    until("two are kept", || connections(&upstream) <= 2).await;
    until("none is kept", || connections(&upstream) == 0).await;
    at_rest(&upstream).await;
}

#[tokio::test]
async fn connections_and_counts_outlive_a_reload_and_change_with_what_they_depend_on() {
    let target = Target::replying(ok("x")).await;
    let places = UpstreamPlaces::new();
    let first = spec(&[target.url()], |_| {});
    let mut upstream = compile(&first, &places);
    ask(&upstream, get()).await;
    for timeout in ["1s", "2s"] {
        let next = spec(&[target.url()], |spec| {
            spec.timeout = timeout.parse().unwrap();
        });
        // As a reload does: the new one is there before the old one goes.
        upstream = compile(&next, &places);
        assert_eq!(ask(&upstream, get()).await, "200 x");
    }
    assert_eq!(target.accepted(), 1);
    let other = spec(&[target.url()], |spec| {
        spec.address_guard.allow = vec!["127.0.0.1".into()];
    });
    let held = send(&upstream, get()).await;
    let old = upstream;
    upstream = compile(&other, &places);
    drop(old);
    assert_eq!(ask(&upstream, get()).await, "200 x");
    assert_eq!(target.accepted(), 2);
    // What the old one began ends well.
    assert_eq!(held.text().await, "200 x");
}

#[tokio::test]
async fn a_group_that_nobody_names_any_more_closes_its_connections() {
    let (closed, mut saw) = tokio::sync::mpsc::unbounded_channel();
    let target = Target::start(move |_, mut connection: Connection| {
        let closed = closed.clone();
        async move {
            connection.request().await?;
            connection.send(&ok("x")).await;
            connection.closed().await;
            closed.send(()).ok()
        }
    })
    .await;
    let places = UpstreamPlaces::new();
    let upstream = compile(&spec(&[target.url()], |_| {}), &places);
    ask(&upstream, get()).await;
    drop(upstream);
    crate::patient(saw.recv()).await.unwrap();
}

#[tokio::test]
async fn attack_22_what_follows_a_response_is_never_the_next_ones() {
    // One response too many, in the same packet and in one of its own.
    for split in [false, true] {
        let target = Target::start(move |_, mut connection: Connection| async move {
            connection.request().await?;
            let (first, second) = (ok("mine"), ok("stolen"));
            if split {
                connection.send(&first).await;
                connection.send(&second).await;
            } else {
                connection.send(&(first + &second)).await;
            }
            connection.closed().await;
            Some(())
        })
        .await;
        let upstream = group(&[target.url()], |_| {});
        for _ in 0..20 {
            let answer = ask(&upstream, get()).await;
            // In a packet of its own it may come while the next request waits on the same
            // connection: then it is that one's answer as far as anybody can tell.
            assert!(answer == "200 mine" || split, "{answer}");
        }
        at_rest(&upstream).await;
    }
}

#[tokio::test]
async fn attack_41_a_connection_carries_no_identity() {
    // Two principals, one connection: what tells them apart travels in each request.
    let target = Target::start(|_, mut connection: Connection| async move {
        loop {
            let head = connection.request().await?;
            let user = head.lines().find_map(|line| line.strip_prefix("x-user: "));
            connection.send(&ok(user.unwrap_or("nobody"))).await;
        }
    })
    .await;
    let upstream = group(&[target.url()], |_| {});
    for user in ["alice", "bob", "alice", "nobody"] {
        let mut asked = get();
        if user != "nobody" {
            asked.headers_mut().insert("x-user", user.parse().unwrap());
        }
        assert_eq!(ask(&upstream, asked).await, format!("200 {user}"));
    }
    assert_eq!(target.accepted(), 1);
}
