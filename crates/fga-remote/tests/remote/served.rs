//! Remote stores of the API of this house, which is that of `OpenFGA`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use ztag_fga::{Limits, Tuple, WriteRequest, dsl};
use ztag_fga_api::{Access, FgaService, NamedStore, Stores};
use ztag_fga_remote::{Answers, Authority, Check, Consistency, Given, LocalStore, Source, Wanted};
use ztag_server::{LimitsSpec, Listen, Server, Shutdown};
use ztag_types::{Clock, ManualClock, SystemClock};

use crate::support::{ask, check, remote, shown};

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user]
type doc
  relations
    define viewer: [user, group#member, user with in_time]

condition in_time(now: timestamp, until: timestamp) {
  now < until
}
";

pub(crate) struct World {
    store: Arc<NamedStore>,
    server: Option<Server>,
    shutdown: Shutdown,
}

impl World {
    pub(crate) fn open() -> Self {
        let stores = Arc::new(Stores::new(Limits::default()));
        let store = stores.insert("docs", Arc::default()).unwrap();
        store
            .store()
            .write_model(dsl::parse(MODEL).unwrap())
            .unwrap();
        let until = json!({"until": "2026-06-01T00:00:00Z"});
        let tuples = [
            Tuple::new("user:ada", "viewer", "doc:1"),
            Tuple::new("group:eng#member", "viewer", "doc:2"),
            Tuple::new("user:tim", "viewer", "doc:3").when("in_time", until.as_object().cloned()),
        ];
        store.store().write(&WriteRequest::writes(tuples)).unwrap();
        let service = FgaService::new(stores, Access::open());
        let (shutdown, limits) = (Shutdown::new(), LimitsSpec::default());
        let limits = LimitsSpec {
            workers: 1,
            ..limits
        };
        let listen = Listen::plain("127.0.0.1:0".parse().unwrap(), limits);
        let server = Server::start(&listen, &shutdown, move || service.clone()).unwrap();
        Self {
            store,
            server: Some(server),
            shutdown,
        }
    }

    fn remote(&self) -> Authority {
        self.remote_with(json!({}))
    }

    /// The same with other settings.
    pub(crate) fn remote_with(&self, change: Json) -> Authority {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let address = self.server.as_ref().unwrap().address();
        remote(address, self.store.id().as_str(), change, &clock)
    }

    /// Questions that reached the server.
    pub(crate) fn asked(&self) -> u64 {
        self.store.store().tally().checks()
    }

    fn local(&self) -> Authority {
        let local = LocalStore::new(Arc::clone(self.store.store()), None);
        Authority::Local(Arc::new(local))
    }
}

impl World {
    fn close(&mut self) {
        self.shutdown.begin();
        if let Some(server) = self.server.take() {
            server.join();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.close();
    }
}

#[tokio::test]
async fn a_remote_store_answers_as_a_local_one() {
    let world = World::open();
    let (near, far) = (world.local(), world.remote());
    let mut checks: Vec<_> = (0..120)
        .map(|number| {
            check(
                ["user:ada", "user:ben"][number % 2],
                &format!("doc:{}", number % 5),
            )
        })
        .collect();
    checks.push(Check {
        relation: "nothing".into(),
        ..check("user:ada", "doc:1")
    });
    let given = Given {
        contextual_tuples: vec![Tuple::new("user:ben", "member", "group:eng")],
        context: json!({"now": "2026-01-01T00:00:00Z"})
            .as_object()
            .cloned()
            .unwrap(),
        consistency: Consistency::HigherConsistency,
    };
    for given in [Given::default(), given] {
        let (here, there) = (
            near.check(&checks, &given).await,
            far.check(&checks, &given).await,
        );
        assert_eq!(shown(&here), shown(&there));
        assert_eq!(there.provenance.source, Source::Remote);
    }
    // A condition without its parameter has no answer.
    let tim = [check("user:tim", "doc:3"), check("user:ada", "doc:1")];
    assert_eq!(
        shown(&ask(&far, &tim).await),
        [Err("validation_error"), Ok(true)]
    );
}

/// Asks until `is_wanted`. Guarded against tests that hang.
async fn until(authority: &Authority, checks: &[Check], is_wanted: impl Fn(&Answers) -> bool) {
    let asking = async {
        while !is_wanted(&ask(authority, checks).await) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), asking).await;
    assert!(waited.is_ok(), "the answer never came");
}

#[tokio::test]
async fn a_replica_follows_its_store_and_knows_when_it_is_too_old() {
    let mut world = World::open();
    let clock = Arc::new(ManualClock::new());
    let shared: Arc<dyn Clock> = clock.clone();
    let address = world.server.as_ref().unwrap().address();
    let spec = json!({ "replica": { "every": "1ms", "maxStaleness": "5s" } });
    let far = remote(address, world.store.id().as_str(), spec, &shared);
    let asked = [check("user:ada", "doc:1"), check("user:ben", "doc:1")];
    let near = |answers: &Answers| answers.provenance.source == Source::Replica;
    until(&far, &asked, near).await;
    let answers = ask(&far, &asked).await;
    assert_eq!(shown(&answers), [Ok(true), Ok(false)]);
    let store = Arc::clone(world.store.store());
    let tuple = || Tuple::new("user:ben", "viewer", "doc:1");
    store.write(&WriteRequest::writes([tuple()])).unwrap();
    until(&far, &asked, |own| {
        near(own) && shown(own) == [Ok(true), Ok(true)]
    })
    .await;
    store.write(&WriteRequest::deletes([tuple()])).unwrap();
    until(&far, &asked, |own| {
        near(own) && shown(own) == [Ok(true), Ok(false)]
    })
    .await;
    // Whoever wants the latest answer asks the server.
    let latest = Given {
        consistency: Consistency::HigherConsistency,
        ..Given::default()
    };
    assert_eq!(
        far.check(&asked, &latest).await.provenance.source,
        Source::Remote
    );
    // Another model is another copy.
    let model = MODEL.replace(
        "user with in_time]",
        "user with in_time]\n    define owner: [user]",
    );
    store.write_model(dsl::parse(&model).unwrap()).unwrap();
    let owner = [Check {
        relation: "owner".into(),
        ..check("user:ada", "doc:1")
    }];
    until(&far, &owner, |own| near(own) && shown(own) == [Ok(false)]).await;
    // Without its server the copy answers as long as it may.
    world.close();
    clock.advance(Duration::from_secs(5));
    assert!(near(&ask(&far, &asked).await));
    clock.advance(Duration::from_secs(1));
    let late = ask(&far, &asked).await;
    assert_eq!(late.provenance.source, Source::Remote);
    assert!(late.results.iter().all(Result::is_err));
}

#[tokio::test]
async fn lists_come_from_the_server() {
    let world = World::open();
    let wanted = Wanted {
        user: "user:ada".into(),
        relation: "viewer".into(),
        type_name: "doc".into(),
    };
    let listed = world
        .remote()
        .list_objects(&wanted, &Given::default())
        .await;
    let listed = listed.unwrap();
    assert_eq!(
        (listed.objects, listed.is_truncated),
        (vec!["doc:1".to_owned()], false)
    );
    let wanted = Wanted {
        type_name: "nope".into(),
        ..wanted
    };
    let refused = world
        .remote()
        .list_objects(&wanted, &Given::default())
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.class(), refused.is_unavailable()),
        ("type_not_found", false)
    );
}

#[tokio::test]
async fn a_store_that_is_not_there_refuses() {
    let world = World::open();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let address = world.server.as_ref().unwrap().address();
    let nowhere = remote(address, crate::support::STORE, json!({}), &clock);
    let answers = ask(
        &nowhere,
        &[check("user:ada", "doc:1"), check("user:ada", "doc:2")],
    )
    .await;
    assert!(answers.results.iter().all(Result::is_err));
}
