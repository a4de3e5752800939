//! What is refused at load, and where the error points.

use super::*;

/// Checks code, the text pointed at, message and hint.
#[track_caller]
fn refused(source: &str, code: Code, at: &str, message: &str, hint: Option<&str>) {
    let error =
        Template::compile(source, &vocabulary(), &TemplateFiles::empty()).expect_err(source);
    assert_eq!(error.message, message, "{source}");
    assert_eq!(error.code, code, "{source}");
    assert_eq!(error.hint.as_deref(), hint, "{source}");
    let span = error.span.clone().and_then(|span| source.get(span));
    assert_eq!(span.unwrap_or_default(), at, "{source}");
}

#[test]
fn unknown_names_and_fields() {
    let code = Code::UnknownName;
    refused(
        "{{ respons.id }}",
        code,
        "respons",
        "unknown name `respons`",
        Some("did you mean `response`?"),
    );
    refused(
        "{{ request.heders.a }}",
        code,
        "request.heders",
        "`request` has no field `heders`",
        Some("did you mean `headers`?"),
    );
    refused(
        "{{ request['metod'] }}",
        code,
        "request['metod']",
        "`request` has no field `metod`",
        Some("did you mean `method`?"),
    );
    refused("{% if x %}{% endif %}", code, "x", "unknown name `x`", None);
    refused("{{ range }}", code, "range", "unknown name `range`", None);
    refused(
        "{{ request.headers.x-a }}",
        code,
        "a",
        "unknown name `a`",
        Some("`-` subtracts: write `request.headers['x-a']`"),
    );
}

#[test]
fn unknown_functions_filters_and_tests() {
    let code = Code::UnknownFunction;
    refused(
        "{{ endpoint|uper }}",
        code,
        "uper",
        "unknown filter `uper`",
        Some("did you mean `upper`?"),
    );
    refused(
        "{{ endpoint|ztag_term }}",
        code,
        "ztag_term",
        "unknown filter `ztag_term`",
        None,
    );
    refused(
        "{{ endpoint is strin }}",
        code,
        "strin",
        "unknown test `strin`",
        Some("did you mean `string`?"),
    );
    refused(
        "{{ uuid4() }}",
        code,
        "uuid4",
        "unknown function `uuid4`",
        Some("did you mean `uuid`?"),
    );
    refused(
        "{{ response.tags|map('uper') }}",
        code,
        "'uper'",
        "unknown filter `uper`",
        Some("did you mean `upper`?"),
    );
    refused(
        "{{ endpoint.upper() }}",
        code,
        ".upper()",
        "values have no method `upper`",
        Some("did you mean `upper`?"),
    );
    refused(
        "{{ endpoint|format }}",
        code,
        "format",
        "unknown filter `format`",
        None,
    );
}

#[test]
fn refused_statements_and_assignments() {
    let source = "{% autoescape true %}{% endautoescape %}";
    let error = Template::compile(source, &vocabulary(), &TemplateFiles::empty()).unwrap_err();
    assert_eq!(error.code, Code::RefusedFeature);
    for source in [
        "{% set request = 1 %}",
        "{% for response in chain %}{% endfor %}",
        "{% macro f(endpoint) %}{% endmacro %}",
        "{% macro uuid() %}{% endmacro %}",
        "{% set request.path = 1 %}",
    ] {
        let error = Template::compile(source, &vocabulary(), &TemplateFiles::empty()).unwrap_err();
        assert_eq!(error.code, Code::InvalidName, "{source}");
    }
}

#[test]
fn syntax_errors_point_at_their_line() {
    let code = Code::TemplateSyntax;
    refused(
        "a\n{{ b",
        code,
        "{{ b",
        "unexpected end of input, expected end of variable block",
        None,
    );
    let error = Template::compile("{% if true %}", &vocabulary(), &TemplateFiles::empty());
    assert_eq!(error.unwrap_err().code, code);
}

#[test]
fn files_are_checked_with_what_includes_them() {
    let files = files(&[
        ("ok.txt", "fine"),
        ("broken.txt", "one\n{{ b"),
        ("loose.txt", "\n{{ item }}"),
        ("up.txt", "{% include '../ok.txt' %}"),
    ]);
    let error = |source: &str| {
        let error = Template::compile(source, &vocabulary(), &files).expect_err(source);
        (error.code, error.message, error.hint)
    };
    let (code, message, hint) = error("{% include 'okk.txt' %}");
    assert_eq!(
        (code, message.as_str()),
        (Code::TemplateFile, "no template file `okk.txt`")
    );
    assert_eq!(hint.as_deref(), Some("did you mean `ok.txt`?"));
    let (code, message, _) = error("{% include 'broken.txt' %}");
    assert_eq!(code, Code::TemplateSyntax);
    assert!(
        message.starts_with("template file `broken.txt` line 2: "),
        "{message}"
    );
    let (_, message, _) = error("{% include 'loose.txt' %}");
    assert_eq!(
        message,
        "template file `loose.txt` line 2: unknown name `item`"
    );
    // The includer may assign what the file uses.
    compile_with(
        "{% for item in chain %}{% include 'loose.txt' %}{% endfor %}",
        &files,
    );
    let (code, message, _) = error("{% include 'up.txt' %}");
    assert_eq!(code, Code::TemplateFile);
    assert!(
        message.contains("`../ok.txt` is outside the template folder"),
        "{message}"
    );
    let (_, message, _) = error("{% include endpoint %}");
    assert!(
        message.starts_with("template file `"),
        "a file that may be chosen is checked: {message}"
    );
    let missing = Template::compile_file("ok.tx", &vocabulary(), &files).unwrap_err();
    assert_eq!(missing.code, Code::TemplateFile);
    assert_eq!(missing.hint.as_deref(), Some("did you mean `ok.txt`?"));
}
