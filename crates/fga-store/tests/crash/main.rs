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
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use ztag_fga::{ReadRequest, Store};
use ztag_fga_store::{PostgresSettings, Stores};
use ztag_test_support::Postgres;

/// Kills without being asked for more.
const ROUNDS: usize = 40;
/// The same where the stores are in a database.
const ROUNDS_OF_DATABASE: usize = 12;
/// Tasks of the child that write at once.
pub(crate) const TASKS: usize = 8;
/// Acknowledged writes after which a child is killed at the latest.
const LONGEST: u64 = 400;
/// Tells the child where its stores are.
pub(crate) const FOLDER: &str = "ZTAG_CRASH_FOLDER";
/// And in which database, if they are in one.
pub(crate) const DATABASE: &str = "ZTAG_CRASH_DATABASE";

/// The step that each task has reached.
type Steps = BTreeMap<usize, u64>;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_there_in_part() {
    let folder = TempDir::new().unwrap();
    let place = Place {
        folder: folder.path().to_owned(),
        database: None,
    };
    let mut trial = Trial::new(place);
    for round in 0..rounds(ROUNDS) {
        trial.kill(round, |child| child.kill().unwrap());
    }
    assert!(
        trial.acknowledged > rounds(ROUNDS),
        "the children did write"
    );
}

/// Now the process dies, now the database, now both.
#[test]
fn nothing_acknowledged_is_lost_in_a_database_that_dies() {
    let mut postgres = Postgres::start().unwrap();
    let folder = TempDir::new().unwrap();
    let place = Place {
        folder: folder.path().to_owned(),
        database: Some(postgres.url()),
    };
    let mut trial = Trial::new(place);
    let rounds = rounds(ROUNDS_OF_DATABASE);
    for round in 0..rounds {
        trial.kill(round, |child| {
            if round % 2 == 0 {
                postgres.kill();
            }
            if round % 4 == 2 {
                // Writes are refused, and it ends by itself.
                child.wait().unwrap();
            } else {
                child.kill().unwrap();
            }
            if round % 2 == 0 {
                postgres.resume().unwrap();
            }
            // Whatever the child had begun is over when its sessions are.
            let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ztag'";
            while postgres.ask(sessions).unwrap() != "0" {}
        });
    }
    assert!(trial.acknowledged > rounds, "the children did write");
}

fn rounds(unless_said: usize) -> usize {
    let rounds = env::var("ZTAG_CRASH_ROUNDS").ok();
    rounds.map_or(unless_said, |rounds| rounds.parse().unwrap())
}

/// Where the stores are.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// The address of a database; the folder has images only then.
    pub(crate) database: Option<String>,
}

impl Place {
    pub(crate) fn open(&self) -> Stores {
        let Some(url) = &self.database else {
            return Stores::open(&self.folder, child::settings()).unwrap();
        };
        let mut database = PostgresSettings::new(url.parse().unwrap());
        database.images = Some(self.folder.clone());
        Stores::connect(child::settings(), database).unwrap()
    }
}

/// Deaths, one after the other, and what was there after the last one.
struct Trial {
    place: Place,
    before: Steps,
    acknowledged: usize,
}

impl Trial {
    fn new(place: Place) -> Self {
        Self {
            place,
            before: Steps::new(),
            acknowledged: 0,
        }
    }

    /// Lets a child write for a while, ends it, and looks at what is there.
    fn kill(&mut self, round: usize, end: impl FnOnce(&mut Child)) {
        let told = ended_after(&self.place, random(round) % LONGEST, end);
        self.acknowledged += told.len();
        if round % 3 == 2 {
            remove_images(&self.place.folder);
        }
        let after = steps(&self.place);
        for task in 0..TASKS {
            let last = told
                .iter()
                .filter(|(own, _)| *own == task)
                .map(|(_, step)| *step)
                .max();
            let least = last.or(self.before.get(&task).copied());
            let least = least.unwrap_or_default();
            let found = after.get(&task).copied().unwrap_or_default();
            // One more may have been written down without anybody knowing.
            assert!(
                (least..=least + 1).contains(&found),
                "round {round}, task {task}: step {least} was acknowledged, {found} is there"
            );
        }
        self.before = after;
    }
}

/// Runs a child until it has acknowledged so many writes. What it told.
fn ended_after(place: &Place, count: u64, end: impl FnOnce(&mut Child)) -> Vec<(usize, u64)> {
    let mut child = start(place);
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let mut told: Vec<_> = Vec::new();
    // Some die before they are open.
    if count > 0 {
        let told_now = lines.by_ref().filter_map(|line| child::parse(&line));
        told.extend(told_now.take(usize::try_from(count).unwrap()));
    }
    end(&mut child);
    child.wait().unwrap();
    // What was told before it died is in the pipe still.
    told.extend(lines.filter_map(|line| child::parse(&line)));
    told
}

fn start(place: &Place) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    if let Some(database) = &place.database {
        command.env(DATABASE, database);
    }
    command
        .args([
            "--exact",
            "child::writes_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, &place.folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The step of each task: both tuples of it are there, and no other.
fn steps(place: &Place) -> Steps {
    let stores = place.open();
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
