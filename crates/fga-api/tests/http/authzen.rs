//! `AuthZEN`'s questions.

use serde_json::json;

use crate::world::World;

const MODEL: &str = "model
  schema 1.1
type user
type doc
  relations
    define reader: [user, user with local]
    define writer: [user]

condition local(subject_network: string) {
  subject_network == \"home\"
}
";

fn world() -> (World, String) {
    let world = World::open();
    let store = world.store();
    world.model(&store, MODEL);
    let home = json!({"user": "user:ben", "relation": "reader", "object": "doc:1",
        "condition": {"name": "local"}});
    let plain = json!({"user": "user:ada", "relation": "reader", "object": "doc:1"});
    world.write(&store, &json!([plain, home]));
    (world, store)
}

#[test]
fn one_question() {
    let (world, store) = world();
    let path = format!("{store}/access/v1/evaluation");
    let ask = |id: &str, network: &str, action: &str| {
        let (status, answer) = world.call(
            "POST",
            &path,
            &json!({
                "subject": {"type": "user", "id": id, "properties": {"network": network}},
                "resource": {"type": "doc", "id": "1"}, "action": {"name": action},
            }),
        );
        (status, answer["decision"].as_bool())
    };
    assert_eq!(ask("ada", "away", "reader"), (200, Some(true)));
    assert_eq!(ask("ada", "away", "writer"), (200, Some(false)));
    assert_eq!(ask("ben", "home", "reader"), (200, Some(true)));
    assert_eq!(ask("ben", "away", "reader"), (200, Some(false)));
    assert_eq!(ask("ada", "away", "nobody"), (400, None));
    let (status, _) = world.call(
        "POST",
        &path,
        &json!({"subject": {"type": "user", "id": "ada"}}),
    );
    assert_eq!(status, 400);
}

#[test]
fn many_questions() {
    let (world, store) = world();
    let path = format!("{store}/access/v1/evaluations");
    let ask =
        |semantic: &str| {
            let (status, answer) = world.call("POST", &path, &json!({
            "subject": {"type": "user", "id": "ada"}, "resource": {"type": "doc", "id": "1"},
            "evaluations": [
                {"action": {"name": "reader"}}, {"action": {"name": "writer"}},
                {"action": {"name": "nobody"}},
            ],
            "options": {"evaluations_semantic": semantic},
        }));
            assert_eq!(status, 200, "{answer}");
            let list = answer["evaluations"].as_array().unwrap().clone();
            list.iter()
                .map(|one| one["decision"].as_bool().unwrap())
                .collect::<Vec<_>>()
        };
    assert_eq!(ask("execute_all"), [true, false, false]);
    assert_eq!(ask("deny_on_first_deny"), [true, false]);
    assert_eq!(ask("permit_on_first_permit"), [true]);
}
