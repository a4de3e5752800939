//! Checks in batches, lists, expansion, explanation, handles.

use std::collections::BTreeSet;

use serde_json::json;
use ztag_fga::{
    BatchCheckItem, BatchCheckRequest, Branch, CheckRequest, ErrorCode, ExpandRequest, Fields,
    ListUsersRequest, ListedUser, Reason, Store, Tree, UserFilter, WriteRequest,
};

use crate::support::{check, code, fields, store, tuple, write};

fn filled() -> Store {
    let store = store();
    write(
        &store,
        &[
            "group:eng#member@user:a",
            "group:all#member@group:eng#member",
            "folder:f#viewer@group:all#member",
            "doc:1#parent@folder:f",
            "doc:1#owner@user:o",
            "doc:1#blocked@user:b",
            "doc:1#viewer@user:b",
        ],
    );
    store
}

#[test]
fn checks_follow_every_kind_of_rewrite() {
    let store = filled();
    for (question, expected) in [
        ("doc:1#viewer@user:a", Ok(true)),
        ("doc:1#reader@user:a", Ok(true)),
        ("doc:1#reader@user:b", Ok(false)),
        ("doc:1#viewer@user:b", Ok(true)),
        ("doc:1#viewer@group:eng#member", Ok(true)),
        ("doc:1#viewer@doc:1#viewer", Ok(true)),
        ("doc:1#viewer@doc:1#owner", Ok(true)),
        ("doc:1#owner@doc:1#viewer", Ok(false)),
        ("doc:1#editor@user:o", Ok(false)),
        ("doc:none#viewer@user:a", Ok(false)),
        ("doc:1#viewer@user:*", Ok(false)),
        ("doc:1#none@user:a", Err(ErrorCode::Validation)),
        ("none:1#viewer@user:a", Err(ErrorCode::Validation)),
        ("doc:1#viewer@none:a", Err(ErrorCode::Validation)),
        ("doc:*#viewer@user:a", Err(ErrorCode::Validation)),
        ("doc:1#viewer@group:eng#none", Err(ErrorCode::Validation)),
    ] {
        assert_eq!(check(&store, question), expected, "{question}");
    }
}

#[test]
fn conditions_take_parameters_from_tuple_and_request() {
    let store = store();
    let conditional =
        tuple("doc:1#viewer@user:a").when("recent", Some(fields(&json!({"limit": 5}))));
    store.write(&WriteRequest::writes([conditional])).unwrap();
    for (context, expected) in [
        (json!({"age": 1}), Ok(true)),
        (json!({"age": 9}), Ok(false)),
        (json!({"age": 9, "limit": 100}), Ok(false)),
        (json!({}), Err(ErrorCode::Validation)),
        (json!({"age": "old"}), Err(ErrorCode::Validation)),
    ] {
        let request = CheckRequest {
            context: fields(&context),
            ..CheckRequest::new("user:a", "viewer", "doc:1")
        };
        let found = store.check(&request).map_err(|error| error.code());
        assert_eq!(found, expected, "{context}");
    }
    // What is granted otherwise needs no condition.
    write(&store, &["doc:1#owner@user:a"]);
    assert_eq!(check(&store, "doc:1#viewer@user:a"), Ok(true));
}

#[test]
fn contextual_tuples_shadow_stored_ones_and_are_not_kept() {
    let store = store();
    write(&store, &["doc:1#viewer@user:a"]);
    let contextual =
        tuple("doc:1#viewer@user:a").when("recent", Some(fields(&json!({"limit": 5}))));
    let request = CheckRequest {
        contextual_tuples: vec![contextual],
        context: fields(&json!({"age": 9})),
        ..CheckRequest::new("user:a", "viewer", "doc:1")
    };
    assert_eq!(store.check(&request), Ok(false));
    assert_eq!(check(&store, "doc:1#viewer@user:a"), Ok(true));
    let request = CheckRequest {
        contextual_tuples: vec![
            tuple("doc:new#parent@folder:new"),
            tuple("folder:new#viewer@user:n"),
        ],
        ..CheckRequest::new("user:n", "reader", "doc:new")
    };
    assert_eq!(store.check(&request), Ok(true));
    assert_eq!(check(&store, "doc:new#reader@user:n"), Ok(false));
}

