//! What a template reads.

use super::*;

#[track_caller]
fn reads(source: &str, expected: &[&str]) {
    let files = files(&[("part.txt", "{{ request.path }}{{ part }}")]);
    let template = compile_with(source, &files);
    let shown: Vec<_> = template.reads().paths().map(ToString::to_string).collect();
    assert_eq!(shown, expected, "{source}");
}

#[test]
fn written_out_look_ups_are_exact() {
    reads(
        "{{ request.method }}{{ request['headers']['x-a'] }}",
        &["request.headers['x-a']", "request.method"],
    );
    reads(
        "{{ lookup(request.headers, 'x-a') }}",
        &["request.headers['x-a']"],
    );
    reads(
        "{% if response.a.b is defined %}{% endif %}",
        &["response.a.b"],
    );
    reads(
        "{{ endpoint|default(response.x)|replace('a', response.y) }}",
        &["endpoint", "response.x", "response.y"],
    );
    reads(
        "{% macro f(x=response.d) %}{{ response.m }}{% endmacro %}",
        &["response.d", "response.m"],
    );
    reads("plain", &[]);
}

#[test]
fn anything_else_widens() {
    reads(
        "{{ request.headers[endpoint] }}",
        &["endpoint", "request.headers"],
    );
    reads("{{ chain[0].name }}", &["chain"]);
    reads("{% set r = request %}{{ r.path }}", &["request"]);
    reads(
        "{% for h in request.headers %}{{ h }}{% endfor %}",
        &["request.headers"],
    );
    reads("{{ response|attr('x') }}{{ response.y }}", &["response"]);
    reads(
        "{{ response.a[1:2] }}{{ (response.b).c }}",
        &["response.a", "response.b.c"],
    );
    reads(
        "{{ lookup(response, endpoint) }}",
        &["endpoint", "response"],
    );
}

#[test]
fn files_and_every_branch_count() {
    reads(
        "{% set part = 1 %}{% include 'part.txt' %}",
        &["request.path"],
    );
    reads(
        "{% set part = 1 %}{% include endpoint %}",
        &["endpoint", "request.path"],
    );
    reads(
        "{% if false %}{{ response.a }}{% else %}{{ response.b }}{% endif %}",
        &["response.a", "response.b"],
    );
    reads(
        "{% filter replace('a', response.a) %}{% endfilter %}",
        &["response.a"],
    );
    reads(
        "{% for x in chain if response.f %}{% else %}{{ response.g }}{% endfor %}",
        &["chain", "response.f", "response.g"],
    );
    reads(
        "{% set ns = namespace(a=response.a) %}{% call(x) caller(response.b) %}{% endcall %}",
        &["response.a", "response.b"],
    );
}

#[test]
fn time_and_chance_are_volatile() {
    assert!(compile("{{ now }}").reads().is_volatile());
    assert!(
        compile("{% if response.a %}{{ uuid() }}{% endif %}")
            .reads()
            .is_volatile()
    );
    assert!(!compile("{{ endpoint }}").reads().is_volatile());
}
