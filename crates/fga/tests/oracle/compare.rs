//! The comparisons.

use std::collections::BTreeSet;
use std::env;

use ztag_fga::{
    Error, ErrorCode, Fields, ListObjectsRequest, ListUsersRequest, ListedUser, Semantics,
    UserFilter,
};

use crate::naive::{Naive, Outcome};
use crate::random::{Random, everybody};
use crate::world::{BOTH, World, code};

/// Questions asked of each resolver where nothing is said.
const CHECKS: usize = 3_000;
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

/// A world for each resolver, again and again.
fn worlds(salt: u64) -> impl Iterator<Item = (u64, Random, World)> {
    let seeds = 0..(checks() / 20) as u64;
    let pairs = seeds.flat_map(|seed| BOTH.map(|semantics| (seed, semantics)));
    pairs.map(move |(seed, semantics)| {
        let mut random = Random(seed ^ salt);
        let world = World::new(&mut random, semantics);
        (seed, random, world)
    })
}

#[test]
fn checks_are_those_of_the_oracle() {
    compare_checks(Semantics::V1);
}

#[test]
fn checks_by_weights_are_those_of_the_oracle() {
    compare_checks(Semantics::Weighted);
}

fn compare_checks(semantics: Semantics) {
    let wanted = checks();
    let (mut asked, mut left_out, mut seed) = (0, 0, 0);
    let mut counts = [0_usize; 3];
    while asked < wanted {
        seed += 1;
        let mut random = Random(seed);
        let world = World::new(&mut random, semantics);
        for _ in 0..CHECKS_PER_WORLD {
            match compare_check(seed, &mut random, &world) {
                None => left_out += 1,
                Some(outcome) => {
                    asked += 1;
                    counts[match outcome {
                        Outcome::Yes => 0,
                        Outcome::No { .. } => 1,
                        Outcome::Fault => 2,
                    }] += 1;
                }
            }
        }
    }
    println!("{semantics:?}: {asked} checks, {counts:?} yes, no, error; {left_out} left out");
    // Otherwise little would be compared.
    assert!(
        left_out < asked / 10,
        "{left_out} of {asked} questions were too hard for the oracle"
    );
    let [yes, _, fault] = counts;
    assert!(yes > asked / 20 && fault > asked / 500, "{counts:?}");
}

/// Compares one answer; `None` where the question was too hard for the oracle.
fn compare_check(seed: u64, random: &mut Random, world: &World) -> Option<Outcome> {
    let (object, relation) = random.target(&world.model);
    let user = random.user(&world.model);
    let context = random.context();
    let mut naive = Naive {
        semantics: world.semantics,
        model: &world.model,
        tuples: &world.tuples,
        context: &context,
        user: &user,
        budget: BUDGET,
    };
    let outcome = naive.check(&object, &relation)?;
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
    Some(outcome)
}

#[test]
fn shared_sessions_answer_as_single_questions() {
    for (seed, mut random, world) in worlds(0xabcd) {
        let context = random.context();
        let checker = world.store.checker(None, &world.contextual, &context);
        let mut checker = checker.unwrap();
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
    for (seed, mut random, world) in worlds(0x1234) {
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
    for (seed, mut random, world) in worlds(0x5678) {
        let listing = Listing::of(&mut random, &world);
        let what = || format!("seed {seed}: {}", listing.show());
        let Ok(listed) = listing.listed() else {
            let mut users = listing.everybody().into_iter();
            let is_refused = users.any(|user| listing.allows(&user).is_err());
            assert!(
                is_refused || !listing.context.contains_key("x"),
                "{}",
                what()
            );
            continue;
        };
        let everyone = format!("{}:*", listing.kind);
        for user in &listed {
            let allowed = listing.allows(user);
            // By weights nobody can ask about users that stand for many through an exclusion.
            let is_unknown = world.semantics == Semantics::Weighted
                && (*user == everyone || listing.set.is_some());
            let is_refused = is_unknown && code(&allowed) == Err(ErrorCode::Validation);
            assert!(
                allowed == Ok(true) || is_refused,
                "{user} {allowed:?} {}",
                what()
            );
        }
        let open = listing.allows(&everyone);
        if world.semantics == Semantics::V1 || open.is_ok() {
            let is_open = open == Ok(true) && listing.set.is_none();
            assert_eq!(listed.contains(&everyone), is_open, "{}", what());
        }
        for user in listing.everybody() {
            let is_named = listed.contains(&everyone) || listed.contains(&user);
            assert!(
                is_named || listing.allows(&user) != Ok(true),
                "{user} is not listed: {}",
                what()
            );
        }
    }
}

/// A question for users.
struct Listing<'w> {
    world: &'w World,
    object: String,
    relation: String,
    kind: String,
    /// The relation of usersets, if those are wanted.
    set: Option<String>,
    context: Fields,
}

impl<'w> Listing<'w> {
    fn of(random: &mut Random, world: &'w World) -> Self {
        let context = random.context();
        let (object, relation) = random.target(&world.model);
        let user = random.user(&world.model);
        let (name, set) = match user.split_once('#') {
            Some((name, set)) => (name, Some(set.to_owned())),
            None => (user.as_str(), None),
        };
        Self {
            world,
            object,
            relation,
            kind: name.split_once(':').unwrap().0.to_owned(),
            set,
            context,
        }
    }

    fn listed(&self) -> Result<BTreeSet<String>, Error> {
        let listed = self.world.store.list_users(&ListUsersRequest {
            object: self.object.clone(),
            relation: self.relation.clone(),
            filter: UserFilter {
                type_name: self.kind.clone(),
                relation: self.set.clone(),
            },
            contextual_tuples: self.world.contextual.clone(),
            context: self.context.clone(),
            ..ListUsersRequest::default()
        });
        listed.map(|listed| listed.iter().map(ListedUser::to_user).collect())
    }

    fn allows(&self, user: &str) -> Result<bool, Error> {
        self.world
            .check(user, &self.relation, &self.object, &self.context)
    }

    /// All users that can be listed, but for all of the type at once.
    fn everybody(&self) -> Vec<String> {
        let names = everybody(&self.kind).into_iter();
        let full = |name: String| match &self.set {
            Some(set) => format!("{name}#{set}"),
            None => name,
        };
        names.map(full).collect()
    }

    fn show(&self) -> String {
        let Self {
            object,
            relation,
            kind,
            set,
            context,
            world,
        } = self;
        let tuples = world.show();
        format!("{object}#{relation}@{kind}#{set:?} {context:?}\n{tuples}")
    }
}
