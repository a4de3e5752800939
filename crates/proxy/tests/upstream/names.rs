//! Targets by name, and the guard of addresses.

use ztag_proxy::UpstreamSpec;

use crate::target::{Target, ok};
use crate::{ask, at_rest, get, group};

#[tokio::test]
async fn a_name_is_looked_up_and_connections_to_it_are_kept() {
    let target = Target::replying(ok("x")).await;
    let url = format!("http://localhost:{}", target.address.port());
    let upstream = group(&[url], |_| {});
    for _ in 0..3 {
        assert_eq!(ask(&upstream, get()).await, "200 x");
    }
    assert_eq!(target.accepted(), 1);
    assert!(upstream.status()[0].target.starts_with("localhost:"));
}

#[tokio::test]
async fn attack_46_an_address_that_the_guard_denies_is_not_called() {
    let target = Target::replying(ok("x")).await;
    let port = target.address.port();
    let deny_all = |spec: &mut UpstreamSpec| spec.address_guard.deny_private = true;
    for host in [
        "localhost",
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "0",
        "0x7f.1",
    ] {
        let upstream = group(&[format!("http://{host}:{port}")], deny_all);
        assert_eq!(ask(&upstream, get()).await, "connect", "{host}");
        at_rest(&upstream).await;
    }
    assert_eq!(target.accepted(), 0);
}
