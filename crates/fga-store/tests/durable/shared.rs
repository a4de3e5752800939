//! Two processes, one database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ztag_fga::{
    Assertion, CheckRequest, ErrorCode, OnDuplicate, OnMissing, Revision, WriteRequest,
};
use ztag_fga_store::{NamedStore, Settings, Stores};
use ztag_types::{Clock, ManualClock};

use crate::house::{House, changes, documents, model, settings, stored, viewer};

/// How long to wait for what happens by itself. Far more than it takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Two processes that have the same store.
struct Pair {
    house: House,
    one: Stores,
    other: Stores,
    here: Arc<NamedStore>,
    there: Arc<NamedStore>,
}

impl Pair {
    async fn new() -> Self {
        Self::with(settings()).await
    }

    async fn with(settings: Settings) -> Self {
        let house = House::shared();
        let one = house.open_with(settings.clone());
        let other = house.neighbour().open_with(settings);
        let here = documents(&one).await;
        other.latest().await.unwrap();
        let there = other.find(here.id()).unwrap();
        Self {
            house,
            one,
            other,
            here,
            there,
        }
    }

    fn close(&self) {
        self.one.close();
        self.other.close();
    }
}

fn check(store: &NamedStore, user: &str) -> bool {
    let request = CheckRequest::new(format!("user:{user}"), "viewer", "doc:1");
    store.store().check(&request).unwrap()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} never came");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_one_writes_the_other_sees() {
    let pair = Pair::new().await;
    let (here, there) = (&pair.here, &pair.there);
    assert_eq!(
        (there.name(), there.created()),
        (here.name(), here.created())
    );
    let revision = here
        .write(WriteRequest::writes([viewer("ada", 1)]))
        .await
        .unwrap();
    there.at_least(revision, PATIENCE).await.unwrap();
    assert!(check(there, "ada"));
    let future = Revision::from_number(revision.number() + 1).unwrap();
    let refused = there.at_least(future, PATIENCE).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Validation);

    // Models in one order, whoever writes them.
    for writer in [there, here, there] {
        writer.write_model(model()).await.unwrap();
    }
    let latest = there.store().model(None).unwrap().id().clone();
    let assertions = vec![Assertion {
        tuple_key: viewer("ada", 1),
        expectation: true,
        contextual_tuples: Vec::new(),
        context: None,
    }];
    let written = there.write_assertions(&latest, assertions.clone()).await;
    written.unwrap();
    here.latest(PATIENCE).await.unwrap();
    let ids = |store: &NamedStore| {
        let models = store.store().models(None, 9);
        models
            .iter()
            .map(|model| model.id().clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(here).len(), 4);
    assert_eq!(ids(here), ids(there));
    assert_eq!(here.store().read_assertions(&latest), assertions);
    pair.close();
}

#[tokio::test]
async fn attack_42_a_revoke_counts_in_every_process() {
    let pair = Pair::new().await;
    let (here, there) = (&pair.here, &pair.there);
    here.write(WriteRequest::writes([viewer("eve", 1)]))
        .await
        .unwrap();
    until("the grant", || check(there, "eve")).await;
    for round in 0..20 {
        let revision = here
            .write(WriteRequest::deletes([viewer("eve", 1)]))
            .await
            .unwrap();
        match round % 3 {
            // Who demands the revision, or the latest, never sees the past.
            0 => there.at_least(revision, PATIENCE).await.unwrap(),
            1 => there.latest(PATIENCE).await.unwrap(),
            // Who does not sees it soon.
            _ => until("the revoke", || !check(there, "eve")).await,
        }
        assert!(!check(there, "eve"), "round {round}");
        // Granted there, revoked here.
        let granted = WriteRequest::writes([viewer("eve", 1)]);
        there.write(granted).await.unwrap();
    }
    pair.close();
}

/// A store that is gone here is gone there, and whoever still holds it gets no answer from it.
#[tokio::test]
async fn attack_42_what_is_deleted_answers_nowhere() {
    let pair = Pair::new().await;
    let (here, there) = (&pair.here, &pair.there);
    here.write(WriteRequest::writes([viewer("eve", 1)]))
        .await
        .unwrap();
    there.latest(PATIENCE).await.unwrap();
    assert!(check(there, "eve"));
    assert_eq!(pair.one.delete(here.id()).await, Ok(true));
    until("the end", || pair.other.find(here.id()).is_none()).await;
    let request = CheckRequest::new("user:eve", "viewer", "doc:1");
    for store in [here, there] {
        let answer = store.store().check(&request).unwrap_err();
        assert_eq!(answer.code(), ErrorCode::LatestModelNotFound);
        let write = store.write(WriteRequest::writes([viewer("x", 1)])).await;
        assert_eq!(write.unwrap_err().code(), ErrorCode::StoreNotFound);
    }
    // Its number is not given again, though nothing of it is left.
    while pair.one.tidy().await.is_err() {}
    let new = documents(&pair.other).await;
    assert!(stored(new.store()).is_empty());
    pair.close();
}

