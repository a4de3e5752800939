use ztag_types::{Code, ConfigPath};

use super::vocabulary;
use crate::{Condition, Expression, Shape};

#[track_caller]
fn refused(source: &str, code: Code, message: &str, meant: &str, hint: Option<&str>) {
    let error = Condition::compile(source, &vocabulary()).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (code, message),
        "{source}"
    );
    let span = error.span.clone().and_then(|span| source.get(span));
    assert_eq!(span.unwrap_or_default(), meant, "{source}");
    assert_eq!(error.hint.as_deref(), hint, "{source}");
    let diagnostic = error.at(&ConfigPath::root().key("conditions"));
    assert_eq!(diagnostic.path.to_string(), "conditions");
}

#[test]
fn unknown_names_are_refused_with_what_was_meant() {
    let near = |name: &str| Some(format!("did you mean `{name}`?"));
    refused(
        "requst.path == '/'",
        Code::UnknownName,
        "unknown name `requst`",
        "requst",
        near("request").as_deref(),
    );
    refused(
        "request.pth == '/'",
        Code::UnknownName,
        "unknown field `pth`",
        "pth",
        near("path").as_deref(),
    );
    refused(
        "request['metod'] == 'GET'",
        Code::UnknownName,
        "unknown field `metod`",
        "",
        near("method").as_deref(),
    );
    refused(
        "has(backend.stat)",
        Code::UnknownName,
        "unknown field `stat`",
        "stat",
        near("status").as_deref(),
    );
    refused(
        "[1].all(item, itm > 0)",
        Code::UnknownName,
        "unknown name `itm`",
        "itm",
        near("item").as_deref(),
    );
    refused(
        "backend.pages.exists(p, p.statsu == 1)",
        Code::UnknownName,
        "unknown field `statsu`",
        "statsu",
        near("status").as_deref(),
    );
    refused(
        "request.path == dyn",
        Code::UnknownName,
        "unknown name `dyn`",
        "dyn",
        None,
    );
}

#[test]
fn unknown_functions_are_refused_with_what_was_meant() {
    refused(
        "request.path.startWith('/')",
        Code::UnknownFunction,
        "unknown function `startWith`",
        "startWith",
        Some("did you mean `startsWith`?"),
    );
    refused(
        "startsWith(request.path, '/')",
        Code::UnknownFunction,
        "unknown function `startsWith`",
        "startsWith",
        Some("`startsWith` is called on a value: write `x.startsWith()`"),
    );
    refused(
        "request.path.lookup('a') == 1",
        Code::UnknownFunction,
        "unknown function `lookup`",
        "lookup",
        Some("`lookup` is not called on a value: write `lookup(x)`"),
    );
    refused(
        "math.grtest(1, 2) == 2",
        Code::UnknownFunction,
        "unknown function `math.grtest`",
        "grtest",
        Some("did you mean `math.greatest`?"),
    );
    refused(
        "size() == 1",
        Code::UnknownFunction,
        "`size` does not take 0 arguments",
        "size",
        None,
    );
    refused(
        "request.path.size(1) == 1",
        Code::UnknownFunction,
        "`size` does not take 1 arguments",
        "size",
        None,
    );
}

#[track_caller]
fn ill_typed(source: &str, message: &str) {
    let error = Condition::compile(source, &vocabulary()).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (Code::ExpressionType, message),
        "{source}"
    );
}

#[test]
fn ill_typed_expressions_are_refused() {
    ill_typed(
        "request.path",
        "a condition is a `bool`, this is of type `string`",
    );
    ill_typed(
        "backend.status",
        "a condition is a `bool`, this is of type `int`",
    );
    ill_typed(
        "request.path && true",
        "operand of `&&` is of type `string`, not `bool`",
    );
    ill_typed(
        "!request.path",
        "operand of `!` is of type `string`, not `bool`",
    );
    ill_typed(
        "request.path + 1 == '/1'",
        "`+` does not take `string` and `int`",
    );
    ill_typed(
        "backend.status < 'a'",
        "`<` does not take `int` and `string`",
    );
    ill_typed(
        "backend.status.code == 1",
        "a value of type `int` has no field `code`",
    );
    ill_typed(
        "backend.status.startsWith('2')",
        "`startsWith` does not take a value of type `int` here",
    );
    ill_typed(
        "'a' in request.path",
        "`in` needs a list or map on its right, not `string`",
    );
}

