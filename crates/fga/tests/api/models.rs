//! Models and assertions.

use ztag_fga::{Assertion, ErrorCode, Limits, ModelId, Store, dsl};

use crate::support::{code, store, tuple};

fn refuse(body: &str) -> ErrorCode {
    let text = format!("model\n  schema 1.1\ntype user\n{body}");
    let model = dsl::parse(&text).unwrap_or_else(|found| panic!("{found:?}"));
    code(Store::default().write_model(model))
}

#[test]
fn models_that_break_a_rule_are_refused() {
    let doc = |relations: &str| format!("type doc\n  relations\n{relations}");
    for relations in [
        "    define a: b\n",
        "    define a: b\n    define b: a\n",
        "    define a: [user] or b\n    define b: [user] or a\n",
        "    define a: [doc#a]\n",
        "    define a: [nobody]\n",
        "    define a: [doc#nothing]\n",
        "    define a: [user with nothing]\n",
        "    define a: a from b\n    define b: [doc]\n",
        "    define a: [user] or c from b\n    define b: [doc]\n",
        "    define a: [user] or a from b\n    define b: [doc] or c\n    define c: [doc]\n",
        "    define a: [user] or a from b\n    define b: [doc, doc:*]\n",
        "    define a: [user] or a from b\n    define b: [doc, doc#a]\n",
        "    define this: [user]\n",
    ] {
        assert_eq!(
            refuse(&doc(relations)),
            ErrorCode::InvalidModel,
            "{relations}"
        );
    }
    for body in [
        "type user\n",
        "type self\n",
        "condition c(x: int) {\n  x\n}\n",
        "condition c(x: int) {\n  y < 1\n}\n",
    ] {
        assert_eq!(refuse(body), ErrorCode::InvalidModel, "{body}");
    }
    let many: String = (0..100).fold(String::new(), |text, number| {
        text + "type t" + &number.to_string() + "\n"
    });
    assert_eq!(refuse(&many), ErrorCode::ExceededEntityLimit);
    let spec = serde_json::from_str(r#"{"schema_version": "1.0"}"#).unwrap();
    assert_eq!(
        code(Store::default().write_model(spec)),
        ErrorCode::InvalidModel
    );
}

#[test]
fn questions_name_a_model_or_take_the_latest() {
    let store = Store::default();
    assert_eq!(code(store.model(None)), ErrorCode::LatestModelNotFound);
    let first = store
        .write_model(dsl::parse(crate::support::MODEL).unwrap())
        .unwrap();
    let second = store
        .write_model(dsl::parse("model\n  schema 1.1\ntype user\n").unwrap())
        .unwrap();
    assert_eq!(store.model(None).unwrap().id(), &second);
    assert_eq!(store.model(Some(&first)).unwrap().id(), &first);
    let ids: Vec<_> = store
        .models(None, 10)
        .iter()
        .map(|model| model.id().clone())
        .collect();
    assert_eq!(ids, [second.clone(), first.clone()]);
    assert_eq!(store.models(Some(&second), 10).len(), 1);
    let unknown = ModelId::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap();
    assert_eq!(code(store.model(Some(&unknown))), ErrorCode::ModelNotFound);
    assert_eq!(code(ModelId::parse("nonsense")), ErrorCode::Validation);
}

#[test]
fn old_models_are_forgotten() {
    let store = Store::new(Limits {
        models: 2,
        ..Limits::default()
    });
    let write = || {
        store
            .write_model(dsl::parse(crate::support::MODEL).unwrap())
            .unwrap()
    };
    let first = write();
    write();
    write();
    assert_eq!(code(store.model(Some(&first))), ErrorCode::ModelNotFound);
}

#[test]
fn assertions_are_kept_by_model() {
    let store = store();
    let id = store.model(None).unwrap().id().clone();
    assert!(store.read_assertions(&id).is_empty());
    let assertion = Assertion {
        tuple_key: tuple("doc:1#viewer@user:a"),
        expectation: true,
        contextual_tuples: vec![tuple("doc:1#owner@user:a")],
        context: None,
    };
    store
        .write_assertions(&id, vec![assertion.clone()])
        .unwrap();
    assert_eq!(store.read_assertions(&id), std::slice::from_ref(&assertion));
    let with = |change: fn(&mut Assertion)| {
        let mut changed = assertion.clone();
        change(&mut changed);
        vec![changed]
    };
    let unknown = with(|assertion| assertion.tuple_key.relation = "none".into());
    assert_eq!(
        code(store.write_assertions(&id, unknown)),
        ErrorCode::Validation
    );
    let invalid = with(|assertion| assertion.contextual_tuples = vec![tuple("doc:1#none@user:a")]);
    assert_eq!(
        code(store.write_assertions(&id, invalid)),
        ErrorCode::Validation
    );
    let many = vec![assertion.clone(); 101];
    assert_eq!(
        code(store.write_assertions(&id, many)),
        ErrorCode::TooManyAssertions
    );
    let other = ModelId::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap();
    assert_eq!(
        code(store.write_assertions(&other, vec![assertion])),
        ErrorCode::ModelNotFound
    );
}
