//! What servers hold in memory: for clients that are silent, and after many requests of many
//! principals.

use std::fmt;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ztag_test_support::{Connection, Failure};

use super::cpu::Tree;
use super::goals::Goal;
use super::measure::{Bench, MANY};
use super::targets::{BARE, FULL, GATEWAYS, HAPROXY, PLAIN, PROXY, Target};

/// Connections that are kept open, each of which asked once.
const SILENT: usize = 3_000;
/// How often, and for how long, memory is waited for to be given back.
const LOOKS: u32 = 24;
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Requests of the long run, and the tokens that they show in turn.
const REQUESTS: u64 = 1_000_000;
const PRINCIPALS: usize = 10_000;
/// Seconds after which the requests are counted again.
const STRETCH: u64 = 10;

/// Goals: bytes for each silent connection, KiB after the long run.
const MOST_SILENT: u64 = 8 * 1024;
const MOST_RESIDENT: u64 = 25 * 1024;

/// What was found.
pub(super) struct Memory {
    silent: Vec<Silent>,
    /// Requests of the long run, and KiB after it.
    served: u64,
    resident: u64,
}

/// Bytes that one connection takes.
struct Silent {
    name: &'static str,
    /// Right after its reply.
    at_once: u64,
    /// The least within some seconds of silence.
    settled: u64,
}

impl Memory {
    /// Measures the gateway, and its peers while they hold silent connections. `quick` makes the
    /// long run short.
    pub(super) fn measure(bench: &Bench, quick: bool) -> Result<Self, Failure> {
        let rows = [PROXY, HAPROXY, BARE, PLAIN, FULL];
        let mut silent = Vec::new();
        for target in rows.into_iter().filter_map(named) {
            println!("silent connections: {}", target.name);
            let held = hold(bench, target).map_err(|failure| failure.during(target.name))?;
            silent.push(held);
        }
        let least = if quick { REQUESTS / 20 } else { REQUESTS };
        println!("{least} requests: {FULL}");
        let target = named(FULL).ok_or_else(|| Failure::new("there is no such row"))?;
        let (served, resident) = last(bench, target, least)?;
        Ok(Self {
            silent,
            served,
            resident,
        })
    }

    /// What is to be reached.
    pub(super) fn goals(&self) -> Vec<Goal> {
        let ours = |row: &&Silent| row.name == PLAIN || row.name == FULL;
        let silent = self.silent.iter().filter(ours);
        silent
            .map(|row| Goal::bytes(row.name, row.settled, MOST_SILENT))
            .chain([Goal::kib(FULL, self.resident, MOST_RESIDENT)])
            .collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let silent = self.silent.iter().map(|row| {
            json!({ "name": row.name, "bytesAtOnce": row.at_once, "bytesSettled": row.settled })
        });
        json!({
            "silent": silent.collect::<Vec<_>>(),
            "longRun": { "requests": self.served, "residentKib": self.resident },
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nbytes for each of {SILENT} silent connections")?;
        writeln!(f, "{:<38} {:>8} {:>8}", "", "at once", "settled")?;
        for row in &self.silent {
            writeln!(f, "{:<38} {:>8} {:>8}", row.name, row.at_once, row.settled)?;
        }
        let (served, resident) = (self.served, self.resident);
        writeln!(
            f,
            "{FULL}: {resident} KiB after {served} requests with {PRINCIPALS} tokens"
        )
    }
}

fn named(name: &str) -> Option<&'static Target> {
    GATEWAYS.iter().find(|target| target.name == name)
}

/// Opens the connections, asks once over each, and falls silent.
fn hold(bench: &Bench, target: &'static Target) -> Result<Silent, Failure> {
    let running = bench.start(target)?;
    let tree = running.tree();
    // What the first requests need is not the connections' doing.
    bench.load(target, &running, 1).run(MANY, 1)?;
    let before = settled(&tree)?;
    let request = bench.request(target).encode();
    let mut open = Vec::with_capacity(SILENT);
    for _ in 0..SILENT {
        let mut connection = Connection::open(running.address)?;
        connection.write(&request)?;
        let status = connection.reply("GET")?.status;
        if status != 200 {
            return Err(Failure::new(format!("answers {status}")));
        }
        open.push(connection);
    }
    let at_once = tree.resident()?;
    let settled = settled(&tree)?;
    drop(open);
    let each = |kib: u64| kib.saturating_sub(before) * 1024 / SILENT as u64;
    Ok(Silent {
        name: target.name,
        at_once: each(at_once),
        settled: each(settled),
    })
}

/// The least resident memory in KiB within some seconds without requests.
fn settled(tree: &Tree) -> Result<u64, Failure> {
    let mut least = tree.resident()?;
    for _ in 0..LOOKS {
        thread::park_timeout(LOOK_AGAIN);
        least = least.min(tree.resident()?);
    }
    Ok(least)
}

/// Serves at least `least` requests; how many they were, and the KiB resident after them.
fn last(bench: &Bench, target: &'static Target, least: u64) -> Result<(u64, u64), Failure> {
    let running = bench.start(target)?;
    let load = bench.load(target, &running, PRINCIPALS);
    let mut served = 0;
    while served < least {
        let left = if least < REQUESTS { 1 } else { STRETCH };
        served += load.run(MANY, left)?.requests;
    }
    Ok((served, running.tree().resident()?))
}
