use super::vocabulary;
use crate::Expression;

#[track_caller]
fn check(source: &str, expected: &[&str]) {
    let expression = Expression::compile(source, &vocabulary()).unwrap();
    let paths: Vec<String> = expression
        .reads()
        .paths()
        .map(ToString::to_string)
        .collect();
    assert_eq!(paths, expected, "{source}");
}

#[test]
fn known_keys_are_read_exactly() {
    check("1 + 1", &[]);
    check(
        "request.headers['x-a'] + request.path",
        &["request.headers['x-a']", "request.path"],
    );
    check("request.headers.`x-a` == 'b'", &["request.headers['x-a']"]);
    check("backend.body.user.id", &["backend.body.user.id"]);
    check("has(backend.body.user.id)", &["backend.body.user.id"]);
    check("'x-a' in request.headers", &["request.headers['x-a']"]);
    check(
        "lookup(request.headers, 'x-a') == null",
        &["request.headers['x-a']"],
    );
    check("backend.body.?user", &["backend.body.user"]);
    check(
        "request.headers[?'x-a'].orValue('')",
        &["request.headers['x-a']"],
    );
}

#[test]
fn anything_else_is_read_whole() {
    check(
        "request.headers[request.path]",
        &["request.headers", "request.path"],
    );
    check(
        "lookup(request.headers, request.path)",
        &["request.headers", "request.path"],
    );
    check("'admin' in backend.body.roles", &["backend.body.roles"]);
    check("backend.pages[0].status", &["backend.pages"]);
    check(
        "backend.body.items.exists(i, i.id == request.path)",
        &["backend.body.items", "request.path"],
    );
    check("[request].map(r, r.path)", &["request"]);
    check("cel.bind(b, backend.body, b.user)", &["backend.body"]);
    check(
        "backend.body.?user.optMap(u, u.name)",
        &["backend.body.user"],
    );
    check("true || request.path == '/'", &["request.path"]);
    check("request == request.headers", &["request"]);
    check(
        "[1].map(x, request.path != '', {'a': endpoint})",
        &["endpoint", "request.path"],
    );
    check(
        "size(request.query) > 0 ? request.uri : request.host",
        &["request.host", "request.query", "request.uri"],
    );
}

#[test]
fn the_time_makes_volatile() {
    let volatile = |source: &str| {
        Expression::compile(source, &vocabulary())
            .unwrap()
            .reads()
            .is_volatile()
    };
    assert!(volatile("now > timestamp('2026-01-01T00:00:00Z')"));
    assert!(!volatile("timestamp('2026-01-01T00:00:00Z')"));
}
