//! Proxies keep their connections to forward-auth: a new one per question costs more than the
//! decision, and one misplaced line in a configuration is enough for that.

use ztag_test_support::{Failure, MockServer, Proxy, Reply, Request, Wiring, send};

const REQUESTS: usize = 20;

#[test]
fn proxies_keep_their_connections_to_forward_auth() -> Result<(), Failure> {
    for proxy in Proxy::ALL {
        let decisions = MockServer::start(|_| Reply::text(200, ""))?;
        let application = MockServer::application()?;
        let running = proxy.start(&Wiring {
            decisions: decisions.address(),
            application: application.address(),
        })?;
        decisions.take_recorded();
        let before = decisions.connections();
        let request = Request::new("GET", "/").header("Host: app.example.com");
        for _ in 0..REQUESTS {
            send(running.address, &request)?;
        }
        assert_eq!(decisions.take_recorded().len(), REQUESTS, "{proxy:?}");
        let opened = decisions.connections() - before;
        assert!(opened <= 2, "{proxy:?} opened {opened} connections");
    }
    Ok(())
}
