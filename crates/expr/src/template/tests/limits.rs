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
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s]|join %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s|replace('a', 'aa') %}{% endfor %}",
        "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set t %}{{ ns.s }}{{ ns.s }}{% endset %}{% set ns.s = t %}{% endfor %}",
        "{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('aaaaaaaa') }}",
    ] {
        assert!(
            fails(source).contains(TOO_MUCH) || fails(source).contains("wrong type"),
            "{source}: {}",
            fails(source)
        );
    }
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
fn self_including_files_end() {
    let files = files(&[
        ("a.txt", "a{% include 'b.txt' %}"),
        ("b.txt", "b{% include 'a.txt' %}"),
    ]);
    let error = render(&compile_with("{% include 'a.txt' %}", &files)).unwrap_err();
    assert!(error.to_string().contains("included file"), "{error}");
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
