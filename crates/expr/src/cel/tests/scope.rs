//! Evaluation over borrowed evidence.

use serde_json::json;
use ztag_types::{Object, Root, Slots, Value, View};

use super::{map, vocabulary};
use crate::{Condition, Expression};

/// A structure one of whose fields could not be computed.
struct Partly;

impl Object for Partly {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "good" => Some(View::Int(1)),
            "bad" => Some(View::Failed("variable `bad` failed")),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        vec!["good", "bad"]
    }
}

#[test]
fn conditions_read_through_slots() {
    let request = map(json!({"path": "/api/x", "method": "GET", "headers": {"x-tenant": "t1"}}));
    let backend = map(json!({"status": 200, "body": {"roles": ["admin", "dev"], "n": 3}}));
    let slots = Slots::new()
        .with(Root::Request, View::Map(&request))
        .with(Root::Backend, View::Map(&backend))
        .with(Root::Endpoint, View::Str("api"));
    let check = |source: &str, expected: bool| {
        let condition = Condition::compile(source, &vocabulary()).unwrap();
        assert_eq!(condition.holds(slots.scope()), Ok(expected), "{source}");
        assert_eq!(condition.source(), source);
    };
    check(
        "request.method in ['GET', 'HEAD'] && request.path.startsWith('/api/')",
        true,
    );
    check(
        "backend.status == 200 && 'admin' in backend.body.roles",
        true,
    );
    check("request.headers['x-tenant'].matches('^t[0-9]+$')", true);
    check(
        "backend.body.n - 2 == 1 && type(backend.body.n) == int",
        true,
    );
    check("has(request.headers.missing)", false);
    check("has(backend.body.user.id)", false);
    check("has(backend.body.user.manager.id)", false);
    check("lookup(request.headers, 'missing') == null", true);
    check("backend.body.roles.exists(r, r == endpoint)", false);
    check("auth == null && !has(auth.input)", true);
}

#[test]
fn defect_fail_soft_variables_never_read_as_empty() {
    let slots = Slots::new().with(Root::Auth, View::Object(&Partly));
    let check = |source: &str, expected: Result<bool, &str>| {
        let condition = Condition::compile(source, &vocabulary()).unwrap();
        let found = condition
            .holds(slots.scope())
            .map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{source}");
    };
    let failed = Err("variable `bad` failed");
    check("auth.good == 1", Ok(true));
    check("auth.bad == ''", failed);
    check("auth.bad != 'x'", failed);
    check("has(auth.bad)", failed);
    check("auth.bad.deeper == 1", failed);
    check("lookup(auth, 'bad') == null", failed);
    check("auth == {}", Ok(false));
    check("auth == {'good': 1, 'bad': 1}", failed);
    check("auth.exists(k, auth[k] == 1)", Ok(true));
    check("auth.all(k, auth[k] == 1)", failed);
    check("auth.missing == 1", Err("no such key: `missing`"));
    let whole = Expression::compile("auth", &vocabulary()).unwrap();
    assert!(whole.evaluate(slots.scope()).is_err());
}

#[test]
fn errors_never_show_values() {
    let secret = map(json!({"token": "s3cret", "list": ["s3cret"], "map": {"s3cret": 1}}));
    let slots = Slots::new().with(Root::Auth, View::Map(&secret));
    for source in [
        "auth.token + 1",
        "auth.token.missing",
        "auth.map[auth.list]",
        "auth.map[auth.token + 'x']",
        "int(auth.token)",
        "timestamp(auth.token)",
        "duration(auth.token)",
        "ip(auth.token)",
        "auth.token.matches('(' + auth.token)",
        "auth.list[7]",
        "'%d'.format([auth.token])",
        "auth.token ? 1 : 2",
        "auth.token < 1",
        "base64.decode(auth.token + '~')",
        "auth.token.substring(99)",
        "now.getHours(auth.token)",
    ] {
        let expression = Expression::compile(source, &vocabulary()).unwrap();
        let error = expression.evaluate(slots.scope()).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{source}: {error}");
        assert!(
            !format!("{error:?}").contains("s3cret"),
            "{source}: {error:?}"
        );
    }
}

#[test]
fn values_come_out_owned() {
    let body = map(json!({"roles": ["a"], "n": 1}));
    let slots = Slots::new().with(Root::Auth, View::Map(&body));
    let check = |source: &str, expected: Value| {
        let expression = Expression::compile(source, &vocabulary()).unwrap();
        assert_eq!(expression.evaluate(slots.scope()), Ok(expected), "{source}");
    };
    check("auth", Value::from(body.clone()));
    check("auth.roles", Value::from(vec![Value::text("a")]));
    check(
        "auth.roles + ['b']",
        Value::from(vec![Value::text("a"), Value::text("b")]),
    );
    check("{'n': auth.n}", Value::from(map(json!({"n": 1}))));
    check("type(auth.n)", Value::text("int"));
}
