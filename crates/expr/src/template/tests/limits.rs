//! Bombs end in an error, at load or while rendering.

use proptest::prelude::*;

use super::*;

const TOO_MUCH: &str = "does more than it may";

fn refused(source: &str) {
    let compiled = Template::compile(source, &vocabulary(), &TemplateFiles::empty());
    let message = match &compiled {
        Ok(template) => render(template).expect_err(source).to_string(),
        Err(error) => error.message.clone(),
    };
    assert!(!message.contains("100000"), "{message}");
}

#[test]
fn attack_58_cost_bombs_end_in_an_error() {
    for source in [
        "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
        "{% for a in range(20000) %}{{ response.evil }}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set t = ns.s + ns.s %}{% set ns.s = t %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s]|join %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s|replace('a', 'aa') %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set t %}{{ ns.s }}{{ ns.s }}{% endset %}{% set ns.s = t %}{% endfor %}",
    ] {
        assert!(
            fails(source).contains(TOO_MUCH) || fails(source).contains("wrong type"),
            "{source}: {}",
            fails(source)
        );
    }
}

/// The engine panics over steps that are not positive, and over what is divisible by 0.
#[test]
fn attack_58_no_value_makes_a_slice_or_test_panic() {
    for step in [
        "-1",
        "0",
        "response.id",
        "-response.id",
        "1.5",
        "1001",
        "'a'",
    ] {
        let source = format!("{{{{ request.headers['x-empty'][::{step}] }}}}");
        let compiled = Template::compile(&source, &vocabulary(), &TemplateFiles::empty());
        assert_eq!(compiled.unwrap_err().code, Code::RefusedFeature, "{source}");
    }
    check("{{ request.headers['x-empty'][::2] }}", "");
    check("{{ request.path[1:4:2] }}", "ab");
    check("{{ 7 is divisibleby(0) }}", "false");
    check(
        "{{ 6 is divisibleby(3) }}{{ 7 is divisibleby(3) }}",
        "truefalse",
    );
    check("{{ (-9223372036854775808) is divisibleby(-1) }}", "true");
}

#[test]
fn repetition_of_text_is_refused() {
    for source in [
        "{{ 'a' * 100000000 }}",
        "{{ 100000000 * 'a' }}",
        "{{ ('a' ~ 'b') * 100000000 }}",
        "{{ endpoint * 100000000 }}",
        "{{ [1] * 100000000 }}",
        "{{ [1, 2] ** 2 }}",
        "{{ 'a'|replace('', 'b')|list * 100000000 }}",
    ] {
        refused(source);
    }
}

#[test]
fn sources_are_limited() {
    let limited = |source: String| {
        let error = Template::compile(&source, &vocabulary(), &TemplateFiles::empty()).unwrap_err();
        assert_eq!(error.code, Code::TemplateSyntax);
    };
    limited("x".repeat(64 * 1024 + 1));
    limited(format!("{{{{ 1{} }}}}", " ~ 1".repeat(5_000)));
    limited(format!("{{{{ 1{} }}}}", "|upper".repeat(5_000)));
    limited(format!("{{{{ response{} }}}}", ".a".repeat(5_000)));
    limited(format!(
        "{{{{ {}1{} }}}}",
        "(".repeat(1_000),
        ")".repeat(1_000)
    ));
    limited("{% if true %}".repeat(3_000));
    limited("{% if true %}".repeat(500) + &"{% endif %}".repeat(500));
    limited(format!(
        "{{% for x in chain %}}{}{{% endfor %}}",
        "y".repeat(40_000)
    ));
    // The largest that pass do not overflow the stack either.
    check(
        &format!("{{{{ 1{} }}}}", " ~ 1".repeat(190)),
        &"1".repeat(191),
    );
    let elifs = format!(
        "{{% if false %}}{}{{% endif %}}",
        "{% elif response.no %}".repeat(1_990)
    );
    let _ = Template::compile(&elifs, &vocabulary(), &TemplateFiles::empty())
        .map(|template| render(&template));
}

#[test]
fn plain_templates_are_limited_too() {
    let long = Value::text("x".repeat(OUTPUT));
    let slots = Slots::new().with(Root::Endpoint, long.view());
    assert!(compile("{{ endpoint }}").render(slots.scope()).is_ok());
    assert!(compile("{{ endpoint }}y").render(slots.scope()).is_err());
    assert!(
        compile("{{ endpoint|upper }}{{ 'y' if true }}")
            .render(slots.scope())
            .is_err()
    );
}

const OUTPUT: usize = budget::OUTPUT_BYTES;

#[test]
fn attack_58_includes_are_counted() {
    let big = "x".repeat(200 * 1024);
    let files = files(&[("big.txt", big.as_str()), ("small.txt", "y")]);
    for source in [
        "{% for i in range(1000) %}{% set x %}{% include 'big.txt' %}{% endset %}{% endfor %}",
        "{% for i in range(1000) %}{% set x %}{% include 'big.txt' if endpoint else 'small.txt' %}{% endset %}{% endfor %}",
        "{% for i in range(1000) %}{% set x %}{% include 'big' ~ '.txt' ignore missing %}{% endset %}{% endfor %}",
        "{% for i in range(1000) %}{% set x %}{% include ['no', 'big.txt'] %}{% endset %}{% endfor %}",
    ] {
        let error = render(&compile_with(source, &files))
            .expect_err(source)
            .to_string();
        assert!(error.contains(TOO_MUCH), "{source}: {error}");
    }
    let twice = "{% include 'big.txt' %}{% include ('small.txt') %}";
    assert!(render(&compile_with(twice, &files)).is_ok());
}