#[test]
fn a_batch_answers_each_question() {
    let store = filled();
    let item = |id: &str, user: &str, relation: &str| BatchCheckItem {
        user: user.into(),
        relation: relation.into(),
        object: "doc:1".into(),
        correlation_id: id.into(),
        ..BatchCheckItem::default()
    };
    let ask = |checks| {
        store.batch_check(&BatchCheckRequest {
            model: None,
            checks,
        })
    };
    let blocked = BatchCheckItem {
        contextual_tuples: vec![tuple("doc:1#blocked@user:a")],
        ..item("4", "user:a", "reader")
    };
    let checks = vec![
        item("1", "user:a", "reader"),
        item("2", "user:b", "reader"),
        item("3", "user:a", "none"),
        blocked,
        item("5", "user:a", "reader"),
    ];
    let results = ask(checks).unwrap();
    let answers: Vec<_> = results
        .iter()
        .map(|result| result.allowed.as_ref().ok().copied())
        .collect();
    assert_eq!(
        answers,
        [Some(true), Some(false), None, Some(false), Some(true)]
    );
    let many = (0..51)
        .map(|id| item(&id.to_string(), "user:a", "reader"))
        .collect();
    for checks in [
        Vec::new(),
        many,
        vec![item("", "user:a", "reader")],
        vec![item("no spaces", "user:a", "reader")],
        vec![item(&"x".repeat(37), "user:a", "reader")],
        vec![item("1", "user:a", "reader"), item("1", "user:b", "reader")],
    ] {
        assert_eq!(code(ask(checks)), ErrorCode::Validation);
    }
}

#[test]
fn handles_answer_as_names_do() {
    let store = filled();
    let context = Fields::new();
    let mut checker = store.checker(None, &[], &context).unwrap();
    for user in ["user:a", "user:b", "user:nobody", "group:eng#member"] {
        let resolved = checker.user(user).unwrap();
        for object in ["doc:1", "doc:none"] {
            let (id, relation) = checker.object(object, "reader").unwrap();
            let by_name = check(&store, &format!("{object}#reader@{user}"));
            let by_handle = checker.check(resolved, relation, id);
            assert_eq!(
                by_handle.map_err(|error| error.code()),
                by_name,
                "{object} {user}"
            );
        }
    }
}

#[test]
fn a_checker_keeps_seeing_its_moment() {
    let store = filled();
    let context = Fields::new();
    let mut checker = store.checker(None, &[], &context).unwrap();
    let user = checker.user("user:a").unwrap();
    let (object, relation) = checker.object("doc:1", "reader").unwrap();
    write(&store, &["doc:1#blocked@user:a"]);
    assert_eq!(checker.check(user, relation, object), Ok(true));
    assert_eq!(check(&store, "doc:1#reader@user:a"), Ok(false));
}

#[test]
fn users_are_listed_by_filter() {
    let store = filled();
    let list = |kind: &str, relation: Option<&str>| {
        let listed = store.list_users(&ListUsersRequest {
            object: "doc:1".into(),
            relation: "reader".into(),
            filter: UserFilter {
                type_name: kind.into(),
                relation: relation.map(str::to_owned),
            },
            ..ListUsersRequest::default()
        });
        listed.map(|users| {
            users
                .iter()
                .map(ListedUser::to_user)
                .collect::<BTreeSet<_>>()
        })
    };
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(list("user", None), Ok(set(&["user:a", "user:o"])));
    assert_eq!(
        list("group", Some("member")),
        Ok(set(&["group:all#member", "group:eng#member"]))
    );
    assert_eq!(list("doc", Some("reader")), Ok(set(&["doc:1#reader"])));
    assert_eq!(list("group", None), Ok(set(&[])));
    assert_eq!(code(list("none", None)), ErrorCode::TypeNotFound);
    assert_eq!(
        code(list("group", Some("none"))),
        ErrorCode::RelationNotFound
    );
}

#[test]
fn expansion_is_one_level_deep() {
    let store = filled();
    let expand = |relation: &str| {
        let request = ExpandRequest {
            object: "doc:1".into(),
            relation: relation.into(),
            ..ExpandRequest::default()
        };
        store.expand(&request).unwrap().branch
    };
    let leaf = |branch| Tree {
        name: "doc:1#viewer".into(),
        branch,
    };
    let viewer = Branch::Union(vec![
        leaf(Branch::Users(vec!["user:b".into()])),
        leaf(Branch::Computed("doc:1#owner".into())),
        leaf(Branch::TupleToUserset {
            tupleset: "doc:1#parent".into(),
            computed: vec!["folder:f#viewer".into()],
        }),
    ]);
    assert_eq!(expand("viewer"), viewer);
    assert!(matches!(expand("reader"), Branch::Difference(_)));
    assert!(matches!(expand("editor"), Branch::Intersection(_)));
}

