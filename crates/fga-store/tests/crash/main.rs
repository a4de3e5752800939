//! A process that writes is killed at any moment, again and again: what it acknowledged is there, and
//! nothing is there in part.
//!
//! `ZTAG_CRASH_ROUNDS` says how often; 200 for all of it.
#![cfg(test)]

mod child;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use ztag_fga::{ReadRequest, Store};
use ztag_fga_store::Stores;

/// Kills without being asked for more.
const ROUNDS: usize = 40;
/// Tasks of the child that write at once.
pub(crate) const TASKS: usize = 8;
/// Acknowledged writes after which a child is killed at the latest.
const LONGEST: u64 = 400;
/// Tells the child where its stores are.
pub(crate) const FOLDER: &str = "ZTAG_CRASH_FOLDER";

/// The step that each task has reached.
type Steps = BTreeMap<usize, u64>;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_there_in_part() {
    let rounds = env::var("ZTAG_CRASH_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let folder = TempDir::new().unwrap();
    let mut before = Steps::new();
    let mut acknowledged = 0;
    for round in 0..rounds {
        let told = killed_after(folder.path(), random(round) % LONGEST);
        acknowledged += told.len();
        if round % 3 == 2 {
            remove_images(folder.path());
        }
        let after = steps(folder.path());
        for task in 0..TASKS {
            let last = told
                .iter()
                .filter(|(own, _)| *own == task)
                .map(|(_, step)| *step)
                .max();
            let least = last.or(before.get(&task).copied()).unwrap_or_default();
            let found = after.get(&task).copied().unwrap_or_default();
            // One more may have been written down without anybody knowing.
            assert!(
                (least..=least + 1).contains(&found),
                "round {round}, task {task}: step {least} was acknowledged, {found} is there"
            );
        }
        before = after;
    }
    assert!(
        acknowledged > rounds,
        "the children did write: {acknowledged}"
    );
}

/// Runs a child until it has acknowledged so many writes. What it told.
fn killed_after(folder: &Path, count: u64) -> Vec<(usize, u64)> {
    let mut child = start(folder);
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let mut told: Vec<_> = Vec::new();
    // Some die before they are open.
    if count > 0 {
        let told_now = lines.by_ref().filter_map(|line| child::parse(&line));
        told.extend(told_now.take(usize::try_from(count).unwrap()));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What was told before it died is in the pipe still.
    told.extend(lines.filter_map(|line| child::parse(&line)));
    told
}

fn start(folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "child::writes_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The step of each task: both tuples of it are there, and no other.
fn steps(folder: &Path) -> Steps {
    let stores = Stores::open(folder, child::settings()).unwrap();
    let found = stores.list(None, 2, |_| true);
    assert!(found.len() <= 1, "one store is made");
    let steps = found
        .first()
        .map_or_else(Steps::new, |store| of(store.store()));
    stores.close();
    steps
}

fn of(store: &Store) -> Steps {
    let mut objects: BTreeMap<(usize, u64), BTreeSet<String>> = BTreeMap::new();
    let mut request = Some(ReadRequest::default());
    while let Some(asked) = request {
        let page = store.read(&asked).unwrap();
        for stored in &page.tuples {
            let key = child::step(&stored.tuple.user).unwrap();
            assert!(
                objects
                    .entry(key)
                    .or_default()
                    .insert(stored.tuple.object.clone())
            );
        }
        request = asked.next(&page);
    }
    let mut steps = Steps::new();
    for ((task, step), objects) in objects {
        assert_eq!(
            objects.len(),
            2,
            "task {task}, step {step} is there in part"
        );
        assert_eq!(
            steps.insert(task, step),
            None,
            "task {task} is at two steps"
        );
    }
    steps
}

fn remove_images(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "image")
        {
            fs::remove_file(path).unwrap();
        }
    }
}

fn random(salt: usize) -> u64 {
    RandomState::new().hash_one(salt)
}
