//! A database that goes away, comes back, or is not ours.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use ztag_fga::{CheckRequest, ErrorCode, WriteRequest};
use ztag_fga_store::{NamedStore, OpenError, PostgresSettings, Settings, Stores};
use ztag_test_support::{Authority, Postgres};

use crate::house::{House, documents, model, settings, stored, viewer};

const PATIENCE: Duration = Duration::from_mins(1);

fn at(postgres: &Postgres) -> PostgresSettings {
    PostgresSettings::new(postgres.url().parse().unwrap())
}

/// Two processes at one database, and a store of it as both find it.
struct Two {
    one: Stores,
    other: Stores,
    here: Arc<NamedStore>,
    there: Arc<NamedStore>,
}

async fn two(postgres: &Postgres) -> Two {
    let one = Stores::connect(settings(), at(postgres)).unwrap();
    let other = Stores::connect(settings(), at(postgres)).unwrap();
    let here = documents(&one).await;
    other.latest().await.unwrap();
    let there = other.find(here.id()).unwrap();
    Two {
        one,
        other,
        here,
        there,
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "{what} never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// While the database is away, checks go on by what is known, and nothing is let through that asks
/// for more.
#[tokio::test]
async fn attack_20_a_killed_database_stops_writes_and_no_checks() {
    let mut postgres = Postgres::start().unwrap();
    let Two {
        one,
        other,
        here,
        there,
    } = two(&postgres).await;
    let write = WriteRequest::writes([viewer("ada", 1)]);
    let revision = here.write(write).await.unwrap();
    there.at_least(revision, PATIENCE).await.unwrap();
    assert_eq!((one.outage(), other.outage()), (None, None));
    assert_eq!((one.outage_lasts(), other.outage_lasts()), (None, None));

    postgres.kill();
    let check = CheckRequest::new("user:ada", "viewer", "doc:1");
    for (stores, store) in [(&one, &here), (&other, &there)] {
        let write = WriteRequest::writes([viewer("ben", 1)]);
        let refused = store.write(write).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unavailable, "{refused}");
        let refused = store.write_model(model()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unavailable, "{refused}");
        assert!(stores.outage().is_some() && stores.outage_lasts().is_some());
        // What was known is answered; whether it is the latest is not.
        assert_eq!(store.store().check(&check), Ok(true));
        store.at_least(revision, PATIENCE).await.unwrap();
        let refused = store.latest(PATIENCE).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unavailable, "{refused}");
        assert_eq!(stored(store.store()).len(), 1);
    }

    postgres.resume().unwrap();
    until("the database", async || {
        one.outage().is_none() && other.outage().is_none()
    })
    .await;
    let write = WriteRequest::writes([viewer("ben", 1)]);
    let revision = there.write(write).await.unwrap();
    here.at_least(revision, PATIENCE).await.unwrap();
    assert_eq!(stored(here.store()), stored(there.store()));
    one.close();
    other.close();
}

/// Nobody tells: somebody looks.
#[tokio::test]
async fn who_hears_nothing_looks() {
    let postgres = Postgres::start().unwrap();
    let Two {
        one,
        other,
        here,
        there,
    } = two(&postgres).await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()";
    for round in 0..5 {
        postgres.ask(cut).unwrap();
        let write = WriteRequest::writes([viewer("ada", round)]);
        here.write(write).await.unwrap();
        let is_there = async || stored(there.store()).len() == stored(here.store()).len();
        until("what was written", is_there).await;
    }
    one.close();
    other.close();
}