#[test]
fn a_yes_is_explained_down_to_the_tuple() {
    let store = filled();
    let explained = store
        .explain(&CheckRequest::new("user:a", "reader", "doc:1"))
        .unwrap();
    assert_eq!(explained.allowed, Ok(true));
    let mut way = Vec::new();
    let mut part = &explained.part;
    while let Some(next) = part.parts.first() {
        part = next;
        match &part.reason {
            Reason::Userset(tuple) | Reason::Parent(tuple) | Reason::Tuple(tuple) => {
                way.push(format!(
                    "{}#{}@{}",
                    tuple.object, tuple.relation, tuple.user
                ));
            }
            _ => {}
        }
    }
    let expected = [
        "doc:1#parent@folder:f",
        "folder:f#viewer@group:all#member",
        "group:all#member@group:eng#member",
        "group:eng#member@user:a",
    ];
    assert_eq!(way, expected);
}

#[test]
fn a_no_is_explained_by_what_was_tried() {
    let store = filled();
    let explained = store
        .explain(&CheckRequest::new("user:b", "reader", "doc:1"))
        .unwrap();
    assert_eq!(
        (explained.allowed, explained.part.holds),
        (Ok(false), Some(false))
    );
    assert_eq!(explained.part.reason, Reason::Exclusion);
    let taken_away = &explained.part.parts[1];
    assert_eq!(
        (taken_away.about.as_str(), taken_away.holds),
        ("doc:1#reader", Some(true))
    );
    let explained = store
        .explain(&CheckRequest::new("user:x", "viewer", "doc:1"))
        .unwrap();
    assert_eq!(explained.part.reason, Reason::Union);
    assert_eq!(explained.part.parts.len(), 3);
    assert!(
        explained
            .part
            .parts
            .iter()
            .all(|part| part.holds == Some(false))
    );
}

/// Parts that run together, other contexts and other contextual tuples are other questions.
#[test]
fn attack_40_questions_that_look_alike_are_told_apart() {
    let store = store();
    let limited = tuple("doc:1#viewer@user:a").when("recent", Some(fields(&json!({"limit": 5}))));
    store.write(&WriteRequest::writes([limited])).unwrap();
    write(&store, &["doc:1#owner@user:ab"]);
    let item = |id: &str, user: &str, relation: &str, age: i64, assumed: &[&str]| BatchCheckItem {
        user: user.into(),
        relation: relation.into(),
        object: "doc:1".into(),
        contextual_tuples: assumed.iter().map(|text| tuple(text)).collect(),
        context: fields(&json!({ "age": age })),
        correlation_id: id.into(),
    };
    let checks = vec![
        item("young", "user:a", "viewer", 1, &[]),
        item("old", "user:a", "viewer", 9, &[]),
        item("blocked", "user:a", "reader", 1, &["doc:1#blocked@user:a"]),
        item("free", "user:a", "reader", 1, &[]),
        item("other", "user:ab", "owner", 1, &[]),
        item("none", "user:a", "owner", 1, &["doc:1#owner@user:abc"]),
    ];
    let expected = [true, false, false, true, true, false];
    let request = BatchCheckRequest {
        model: None,
        checks,
    };
    let results = store.batch_check(&request).unwrap();
    let answers = results.into_iter().map(|result| result.allowed.unwrap());
    assert_eq!(answers.collect::<Vec<_>>(), expected);
}

#[test]
fn attack_42_a_tuple_taken_away_is_gone_with_the_next_question() {
    let store = filled();
    for _ in 0..3 {
        assert_eq!(check(&store, "doc:1#reader@user:a"), Ok(true));
        store
            .write(&WriteRequest::deletes([tuple("group:eng#member@user:a")]))
            .unwrap();
        assert_eq!(check(&store, "doc:1#reader@user:a"), Ok(false));
        write(&store, &["group:eng#member@user:a"]);
    }
}
