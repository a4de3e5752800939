//! Signing keys change, and the provider comes and goes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ztag_test_support::door::{Door, doors};
use ztag_test_support::{Failure, OidcProvider};

use crate::{API, expect, policy, token, wait_for};

const CLIENTS: usize = 3;
const ROTATIONS: usize = 3;
/// Keys are not asked for more often than this: `jwks.minInterval` and a little.
const APART: Duration = Duration::from_millis(1_300);

/// What clients ask with while keys change.
struct Load {
    tokens: Mutex<Vec<String>>,
    over: AtomicBool,
    answered: AtomicUsize,
}

impl Load {
    fn with(token: String) -> Self {
        Self {
            tokens: Mutex::new(vec![token]),
            over: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
        }
    }

    fn add(&self, token: String) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.push(token);
    }

    fn token(&self, turn: usize) -> String {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        // The newest one every other time, so that it is met by several at once.
        let index = if turn.is_multiple_of(2) {
            tokens.len() - 1
        } else {
            turn % tokens.len()
        };
        tokens.get(index).cloned().unwrap_or_default()
    }

    /// Asks on one connection until it is over; what was not answered 200.
    fn ask(&self, door: &dyn Door) -> Vec<String> {
        let mut wrong = Vec::new();
        let Ok(mut connection) = door.open() else {
            return vec![String::from("no connection")];
        };
        let mut turn = 0;
        while !self.over.load(Ordering::Acquire) {
            turn += 1;
            let request = door.head("GET", "/read", &self.token(turn)) + "\r\n";
            let reply = connection
                .write(request.as_bytes())
                .and_then(|()| connection.reply("GET"));
            match reply {
                Ok(reply) if reply.status == 200 => {}
                Ok(reply) => wrong.push(format!("{turn}: status {}", reply.status)),
                Err(error) => return vec![format!("{turn}: {error}")],
            }
            self.answered.fetch_add(1, Ordering::AcqRel);
        }
        wrong
    }
}

#[test]
fn attack_29_keys_change_under_load_and_nobody_notices() -> Result<(), Failure> {
    let provider = OidcProvider::start()?;
    for door in doors(&policy(&provider))? {
        let load = Load::with(token(&provider, API, "read")?);
        let door = &*door;
        let wrong = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| scope.spawn(|| load.ask(door)))
                .collect();
            let rotated = rotate(&provider, &load);
            load.over.store(true, Ordering::Release);
            let ended = |client: thread::ScopedJoinHandle<'_, Vec<String>>| {
                let failed = |_| vec![String::from("a client failed")];
                client.join().unwrap_or_else(failed)
            };
            let wrong: Vec<String> = clients.into_iter().flat_map(ended).collect();
            rotated.map(|()| wrong)
        })?;
        let name = door.name();
        let log = door.process().log();
        assert_eq!(wrong, Vec::<String>::new(), "{name}\n{log}");
        let answered = load.answered.load(Ordering::Acquire);
        assert!(answered > 100, "{name}: only {answered} requests");
    }
    Ok(())
}

/// Changes keys, and has clients use tokens of the new one at once.
fn rotate(provider: &OidcProvider, load: &Load) -> Result<(), Failure> {
    for _ in 0..ROTATIONS {
        let begun = Instant::now();
        let so_far = load.answered.load(Ordering::Acquire);
        // Requests go on meanwhile.
        while begun.elapsed() < APART || load.answered.load(Ordering::Acquire) < so_far + 20 {
            thread::park_timeout(Duration::from_millis(10));
            if begun.elapsed() > APART * 20 {
                return Err(Failure::new("nobody asks any more"));
            }
        }
        provider.rotate_keys()?;
        load.add(token(provider, API, "read")?);
    }
    let last = load.answered.load(Ordering::Acquire);
    let begun = Instant::now();
    while load.answered.load(Ordering::Acquire) < last + 20 && begun.elapsed() < APART * 20 {
        thread::park_timeout(Duration::from_millis(10));
    }
    Ok(())
}

#[test]
fn known_keys_serve_while_the_provider_is_gone() -> Result<(), Failure> {
    let mut provider = OidcProvider::start()?;
    let [shown, kept] = [
        token(&provider, API, "read")?,
        token(&provider, API, "read write")?,
    ];
    let doors = doors(&policy(&provider))?;
    for door in &doors {
        expect(&**door, "/read", &shown, (200, "rules_passed"))?;
    }
    provider.kill();
    for door in &doors {
        // The one remembered, and one that nobody has seen so far.
        expect(&**door, "/read", &shown, (200, "rules_passed"))?;
        expect(&**door, "/write", &kept, (200, "rules_passed"))?;
    }
    Ok(())
}

#[test]
fn a_dead_provider_keeps_doors_shut_and_holds_up_no_start() -> Result<(), Failure> {
    let mut provider = OidcProvider::start()?;
    let good = token(&provider, API, "read")?;
    let policy = policy(&provider);
    provider.kill();
    let doors = doors(&policy)?;
    for door in &doors {
        expect(&**door, "/read", &good, (503, "token_undecided"))?;
    }
    provider.restart()?;
    for door in &doors {
        let observed = wait_for(&**door, &good, 200)?;
        let user = observed.identity.value("x-user");
        assert_eq!(user.as_deref(), Some("tester"), "{}", door.name());
    }
    Ok(())
}
