//! A restart and reloads while clients ask: nobody meets a closed door.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ztag_test_support::{Failure, Gateway, MockServer};

use crate::house::{House, POLICY};

const CLIENTS: usize = 3;
const RELOADS: usize = 8;
/// Requests that are answered between two events.
const BETWEEN: usize = 60;
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const ATTEMPTS: u32 = 6_000;

/// Asks on new connections, as clients do that know nothing of each other, while `events` happen;
/// what was not answered 200.
fn under_load(
    house: &House,
    events: impl FnOnce(&dyn Fn() -> Result<(), Failure>) -> Result<(), Failure>,
) -> Result<Vec<String>, Failure> {
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let more = || {
        let goal = answered.load(Ordering::Acquire) + BETWEEN;
        for _ in 0..ATTEMPTS {
            if answered.load(Ordering::Acquire) >= goal {
                return Ok(());
            }
            thread::park_timeout(LOOK_AGAIN);
        }
        Err(Failure::new("nobody is answered any more"))
    };
    let ask = || {
        let mut wrong = Vec::new();
        while !over.load(Ordering::Acquire) {
            match house.status("/orders/7") {
                Some(200) => {}
                other => wrong.push(format!("{other:?}")),
            }
            answered.fetch_add(1, Ordering::AcqRel);
        }
        wrong
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        let happened = events(&more);
        over.store(true, Ordering::Release);
        let failed = |_| vec![String::from("a client failed")];
        let ended = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap_or_else(failed));
        let wrong = ended.collect();
        happened.map(|()| wrong)
    })
}

#[test]
fn a_restart_loses_no_request() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("handover.sock");
    let listen = format!("    handover: '{}'\n%%\n", socket.display());
    let mut house = House::open(
        folder,
        "  limits: {drainTimeout: 10s}\n",
        &(listen + &policy),
    )?;
    let config = house.folder.path().join("config.yaml");
    let port = house.address().port();
    let mut next = None;
    let wrong = under_load(&house, |more| {
        more()?;
        next = Some(Gateway::start(&config, port, &[])?);
        more()?;
        more()
    })?;
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "{}",
        house.gateway.process.log()
    );
    for _ in 0..ATTEMPTS {
        if house.gateway.process.has_ended() {
            break;
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    assert!(house.gateway.process.has_ended(), "the old one goes on");
    assert_eq!(house.status("/orders/7"), Some(200));
    drop(next);
    assert_eq!(house.status("/orders/7"), None);
    Ok(())
}

#[test]
fn reloads_lose_no_request() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let config = house.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config)?;
    let wrong = under_load(&house, |more| {
        for turn in 0..RELOADS {
            let route = format!(
                "routes:\n  more{turn}: {{paths: [/more{turn}], public: true, upstream: app}}\n"
            );
            fs::write(&config, text.replace("routes:\n", &route))?;
            house.gateway.process.signal("HUP")?;
            more()?;
        }
        let line = |line: &str| line.contains("configuration reloaded");
        house.gateway.process.wait_for_line(line).map(drop)
    })?;
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "{}",
        house.gateway.process.log()
    );
    Ok(())
}
