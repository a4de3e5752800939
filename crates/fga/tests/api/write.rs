//! Writing, reading, changes.

use std::time::Duration;

use serde_json::json;
use ztag_fga::{
    ChangesRequest, ErrorCode, Limits, OnDuplicate, OnMissing, ReadRequest, Store, Tuple,
    TupleFilter, WriteRequest, dsl,
};

use crate::support::{check, code, fields, store, store_within, tuple, write};

#[test]
fn refused_writes_have_the_right_codes() {
    let store = store();
    write(&store, &["doc:1#owner@user:a"]);
    let cases: Vec<(WriteRequest, ErrorCode)> = vec![
        (WriteRequest::default(), ErrorCode::InvalidWriteInput),
        (
            WriteRequest::writes([tuple("doc:1#owner@user:a")]),
            ErrorCode::WriteFailed,
        ),
        (
            WriteRequest::deletes([tuple("doc:1#owner@user:b")]),
            ErrorCode::WriteFailed,
        ),
        (
            WriteRequest::deletes([tuple("no:1#such@user:b")]),
            ErrorCode::WriteFailed,
        ),
        (
            WriteRequest::writes([tuple("doc:1#owner@user:b"), tuple("doc:1#owner@user:b")]),
            ErrorCode::DuplicateTuples,
        ),
        (
            WriteRequest {
                deletes: vec![tuple("doc:1#owner@user:a")],
                ..WriteRequest::writes([tuple("doc:1#owner@user:a")])
            },
            ErrorCode::DuplicateTuples,
        ),
        (
            WriteRequest::writes((0..101).map(|id| tuple(&format!("doc:{id}#owner@user:b")))),
            ErrorCode::ExceededEntityLimit,
        ),
    ];
    let before = store.revision();
    for (request, expected) in cases {
        assert_eq!(code(store.write(&request)), expected, "{request:?}");
    }
    assert_eq!(store.revision(), before);
}

#[test]
fn tuples_that_the_model_does_not_allow_are_refused() {
    let store = store();
    let wrong = [
        "none:1#owner@user:b",
        "doc:1#none@user:b",
        "doc:*#owner@user:b",
        "doc:1#owner@none:b",
        "doc:1#owner@user:*",
        "doc:1#owner@group:b#member",
        "doc:1#reader@user:b",
        "doc:1#owner@b",
        "doc:1#owner@user:b\u{7}",
        "group:1#member@group:1#member",
    ];
    let recent = |context| tuple("doc:1#viewer@user:b").when("recent", context);
    let conditional = [
        recent(Some(fields(&json!({"no": 1})))),
        recent(Some(fields(&json!({"age": "x"})))),
        recent(Some(fields(&json!({"age": 1, "limit": "\u{7}"})))),
        tuple("doc:1#owner@user:b").when("recent", None),
        tuple("doc:1#viewer@user:b").when("none", None),
    ];
    for tuple in wrong.into_iter().map(tuple).chain(conditional) {
        let request = WriteRequest::writes([tuple.clone()]);
        assert_eq!(
            code(store.write(&request)),
            ErrorCode::Validation,
            "{tuple:?}"
        );
    }
    assert_eq!(store.size().tuples, 0);
}

#[test]
fn a_write_is_all_or_nothing() {
    let store = store();
    let request = WriteRequest {
        deletes: vec![tuple("doc:1#owner@user:none")],
        ..WriteRequest::writes([tuple("doc:1#owner@user:a")])
    };
    assert_eq!(code(store.write(&request)), ErrorCode::WriteFailed);
    assert_eq!(check(&store, "doc:1#owner@user:a"), Ok(false));
}

