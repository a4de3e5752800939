//! Answers as the weighted graph gives them, beside those of the recursive resolver.

use ztag_fga::{
    ErrorCode, Limits, ListObjectsRequest, ListUsersRequest, ListedUser, Model, Semantics, Store,
    UserFilter, dsl,
};

use crate::support::{check, write};

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define admin: [user]
    define member: [user, user:*, group#member] or admin
type doc
  relations
    define owner: [user, group#member]
    define blocked: [user, group#member]
    define viewer: [user, user:*, group#member] or owner
    define reader: viewer but not blocked
    define editor: viewer and owner
    define anybody: [user, group#member] or editor
";

fn store(semantics: Semantics) -> Store {
    let store = Store::new(limits(semantics));
    store.write_model(dsl::parse(MODEL).unwrap()).unwrap();
    write(
        &store,
        &[
            "doc:1#viewer@group:a#member",
            "group:a#member@group:b#member",
            "group:b#member@user:bo",
            "doc:1#owner@group:a#member",
            "doc:1#anybody@group:a#member",
            "doc:2#viewer@user:*",
        ],
    );
    store
}

fn limits(semantics: Semantics) -> Limits {
    Limits {
        semantics,
        ..Limits::default()
    }
}

#[test]
fn questions_that_differ_and_some_that_do_not() {
    let (v1, weighted) = (store(Semantics::V1), store(Semantics::Weighted));
    let refused = Err(ErrorCode::Validation);
    let cases = [
        // What tuples say, usersets inside usersets included, both know.
        ("doc:1#viewer@user:bo", Ok(true), Ok(true)),
        ("doc:1#reader@user:bo", Ok(true), Ok(true)),
        ("doc:1#editor@user:bo", Ok(true), Ok(true)),
        ("doc:1#viewer@group:a#member", Ok(true), Ok(true)),
        ("doc:1#viewer@group:b#member", Ok(true), Ok(true)),
        ("doc:2#viewer@user:*", Ok(true), Ok(true)),
        // Nobody has written that members are members, or that admins are.
        ("group:a#member@group:a#member", Ok(true), Ok(false)),
        ("group:a#member@group:a#admin", Ok(true), Ok(false)),
        ("doc:1#viewer@group:a#admin", Ok(true), Ok(false)),
        // Usersets do not pass exclusions, wildcards no intersections either.
        ("doc:1#reader@group:a#member", Ok(true), refused),
        ("doc:2#reader@user:*", Ok(true), refused),
        ("doc:1#editor@group:a#member", Ok(true), Ok(true)),
        ("doc:2#editor@user:*", Ok(false), refused),
        ("doc:2#anybody@user:*", Ok(false), refused),
        ("doc:1#anybody@group:a#member", Ok(true), Ok(true)),
    ];
    for (question, by_v1, by_weights) in cases {
        assert_eq!(check(&v1, question), by_v1, "{question}");
        assert_eq!(check(&weighted, question), by_weights, "{question}");
    }
}

#[test]
fn no_depth_is_too_deep() {
    for (semantics, expected) in [
        (Semantics::V1, Err(ErrorCode::ResolutionTooComplex)),
        (Semantics::Weighted, Ok(true)),
    ] {
        let store = store(semantics);
        for depth in 0..600 {
            let inner = format!("group:g{depth}#member@group:g{}#member", depth + 1);
            write(&store, &[&inner]);
        }
        write(&store, &["group:g600#member@user:deep"]);
        assert_eq!(check(&store, "group:g0#member@user:deep"), expected);
        assert_eq!(check(&store, "group:g590#member@user:deep"), Ok(true));
    }
}

#[test]
fn listed_usersets_are_those_of_tuples() {
    let listed = |semantics| {
        let request = ListUsersRequest {
            object: "group:a".into(),
            relation: "member".into(),
            filter: UserFilter {
                type_name: "group".into(),
                relation: Some("member".into()),
            },
            ..ListUsersRequest::default()
        };
        let listed = store(semantics).list_users(&request).unwrap();
        let mut listed: Vec<_> = listed.iter().map(ListedUser::to_user).collect();
        listed.sort();
        listed
    };
    assert_eq!(listed(Semantics::V1), ["group:a#member", "group:b#member"]);
    assert_eq!(listed(Semantics::Weighted), ["group:b#member"]);
}

#[test]
fn lists_of_objects_are_the_same() {
    for semantics in [Semantics::V1, Semantics::Weighted] {
        let request = ListObjectsRequest {
            type_name: "doc".into(),
            relation: "editor".into(),
            user: "user:bo".into(),
            ..ListObjectsRequest::default()
        };
        let listed = store(semantics).list_objects(&request).unwrap();
        assert_eq!(listed.objects, ["doc:1"], "{semantics:?}");
    }
}

#[test]
fn circles_take_nobody_away_by_weights() {
    for (semantics, expected) in [(Semantics::V1, false), (Semantics::Weighted, true)] {
        let store = store(semantics);
        write(
            &store,
            &[
                "doc:3#viewer@user:bo",
                "doc:3#blocked@group:x#member",
                "group:x#member@group:y#member",
                "group:y#member@group:x#member",
            ],
        );
        let found = check(&store, "doc:3#reader@user:bo");
        assert_eq!(found, Ok(expected), "{semantics:?}");
    }
}

#[test]
fn models_without_weights_are_refused() {
    let head = "model\n  schema 1.1\ntype user\ntype team\ntype folder\n  relations\n";
    let models = [
        // One of two parents lacks the relation.
        (
            "    define viewer: [user]\ntype doc\n  relations\n    define parent: [folder, team]\n    \
             define viewer: viewer from parent\n",
            false,
        ),
        // The relation recurs through an intersection, or what is taken away does.
        (
            "    define parent: [folder]\n    define open: [user]\n    \
             define viewer: [user] or member\n    define member: (viewer from parent) and open\n",
            false,
        ),
        (
            "    define parent: [folder]\n    define open: [user]\n    \
             define blocked: [user] or viewer from parent\n    \
             define viewer: open but not blocked\n",
            false,
        ),
        // Recursion beside an exclusion has a weight.
        (
            "    define parent: [folder]\n    define blocked: [user]\n    \
             define viewer: [user] or viewer from parent\n    \
             define reader: viewer but not blocked\n",
            true,
        ),
    ];
    for (text, is_good) in models {
        let model = dsl::parse(&format!("{head}{text}")).unwrap();
        assert_eq!(
            Model::validate(&model, &limits(Semantics::V1)),
            Ok(()),
            "{text}"
        );
        let judged = Model::validate(&model, &limits(Semantics::Weighted));
        assert_eq!(judged.is_ok(), is_good, "{text}{judged:?}");
    }
}
