//! Which addresses are called.

use ztag_backend::{ClientSpec, FailureKind, GuardSpec};

use crate::stub::{Stub, ok};
use crate::{body, client_of, get, kind};

fn guarded(guard: GuardSpec) -> ClientSpec {
    ClientSpec {
        address_guard: guard,
        ..ClientSpec::default()
    }
}

#[tokio::test]
async fn attack_46_no_spelling_of_a_denied_address_is_called() {
    let stub = Stub::start(|_| ok("inside")).await;
    let client = client_of(&guarded(GuardSpec {
        deny_private: true,
        ..GuardSpec::default()
    }));
    let port = stub.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
    ] {
        let mut call = get(&format!("http://{host}:{port}/"));
        call.retries = 3;
        let failure = client.send(call).await.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.attempts()),
            (FailureKind::BlockedAddress, 1),
            "{host}"
        );
    }
    assert!(stub.received().is_empty());
}

#[tokio::test]
async fn attack_45_a_name_is_judged_by_what_it_resolves_to() {
    let stub = Stub::start(|_| ok("inside")).await;
    let url = format!("http://localhost:{}/", stub.address.port());
    let denying = client_of(&guarded(GuardSpec {
        deny_private: true,
        ..GuardSpec::default()
    }));
    assert_eq!(
        kind(denying.send(get(&url)).await),
        FailureKind::BlockedAddress
    );
    assert!(stub.received().is_empty());
    let allowing = client_of(&guarded(GuardSpec {
        allow: vec!["127.0.0.0/8".to_owned()],
        deny_private: true,
        ..GuardSpec::default()
    }));
    assert_eq!(body(&allowing.send(get(&url)).await.unwrap()), "inside");
}

#[tokio::test]
async fn a_name_without_address_is_a_failure_to_connect() {
    let client = client_of(&ClientSpec::default());
    let outcome = client.send(get("http://no-such-host.invalid/")).await;
    assert_eq!(kind(outcome), FailureKind::Connect);
}