/// Every session is cut: whatever was under way was written or was not, and both agree on it.
#[tokio::test]
async fn lost_connections_lose_nothing() {
    let postgres = Postgres::start().unwrap();
    let Two {
        one,
        other,
        here,
        there,
    } = two(&postgres).await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'ztag'";
    let mut acknowledged = Vec::new();
    for round in 0..100 {
        if round % 20 == 7 {
            postgres.ask(cut).unwrap();
        }
        let tuple = viewer(round, 1);
        let store = if round % 2 == 0 { &here } else { &there };
        let write = WriteRequest::writes([tuple.clone()]);
        if store.write(write).await.is_ok() {
            acknowledged.push(tuple.user);
        }
    }
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    until("the latest", async || {
        here.latest(PATIENCE).await.is_ok() && there.latest(PATIENCE).await.is_ok()
    })
    .await;
    let found = stored(here.store());
    assert_eq!(found, stored(there.store()));
    for user in acknowledged {
        assert!(
            found.iter().any(|own| own.tuple.user == user),
            "{user} is lost"
        );
    }
    one.close();
    other.close();
}

#[tokio::test]
async fn databases_that_are_not_ours_are_refused() {
    let house = House::shared();
    house.open().close();
    let postgres = Postgres::shared().unwrap();
    let schema = house.database().schema.as_str();
    let newer = format!("UPDATE {schema}.version SET number = 99");
    postgres.ask(&newer).unwrap();
    let refused = Stores::connect(settings(), house.database().clone()).unwrap_err();
    assert!(refused.to_string().contains("newer"), "{refused}");

    let nowhere = "postgres://ztag:hunter2@127.0.0.1:1/x".parse().unwrap();
    let absent = PostgresSettings::new(nowhere);
    let unknown = postgres.url().replace("/postgres", "/absent");
    let unknown = unknown.replace("ztag@", "ztag:hunter2@").parse().unwrap();
    let unknown = PostgresSettings::new(unknown);
    for database in [absent, unknown] {
        let refused = Stores::connect(settings(), database).unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
}

/// Who stands between shows another certificate, or one with another name.
#[test]
fn only_a_server_that_is_vouched_for_is_believed() {
    let authority = Authority::new().unwrap();
    let postgres = Postgres::start_encrypting(&authority).unwrap();
    let folder = TempDir::new().unwrap();
    let root = authority.write(folder.path()).unwrap();
    let stranger = TempDir::new().unwrap();
    let other = Authority::new().unwrap().write(stranger.path()).unwrap();
    let connect = |host: &str, mode: &str, root: &Path| {
        let url = postgres.url().replace("127.0.0.1", host);
        let url = format!("{url}?sslmode={mode}&sslrootcert={}", root.display());
        let stores = Stores::connect(settings(), PostgresSettings::new(url.parse().unwrap()));
        stores.map(|stores| stores.close())
    };
    for (host, mode, root, is_believed) in [
        ("localhost", "verify-full", &root, true),
        ("127.0.0.1", "verify-ca", &root, true),
        ("127.0.0.1", "verify-full", &root, false),
        ("localhost", "verify-full", &other, false),
        ("localhost", "verify-ca", &other, false),
        ("localhost", "require", &other, true),
    ] {
        let connected = connect(host, mode, root);
        assert_eq!(
            connected.is_ok(),
            is_believed,
            "{host} {mode}: {connected:?}"
        );
    }
    // And where there is no encryption, nobody is.
    let plain = Postgres::shared().unwrap();
    let url = format!("{}?sslmode=require", plain.url());
    let refused = Stores::connect(settings(), PostgresSettings::new(url.parse().unwrap()));
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_backup_is_the_business_of_the_database() {
    let house = House::shared();
    let stores = house.open_with(Settings::default());
    let refused = stores.backup(&house.path().join("copy.db")).await;
    assert!(refused.unwrap_err().message().contains("pg_dump"));
    stores.close();
}

/// Two that begin at once make the tables once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_made_once() {
    let house = House::shared();
    let opened: Vec<_> = (0..6)
        .map(|_| {
            let mut database = house.database().clone();
            database.images = None;
            std::thread::spawn(move || Stores::connect(settings(), database))
        })
        .collect();
    for thread in opened {
        let stores: Result<_, OpenError> = thread.join().unwrap();
        stores.unwrap().close();
    }
}
