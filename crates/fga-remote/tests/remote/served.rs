//! Remote stores of the API of this house, which is that of `OpenFGA`.

use std::sync::Arc;

use serde_json::json;
use ztag_fga::{Limits, Tuple, WriteRequest, dsl};
use ztag_fga_api::{Access, FgaService, NamedStore, Stores};
use ztag_fga_remote::{Authority, Check, Consistency, Given, LocalStore, Source, Wanted};
use ztag_server::{LimitsSpec, Listen, Server, Shutdown};
use ztag_types::{Clock, SystemClock};

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

struct World {
    store: Arc<NamedStore>,
    server: Option<Server>,
    shutdown: Shutdown,
}

impl World {
    fn open() -> Self {
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
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let address = self.server.as_ref().unwrap().address();
        remote(address, self.store.id().as_str(), json!({}), &clock)
    }

    fn local(&self) -> Authority {
        let local = LocalStore::new(Arc::clone(self.store.store()), None);
        Authority::Local(Arc::new(local))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.begin();
        if let Some(server) = self.server.take() {
            server.join();
        }
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