#[tokio::test]
async fn every_write_is_judged_by_the_truth() {
    let pair = Pair::new().await;
    let write = |on_duplicate| WriteRequest {
        on_duplicate,
        ..WriteRequest::writes([viewer("ada", 1)])
    };
    let delete = |on_missing| WriteRequest {
        on_missing,
        ..WriteRequest::deletes([viewer("ada", 1)])
    };
    for _ in 0..10 {
        // None of them knows what the other has just done.
        let (here, there) = tokio::join!(
            pair.here.write(write(OnDuplicate::Error)),
            pair.there.write(write(OnDuplicate::Error)),
        );
        let refused = [here, there].into_iter().filter_map(Result::err);
        let codes: Vec<_> = refused.map(|error| error.code()).collect();
        assert_eq!(codes, [ErrorCode::WriteFailed]);
        let before = stored(pair.here.store());
        pair.there.write(write(OnDuplicate::Ignore)).await.unwrap();
        pair.here.write(write(OnDuplicate::Ignore)).await.unwrap();
        assert_eq!(stored(pair.here.store()).len(), 1);
        assert!(before.len() <= 1);
        pair.there.write(delete(OnMissing::Error)).await.unwrap();
        let gone = pair.here.write(delete(OnMissing::Error)).await;
        assert_eq!(gone.unwrap_err().code(), ErrorCode::WriteFailed);
        pair.here.write(delete(OnMissing::Ignore)).await.unwrap();
    }
    pair.here.latest(PATIENCE).await.unwrap();
    assert_eq!(changes(pair.here.store()).len(), 20);
    pair.close();
}

#[tokio::test]
async fn a_store_of_one_id_is_made_once() {
    let pair = Pair::new().await;
    let id = ztag_fga_store::StoreId::from_bits(7);
    let (here, there) = tokio::join!(
        pair.one.ensure(&id, "documents"),
        pair.other.ensure(&id, "documents"),
    );
    let (here, there) = (here.unwrap(), there.unwrap());
    here.write_model(model()).await.unwrap();
    let write = WriteRequest::writes([viewer("ada", 1)]);
    let revision = there.write(write).await.unwrap();
    here.at_least(revision, PATIENCE).await.unwrap();
    assert!(check(&here, "ada"));
    pair.close();
}

/// Changes that a follower has not seen yet may be folded: it reads anew, and comes to the same.
#[tokio::test]
async fn who_is_behind_a_fold_reads_anew() {
    let clock = Arc::new(ManualClock::new());
    let folding = Settings {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        keep_changes: Some(Duration::from_secs(100)),
        ..settings()
    };
    let pair = Pair::with(folding).await;
    let (here, there) = (&pair.here, &pair.there);
    here.write(WriteRequest::writes([viewer("ada", 1), viewer("eve", 1)]))
        .await
        .unwrap();
    there.latest(PATIENCE).await.unwrap();
    // As if it had been cut off: what happens is not heard of.
    let postgres = ztag_test_support::Postgres::shared().unwrap();
    let schema = pair.house.database().schema.as_str();
    let sql = |text: &str| {
        postgres
            .ask(
                &text
                    .replace("CHANGES", &format!("{schema}.changes"))
                    .replace("STORES", &format!("{schema}.stores")),
            )
            .unwrap()
    };
    sql("BEGIN;
        INSERT INTO CHANGES SELECT store, 3, TRUE, object, relation, subject, NULL, NULL, changed
            FROM CHANGES WHERE revision = 2;
        DELETE FROM CHANGES WHERE revision IN (2, 3);
        UPDATE STORES SET revision = 3, folded = 3;
        COMMIT");
    for store in [here, there] {
        store.latest(PATIENCE).await.unwrap();
        assert_eq!([check(store, "ada"), check(store, "eve")], [true, false]);
        assert_eq!(store.store().folded_until().number(), 3);
    }
    let next = here.write(WriteRequest::writes([viewer("ben", 1)])).await;
    assert_eq!(next.unwrap().number(), 4);
    there.latest(PATIENCE).await.unwrap();
    assert_eq!(stored(there.store()), stored(here.store()));
    pair.close();
}

/// A database that was put back to an earlier day is the truth, whatever was known before.
#[tokio::test]
async fn who_is_ahead_of_the_database_goes_back() {
    let pair = Pair::new().await;
    let (here, there) = (&pair.here, &pair.there);
    for user in ["ada", "ben", "eve"] {
        let write = WriteRequest::writes([viewer(user, 1)]);
        here.write(write).await.unwrap();
    }
    there.latest(PATIENCE).await.unwrap();
    let postgres = ztag_test_support::Postgres::shared().unwrap();
    let schema = pair.house.database().schema.as_str();
    let back = format!(
        "BEGIN; DELETE FROM {schema}.changes WHERE revision > 1;
        UPDATE {schema}.stores SET revision = 1; COMMIT"
    );
    postgres.ask(&back).unwrap();
    here.latest(PATIENCE).await.unwrap();
    assert!(check(here, "ada") && !check(here, "eve"));
    // And from there another way, past where the other one was.
    for user in ["x", "y", "z"] {
        let write = WriteRequest::writes([viewer(user, 1)]);
        here.write(write).await.unwrap();
    }
    there.latest(PATIENCE).await.unwrap();
    assert_eq!(stored(there.store()), stored(here.store()));
    assert!(check(there, "z") && !check(there, "eve"));
    pair.close();
}
