//! A store of this process.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use ztag_fga::{Checker, Error, ListObjectsRequest, ModelId, Store};

use crate::authority::{Answers, Check, Consistency, Given, Listed, Provenance, Source, Wanted};
use crate::undecided::Undecided;

/// Lists of one store that are searched for at once; others wait.
const LISTS: usize = 8;

/// A store of this process, and the model that questions are about.
///
/// Checks are answered where they are asked: they take microseconds. Lists may take long and are
/// searched for beside the workers.
#[derive(Debug)]
pub struct LocalStore {
    name: Box<str>,
    store: Arc<Store>,
    model: Option<ModelId>,
    lists: Arc<Semaphore>,
    /// Knows what others write to the same store, if others do.
    source: Option<Arc<dyn Freshness>>,
}

/// Where a store of this process learns what other processes write to it.
pub trait Freshness: fmt::Debug + Send + Sync {
    /// Returns when the store has everything that was written before this was asked; or why that
    /// cannot be told.
    fn latest(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>>;
}

impl LocalStore {
    /// Questions to `store` about `model`; about its latest one where none is named.
    pub fn new(store: Arc<Store>, model: Option<ModelId>) -> Self {
        let lists = Arc::new(Semaphore::new(LISTS));
        Self {
            name: Box::default(),
            store,
            model,
            lists,
            source: None,
        }
    }

    /// The same store, which other processes write to as well.
    #[must_use]
    pub fn shared(self, source: Arc<dyn Freshness>) -> Self {
        Self {
            source: Some(source),
            ..self
        }
    }

    /// The same with the name that the configuration gives it.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self {
            name: name.into(),
            ..self
        }
    }

    /// The name that the configuration gives it; empty where nobody said.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store.
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Answers by what is as fresh as is demanded.
    pub(crate) async fn check_fresh(&self, checks: &[Check], given: &Given) -> Answers {
        match self.freshen(given).await {
            Ok(()) => self.check(checks, given),
            Err(stale) => Answers {
                results: vec![Err(stale); checks.len()],
                provenance: self.provenance(),
            },
        }
    }

    /// Answers by what is known.
    pub(crate) fn check(&self, checks: &[Check], given: &Given) -> Answers {
        // Before the answers: they are at least as new as this.
        let provenance = self.provenance();
        let (model, tuples) = (self.model.as_ref(), &given.contextual_tuples);
        let results = match self.store.checker(model, tuples, &given.context) {
            Ok(mut checker) => checks
                .iter()
                .map(|check| answer(&mut checker, check).map_err(Undecided::from))
                .collect(),
            Err(error) => vec![Err(Undecided::from(error)); checks.len()],
        };
        Answers {
            results,
            provenance,
        }
    }

    pub(crate) async fn list_objects(
        &self,
        wanted: &Wanted,
        given: &Given,
    ) -> Result<Listed, Undecided> {
        self.freshen(given).await?;
        let gone = |_| Undecided::unavailable("stopped");
        let turn = Arc::clone(&self.lists).acquire_owned().await;
        let turn = turn.map_err(|_| Undecided::unavailable("stopped"))?;
        let provenance = self.provenance();
        let store = Arc::clone(&self.store);
        let request = ListObjectsRequest {
            model: self.model.clone(),
            type_name: wanted.type_name.clone(),
            relation: wanted.relation.clone(),
            user: wanted.user.clone(),
            contextual_tuples: given.contextual_tuples.clone(),
            context: given.context.clone(),
        };
        let search = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            store.list_objects(&request)
        });
        let mut listed = search.await.map_err(gone)??;
        listed.objects.sort_unstable();
        Ok(Listed {
            objects: listed.objects,
            is_truncated: listed.is_truncated,
            provenance,
        })
    }

    /// Returns when the store is as fresh as is demanded.
    async fn freshen(&self, given: &Given) -> Result<(), Undecided> {
        match &self.source {
            Some(source) if given.consistency == Consistency::HigherConsistency => {
                Ok(source.latest().await?)
            }
            _ => Ok(()),
        }
    }

    fn provenance(&self) -> Provenance {
        // The next write may change it, and asking again takes microseconds.
        Provenance::now(Source::Local, Some(self.store.revision().number()))
    }
}

