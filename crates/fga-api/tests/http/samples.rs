//! Sample stores through the API, as people write them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value as Json, json};
use ztag_fga::Tuple;
use ztag_fga::dsl::{self, ModFile, ModuleFile};
use ztag_fga::spec::ModelSpec;
use ztag_fga::store_file::{StoreFile, StoreTest};
use ztag_test_support::fga;

use crate::suites::{names, user};
use crate::world::World;

fn model(path: &Path, file: &StoreFile) -> ModelSpec {
    if let Some(text) = &file.model {
        return dsl::parse(text).unwrap();
    }
    let model = path.with_file_name(file.model_file.as_ref().unwrap());
    let text = fga::text(&model).unwrap();
    if model.extension().is_some_and(|own| own == "fga") {
        return dsl::parse(&text).unwrap();
    }
    let list = ModFile::parse(&text).unwrap().contents.into_iter();
    let files: Vec<_> = list
        .map(|item| ModuleFile {
            contents: fga::text(&model.with_file_name(&item.value)).unwrap(),
            name: item.value,
        })
        .collect();
    dsl::combine(&files, "1.2").unwrap()
}

fn write(world: &World, store: &str, path: &Path, tuples: &[Tuple], files: &[&String]) {
    let mut all = tuples.to_vec();
    for file in files {
        all.extend(fga::yaml::<Vec<Tuple>>(&path.with_file_name(file)).unwrap());
    }
    for tuples in all.chunks(100) {
        let body = json!({"writes": {"tuple_keys": tuples, "on_duplicate": "ignore"}});
        let (status, answer) = world.call("POST", &format!("{store}/write"), &body);
        assert_eq!(status, 200, "{}: {answer}", path.display());
    }
}

fn ask(world: &World, store: &str, call: &str, body: &Json) -> Json {
    let (status, answer) = world.call("POST", &format!("{store}/{call}"), body);
    assert_eq!(status, 200, "{body}: {answer}");
    answer
}

/// Runs one test; returns how many assertions it held.
fn run(world: &World, store: &str, test: &StoreTest) -> usize {
    let mut count = 0;
    for case in &test.check {
        for user in case.all_users() {
            for object in case.all_objects() {
                for (relation, expected) in &case.assertions {
                    let key = json!({"user": user, "relation": relation, "object": object});
                    let body = json!({"tuple_key": key, "context": case.context});
                    let answer = ask(world, store, "check", &body);
                    assert_eq!(answer["allowed"], *expected, "{body}");
                    count += 1;
                }
            }
        }
    }
    for case in &test.list_objects {
        for (relation, expected) in &case.assertions {
            let body = json!({
                "type": case.type_name, "relation": relation, "user": case.user,
                "context": case.context,
            });
            let answer = ask(world, store, "list-objects", &body);
            let expected = expected.iter().cloned().collect();
            assert_eq!(names(&answer["objects"]), expected, "{body}");
            count += 1;
        }
    }
    for case in &test.list_users {
        for (relation, expected) in &case.assertions {
            let (kind, id) = case.object.split_once(':').unwrap();
            let body = json!({
                "object": {"type": kind, "id": id}, "relation": relation,
                "user_filters": case.user_filter, "context": case.context,
            });
            let answer = ask(world, store, "list-users", &body);
            let listed: BTreeSet<_> = answer["users"]
                .as_array()
                .unwrap()
                .iter()
                .map(user)
                .collect();
            assert_eq!(listed, expected.users.iter().cloned().collect(), "{body}");
            count += 1;
        }
    }
    count
}

#[test]
fn sample_stores() {
    let paths = fga::sample_stores().unwrap();
    let world = World::open();
    let (mut count, is_there) = (0, !paths.is_empty());
    for path in paths {
        let file: StoreFile = fga::yaml(&path).unwrap();
        let model = serde_json::to_value(model(&path, &file)).unwrap();
        for test in &file.tests {
            let store = world.store();
            let models = format!("{store}/authorization-models");
            let (status, answer) = world.call("POST", &models, &model);
            assert_eq!(status, 201, "{}: {answer}", path.display());
            let files: Vec<_> = file.tuple_file.iter().chain(&file.tuple_files).collect();
            write(&world, &store, &path, &file.tuples, &files);
            let own: Vec<_> = test.tuple_file.iter().collect();
            write(&world, &store, &path, &test.tuples, &own);
            count += run(&world, &store, test);
        }
    }
    assert!(count > 200 || !is_there, "{count}");
}
