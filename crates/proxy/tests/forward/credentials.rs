//! Tokens of ours on their way to an upstream, as they age.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_token::client::{
    ClientIdentity, ClientIdentitySpec, KeyFiles, OutboundCredential, OutboundDeps, TokenStores,
};
use ztag_types::{Clock, ConfigPath, Findings, ManualClock, Secret};

use crate::gate::Gate;
use crate::origin::Origin;
use crate::{ask, get};

/// An authorization server that waits for each answer to be written, and tells when it is asked.
fn server() -> (SocketAddr, Receiver<()>, Sender<String>) {
    let (tell, asked) = channel();
    let (write, answers) = channel::<String>();
    let answers = Mutex::new(answers);
    let server = Origin::raw(move |mut wire| {
        while wire.message(false).is_some() {
            tell.send(()).ok();
            let Ok(answer) = answers.lock().unwrap().recv() else {
                return;
            };
            wire.write(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
                answer.len()
            ));
        }
    });
    (server.address, asked, write)
}

fn answer(token: &str, life: u32) -> String {
    format!(r#"{{"access_token": "{token}", "token_type": "Bearer", "expires_in": {life}}}"#)
}

fn credential(server: SocketAddr, stores: &TokenStores) -> OutboundCredential {
    let spec = format!(
        r#"{{"clientCredentials": {{"issuer": "https://as.example", "tokenEndpoint": "http://{server}/token"}}}}"#
    );
    let spec = serde_json::from_str(&spec).unwrap();
    let identity = ClientIdentitySpec {
        client_id: "gateway".into(),
        secret: Some(Secret::new("of-the-gateway".into())),
        ..ClientIdentitySpec::default()
    };
    let (files, at) = (KeyFiles::default(), ConfigPath::root());
    let mut findings = Findings::new();
    let identity = ClientIdentity::compile(&identity, &files, &at, &mut findings).unwrap();
    let deps = OutboundDeps {
        stores,
        identity: Some(&identity),
        files: &files,
    };
    let compiled = OutboundCredential::compile(&spec, deps, &at, &mut findings);
    compiled.unwrap_or_else(|| panic!("{:?}", findings.as_slice()))
}

#[test]
fn a_request_that_meets_an_aged_token_does_not_wait_for_the_next() {
    for (life, due) in [(300, 240), (20, 14)] {
        let (server, asked, answers) = server();
        let clock = Arc::new(ManualClock::new());
        let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
        let own = Arc::clone(&clock) as Arc<dyn Clock>;
        let stores = TokenStores::new(Arc::new(client), own);
        let origin = Origin::fine();
        let gate = Gate::with_credential(origin.address, &credential(server, &stores));
        let sent = || {
            assert_eq!(ask(gate.address, get("/", &[])).status(), 200, "{life}");
            let arrived = origin.requests().pop().unwrap();
            arrived.all("authorization").join("|")
        };
        answers.send(answer("first", life)).unwrap();
        assert_eq!(sent(), "Bearer first");
        asked.recv().unwrap();
        clock.advance(Duration::from_secs(due - 1));
        assert_eq!(sent(), "Bearer first");
        assert!(asked.try_recv().is_err(), "it is not due yet");
        // Due: the next one is asked for, and who comes meanwhile takes what there is.
        clock.advance(Duration::from_secs(1));
        assert_eq!(sent(), "Bearer first");
        asked.recv().unwrap();
        assert_eq!(sent(), "Bearer first");
        answers.send(answer("second", life)).unwrap();
        while sent() != "Bearer second" {}
        assert!(asked.try_recv().is_err(), "one question for all");
    }
}