#[test]
fn what_is_there_or_not_can_be_ignored() {
    let store = store();
    let conditional =
        tuple("doc:1#viewer@user:a").when("recent", Some(fields(&json!({"limit": 5}))));
    store
        .write(&WriteRequest::writes([conditional.clone()]))
        .unwrap();
    let ignore = |tuple: Tuple| WriteRequest {
        on_duplicate: OnDuplicate::Ignore,
        on_missing: OnMissing::Ignore,
        deletes: vec![crate::support::tuple("doc:9#owner@user:none")],
        ..WriteRequest::writes([tuple])
    };
    let before = store.revision();
    assert_eq!(store.write(&ignore(conditional)), Ok(before));
    let other = tuple("doc:1#viewer@user:a").when("recent", Some(fields(&json!({"limit": 6}))));
    assert_eq!(code(store.write(&ignore(other))), ErrorCode::Aborted);
    assert_eq!(
        code(store.write(&ignore(tuple("doc:1#viewer@user:a")))),
        ErrorCode::Aborted
    );
    assert_eq!(ErrorCode::Aborted.http_status(), 409);
}

#[test]
fn deleted_and_written_again() {
    let store = store();
    for round in 0..3 {
        write(&store, &["doc:1#owner@user:a"]);
        assert_eq!(check(&store, "doc:1#viewer@user:a"), Ok(true));
        if round == 1 {
            store.compact();
        }
        store
            .write(&WriteRequest::deletes([tuple("doc:1#owner@user:a")]))
            .unwrap();
        assert_eq!(check(&store, "doc:1#viewer@user:a"), Ok(false));
    }
    assert_eq!(store.size().tuples, 0);
}

#[test]
fn tuples_of_older_models_can_be_deleted_but_do_not_count() {
    let store = store();
    write(&store, &["folder:1#viewer@user:*", "doc:1#parent@folder:1"]);
    assert_eq!(check(&store, "doc:1#viewer@user:a"), Ok(true));
    let text =
        crate::support::MODEL.replace("[user, user:*, group#member]", "[user, group#member]");
    store.write_model(dsl::parse(&text).unwrap()).unwrap();
    assert_eq!(check(&store, "doc:1#viewer@user:a"), Ok(false));
    store
        .write(&WriteRequest::deletes([tuple("folder:1#viewer@user:*")]))
        .unwrap();
}

fn read_all(store: &Store, filter: Option<TupleFilter>, page_size: usize) -> Vec<String> {
    let mut request = ReadRequest {
        filter,
        page_size: Some(page_size),
        ..ReadRequest::default()
    };
    let mut tuples = Vec::new();
    loop {
        let page = store.read(&request).unwrap();
        assert!(page.tuples.len() <= page_size);
        tuples.extend(page.tuples.iter().map(|stored| {
            let Tuple {
                user,
                relation,
                object,
                ..
            } = &stored.tuple;
            format!("{object}#{relation}@{user}")
        }));
        match request.next(&page) {
            Some(next) => request = next,
            None => return tuples,
        }
    }
}

fn filter(object: &str, relation: &str, user: &str) -> TupleFilter {
    TupleFilter {
        user: user.into(),
        relation: relation.into(),
        object: object.into(),
    }
}

#[test]
fn tuples_are_read_in_the_order_written() {
    let store = store();
    let written = [
        "doc:2#owner@user:b",
        "doc:1#viewer@group:g#member",
        "doc:1#owner@user:a",
        "doc:1#viewer@user:a",
        "doc:1#owner@user:z",
    ];
    for text in written {
        write(&store, &[text]);
    }
    store
        .write(&WriteRequest::deletes([tuple("doc:1#owner@user:z")]))
        .unwrap();
    for is_compact in [false, true] {
        if is_compact {
            store.compact();
        }
        for size in [1, 2, 100] {
            assert_eq!(read_all(&store, None, size), written[..4]);
            assert_eq!(
                read_all(&store, Some(filter("doc:1", "", "")), size),
                written[1..4]
            );
            assert_eq!(
                read_all(&store, Some(filter("doc:1", "viewer", "")), size),
                [written[1], written[3]]
            );
            assert_eq!(
                read_all(&store, Some(filter("doc:", "", "user:a")), size),
                written[2..4]
            );
            assert_eq!(
                read_all(&store, Some(filter("doc:", "owner", "user:a")), size),
                written[2..3]
            );
            assert_eq!(
                read_all(&store, Some(filter("doc:1", "", "group:g#member")), size),
                written[1..2]
            );
            assert_eq!(
                read_all(&store, Some(filter("doc:7", "", "")), size),
                [""; 0]
            );
            assert_eq!(
                read_all(&store, Some(filter("folder:", "", "user:a")), size),
                [""; 0]
            );
        }
    }
}

