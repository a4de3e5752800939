//! Defects of the ancestor and attacks on templates.

use super::*;

#[test]
fn defect_03_05_template_failures_never_leak_source_text() {
    for source in [
        "Bearer {{ response.evil * 2 }}",
        "{{ response.map|round }} s3cret-source",
        "{{ 'x'|b64decode }} s3cret-source",
        "{{ response.evil|int }} s3cret-source",
        "{{ response.evil|map('upper')|sort|first + 1 }}",
        "{% include response.evil ~ '' ignore missing %}{{ response.id + response.tags }}",
    ] {
        let files = files(&[("a.txt", "a")]);
        let error = render(&compile_with(source, &files))
            .expect_err(source)
            .to_string();
        for secret in ["{{", "s3cret", "Bearer", "admin", "evil"] {
            assert!(!error.contains(secret), "{source}: {error}");
        }
        assert!(error.contains("template line 1"), "{error}");
    }
}

#[test]
fn defect_03_05_an_absent_value_is_empty_not_no_value() {
    check("{{ response.absent }}{{ response.absent.deep }}", "");
    check("X-User: {{ response.absent }}", "X-User: ");
}

#[test]
fn defect_03_13_errors_name_no_value_and_no_path() {
    let files = files(&[("r/a.txt", "a")]);
    let error = render(&compile_with("{% include 'r/' ~ response.evil %}", &files)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template line 1 names a template file that does not exist"
    );
}

#[test]
fn defect_03_15_tojson_prevents_json_injection() {
    let rendered = render(&compile(r#"{"token":{{ response.evil|tojson }}}"#)).unwrap();
    let parsed: Json = serde_json::from_str(&rendered).unwrap();
    assert_eq!(parsed, json!({"token": "a\",\"admin\":\"1"}));
    assert!(compile(r#"{"token":"{{ response.evil }}"}"#).raw_json_interpolation());
}

#[test]
fn attack_59_a_value_is_never_taken_for_a_template() {
    check("{{ response.tricky }}", "{{ 7 * 7 }}{% raw %}");
    check("{{ response.tricky ~ '' }}", "{{ 7 * 7 }}{% raw %}");
    check(
        "{% set x = response.tricky %}{{ x|trim }}",
        "{{ 7 * 7 }}{% raw %}",
    );
    let files = files(&[("a.txt", "{{ response.tricky }}")]);
    let included = render(&compile_with("{% include 'a.txt' %}", &files));
    assert_eq!(included.as_deref(), Ok("{{ 7 * 7 }}{% raw %}"));
}

#[test]
fn attack_59_no_environment_no_introspection() {
    for source in [
        "{{ env('HOME') }}",
        "{{ expandenv('$HOME') }}",
        "{{ debug() }}",
        "{{ 'x'|pprint }}",
        "{{ ''.__class__.__mro__() }}",
        "{{ joiner() }}",
        "{{ environ }}",
    ] {
        assert!(
            Template::compile(source, &vocabulary(), &TemplateFiles::empty()).is_err(),
            "{source}"
        );
    }
    check("{{ ''.__class__.__mro__ }}{{ self.__init__ }}", "");
}

#[test]
fn attack_59_names_never_leave_the_folder() {
    let files = files(&[("a.txt", "a"), ("d/b.txt", "b")]);
    for name in [
        "../a.txt",
        "/etc/passwd",
        "d/../a.txt",
        "..\\a.txt",
        "a.txt\u{0}",
        "\u{0}main",
        "d/./../../a.txt",
    ] {
        let error = Template::compile_file(name, &vocabulary(), &files).expect_err(name);
        assert_eq!(error.code, Code::TemplateFile, "{name}");
        let source = "{% include response.path %}";
        let response = Value::from(json!({"path": name}));
        let slots = Slots::new().with(Root::Response, response.view());
        assert!(
            compile_with(source, &files).render(slots.scope()).is_err(),
            "{name}"
        );
        let chosen = Template::compile_file("{{ response.path }}", &vocabulary(), &files).unwrap();
        assert!(chosen.render(slots.scope()).is_err(), "{name}");
    }
}

#[test]
fn a_failed_variable_reads_as_undefined() {
    let template = compile("[{{ endpoint }}][{{ endpoint ~ '' }}][{{ endpoint|default('d') }}]");
    let slots = Slots::new().with(Root::Endpoint, View::Failed("s3cret"));
    assert_eq!(template.render(slots.scope()).as_deref(), Ok("[][][d]"));
}
