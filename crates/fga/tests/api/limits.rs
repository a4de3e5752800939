//! Depth, budgets, caps, circles.

use ztag_fga::{
    CheckRequest, ErrorCode, Limits, ListObjectsRequest, ListUsersRequest, Store, Tuple,
    UserFilter, WriteRequest, dsl,
};

use crate::support::{check, code, store, store_within, tuple, write};

/// A chain of `length` groups inside each other, with user:a in the innermost.
fn chain(store: &Store, length: usize) {
    write(store, &["group:0#member@user:a"]);
    for number in 1..length {
        write(
            store,
            &[&format!(
                "group:{number}#member@group:{}#member",
                number - 1
            )],
        );
    }
}

#[test]
fn depth_is_limited() {
    let store = store();
    chain(&store, 40);
    assert_eq!(check(&store, "group:24#member@user:a"), Ok(true));
    assert_eq!(
        check(&store, "group:25#member@user:a"),
        Err(ErrorCode::ResolutionTooComplex)
    );
    assert_eq!(
        check(&store, "group:39#member@user:a"),
        Err(ErrorCode::ResolutionTooComplex)
    );
    // A shorter way wins over what is too deep.
    write(&store, &["group:39#member@user:a"]);
    assert_eq!(check(&store, "group:39#member@user:a"), Ok(true));
    let request = ListUsersRequest {
        object: "group:39".into(),
        relation: "member".into(),
        filter: UserFilter {
            type_name: "user".into(),
            relation: None,
        },
        ..ListUsersRequest::default()
    };
    assert_eq!(
        code(store.list_users(&request)),
        ErrorCode::ResolutionTooComplex
    );
}

#[test]
fn circles_end() {
    let store = store();
    write(
        &store,
        &[
            "group:1#member@group:2#member",
            "group:2#member@group:3#member",
            "group:3#member@group:1#member",
            "group:3#member@user:a",
        ],
    );
    assert_eq!(check(&store, "group:1#member@user:a"), Ok(true));
    assert_eq!(check(&store, "group:1#member@user:b"), Ok(false));
    let explained = store
        .explain(&CheckRequest::new("user:a", "member", "group:1"))
        .unwrap();
    assert_eq!(explained.part.holds, Some(true));
}

/// Every group in every other one: there are more ways than atoms in the universe.
#[test]
fn dense_graphs_are_searched_once() {
    let store = Store::default();
    let text = "model\n  schema 1.1\ntype user\ntype group\n  relations\n    \
                define member: [user, group#member]\n    define banned: [user, group#member]\n    \
                define active: member but not banned\n";
    store.write_model(dsl::parse(text).unwrap()).unwrap();
    let mut tuples = Vec::new();
    for outer in 0..24 {
        for inner in (0..24).filter(|inner| *inner != outer) {
            for relation in ["member", "banned"] {
                let user = format!("group:{inner}#{relation}");
                if relation == "member" {
                    tuples.push(Tuple::new(user, relation, format!("group:{outer}")));
                } else {
                    let user = format!("group:{inner}#member");
                    tuples.push(Tuple::new(user, "banned", format!("group:{outer}")));
                }
            }
        }
    }
    store.load(None, &tuples).unwrap();
    for number in 0..24 {
        let question = format!("group:{number}#active@user:a");
        assert_eq!(check(&store, &question), Ok(false));
    }
}

#[test]
fn work_is_limited() {
    let (store, _) = store_within(Limits {
        resolution_nodes: 10,
        ..Limits::default()
    });
    let tuples = (0..30).map(|number| tuple(&format!("group:x#member@group:{number}#member")));
    store.write(&WriteRequest::writes(tuples)).unwrap();
    assert_eq!(
        check(&store, "group:x#member@user:a"),
        Err(ErrorCode::ResolutionTooComplex)
    );
}

#[test]
fn lists_are_capped() {
    let limits = Limits {
        listed_objects: 5,
        listed_users: 7,
        ..Limits::default()
    };
    let (store, _) = store_within(limits);
    let tuples = (0..20).map(|number| tuple(&format!("doc:{number}#owner@user:a")));
    store.write(&WriteRequest::writes(tuples)).unwrap();
    let request = ListObjectsRequest {
        type_name: "doc".into(),
        relation: "viewer".into(),
        user: "user:a".into(),
        ..ListObjectsRequest::default()
    };
    let listed = store.list_objects(&request).unwrap();
    assert_eq!((listed.objects.len(), listed.is_truncated), (5, true));
    let mut streamed = 0;
    let all = store.stream_objects(&request, |_| {
        streamed += 1;
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!((all, streamed), (Ok(()), 20));
    let tuples = (0..20).map(|number| tuple(&format!("doc:x#owner@user:{number}")));
    store.write(&WriteRequest::writes(tuples)).unwrap();
    let request = ListUsersRequest {
        object: "doc:x".into(),
        relation: "owner".into(),
        filter: UserFilter {
            type_name: "user".into(),
            relation: None,
        },
        ..ListUsersRequest::default()
    };
    assert_eq!(store.list_users(&request).unwrap().len(), 7);
}

#[test]
fn too_many_contextual_tuples() {
    let store = store();
    let request = CheckRequest {
        contextual_tuples: (0..101)
            .map(|id| tuple(&format!("doc:{id}#owner@user:a")))
            .collect(),
        ..CheckRequest::new("user:a", "viewer", "doc:1")
    };
    assert_eq!(code(store.check(&request)), ErrorCode::Validation);
}

/// Questions asked while tuples are written see each write whole.
#[test]
fn readers_see_whole_writes() {
    let store = store();
    let pair = [tuple("doc:1#owner@user:a"), tuple("doc:1#viewer@user:a")];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..300 {
                store.write(&WriteRequest::writes(pair.clone())).unwrap();
                store.write(&WriteRequest::deletes(pair.clone())).unwrap();
            }
        });
        scope.spawn(|| {
            let context = ztag_fga::Fields::new();
            for _ in 0..3000 {
                let mut checker = store.checker(None, &[], &context).unwrap();
                let user = checker.user("user:a").unwrap();
                let (object, owner) = checker.object("doc:1", "owner").unwrap();
                let (_, viewer) = checker.object("doc:1", "viewer").unwrap();
                let both = [owner, viewer].map(|of| checker.check(user, of, object).unwrap());
                assert_eq!(both[0], both[1]);
            }
        });
    });
}
