//! `OpenFGA`'s suites of checks and lists: with stored tuples, with contextual ones, and with the
//! tuples written in other orders.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::ControlFlow;

use ztag_fga::{
    CheckRequest, Error, Limits, ListObjectsRequest, ListUsersRequest, ListedUser, Store, Tuple,
    UserFilter, WriteRequest, dsl,
};
use ztag_test_support::fga::{self, CheckCase, ListCase, ObjectsWanted, Stage, Test, UsersWanted};

fn suites() -> Vec<Test<Tuple>> {
    fga::suites().unwrap()
}

/// Compares an outcome with the code or value expected.
fn expect<T: PartialEq + Debug>(
    what: &dyn Debug,
    found: Result<T, Error>,
    code: Option<u16>,
    value: &T,
) {
    match (found, code) {
        (Err(error), Some(code)) => assert_eq!(error.code().number(), code, "{what:?}: {error}"),
        (Ok(found), None) => assert_eq!(&found, value, "{what:?}"),
        (found, code) => panic!("{what:?}: {found:?}, expected {code:?} or {value:?}"),
    }
}

fn tell(allowed: &Result<bool, Error>, what: &dyn Debug) {
    assert_eq!(allowed, &Ok(true), "listed, but not allowed: {what:?}");
}

/// One way to run a stage: `assumed` tuples go with every question.
struct Run<'a> {
    store: &'a Store,
    name: &'a str,
    assumed: &'a [Tuple],
}

impl Run<'_> {
    fn stage(&self, stage: &Stage<Tuple>) {
        for assertion in stage.check_assertions.iter().flatten() {
            self.check(assertion);
        }
        for assertion in stage.list_objects_assertions.iter().flatten() {
            self.list_objects(assertion);
        }
        for assertion in stage.list_users_assertions.iter().flatten() {
            self.list_users(assertion);
        }
    }

    fn tuples(&self, own: &[Tuple]) -> Vec<Tuple> {
        own.iter().chain(self.assumed).cloned().collect()
    }

    fn check(&self, assertion: &CheckCase<Tuple>) {
        let tuple = &assertion.tuple;
        let request = CheckRequest {
            user: tuple.user.clone(),
            relation: tuple.relation.clone(),
            object: tuple.object.clone(),
            contextual_tuples: self.tuples(&assertion.contextual_tuples),
            context: assertion.context.clone(),
            ..CheckRequest::default()
        };
        let found = self.store.check(&request);
        let what = (self.name, "check", tuple, &assertion.context);
        expect(&what, found, assertion.error_code, &assertion.expectation);
    }

    fn list_objects(&self, assertion: &ListCase<Tuple, ObjectsWanted>) {
        let ObjectsWanted {
            user,
            kind,
            relation,
        } = &assertion.request;
        let request = ListObjectsRequest {
            type_name: kind.clone(),
            relation: relation.clone(),
            user: user.clone(),
            contextual_tuples: self.tuples(&assertion.contextual_tuples),
            context: assertion.context.clone(),
            ..ListObjectsRequest::default()
        };
        let what = (
            self.name,
            "list objects",
            &assertion.request,
            &assertion.context,
        );
        let expected: BTreeSet<_> = assertion.expectation.iter().flatten().cloned().collect();
        let found = self.store.list_objects(&request);
        let found = found.map(|listed| listed.objects.into_iter().collect::<BTreeSet<_>>());
        expect(&what, found, assertion.error_code, &expected);
        let mut streamed = BTreeSet::new();
        let end = self.store.stream_objects(&request, |object| {
            streamed.insert(object);
            ControlFlow::Continue(())
        });
        expect(
            &what,
            end.map(|()| streamed),
            assertion.error_code,
            &expected,
        );
        for object in expected {
            let request = CheckRequest {
                user: user.clone(),
                relation: relation.clone(),
                object,
                contextual_tuples: request.contextual_tuples.clone(),
                context: request.context.clone(),
                ..CheckRequest::default()
            };
            tell(&self.store.check(&request), &what);
        }
    }

    fn list_users(&self, assertion: &ListCase<Tuple, UsersWanted>) {
        let UsersWanted {
            filters,
            object,
            relation,
        } = &assertion.request;
        assert_eq!(filters.len(), 1);
        let (kind, set) = match filters[0].split_once('#') {
            Some((kind, set)) => (kind, Some(set.to_owned())),
            None => (filters[0].as_str(), None),
        };
        let request = ListUsersRequest {
            object: object.clone(),
            relation: relation.clone(),
            filter: UserFilter {
                type_name: kind.to_owned(),
                relation: set,
            },
            contextual_tuples: self.tuples(&assertion.contextual_tuples),
            context: assertion.context.clone(),
            ..ListUsersRequest::default()
        };
        let what = (
            self.name,
            "list users",
            &assertion.request,
            &assertion.context,
        );
        let expected: BTreeSet<_> = assertion.expectation.iter().flatten().cloned().collect();
        let found = self.store.list_users(&request);
        let found = found.map(|users| users.iter().map(ListedUser::to_user).collect());
        expect(&what, found, assertion.error_code, &expected);
        for user in expected {
            let request = CheckRequest {
                user,
                relation: relation.clone(),
                object: object.clone(),
                contextual_tuples: request.contextual_tuples.clone(),
                context: request.context.clone(),
                ..CheckRequest::default()
            };
            tell(&self.store.check(&request), &what);
        }
    }
}

fn write_model(store: &Store, stage: &Stage<Tuple>) {
    let model = dsl::parse(&stage.model).unwrap_or_else(|found| panic!("{found:?}"));
    store.write_model(model).unwrap();
}

fn run_stored(order: impl Fn(&mut Vec<Tuple>)) {
    for test in suites() {
        let store = Store::new(Limits::default());
        for stage in &test.stages {
            write_model(&store, stage);
            let mut tuples = stage.tuples.clone();
            order(&mut tuples);
            for tuples in tuples.chunks(100) {
                store.write(&WriteRequest::writes(tuples.to_vec())).unwrap();
            }
            Run {
                store: &store,
                name: &test.name,
                assumed: &[],
            }
            .stage(stage);
        }
        store.compact();
        if let Some(last) = test.stages.last() {
            Run {
                store: &store,
                name: &test.name,
                assumed: &[],
            }
            .stage(last);
        }
    }
}

#[test]
fn stored_tuples() {
    run_stored(|_| {});
}

#[test]
fn stored_tuples_in_other_orders() {
    run_stored(|tuples| tuples.reverse());
    run_stored(|tuples| tuples.sort_by(|a, b| a.user.cmp(&b.user)));
    for seed in 1..5_u64 {
        run_stored(|tuples| {
            tuples.sort_by_key(|tuple| {
                let name = format!("{}{}{}", tuple.object, tuple.user, tuple.relation);
                let mix =
                    |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
                name.bytes()
                    .fold(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), mix)
            });
        });
    }
}

#[test]
fn contextual_tuples() {
    for test in suites() {
        let [stage] = test.stages.as_slice() else {
            continue;
        };
        if stage.tuples.len() > 100 {
            continue;
        }
        let store = Store::new(Limits {
            contextual_tuples: 200,
            ..Limits::default()
        });
        write_model(&store, stage);
        Run {
            store: &store,
            name: &test.name,
            assumed: &stage.tuples,
        }
        .stage(stage);
    }
}
