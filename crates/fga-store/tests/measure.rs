//! What durability costs: writes a second, and how long a start takes. Means something in an
//! optimised build only: `cargo test --profile ci -p ztag-fga-store --test measure -- --ignored
//! --nocapture`; `ZTAG_MEASURE_TUPLES` says how many tuples a start has, a million if nothing is said.
#![cfg(test)]

use std::env;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use ztag_fga::{CheckRequest, Tuple, WriteRequest, dsl};
use ztag_fga_store::{NamedStore, PostgresSettings, Settings, Stores};
use ztag_test_support::Postgres;

const MODEL: &str = "model
  schema 1.1
type user
type folder
  relations
    define parent: [folder]
    define viewer: [user] or viewer from parent
type doc
  relations
    define parent: [folder]
    define viewer: [user] or viewer from parent
";

/// Tuples of one write while loading.
const LOADED_AT_ONCE: usize = 10_000;

fn settings() -> Settings {
    let mut settings = Settings {
        tidy_every: Duration::from_hours(1),
        ..Settings::default()
    };
    settings.limits.tuples_per_write = LOADED_AT_ONCE;
    settings
}

async fn documents(stores: &Stores) -> Arc<NamedStore> {
    let store = stores.create("documents").await.unwrap();
    store.write_model(dsl::parse(MODEL).unwrap()).await.unwrap();
    store
}

/// Documents in folders, and some users of each: ids as long as real ones.
fn tuple(number: usize) -> Tuple {
    let doc = format!("doc:d{:09}", number / 4);
    match number % 4 {
        0 => Tuple::new(format!("folder:f{:07}", number / 4000), "parent", doc),
        part => {
            let user = (number / 4 * 7919 + part * 104_729) % 100_000;
            Tuple::new(format!("user:u{user:07}"), "viewer", doc)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a while and means something in an optimised build only"]
async fn writes() {
    let folder = TempDir::new_in(".").unwrap();
    let stores = Stores::open(folder.path(), settings()).unwrap();
    let store = documents(&stores).await;
    for (tasks, tuples) in [(1, 1), (64, 1), (64, 10), (256, 1)] {
        let rounds = 20_000 / tasks / tuples.min(4) / if tasks == 1 { 10 } else { 1 };
        let begin = Instant::now();
        let running: Vec<_> = (0..tasks)
            .map(|task| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for round in 0..rounds {
                        let name =
                            |number| format!("user:{tasks}-{tuples}-{task}-{round}-{number}");
                        let all =
                            (0..tuples).map(|number| Tuple::new(name(number), "viewer", "doc:1"));
                        store.write(WriteRequest::writes(all)).await.unwrap();
                    }
                })
            })
            .collect();
        for task in running {
            task.await.unwrap();
        }
        let seconds = begin.elapsed().as_secs_f64();
        let writes = u32::try_from(tasks * rounds).unwrap();
        let rate = f64::from(writes) / seconds;
        println!(
            "{tasks} writers, {tuples} tuples each: {rate:.0} writes/s, {:.0} tuples/s",
            rate * f64::from(u32::try_from(tuples).unwrap())
        );
    }
    stores.close();
}

