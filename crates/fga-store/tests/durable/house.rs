//! A folder of stores and a model.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use ztag_fga::spec::ModelSpec;
use ztag_fga::{ChangesRequest, Fields, ReadRequest, Store, StoredTuple, Tuple, TupleChange, dsl};
use ztag_fga_store::{NamedStore, PostgresSettings, Settings, Stores};
use ztag_test_support::Postgres;

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type doc
  relations
    define viewer: [user, user:*, group#member, user with in_time]
condition in_time(current_time: timestamp, expires_at: timestamp) {
  current_time < expires_at
}
";

pub(crate) struct House {
    pub(crate) folder: TempDir,
    /// Where the stores are, if not in the folder, which then has images only.
    database: Option<PostgresSettings>,
}

impl House {
    /// Stores in a folder.
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            database: None,
        }
    }

    /// Stores in a database.
    pub(crate) fn shared() -> Self {
        let postgres = Postgres::shared().unwrap();
        let folder = TempDir::new().unwrap();
        let mut database = PostgresSettings::new(postgres.url().parse().unwrap());
        database.schema = postgres.fresh_schema().parse().unwrap();
        database.images = Some(folder.path().to_owned());
        Self {
            folder,
            database: Some(database),
        }
    }

    /// One of each kind.
    pub(crate) fn each() -> [Self; 2] {
        [Self::new(), Self::shared()]
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn open(&self) -> Stores {
        self.open_with(settings())
    }

    pub(crate) fn open_with(&self, settings: Settings) -> Stores {
        match &self.database {
            None => Stores::open(self.path(), settings).unwrap(),
            Some(database) => Stores::connect(settings, database.clone()).unwrap(),
        }
    }

    /// The same stores, as another process has them.
    pub(crate) fn neighbour(&self) -> Self {
        let folder = TempDir::new().unwrap();
        let mut database = self.database.clone().unwrap();
        database.images = Some(folder.path().to_owned());
        Self {
            folder,
            database: Some(database),
        }
    }

    /// Where the stores are.
    pub(crate) fn database(&self) -> &PostgresSettings {
        self.database.as_ref().unwrap()
    }
}

/// Nothing happens by itself.
pub(crate) fn settings() -> Settings {
    Settings {
        tidy_every: Duration::from_hours(1),
        retry_after: Duration::ZERO,
        ..Settings::default()
    }
}

pub(crate) fn model() -> ModelSpec {
    dsl::parse(MODEL).unwrap()
}

pub(crate) async fn documents(stores: &Stores) -> Arc<NamedStore> {
    let store = stores.create("documents").await.unwrap();
    store.write_model(model()).await.unwrap();
    store
}

pub(crate) fn viewer(user: impl std::fmt::Display, doc: impl std::fmt::Display) -> Tuple {
    Tuple::new(format!("user:{user}"), "viewer", format!("doc:{doc}"))
}

/// Everything stored, in order.
pub(crate) fn stored(store: &Store) -> Vec<StoredTuple> {
    let mut found = Vec::new();
    let mut request = Some(ReadRequest::default());
    while let Some(asked) = request {
        let page = store.read(&asked).unwrap();
        request = asked.next(&page);
        found.extend(page.tuples);
    }
    found
}

/// The context of a tuple that is over at `time`.
pub(crate) fn until(time: &str) -> Option<Fields> {
    json!({ "expires_at": time }).as_object().cloned()
}

/// Every change that is kept, read `page` at a time.
pub(crate) fn changes_by(store: &Store, page: usize) -> Vec<TupleChange> {
    let mut found = Vec::new();
    let mut request = ChangesRequest {
        page_size: Some(page),
        ..ChangesRequest::default()
    };
    loop {
        let page = store.read_changes(&request).unwrap();
        if page.changes.is_empty() {
            return found;
        }
        found.extend(page.changes);
        request.continuation_token = page.continuation_token;
    }
}

/// Every change that is kept.
pub(crate) fn changes(store: &Store) -> Vec<TupleChange> {
    changes_by(store, 100)
}
