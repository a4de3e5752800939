//! Ten thousand clients that do nothing, and a thousand that want something at once.

use rustix::process::{Resource, getrlimit, setrlimit};
use ztag_test_support::{Connection, Failure, MockServer};

use crate::house::House;

const IDLE: usize = 10_000;
const ACTIVE: usize = 1_000;
/// One for each connection on either side of this process, and some for what is always open.
const FILES: u64 = 13_000;
/// Most bytes of the gateway's memory for one idle connection, of a build without optimisation.
const BYTES_EACH: u64 = 48 * 1024;

const REQUEST: &[u8] = b"GET /orders/7 HTTP/1.1\r\nHost: app.example.com\r\n\
                         Authorization: Bearer t-alice\r\n\r\n";

#[test]
fn attack_25_ten_thousand_idle_clients_are_in_nobodys_way() -> Result<(), Failure> {
    // Programs started from here inherit it.
    allow_files(FILES)?;
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    assert_eq!(house.status("/orders/7"), Some(200));
    let before = house.memory()?;
    let mut idle = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        let mut connection = Connection::open(house.address())?;
        // Some only connect, some have had an answer.
        if idle.len() % 10 == 0 {
            connection.write(REQUEST)?;
            assert_eq!(connection.reply("GET")?.status, 200);
        }
        idle.push(connection);
    }
    let grown = house.memory()?.saturating_sub(before);
    let each = grown / IDLE as u64;
    assert!(each < BYTES_EACH, "{each} bytes for each idle connection");

    let mut active = Vec::with_capacity(ACTIVE);
    for _ in 0..ACTIVE {
        active.push(Connection::open(house.address())?);
    }
    for _ in 0..2 {
        for connection in &mut active {
            connection.write(REQUEST)?;
        }
        for connection in &mut active {
            assert_eq!(connection.reply("GET")?.status, 200);
        }
    }
    // Whoever was idle is still served.
    for connection in idle.iter_mut().step_by(997) {
        connection.write(REQUEST)?;
        assert_eq!(connection.reply("GET")?.status, 200);
    }
    Ok(())
}

fn allow_files(wanted: u64) -> Result<(), Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        let text = format!("this test needs {wanted} open files: raise the hard limit");
        return Err(Failure::new(text));
    }
    limit.current = Some(wanted);
    setrlimit(Resource::Nofile, limit).map_err(|error| Failure::new(error.to_string()))
}
