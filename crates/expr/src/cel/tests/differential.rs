//! Our evaluator against the interpreter of the crate whose parser we use.

use cel::{Context, Program};
use proptest::prelude::*;
use ztag_types::Value;

use super::evaluate;

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (-20_i64..20).prop_map(|i| format!("({i})")),
        (0_u64..20).prop_map(|u| format!("{u}u")),
        (-8_i32..8).prop_map(|d| format!("({:.1})", f64::from(d) / 2.0)),
        Just("9223372036854775807".to_owned()),
        Just("(-9223372036854775808)".to_owned()),
        Just("18446744073709551615u".to_owned()),
    ]
}

fn leaf() -> impl Strategy<Value = String> {
    let other = prop::sample::select(vec![
        "true", "false", "'a'", "'abc'", "''", "null", "b'ab'", "[1, 2]", "['a']", "{'a': 1}",
        "'ñ'", "[]",
    ]);
    prop_oneof![3 => number(), 2 => other.prop_map(str::to_owned)]
}

fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let operators = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in",
        ]);
        prop_oneof![
            4 => (inner.clone(), operators, inner.clone()).prop_map(|(a, op, b)| format!("(dyn({a}) {op} dyn({b}))")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("(dyn({a}) ? {b} : {c})")),
            1 => inner.clone().prop_map(|a| format!("!dyn({a})")),
            1 => inner.clone().prop_map(|a| format!("size(dyn({a}))")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("dyn({a}).startsWith(dyn({b}))")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("dyn({a}).contains(dyn({b}))")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("dyn({a})[dyn({b})]")),
            1 => inner.clone().prop_map(|a| format!("[1, 2, 0].exists(i, i == dyn({a}))")),
            1 => inner.clone().prop_map(|a| format!("[1, 2, 0].all(i, i < dyn({a}))")),
            1 => inner.clone().prop_map(|a| format!("[1, 2].map(i, i + dyn({a}))")),
        ]
    })
}

/// The answer of the oracle as one of ours; `None` for an error.
fn oracle(source: &str) -> Option<Value> {
    let program = Program::compile(source).ok()?;
    program
        .execute(&Context::default())
        .ok()
        .map(|value| convert(&value))
}

fn convert(value: &cel::Value) -> Value {
    match value {
        cel::Value::Bool(b) => Value::Bool(*b),
        cel::Value::Int(i) => Value::Int(*i),
        cel::Value::UInt(u) => Value::Uint(*u),
        cel::Value::Float(d) => Value::Double(*d),
        cel::Value::String(text) => Value::text(text.as_str()),
        cel::Value::Bytes(bytes) => Value::Bytes(bytes.as_slice().into()),
        cel::Value::List(items) => Value::List(items.iter().map(convert).collect()),
        cel::Value::Map(map) => {
            let entries = map.map.iter().map(|(key, value)| {
                (
                    ztag_types::Key::from(key.to_string().as_str()),
                    convert(value),
                )
            });
            Value::from(entries.collect::<ztag_types::Map>())
        }
        _ => Value::Null,
    }
}

/// Equality that takes NaN for equal to itself.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Double(a)), Some(Value::Double(b))) => {
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        }
        (Some(Value::List(a)), Some(Value::List(b))) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(Some(a), Some(b)))
        }
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn both_interpreters_agree(source in expression()) {
        // A key of a type that no map has: false here and in cel-go, an error there.
        prop_assume!(!source.contains(" in dyn({"));
        let ours = evaluate(&source);
        let theirs = oracle(&source);
        prop_assert!(same(ours.as_ref().ok(), theirs.as_ref()), "{source}\n ours {ours:?}\n theirs {theirs:?}");
    }
}