#[tokio::test]
#[ignore = "takes a while and means something in an optimised build only"]
async fn starts() {
    let count = env::var("ZTAG_MEASURE_TUPLES").map_or(1_000_000, |count| count.parse().unwrap());
    let folder = TempDir::new_in(".").unwrap();
    let stores = Stores::open(folder.path(), settings()).unwrap();
    let store = documents(&stores).await;
    let begin = Instant::now();
    for start in (0..count).step_by(LOADED_AT_ONCE) {
        let all = (start..count.min(start + LOADED_AT_ONCE)).map(tuple);
        store.write(WriteRequest::writes(all)).await.unwrap();
    }
    told("written durably", begin);
    let begin = Instant::now();
    stores.close();
    told("closed, with an image", begin);
    let id = store.id().clone();
    drop((stores, store));
    for name in fs::read_dir(folder.path()).unwrap() {
        let name = name.unwrap();
        println!(
            "{:?}: {} MB",
            name.file_name(),
            name.metadata().unwrap().len() / 1_000_000
        );
    }
    for what in ["from the image", "from the log"] {
        let begin = Instant::now();
        let stores = Stores::open(folder.path(), settings()).unwrap();
        told(&format!("started {what}"), begin);
        let store = stores.find(&id).unwrap();
        assert_eq!(store.store().size().tuples, count);
        let Tuple {
            user,
            relation,
            object,
            ..
        } = tuple(count - 1);
        assert_eq!(
            store
                .store()
                .check(&CheckRequest::new(user, relation, object)),
            Ok(true)
        );
        println!("{:?}, {} MB resident", store.store().size(), resident());
        let begin = Instant::now();
        stores.close();
        told("closed", begin);
        let _ = fs::remove_file(folder.path().join(format!("{id}.image")));
    }
}

fn told(what: &str, since: Instant) {
    println!("{what}: {:.2} s", since.elapsed().as_secs_f64());
}

fn resident() -> u64 {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1000
}

/// Two processes on one database: how much they write, and how soon one sees what the other wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a while and means something in an optimised build only"]
async fn shared_writes() {
    let postgres = Postgres::start().unwrap();
    let open = || {
        let database = PostgresSettings::new(postgres.url().parse().unwrap());
        Stores::connect(settings(), database).unwrap()
    };
    let (one, other) = (open(), open());
    let here = documents(&one).await;
    other.latest().await.unwrap();
    let there = other.find(here.id()).unwrap();
    for tasks in [1, 64, 256] {
        write_at_once(&[&here], tasks).await;
        write_at_once(&[&here, &there], tasks).await;
    }
    let mut lags = Vec::new();
    for round in 0..2_000 {
        let tuple = Tuple::new(format!("user:lag-{round}"), "viewer", "doc:1");
        let revision = here.write(WriteRequest::writes([tuple])).await.unwrap();
        let begin = Instant::now();
        while there.store().revision() < revision {
            tokio::task::yield_now().await;
        }
        lags.push(begin.elapsed());
    }
    told_lags("seen by the other after the answer", &mut lags);
    lags.clear();
    for _ in 0..2_000 {
        let begin = Instant::now();
        there.latest(Duration::from_secs(1)).await.unwrap();
        lags.push(begin.elapsed());
    }
    told_lags("confirmed as the latest", &mut lags);
    one.close();
    other.close();
}

/// So many tasks write to each of the stores, one tuple after the other.
async fn write_at_once(stores: &[&Arc<NamedStore>], tasks: usize) {
    let rounds = (20_000 / tasks).min(1_000);
    let begin = Instant::now();
    let running: Vec<_> = (0..tasks * stores.len())
        .map(|task| {
            let store = Arc::clone(stores[task % stores.len()]);
            let user = format!("user:{}-{tasks}-{task}", stores.len());
            tokio::spawn(async move {
                for round in 0..rounds {
                    let tuple = Tuple::new(format!("{user}-{round}"), "viewer", "doc:1");
                    store.write(WriteRequest::writes([tuple])).await.unwrap();
                }
            })
        })
        .collect();
    let writes = u32::try_from(rounds * running.len()).unwrap();
    for task in running {
        task.await.unwrap();
    }
    let second = f64::from(writes) / begin.elapsed().as_secs_f64();
    let processes = stores.len();
    println!("{processes} processes, {tasks} writers each: {second:.0} writes/s");
}

fn told_lags(what: &str, lags: &mut [Duration]) {
    lags.sort_unstable();
    let at = |part: usize| lags[lags.len() * part / 100].as_secs_f64() * 1000.0;
    println!("{what}: p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
}
