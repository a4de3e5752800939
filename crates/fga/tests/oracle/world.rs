//! Random stores, by either of the resolvers.

use std::collections::BTreeSet;

use ztag_fga::spec::ModelSpec;
use ztag_fga::{
    CheckRequest, Error, ErrorCode, Fields, Limits, Semantics, Store, Tuple, WriteRequest, dsl,
};

use crate::random::Random;

/// Both resolvers.
pub(crate) const BOTH: [Semantics; 2] = [Semantics::V1, Semantics::Weighted];

/// A store with a random model and tuples, some of them to be given with each question.
pub(crate) struct World {
    pub(crate) semantics: Semantics,
    pub(crate) model: ModelSpec,
    pub(crate) store: Store,
    pub(crate) tuples: Vec<Tuple>,
    pub(crate) contextual: Vec<Tuple>,
}

impl World {
    pub(crate) fn new(random: &mut Random, semantics: Semantics) -> Self {
        let model = random.model(semantics);
        let store = Store::new(Limits {
            semantics,
            ..Limits::default()
        });
        store.write_model(model.clone()).unwrap();
        let count = 8 + random.below(30);
        let mut tuples = random.tuples(&model, count);
        // What was written under another model does not count under this one.
        if random.one_in(4) {
            let other = random.model(semantics);
            if let Ok(id) = store.write_model(other.clone()) {
                let strays = random.tuples(&other, 8);
                let known: BTreeSet<_> = tuples.iter().map(key).collect();
                let strays: Vec<_> = strays
                    .into_iter()
                    .filter(|tuple| !known.contains(&key(tuple)))
                    .collect();
                let request = WriteRequest {
                    model: Some(id),
                    ..WriteRequest::writes(strays.clone())
                };
                if store.write(&request).is_ok() {
                    tuples.extend(strays);
                }
            }
            store.write_model(model.clone()).unwrap();
        }
        // Without contextual tuples, and in one piece, most searches are short walks.
        let given = if random.one_in(2) {
            0
        } else {
            tuples.len() / (1 + random.below(4))
        };
        let stored = tuples.len() - given;
        let mut own: Vec<_> = tuples.clone();
        let contextual = own.split_off(stored.min(own.len()));
        let contextual: Vec<_> = contextual
            .into_iter()
            .filter(|tuple| {
                let lone = std::slice::from_ref(tuple);
                let context = Fields::new();
                store.checker(None, lone, &context).is_ok()
            })
            .collect();
        for tuple in own {
            // Strays are there already.
            let _ = store.write(&WriteRequest::writes([tuple]));
        }
        if random.one_in(2) {
            store.compact();
        }
        let stored: BTreeSet<_> = contextual.iter().map(key).collect();
        tuples.retain(|tuple| stored.contains(&key(tuple)) || is_stored(&store, tuple));
        Self {
            semantics,
            model,
            store,
            tuples,
            contextual,
        }
    }

    pub(crate) fn check(
        &self,
        user: &str,
        relation: &str,
        object: &str,
        context: &Fields,
    ) -> Result<bool, Error> {
        self.store.check(&CheckRequest {
            contextual_tuples: self.contextual.clone(),
            context: context.clone(),
            ..CheckRequest::new(user, relation, object)
        })
    }

    pub(crate) fn show(&self) -> String {
        let text = dsl::print(&self.model);
        let text = text.unwrap_or_else(|_| serde_json::to_string(&self.model).unwrap());
        let tuples = self.tuples.iter().map(|tuple| {
            let condition = tuple.condition.as_ref();
            format!(
                "{} {} {} {condition:?}\n",
                tuple.object, tuple.relation, tuple.user
            )
        });
        format!("{text}\n{}", tuples.collect::<String>())
    }
}

fn key(tuple: &Tuple) -> (String, String, String) {
    (
        tuple.object.clone(),
        tuple.relation.clone(),
        tuple.user.clone(),
    )
}

fn is_stored(store: &Store, tuple: &Tuple) -> bool {
    let filter = ztag_fga::TupleFilter {
        user: tuple.user.clone(),
        relation: tuple.relation.clone(),
        object: tuple.object.clone(),
    };
    let request = ztag_fga::ReadRequest {
        filter: Some(filter),
        ..ztag_fga::ReadRequest::default()
    };
    !store.read(&request).unwrap().tuples.is_empty()
}

pub(crate) fn code(answer: &Result<bool, Error>) -> Result<bool, ErrorCode> {
    answer.as_ref().copied().map_err(Error::code)
}
