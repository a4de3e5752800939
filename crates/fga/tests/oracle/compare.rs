//! The comparisons.

use std::collections::BTreeSet;
use std::env;

use ztag_fga::spec::ModelSpec;
use ztag_fga::{
    CheckRequest, Error, ErrorCode, Fields, Limits, ListObjectsRequest, ListUsersRequest,
    ListedUser, Store, Tuple, UserFilter, WriteRequest, dsl,
};

use crate::naive::{Naive, Outcome};
use crate::random::{Random, everybody};

/// Questions asked where nothing is said.
const CHECKS: usize = 4_000;
/// Questions about one model and its tuples.
const CHECKS_PER_WORLD: usize = 25;
/// Steps that the oracle may take for one question.
const BUDGET: usize = 20_000;

fn checks() -> usize {
    let set = env::var("ZTAG_FGA_CHECKS").ok();
    set.map_or(CHECKS, |text| {
        text.parse().expect("ZTAG_FGA_CHECKS is a number")
    })
}

/// A store with a random model and tuples, some of them to be given with each question.
struct World {
    model: ModelSpec,
    store: Store,
    tuples: Vec<Tuple>,
    contextual: Vec<Tuple>,
}

impl World {
    fn new(random: &mut Random) -> Self {
        let model = random.model();
        let store = Store::new(Limits::default());
        store.write_model(model.clone()).unwrap();
        let count = 8 + random.below(30);
        let mut tuples = random.tuples(&model, count);
        // What was written under another model does not count under this one.
        if random.one_in(4) {
            let other = random.model();
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
            model,
            store,
            tuples,
            contextual,
        }
    }