#[test]
fn files_never_use_themselves() {
    let files = files(&[
        ("a.txt", "a{% include 'b.txt' %}"),
        ("b.txt", "b{% include 'a.txt' %}"),
        ("c.txt", "{% include endpoint %}"),
        ("d.txt", "{% include 'e.txt' %}"),
        ("e.txt", "{% include 'f.txt' %}"),
        ("f.txt", "f"),
    ]);
    let error =
        |source: &str| Template::compile(source, &vocabulary(), &files).map_err(|e| e.message);
    let itself = |name: &str| {
        Err(format!(
            "template file `{name}` uses itself, maybe through others"
        ))
    };
    assert_eq!(error("{% include 'a.txt' %}").map(drop), itself("a.txt"));
    assert_eq!(error("{% include 'c.txt' %}").map(drop), itself("a.txt"));
    assert_eq!(error("{% include 'd.txt' %}").map(drop), Ok(()));
}

#[test]
fn attack_58_values_do_not_nest_without_end() {
    for source in [
        "{% set ns = namespace(a=1) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a == ns.a }}",
        "{% set ns = namespace(a=1) %}{% set ns.a = ns %}{{ ns }}",
        "{% set ns = namespace(a=1) %}{% set ns.a = dict(a=ns) %}{{ ns }}",
        "{% set ns = namespace(a=1) %}{% set ns.a = (ns if true else 1) %}{{ ns }}",
        "{% set ns = namespace(a=1) %}{% set ns.a = 0 or ns %}{{ ns }}",
        "{% set ns = namespace(a=1) %}{% set ns.a = [1] + [ns] %}{{ ns }}",
        "{{ namespace(a=[1]) }}",
        "{{ namespace(response.map) }}",
        "{% macro f(x) %}{{ f([x, x]) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}",
        "{% macro f(x) %}{% endmacro %}{% macro g(f) %}{{ f(f) }}{% endmacro %}{{ g(g) }}",
        "{% for x in chain recursive %}{{ loop([x, x]) }}{% endfor %}",
    ] {
        refused(source);
    }
    let doublings = "{% set a = [a, a] %}".repeat(13);
    refused(&format!("{{% set a = 1 %}}{doublings}{{{{ a == a }}}}"));
    let files = files(&[("d.txt", "{% set a = [a, a] %}")]);
    let twice = "{% set a = 1 %}{% include 'd.txt' %}{% include 'd.txt' %}";
    assert!(Template::compile(twice, &vocabulary(), &files).is_err());
}

#[test]
fn namespaces_count_and_collect_text() {
    check(
        "{% set ns = namespace(n=0, s='') %}{% for i in range(3) %}{% set ns.n = ns.n + i + 1 %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }}{{ ns.s }}",
        "6012",
    );
    check(
        "{% set ns = namespace(n=0) %}{% set ns.n = (response.id if response.ok else ns.n) or 0 %}{{ ns.n }}",
        "7",
    );
    check(
        "{% set ns = namespace(n=0) %}{% set ns.n = response.name|trim %}{% set ns.m = not ns.n %}{{ ns.n }}{{ ns.m }}",
        "Adafalse",
    );
    check(
        "{% macro f(x) %}<{{ x }}>{% endmacro %}{% macro g(x) %}{{ f(x) }}{% endmacro %}{{ g(1) }}",
        "<1>",
    );
    check(
        "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}{{ endpoint }}{% endcall %}",
        "[api]",
    );
}

proptest! {
    #[test]
    fn no_source_panics(source in "\\PC{0,80}") {
        let _ = Template::compile(&source, &vocabulary(), &TemplateFiles::empty());
    }

    #[test]
    fn no_tag_soup_panics(parts in prop::collection::vec(soup(), 0..24)) {
        let source = parts.concat();
        let compiled = Template::compile(&source, &vocabulary(), &TemplateFiles::empty());
        if let Ok(template) = compiled {
            let _ = render(&template);
        }
    }
}

fn soup() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "{#",
        "#}",
        "if ",
        "endif",
        "for x in ",
        "endfor",
        "set x = ",
        "response",
        ".tags",
        "['a']",
        "[0]",
        "[1:]",
        "|upper",
        "|default('x')",
        "|join",
        " ~ ",
        " + ",
        " * ",
        " - ",
        "(",
        ")",
        "'s'",
        "1",
        "1.5",
        "x",
        " is defined",
        "macro f()",
        "endmacro",
        "f()",
        ", ",
        "not ",
        " and ",
        "{% raw %}",
        "{% endraw %}",
        "ä",
        "\n",
        "include 'a'",
    ])
}

#[test]
fn loops_carry_nothing() {
    check(
        "{% set a = 1 %}{% for i in range(3) %}{% set a = a + 1 %}{{ a }}{% endfor %}{{ a }}",
        "2221",
    );
}

#[test]
fn included_files_share_names() {
    let files = files(&[("a.txt", "{% set a = 2 %}{{ a }}")]);
    let rendered = render(&compile_with(
        "{% set a = 1 %}{% include 'a.txt' %}{{ a }}",
        &files,
    ));
    assert_eq!(rendered.as_deref(), Ok("22"));
}
