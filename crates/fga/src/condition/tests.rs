use serde_json::{Value as Json, json};

use super::*;
use crate::dsl;

fn compile(parameters: &str, expression: &str) -> Result<Condition, Error> {
    let text = format!(
        "model\n  schema 1.1\ntype user\ncondition c({parameters}) {{\n  {expression}\n}}\n"
    );
    let model = dsl::parse(&text).unwrap();
    Condition::compile("c", model.conditions.get("c").unwrap(), &Limits::default())
}

fn fields(json: Json) -> Fields {
    match json {
        Json::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

/// What `expression` is with `context`: its value, or nothing for an error.
fn check(parameters: &str, expression: &str, context: Json, expected: Option<bool>) {
    let condition = compile(parameters, expression).unwrap();
    let held = condition.holds(&TupleCondition::default(), &fields(context));
    assert_eq!(
        held.as_ref().ok().copied(),
        expected,
        "{expression}: {held:?}"
    );
}

#[test]
fn values_of_all_types() {
    check("x: int", "x < 100", json!({"x": 1}), Some(true));
    check("x: int", "x < 100", json!({"x": "100"}), Some(false));
    check("x: int", "x < 100", json!({"x": 1.5}), None);
    check("x: int", "x < 100", json!({"x": true}), None);
    check("x: uint", "x > 0u", json!({"x": 1}), Some(true));
    check("x: uint", "x > 0u", json!({"x": -1}), None);
    check("x: double", "x > 0.0", json!({"x": 0.1}), Some(true));
    check("x: double", "x > 0.0", json!({"x": "0.5"}), Some(true));
    check("x: double", "x > 0.0", json!({"x": "0.1"}), None);
    check("x: bool", "x", json!({"x": true}), Some(true));
    check("x: bool", "x", json!({"x": "true"}), None);
    check("x: string", "x == 'a'", json!({"x": "a"}), Some(true));
    check("x: string", "x == 'a'", json!({"x": 1}), None);
    check("x: list<int>", "2 in x", json!({"x": [1, "2"]}), Some(true));
    check(
        "x: map<string>",
        "x['a'] == 'b'",
        json!({"x": {"a": "b"}}),
        Some(true),
    );
    check("x: map<string>", "x.a == 'b'", json!({"x": {"a": 1}}), None);
    let time = "x < timestamp('2023-10-11T10:00:00Z')";
    check(
        "x: timestamp",
        time,
        json!({"x": "2023-10-11T11:00:00+02:00"}),
        Some(true),
    );
    check("x: timestamp", time, json!({"x": "2023-10-11"}), None);
    check(
        "x: duration",
        "x == duration('90m')",
        json!({"x": "1h30m"}),
        Some(true),
    );
    check(
        "x: duration",
        "x > duration('0s')",
        json!({"x": "1.5ms"}),
        Some(true),
    );
    check(
        "x: duration",
        "x > duration('0s')",
        json!({"x": "90"}),
        None,
    );
    check("x: duration", "x != null", json!({"x": "0"}), Some(true));
}

#[test]
fn addresses() {
    let inside = "x.in_cidr('10.0.0.0/8')";
    check("x: ipaddress", inside, json!({"x": "10.1.2.3"}), Some(true));
    check(
        "x: ipaddress",
        inside,
        json!({"x": "11.1.2.3"}),
        Some(false),
    );
    check(
        "x: ipaddress",
        inside,
        json!({"x": "::ffff:10.1.2.3"}),
        Some(true),
    );
    check("x: ipaddress", inside, json!({"x": "ten"}), None);
    check(
        "x: ipaddress, n: string",
        "x.in_cidr(n)",
        json!({"x": "10.1.2.3", "n": "ten"}),
        None,
    );
    let same = "x == ipaddress(\"::ffff:10.0.0.1\") && (x != null)";
    check("x: ipaddress", same, json!({"x": "10.0.0.1"}), Some(true));
    let any = "n.exists(m, x.in_cidr(m)) || ipaddress('10.0.0.1').in_cidr('10.0.0.0/' + '8')";
    check(
        "x: ipaddress, n: list<string>",
        any,
        json!({"x": "::1", "n": ["::/64"]}),
        Some(true),
    );
    let listed = "x.exists(a, a.in_cidr('10.0.0.0/8')) && x[0].in_cidr('::/0')";
    check(
        "x: list<ipaddress>",
        listed,
        json!({"x": ["::2", "10.0.0.1"]}),
        Some(true),
    );
    let text = "x != '.in_cidr(' && ('ipaddress(' == 'ipaddress(')";
    check("x: string", text, json!({"x": ""}), Some(true));
}

#[test]
fn all_parameters_are_needed() {
    check("x: int, y: int", "x < 1 || y < 1", json!({"x": 0}), None);
    check(
        "x: int, y: int",
        "x < 1 || y < 1",
        json!({"x": 0, "y": 5, "z": 1}),
        Some(true),
    );
}

#[test]
fn the_tuple_wins() {
    let condition = compile("x: int", "x < 100").unwrap();
    let fixed = TupleCondition {
        name: "c".into(),
        context: Some(fields(json!({"x": 1000}))),
    };
    assert_eq!(condition.holds(&fixed, &fields(json!({"x": 1}))), Ok(false));
    assert_eq!(condition.check(&fixed), Ok(()));
    for wrong in [json!({"y": 1}), json!({"x": "y"})] {
        let fixed = TupleCondition {
            name: "c".into(),
            context: Some(fields(wrong)),
        };
        assert!(condition.check(&fixed).is_err());
    }
}

#[test]
fn faulty_expressions_are_refused() {
    for (parameters, expression) in [
        ("x: int", "x"),
        ("x: int", "x < y"),
        ("x: int", "x <"),
        ("x: int", "x < 'a'"),
        ("x: string", "x.nothing()"),
    ] {
        assert!(compile(parameters, expression).is_err(), "{expression}");
    }
    assert!(compile("x: int", &format!("x < {}", "1".repeat(512))).is_err());
}