    fn check(
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

    fn show(&self) -> String {
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

fn code(answer: &Result<bool, Error>) -> Result<bool, ErrorCode> {
    answer.as_ref().copied().map_err(Error::code)
}

#[test]
fn checks_are_those_of_the_oracle() {
    let wanted = checks();
    let (mut asked, mut left_out, mut seed) = (0, 0, 0);
    let mut counts = [0_usize; 3];
    while asked < wanted {
        seed += 1;
        let mut random = Random(seed);
        let world = World::new(&mut random);
        for _ in 0..CHECKS_PER_WORLD {
            let (object, relation) = random.target(&world.model);
            let user = random.user(&world.model);
            let context = random.context();
            let mut naive = Naive {
                model: &world.model,
                tuples: &world.tuples,
                context: &context,
                user: &user,
                budget: BUDGET,
            };
            let Some(outcome) = naive.check(&object, &relation) else {
                left_out += 1;
                continue;
            };
            let expected = match outcome {
                Outcome::Yes => Ok(true),
                Outcome::No { .. } => Ok(false),
                Outcome::Fault => Err(ErrorCode::Validation),
            };
            let found = world.check(&user, &relation, &object, &context);
            assert_eq!(
                code(&found),
                expected,
                "seed {seed}: {object}#{relation}@{user} with {context:?}: {found:?}\n{}",
                world.show()
            );
            asked += 1;
            counts[match outcome {
                Outcome::Yes => 0,
                Outcome::No { .. } => 1,
                Outcome::Fault => 2,
            }] += 1;
        }
    }
    // Otherwise little would be compared.
    assert!(
        left_out < asked / 10,
        "{left_out} of {asked} questions were too hard for the oracle"
    );
    let [yes, _, fault] = counts;
    assert!(yes > asked / 20 && fault > asked / 500, "{counts:?}");
}

#[test]
fn shared_sessions_answer_as_single_questions() {
    for seed in 0..(checks() / 20) as u64 {
        let mut random = Random(seed ^ 0xabcd);
        let world = World::new(&mut random);
        let context = random.context();
        let mut checker = world
            .store
            .checker(None, &world.contextual, &context)
            .unwrap();
        let user = random.user(&world.model);
        let (object, relation) = random.target(&world.model);
        let kind = object.split_once(':').unwrap().0;
        let resolved = checker.user(&user).unwrap();
        let names = everybody(kind);
        let objects: Vec<_> = names
            .iter()
            .map(|name| checker.object(name, &relation).unwrap())
            .collect();
        let ids: Vec<_> = objects.iter().map(|(id, _)| *id).collect();
        let answers = checker.check_all(resolved, objects[0].1, &ids);
        for (name, answer) in names.iter().zip(answers) {
            let single = world.check(&user, &relation, name, &context);
            let what = format!(
                "seed {seed}: {name}#{relation}@{user} {context:?}\n{}",
                world.show()
            );
            assert_eq!(code(&answer), code(&single), "{what}");
        }
    }
}

#[test]
fn listed_objects_are_those_that_checks_allow() {
    for seed in 0..(checks() / 20) as u64 {
        let mut random = Random(seed ^ 0x1234);
        let world = World::new(&mut random);
        let context = random.context();
        let user = random.user(&world.model);
        let (object, relation) = random.target(&world.model);
        let kind = object.split_once(':').unwrap().0;
        let listed = world.store.list_objects(&ListObjectsRequest {
            type_name: kind.into(),
            relation: relation.clone(),
            user: user.clone(),
            contextual_tuples: world.contextual.clone(),
            context: context.clone(),
            ..ListObjectsRequest::default()
        });
        let names = everybody(kind);
        let answers = names
            .iter()
            .map(|name| (name, world.check(&user, &relation, name, &context)));
        let answers: Vec<_> = answers.collect();
        let what = || {
            format!(
                "seed {seed}: {kind}#{relation}@{user} {context:?}\n{}",
                world.show()
            )
        };
        match listed {
            Err(error) => assert!(
                answers.iter().any(|(_, answer)| answer.is_err()),
                "{error} {}",
                what()
            ),
            Ok(listed) => {
                let listed: BTreeSet<_> = listed.objects.iter().collect();
                let allowed = answers.iter().filter(|(_, answer)| *answer == Ok(true));
                let allowed: BTreeSet<_> = allowed.map(|(name, _)| *name).collect();
                assert_eq!(listed, allowed, "{}", what());
            }
        }
    }
}

#[test]
fn listed_users_are_those_that_checks_allow() {
    for seed in 0..(checks() / 20) as u64 {
        let mut random = Random(seed ^ 0x5678);
        let world = World::new(&mut random);
        let context = random.context();
        let (object, relation) = random.target(&world.model);
        let user = random.user(&world.model);
        let (name, set) = match user.split_once('#') {
            Some((name, set)) => (name, Some(set.to_owned())),
            None => (user.as_str(), None),
        };
        let kind = name.split_once(':').unwrap().0.to_owned();
        let listed = world.store.list_users(&ListUsersRequest {
            object: object.clone(),
            relation: relation.clone(),
            filter: UserFilter {
                type_name: kind.clone(),
                relation: set.clone(),
            },
            contextual_tuples: world.contextual.clone(),
            context: context.clone(),
            ..ListUsersRequest::default()
        });
        let Ok(listed) = listed else {
            assert!(!context.contains_key("x"), "seed {seed}: {listed:?}");
            continue;
        };
        let listed: BTreeSet<_> = listed.iter().map(ListedUser::to_user).collect();
        let what = format!(
            "seed {seed}: {object}#{relation}@{kind}#{set:?} {context:?}\n{}",
            world.show()
        );
        for user in &listed {
            assert_eq!(
                world.check(user, &relation, &object, &context),
                Ok(true),
                "{user} {what}"
            );
        }
        let everyone = format!("{kind}:*");
        let is_open =
            world.check(&everyone, &relation, &object, &context) == Ok(true) && set.is_none();
        assert_eq!(listed.contains(&everyone), is_open, "{what}");
        for user in everybody(&kind) {
            let user = set
                .as_ref()
                .map_or(user.clone(), |set| format!("{user}#{set}"));
            let is_in = world.check(&user, &relation, &object, &context) == Ok(true);
            assert!(
                !is_in || is_open || listed.contains(&user),
                "{user} is not listed: {what}"
            );
        }
    }
}
