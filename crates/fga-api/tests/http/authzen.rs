//! `AuthZEN`'s questions.

use serde_json::{Value as Json, json};

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

/// The results of a search, and the token of the next page.
fn search(world: &World, store: &str, what: &str, body: &Json) -> (Vec<Json>, String) {
    let path = format!("{store}/access/v1/search/{what}");
    let (status, answer) = world.call("POST", &path, body);
    assert_eq!(status, 200, "{answer}");
    let token = answer["page"]["next_token"].as_str().unwrap();
    (
        answer["results"].as_array().unwrap().clone(),
        token.to_owned(),
    )
}

#[test]
fn searches_find_what_evaluations_permit() {
    let (world, store) = world();
    let more = json!({"user": "user:ada", "relation": "writer", "object": "doc:2"});
    let next = json!({"user": "user:ada", "relation": "reader", "object": "doc:2"});
    world.write(&store, &json!([more, next]));
    let ada = json!({"type": "user", "id": "ada"});
    let at_home = json!({"type": "user", "properties": {"network": "home"}});
    let away = json!({"type": "user", "properties": {"network": "away"}});
    let doc = |id: &str| json!({"type": "doc", "id": id});
    let reader = json!({"name": "reader"});

    let subjects = |subject: &Json| {
        let body = json!({"subject": subject, "action": reader, "resource": doc("1")});
        search(&world, &store, "subject", &body).0
    };
    let ben = json!({"type": "user", "id": "ben"});
    assert_eq!(subjects(&at_home), [ada.clone(), ben]);
    assert_eq!(subjects(&away), std::slice::from_ref(&ada));

    let resources = |page: Json| {
        let body =
            json!({"subject": ada, "action": reader, "resource": {"type": "doc"}, "page": page});
        search(&world, &store, "resource", &body)
    };
    assert_eq!(
        resources(json!({})),
        (vec![doc("1"), doc("2")], String::new())
    );
    let (first, token) = resources(json!({"limit": 1}));
    assert_eq!(first, [doc("1")]);
    assert_eq!(
        resources(json!({"limit": 1, "token": token})),
        (vec![doc("2")], String::new())
    );

    let actions = |id: &str| {
        let body = json!({"subject": ada, "resource": doc(id)});
        search(&world, &store, "action", &body).0
    };
    assert_eq!(actions("1"), [json!({"name": "reader"})]);
    assert_eq!(
        actions("2"),
        [json!({"name": "reader"}), json!({"name": "writer"})]
    );
    assert!(actions("3").is_empty());
}

#[test]
fn searches_need_their_parts() {
    let (world, store) = world();
    let user = json!({"type": "user", "id": "ada"});
    let doc = json!({"type": "doc", "id": "1"});
    for (what, body) in [
        ("subject", json!({"subject": user, "resource": doc})),
        (
            "subject",
            json!({"subject": {"type": "nobody"}, "action": {"name": "reader"}, "resource": doc}),
        ),
        (
            "resource",
            json!({"subject": user, "action": {"name": "reader"}}),
        ),
        ("action", json!({"resource": doc})),
        (
            "action",
            json!({"subject": user, "resource": {"type": "nothing", "id": "1"}}),
        ),
    ] {
        let (status, answer) =
            world.call("POST", &format!("{store}/access/v1/search/{what}"), &body);
        assert_eq!(status, 400, "{what} {body} {answer}");
    }
}