fn answer(checker: &mut Checker<'_>, check: &Check) -> Result<bool, Error> {
    checker.check_names(&check.user, &check.relation, &check.object)
}

#[cfg(test)]
mod tests {
    use ztag_fga::{Tuple, WriteRequest, dsl};

    use super::*;
    use crate::authority::Authority;

    const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user]
type doc
  relations
    define viewer: [user, group#member]
";

    fn authority() -> Authority {
        Authority::Local(Arc::new(local()))
    }

    fn local() -> LocalStore {
        let store = Store::default();
        store.write_model(dsl::parse(MODEL).unwrap()).unwrap();
        let tuples = ["doc:1", "doc:2"].map(|doc| Tuple::new("user:ada", "viewer", doc));
        store.write(&WriteRequest::writes(tuples)).unwrap();
        LocalStore::new(Arc::new(store), None)
    }

    fn check(user: &str, relation: &str, object: &str) -> Check {
        Check {
            user: user.into(),
            relation: relation.into(),
            object: object.into(),
        }
    }

    #[tokio::test]
    async fn checks_are_answered_together() {
        let checks = [
            check("user:ada", "viewer", "doc:1"),
            check("user:ben", "viewer", "doc:1"),
            check("user:ada", "owner", "doc:1"),
        ];
        let answers = authority().check(&checks, &Given::default()).await;
        let shown: Vec<_> = answers.results.iter().map(Result::as_ref).collect();
        assert_eq!(shown[..2], [Ok(&true), Ok(&false)]);
        assert_eq!(shown[2].unwrap_err().class(), "validation_error");
        assert_eq!(answers.provenance.revision, Some(2));
    }

    #[tokio::test]
    async fn what_is_given_counts() {
        let given = Given {
            contextual_tuples: vec![
                Tuple::new("user:ben", "member", "group:g"),
                Tuple::new("group:g#member", "viewer", "doc:3"),
            ],
            ..Given::default()
        };
        let asked = [check("user:ben", "viewer", "doc:3")];
        let answers = authority().check(&asked, &given).await;
        assert_eq!(answers.results, [Ok(true)]);
        let wrong = Given {
            contextual_tuples: vec![Tuple::new("user:ben", "nothing", "group:g")],
            ..Given::default()
        };
        let answers = authority().check(&asked, &wrong).await;
        assert!(answers.results[0].is_err());
    }

    /// A source that cannot be asked any more.
    #[derive(Debug)]
    struct Gone;

    impl Freshness for Gone {
        fn latest(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
            let why = Error::new(ztag_fga::ErrorCode::Unavailable, "it is gone");
            Box::pin(async move { Err(why) })
        }
    }

    /// Who asks for the latest gets no answer that may be older.
    #[tokio::test]
    async fn attack_20_what_cannot_be_confirmed_is_no_answer() {
        let local = local().shared(Arc::new(Gone));
        let asked = [check("user:ada", "viewer", "doc:1")];
        let answers = local.check_fresh(&asked, &Given::default()).await;
        assert_eq!(answers.results, [Ok(true)]);
        let given = Given {
            consistency: Consistency::HigherConsistency,
            ..Given::default()
        };
        let answers = local.check_fresh(&asked, &given).await;
        assert_eq!(
            answers.results[0].as_ref().unwrap_err().class(),
            "Unavailable"
        );
        let wanted = Wanted {
            user: "user:ada".into(),
            relation: "viewer".into(),
            type_name: "doc".into(),
        };
        assert!(local.list_objects(&wanted, &given).await.is_err());
    }

    #[tokio::test]
    async fn lists_are_sorted() {
        let wanted = Wanted {
            user: "user:ada".into(),
            relation: "viewer".into(),
            type_name: "doc".into(),
        };
        let listed = authority().list_objects(&wanted, &Given::default()).await;
        let listed = listed.unwrap();
        assert_eq!(listed.objects, ["doc:1", "doc:2"]);
        assert!(!listed.is_truncated);
        let wanted = Wanted {
            type_name: "nope".into(),
            ..wanted
        };
        let refused = authority().list_objects(&wanted, &Given::default()).await;
        assert_eq!(refused.unwrap_err().class(), "type_not_found");
    }
}