#[test]
fn refused_reads() {
    let store = store();
    let cases = [
        (
            Some(filter("doc:", "", "")),
            None,
            "",
            ErrorCode::Validation,
        ),
        (
            Some(filter("", "", "user:a")),
            None,
            "",
            ErrorCode::Validation,
        ),
        (None, Some(0), "", ErrorCode::PageSizeInvalid),
        (None, Some(101), "", ErrorCode::PageSizeInvalid),
        (None, None, "nonsense", ErrorCode::InvalidContinuationToken),
    ];
    for (filter, page_size, token, expected) in cases {
        let request = ReadRequest {
            filter,
            page_size,
            continuation_token: token.into(),
        };
        assert_eq!(code(store.read(&request)), expected, "{request:?}");
    }
}

#[test]
fn changes_are_read_in_order_and_tokens_go_on() {
    let (store, clock) = store_within(Limits::default());
    clock.advance(Duration::from_secs(10));
    let conditional =
        tuple("doc:1#viewer@user:a").when("recent", Some(fields(&json!({"limit": 5}))));
    store.write(&WriteRequest::writes([conditional])).unwrap();
    write(&store, &["folder:1#viewer@user:a"]);
    clock.advance(Duration::from_secs(10));
    store
        .write(&WriteRequest::deletes([tuple("doc:1#viewer@user:a")]))
        .unwrap();
    let read = |type_name: &str, token: &str, size| {
        store.read_changes(&ChangesRequest {
            type_name: type_name.into(),
            page_size: Some(size),
            continuation_token: token.into(),
            ..ChangesRequest::default()
        })
    };
    let all = read("", "", 100).unwrap();
    let kinds: Vec<_> = all.changes.iter().map(|change| change.is_delete).collect();
    assert_eq!(kinds, [false, false, true]);
    assert!(all.changes[0].tuple.condition.is_some());
    assert!(all.changes[2].tuple.condition.is_none());
    assert_eq!(
        all.changes[2].at.since(all.changes[0].at),
        Duration::from_secs(10)
    );
    let end = read("", &all.continuation_token, 100).unwrap();
    assert_eq!(
        (end.changes.len(), &end.continuation_token),
        (0, &all.continuation_token)
    );
    let first = read("doc", "", 1).unwrap();
    let second = read("doc", &first.continuation_token, 1).unwrap();
    assert!(second.changes[0].is_delete);
    assert_eq!(
        code(read("folder", &first.continuation_token, 1)),
        ErrorCode::TokenTypeMismatch
    );
    let late = store.read_changes(&ChangesRequest {
        start_time: Some(all.changes[2].at),
        ..ChangesRequest::default()
    });
    assert_eq!(late.unwrap().changes.len(), 1);
}

#[test]
fn young_changes_can_be_held_back() {
    let limits = Limits {
        changes_horizon: Duration::from_mins(1),
        ..Limits::default()
    };
    let (store, clock) = store_within(limits);
    write(&store, &["folder:1#viewer@user:a"]);
    clock.advance(Duration::from_secs(59));
    let read = || {
        store
            .read_changes(&ChangesRequest::default())
            .unwrap()
            .changes
            .len()
    };
    assert_eq!(read(), 0);
    clock.advance(Duration::from_secs(2));
    assert_eq!(read(), 1);
}

#[test]
fn many_writes_and_merges_keep_every_tuple() {
    let store = store();
    let tuples =
        (0..9000).map(|number| tuple(&format!("folder:{}#viewer@user:{number}", number % 3)));
    let tuples: Vec<_> = tuples.collect();
    for tuples in tuples.chunks(100) {
        store.write(&WriteRequest::writes(tuples.to_vec())).unwrap();
    }
    for tuples in tuples.chunks(200) {
        store
            .write(&WriteRequest::deletes(tuples[..100].to_vec()))
            .unwrap();
    }
    for (number, tuple) in tuples.iter().enumerate() {
        let text = format!("{}#viewer@{}", tuple.object, tuple.user);
        assert_eq!(check(&store, &text), Ok(number % 200 >= 100), "{text}");
    }
    assert_eq!(store.size().tuples, 4500);
}
