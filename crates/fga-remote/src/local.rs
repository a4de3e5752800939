//! A store of this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use ztag_fga::{Checker, Error, ListObjectsRequest, ModelId, Store};

use crate::authority::{Answers, Check, Given, Listed, Provenance, Source, Wanted};
use crate::undecided::Undecided;

/// Lists of one store that are searched for at once; others wait.
const LISTS: usize = 8;

/// A store of this process, and the model that questions are about.
///
/// Checks are answered where they are asked: they take microseconds. Lists may take long and are
/// searched for beside the workers.
#[derive(Debug)]
pub struct LocalStore {
    store: Arc<Store>,
    model: Option<ModelId>,
    lists: Arc<Semaphore>,
}

impl LocalStore {
    /// Questions to `store` about `model`; about its latest one where none is named.
    pub fn new(store: Arc<Store>, model: Option<ModelId>) -> Self {
        let lists = Arc::new(Semaphore::new(LISTS));
        Self {
            store,
            model,
            lists,
        }
    }

    /// The store.
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

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

    fn provenance(&self) -> Provenance {
        Provenance {
            source: Source::Local,
            revision: Some(self.store.revision().number()),
            remembered: 0,
            age: Duration::ZERO,
            // The next write may change it, and asking again takes microseconds.
            fresh_for: Duration::ZERO,
        }
    }
}

fn answer(checker: &mut Checker<'_>, check: &Check) -> Result<bool, Error> {
    let (object, relation) = checker.object(&check.object, &check.relation)?;
    let user = checker.user(&check.user)?;
    checker.check(user, relation, object)
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
        let store = Store::default();
        store.write_model(dsl::parse(MODEL).unwrap()).unwrap();
        let tuples = ["doc:1", "doc:2"].map(|doc| Tuple::new("user:ada", "viewer", doc));
        store.write(&WriteRequest::writes(tuples)).unwrap();
        let local = LocalStore::new(Arc::new(store), None);
        Authority::Local(Arc::new(local))
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
