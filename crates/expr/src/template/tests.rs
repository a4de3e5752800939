mod differential;
mod limits;
mod load;
mod reads;
mod security;

use serde_json::{Value as Json, json};
use ztag_types::{Root, Slots, Timestamp, Value, View};

use super::*;

const ROOTS: &[Root] = &[
    Root::Request,
    Root::Backend,
    Root::Variables,
    Root::Response,
    Root::Chain,
    Root::Endpoint,
    Root::CorrelationId,
    Root::Now,
];

fn vocabulary() -> Vocabulary {
    Vocabulary::policy(ROOTS)
}

fn files(entries: &[(&str, &str)]) -> TemplateFiles {
    let entries = entries.iter();
    TemplateFiles::from_entries(entries.map(|(name, text)| ((*name).into(), (*text).into())))
}

fn request() -> Json {
    json!({
        "method": "GET",
        "path": "/a/b.txt",
        "headers": {"x-a": "Alpha-Beta", "x-empty": ""},
        "query": {"q": "1 2&3"},
    })
}

fn response() -> Json {
    json!({
        "id": 7, "big": 18_446_744_073_709_551_615_u64, "ratio": 1.5, "ok": true, "no": false,
        "nothing": null, "name": " Ada ", "tags": ["a", "b", true, null],
        "map": {"k": "v", "n": 1},
        "evil": "a\",\"admin\":\"1", "tricky": "{{ 7 * 7 }}{% raw %}",
    })
}

/// Renders over the standard request and response.
fn render(template: &Template) -> Result<String, EvalError> {
    let (request, response) = (Value::from(request()), Value::from(response()));
    let chain = Value::from(json!([{"name": "first", "outcome": "pass"}]));
    let slots = Slots::new()
        .with(Root::Request, request.view())
        .with(Root::Response, response.view())
        .with(Root::Chain, chain.view())
        .with(Root::Endpoint, View::Str("api"))
        .with(Root::Now, View::Timestamp(Timestamp::from_seconds(0)));
    template.render(slots.scope())
}

fn compile_with(source: &str, files: &TemplateFiles) -> Template {
    Template::compile(source, &vocabulary(), files)
        .unwrap_or_else(|error| panic!("{source}: {error:?}"))
}

fn compile(source: &str) -> Template {
    compile_with(source, &TemplateFiles::empty())
}

fn check(source: &str, expected: &str) {
    assert_eq!(
        render(&compile(source)).as_deref(),
        Ok(expected),
        "{source}"
    );
}

fn fails(source: &str) -> String {
    render(&compile(source)).expect_err(source).to_string()
}

