//! The plain path makes the same text as the engine.

use proptest::prelude::*;

use super::*;

fn piece() -> impl Strategy<Value = String> {
    let root = prop::sample::select(vec![
        "response",
        "response.a",
        "response['k-1']",
        "endpoint",
        "request.method",
        "response.a.b",
        "correlationId",
    ]);
    let filter = prop::sample::select(vec![
        "",
        "|lower",
        "|upper",
        "|trim",
        "|tojson",
        "|default('d É')",
        "|d(' x ')",
    ]);
    let look = (root, prop::collection::vec(filter, 0..3))
        .prop_map(|(root, filters)| format!("{{{{ {root}{} }}}}", filters.concat()));
    prop_oneof![look, "[a-zÄ \"\n]{0,6}"]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::Uint),
        any::<f64>().prop_map(Value::Double),
        "\\PC{0,12}".prop_map(Value::from),
        Just(Value::Timestamp(Timestamp::from_seconds(1))),
        Just(Value::Bytes(Arc::from(*b"\xff\x00"))),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        let entries = prop::collection::vec(
            (prop::sample::select(vec!["a", "b", "k-1"]), inner.clone()),
            0..3,
        );
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
            entries.prop_map(|entries| {
                let entries = entries.into_iter().map(|(key, value)| (key.into(), value));
                Value::from(entries.collect::<ztag_types::Map>())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn plain_equals_engine(
        pieces in prop::collection::vec(piece(), 0..6),
        response in tree(),
        endpoint in tree(),
    ) {
        let source = pieces.concat();
        let plain = compile(&source);
        prop_assert!(!matches!(plain.0.form, Form::Engine(_)), "{source:?} takes the plain path");
        // A statement sends the same source through the engine.
        let engine = compile(&(source + "{% if false %}{% endif %}"));
        let slots = Slots::new()
            .with(Root::Response, response.view())
            .with(Root::Endpoint, endpoint.view());
        prop_assert_eq!(plain.render(slots.scope()), engine.render(slots.scope()));
    }
}
