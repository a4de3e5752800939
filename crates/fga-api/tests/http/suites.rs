//! `OpenFGA`'s suites of checks and lists through the API: with stored tuples, and with contextual
//! ones.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use ztag_fga::{ErrorCode, Limits, Tuple};
use ztag_fga_api::Access;
use ztag_test_support::fga::{self, CheckCase, ListCase, ObjectsWanted, Stage, Test, UsersWanted};

use crate::world::World;

fn suites() -> Vec<Test<Tuple>> {
    fga::suites().unwrap()
}

/// One way to run a stage: `assumed` tuples go with every question.
struct Run<'a> {
    world: &'a World,
    store: &'a str,
    name: &'a str,
    assumed: &'a [Tuple],
}

impl Run<'_> {
    /// Runs the assertions; returns how many there were.
    fn stage(&self, stage: &Stage<Tuple>) -> usize {
        let checks = stage.check_assertions.iter().flatten();
        let objects = stage.list_objects_assertions.iter().flatten();
        let users = stage.list_users_assertions.iter().flatten();
        checks.map(|case| self.check(case)).count()
            + objects.map(|case| self.list_objects(case)).count()
            + users.map(|case| self.list_users(case)).count()
    }

    fn tuples(&self, own: &[Tuple]) -> Vec<Tuple> {
        own.iter().chain(self.assumed).cloned().collect()
    }

    /// Asks; `None` where an error was expected and came.
    fn ask(&self, call: &str, body: &Json, code: Option<u16>) -> Option<Json> {
        let path = format!("{}/{call}", self.store);
        let (status, answer) = self.world.call("POST", &path, body);
        let Some(code) = code else {
            assert_eq!(status, 200, "{}: {body} {answer}", self.name);
            return Some(answer);
        };
        let mut all = ErrorCode::ALL.iter();
        let name = all.find(|own| own.number() == code).unwrap().as_str();
        let found = (status, answer["code"].as_str());
        assert_eq!(found, (400, Some(name)), "{}: {body} {answer}", self.name);
        None
    }

    fn check(&self, case: &CheckCase<Tuple>) {
        let body = json!({
            "tuple_key": case.tuple,
            "contextual_tuples": {"tuple_keys": self.tuples(&case.contextual_tuples)},
            "context": case.context,
        });
        let expected = case.expectation;
        if let Some(answer) = self.ask("check", &body, case.error_code) {
            assert_eq!(answer["allowed"], expected, "{}: {body}", self.name);
        }
        let mut item = body.clone();
        item["correlation_id"] = json!("the-one");
        let path = format!("{}/batch-check", self.store);
        let (status, answer) = self.world.call("POST", &path, &json!({"checks": [item]}));
        assert_eq!(status, 200, "{}: {body} {answer}", self.name);
        let single = &answer["result"]["the-one"];
        match case.error_code {
            None => assert_eq!(single["allowed"], expected, "{}: {body}", self.name),
            Some(_) => assert!(single["error"]["message"].is_string(), "{single}"),
        }
    }

    fn list_objects(&self, case: &ListCase<Tuple, ObjectsWanted>) {
        let ObjectsWanted {
            user,
            kind,
            relation,
        } = &case.request;
        let body = json!({
            "user": user,
            "type": kind,
            "relation": relation,
            "contextual_tuples": {"tuple_keys": self.tuples(&case.contextual_tuples)},
            "context": case.context,
        });
        let expected: BTreeSet<_> = case.expectation.iter().flatten().cloned().collect();
        if let Some(answer) = self.ask("list-objects", &body, case.error_code) {
            assert_eq!(names(&answer["objects"]), expected, "{}: {body}", self.name);
        }
        if case.error_code.is_none() {
            let path = format!("{}/streamed-list-objects", self.store);
            let response = self.world.send("POST", &path, &body.to_string());
            assert_eq!(response.status, 200, "{}: {body}", self.name);
            let text = response.text();
            let lines = text.lines().map(|line| {
                let line: Json = serde_json::from_str(line).unwrap();
                line["result"]["object"].as_str().unwrap().to_owned()
            });
            assert_eq!(lines.collect::<BTreeSet<_>>(), expected, "{}", self.name);
        }
    }

    fn list_users(&self, case: &ListCase<Tuple, UsersWanted>) {
        let UsersWanted {
            filters,
            object,
            relation,
        } = &case.request;
        let filters = filters.iter().map(|filter| {
            let (kind, relation) = split(filter, '#');
            json!({"type": kind, "relation": relation})
        });
        let (kind, id) = split(object, ':');
        let body = json!({
            "object": {"type": kind, "id": id},
            "relation": relation,
            "user_filters": filters.collect::<Vec<_>>(),
            "contextual_tuples": self.tuples(&case.contextual_tuples),
            "context": case.context,
        });
        if let Some(answer) = self.ask("list-users", &body, case.error_code) {
            let users = answer["users"].as_array().unwrap().iter().map(user);
            let users: BTreeSet<_> = users.collect();
            let expected = case.expectation.iter().flatten().cloned().collect();
            assert_eq!(users, expected, "{}: {body}", self.name);
        }
    }
}

/// A list of texts.
pub(crate) fn names(list: &Json) -> BTreeSet<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

fn split(text: &str, at: char) -> (&str, &str) {
    text.split_once(at).unwrap_or((text, ""))
}

/// A listed user as tuples write it.
pub(crate) fn user(user: &Json) -> String {
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    if let Some(object) = user.get("object") {
        return format!("{}:{}", text(&object["type"]), text(&object["id"]));
    }
    if let Some(set) = user.get("userset") {
        let (kind, id) = (text(&set["type"]), text(&set["id"]));
        return format!("{kind}:{id}#{}", text(&set["relation"]));
    }
    format!("{}:*", text(&user["wildcard"]["type"]))
}

/// Runs all suites with stored tuples, which `order` puts in order; how many assertions there were.
fn stored(order: impl Fn(&[Tuple]) -> Vec<Tuple>) -> usize {
    let world = World::open();
    let mut count = 0;
    for test in suites() {
        let store = world.store();
        for stage in &test.stages {
            world.model(&store, &stage.model);
            for tuples in order(&stage.tuples).chunks(100) {
                world.write(&store, &json!(tuples));
            }
            count += Run {
                world: &world,
                store: &store,
                name: &test.name,
                assumed: &[],
            }
            .stage(stage);
        }
        world.call("DELETE", &store, &Json::Null);
    }
    count
}

#[test]
fn stored_tuples() {
    let count = stored(<[Tuple]>::to_vec);
    assert!(count > 700 || count == 0, "{count}");
}

#[test]
fn stored_tuples_in_another_order() {
    let mixed = |tuples: &[Tuple]| {
        let (even, odd): (Vec<_>, Vec<_>) =
            tuples.iter().enumerate().partition(|(at, _)| at % 2 == 0);
        let all = odd.into_iter().rev().chain(even);
        all.map(|(_, tuple)| tuple.clone()).collect()
    };
    let count = stored(mixed);
    assert!(count > 700 || count == 0, "{count}");
}

#[test]
fn contextual_tuples() {
    let limits = Limits {
        contextual_tuples: 200,
        ..Limits::default()
    };
    let world = World::new(limits, Access::open());
    for test in suites() {
        let [stage] = test.stages.as_slice() else {
            continue;
        };
        if stage.tuples.len() > 100 {
            continue;
        }
        let store = world.store();
        world.model(&store, &stage.model);
        Run {
            world: &world,
            store: &store,
            name: &test.name,
            assumed: &stage.tuples,
        }
        .stage(stage);
    }
}