#[test]
fn values_print_as_json_does() {
    check(
        "{{ response.id }} {{ response.big }} {{ response.ratio }}",
        "7 18446744073709551615 1.5",
    );
    check(
        "{{ response.ok }} {{ response.no }} {{ true }} {{ none }}|",
        "true false true |",
    );
    check(
        "{{ response.nothing }}|{{ response.absent }}|{{ endpoint }}",
        "||api",
    );
    check("{{ response.tags }}", r#"["a","b",true,null]"#);
    check("{{ response.map }}", r#"{"k":"v","n":1}"#);
    check("{{ now }}", "1970-01-01T00:00:00Z");
    check(
        "{{ 'a' ~ response.ok ~ response.nothing ~ response.tags }}",
        r#"atrue["a","b",true,null]"#,
    );
    check(
        "{{ (response.ok or 'x') ~ ('a' if response.no else 'b') ~ -3 ~ 2 * 3 }}",
        "trueb-36",
    );
    check("{{ [response.ok, none]|join('-') }}", "true-");
    check("{{ '<&>' }}", "<&>");
}

#[test]
fn the_undefined_is_empty_at_any_depth() {
    check("[{{ response.a.b.c }}]", "[]");
    check("{{ response.a.b.c|default('d') }}", "d");
    check("{{ request.headers['x-none']|lower|default('d') }}", "");
    check("{{ request.headers['x-none']|default('D')|lower }}", "d");
    check(
        "{{ request.headers['x-none']|split('-')|first }}|{{ response.a|length }}",
        "|0",
    );
    check("{{ correlationId|default('none') }}", "none");
    check("{{ 'y' if response.a.b is defined else 'n' }}", "n");
    check("{% for x in response.a.b %}x{% endfor %}", "");
    check(
        "{{ response.nothing.deep }}|{{ backend.body.user.id }}",
        "|",
    );
}

#[test]
fn filters_of_the_contract() {
    check(
        "{{ request.headers['x-a']|lower }} {{ request.headers['x-a']|upper }}",
        "alpha-beta ALPHA-BETA",
    );
    check("{{ response.name|trim }}|{{ 'xax'|trim('x') }}", "Ada|a");
    check(
        "{{ request.headers['x-a']|replace('-', '_') }}",
        "Alpha_Beta",
    );
    check("{{ request.headers['x-a']|split('-')|first }}", "Alpha");
    check("{{ request.headers['x-a']|split('-')|last }}", "Beta");
    check("{{ (request.headers['x-a']|split('-'))[1] }}", "Beta");
    check("{{ 'a-b-c'|split('-', 1)|join('+') }}", "a+b-c");
    check("{{ response.tags|length }} {{ 'häß'|length }}", "4 3");
    check("{{ request.path|basename }}", "b.txt");
    check("{{ request.query.q|urlencode }}", "1%202%263");
    check("{{ response.map|urlencode }}", "k=v&n=1");
    check(
        "{{ 'a' is startingwith('b') }} {{ 'ab' is endingwith('b') }}",
        "false true",
    );
    check(
        "{{ '?>'|b64encode }} {{ '?>'|b64urlencode }} {{ 'Pz4='|b64decode }}",
        "Pz4= Pz4 ?>",
    );
    check(
        "{{ ''|sha256 }}",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    check(
        "{{ lookup(response.map, 'k') }}{{ lookup(response.map, 'z')|default('d') }}",
        "vd",
    );
    check(
        "{{ lookup(response.absent, 'z') }}{{ dict(a=1) }}",
        r#"{"a":1}"#,
    );
    check("{{ response.evil|tojson }}", r#""a\",\"admin\":\"1""#);
    check("{{ '</script>'|tojson }}", r#""\u003c/script\u003e""#);
    check("{{ '<a>'|escape }} {{ 'ada'|capitalize }}", "&lt;a&gt; Ada");
    check(
        "{{ response.tags|select('string')|map('upper')|join }}",
        "AB",
    );
}

#[test]
fn uuids_are_random_and_version_4() {
    let template = compile("{{ uuid() }}");
    let (one, two) = (render(&template).unwrap(), render(&template).unwrap());
    assert_ne!(one, two);
    assert_eq!(one.len(), 36);
    let parts: Vec<_> = one.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert_eq!(one.as_bytes()[14], b'4');
    assert!(b"89ab".contains(&one.as_bytes()[19]));
    assert!(template.reads().is_volatile());
}

#[test]
fn statements() {
    check(
        "{% if response.ok %}y{% elif response.no %}n{% else %}e{% endif %}",
        "y",
    );
    check(
        "{% for t in response.tags %}{{ loop.index }}{{ t }},{% endfor %}",
        "1a,2b,3true,4,",
    );
    check("{% set a = 1 + 2 %}{{ a * 2 }}", "6");
    check("{% with a = 'x' %}{{ a ~ a }}{% endwith %}", "xx");
    check(
        "{% macro f(x, y='d') %}<{{ x }}{{ y }}>{% endmacro %}{{ f(1) }}{{ f(2, y='e') }}",
        "<1d><2e>",
    );
    check(
        "{% set s %}a{{ response.id }}{% endset %}{{ s|upper }}",
        "A7",
    );
    check(
        "{% set ns = namespace(n=0) %}{% for t in response.tags %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
        "4",
    );
    check(
        "{{ chain[0].name }} {{ chain|map(attribute='outcome')|join }}",
        "first pass",
    );
    check("a\n", "a\n");
    check(
        "{{ 'a' ~ (1 + 2) ~ ('b' ~ 'c') ~ ((response.id)) }}",
        "a3bc7",
    );
    check(
        "{{ [1] + [2] }} {{ 2 ** 3 }} {{ (1 + 2) * response.id }}",
        "[1,2] 8 21",
    );
}

#[test]
fn files_include_each_other() {
    let files = files(&[
        ("base.txt", "<{% block body %}none{% endblock %}>\n"),
        (
            "child.txt",
            "{% extends 'base.txt' %}{% block body %}{{ response.id }}{% endblock %}",
        ),
        ("lib/m.txt", "{% macro hi(x) %}hi {{ x }}{% endmacro %}"),
        ("r/deny.txt", "denied {{ endpoint }}\n"),
        ("r/pass.txt", "passed\n"),
    ]);
    let rendered = |source: &str| render(&compile_with(source, &files));
    assert_eq!(rendered("{% include 'child.txt' %}").as_deref(), Ok("<7>"));
    assert_eq!(
        rendered("{% import 'lib/m.txt' as m %}{{ m.hi(endpoint) }}").as_deref(),
        Ok("hi api")
    );
    assert_eq!(
        rendered("{% from './lib//m.txt' import hi %}{{ hi(1) }}").as_deref(),
        Ok("hi 1")
    );
    let dynamic = "{% include 'r/' ~ ('deny' if response.ok else 'pass') ~ '.txt' %}";
    assert_eq!(rendered(dynamic).as_deref(), Ok("denied api"));
    assert_eq!(
        rendered("{% include ['nope', 'r/pass.txt'] %}").as_deref(),
        Ok("passed")
    );
    assert_eq!(
        rendered("{% include 'nope' ignore missing %}").as_deref(),
        Ok("")
    );
}

#[test]
fn a_file_by_path() {
    let files = files(&[
        ("r/Alpha-Beta.txt", "ab {{ endpoint }}\n"),
        ("r/x.txt", "x"),
        ("y.txt", "y"),
    ]);
    let file = |path: &str| Template::compile_file(path, &vocabulary(), &files);
    assert_eq!(render(&file("r/x.txt").unwrap()).as_deref(), Ok("x"));
    assert_eq!(file("r/x.txt").unwrap().literal(), Some("x"));
    let chosen = file("r/{{ request.headers['x-a'] }}.txt").unwrap();
    assert_eq!(render(&chosen).as_deref(), Ok("ab api"));
    let reads: Vec<_> = chosen.reads().paths().map(ToString::to_string).collect();
    assert_eq!(reads, ["endpoint", "request.headers['x-a']"]);
    let absent = file("r/{{ response.id }}.txt").unwrap();
    let error = render(&absent).unwrap_err().to_string();
    assert_eq!(error, "the path of a template names no file it may choose");
    // Outside of the literal beginning, though it exists.
    let outside = file("r/{{ 'x.txt' if response.no else '../y.txt' }}").unwrap();
    assert!(render(&outside).is_err());
}

#[test]
fn literals_are_known() {
    assert_eq!(compile("plain {{ 'text' }}").literal(), Some("plain text"));
    assert_eq!(compile("").literal(), Some(""));
    assert_eq!(compile("{{ endpoint }}").literal(), None);
    assert_eq!(compile("{# note #}a").literal(), Some("a"));
}

#[test]
fn the_json_lint() {
    let raw = |source: &str| compile(source).raw_json_interpolation();
    assert!(raw(r#"{"token": "{{ response.evil }}"}"#));
    assert!(raw(" [ {{ response.id }} ]"));
    assert!(!raw(r#"{"token": {{ response.evil|tojson }}}"#));
    assert!(!raw(
        r#"{"id": {{ response.id|int }}, "ok": {{ response.ok is true }}}"#
    ));
    assert!(!raw("{{ response.evil }}"));
    assert!(!raw("{% if response.ok %}{{ response.evil }}{% endif %}"));
}