#[test]
fn ill_typed_items_and_operands_are_refused() {
    ill_typed(
        "request.path.all(c, true)",
        "a value of type `string` has no items",
    );
    ill_typed(
        "[1].all(x, x + 1)",
        "body of a comprehension is of type `int`, not `bool`",
    );
    ill_typed(
        "request.headers[1] == 'a'",
        "a value of type `map(string, string)` has no index of type `int`",
    );
    ill_typed(
        "request.path[0] == 'a'",
        "a value of type `string` has no index of type `int`",
    );
    ill_typed(
        "(request.path ? 1 : 2) == 1",
        "condition of `? :` is of type `string`, not `bool`",
    );
    ill_typed(
        "-request.path == 'a'",
        "`-` does not take a value of type `string`",
    );
    ill_typed(
        "endpoint > now",
        "`>` does not take `string` and `timestamp`",
    );
}

#[test]
fn dynamic_expressions_are_left_to_evaluation() {
    for source in [
        "auth.anything.at.all == 1",
        "backend.body.n + 1 > 2",
        "backend.body.text + 'a' == 'ba'",
        "backend.body.flag",
        "request.headers['x-a'] == 1",
        "variables.local.x in ['a', 1, null]",
        "request.path == 1 || request.port == 8443.0",
        "now - timestamp(backend.body.at) < duration('1h')",
        "now + duration('1s') > now",
        "[1, 'a', true].exists(x, x == 'a')",
        "(true ? 1 : 'a') == 1",
        "variables.rule['first'].n * 2 == 4",
        "backend.pages[0].status == 200 && backend.pages.size() > 1",
        "type(backend.body) == map",
        "dyn(1) + backend.body.x == 2",
        "backend.body.?user.name.orValue('') == 'a'",
    ] {
        assert_eq!(
            Condition::compile(source, &vocabulary()).err(),
            None,
            "{source}"
        );
    }
}

#[test]
fn refused_features_and_patterns() {
    refused(
        "google.rpc.Status{code: 1}.code == 1",
        Code::RefusedFeature,
        "message `google.rpc.Status` cannot be built: protobuf messages are not offered",
        "Status",
        None,
    );
    refused(
        "request.path.matches('(')",
        Code::Pattern,
        "pattern does not compile: its syntax is wrong",
        "matches",
        None,
    );
    refused(
        "request.path ==",
        Code::ExpressionSyntax,
        "mismatched input `<EOF>` expecting expression",
        "",
        None,
    );
    refused(
        "",
        Code::ExpressionSyntax,
        "mismatched input `<EOF>` expecting expression",
        "",
        None,
    );
}

#[test]
fn shapes_are_inferred() {
    let check = |source: &str, expected: Shape| {
        let expression = Expression::compile(source, &vocabulary()).unwrap();
        assert_eq!(*expression.shape(), expected, "{source}");
    };
    check("request.path", Shape::String);
    check("request.path + 'a'", Shape::String);
    check("backend.status + 1", Shape::Int);
    check("size(request.path) > 1", Shape::Bool);
    check("now - now", Shape::Duration);
    check("request.path.split('/')", Shape::list(Shape::Any));
    check("[1, 2].map(x, 'a')", Shape::list(Shape::String));
    check("{'a': 1}", Shape::map(Shape::Int));
    check("true ? 1 : 'a'", Shape::Any);
    check("backend.body", Shape::Any);
}
