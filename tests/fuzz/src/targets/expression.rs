//! CEL expressions and templates, compiled and evaluated over a small request.

use std::str;
use std::sync::LazyLock;

use ztag_expr::{Condition, Expression, Template, TemplateFiles, Vocabulary};
use ztag_types::{Key, Map, Root, Slots, Value, View};

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    Vocabulary::policy(&[Root::Request, Root::Auth, Root::Response, Root::Endpoint])
});

static FILES: LazyLock<TemplateFiles> = LazyLock::new(|| {
    let files = [
        ("part.txt", "{{ request.path }}"),
        ("self.txt", "{% include 'self.txt' %}"),
    ];
    TemplateFiles::from_entries(files.map(|(name, text)| (name.to_owned(), text.to_owned())))
});

static REQUEST: LazyLock<Map> = LazyLock::new(|| {
    let headers = map([("x-a", Value::text("1")), ("x-b", Value::text("{{ 1 }}"))]);
    map([
        ("method", Value::text("GET")),
        ("path", Value::text("/orders/42")),
        ("port", Value::Int(443)),
        ("headers", Value::from(headers)),
    ])
});

static RESPONSE: LazyLock<Map> = LazyLock::new(|| {
    let list = (0..5).map(Value::Int).collect::<Vec<_>>();
    map([
        ("user", Value::text("ada")),
        ("groups", Value::from(list)),
        ("ratio", Value::Double(0.5)),
        ("nothing", Value::Null),
    ])
});

/// CEL: whatever compiles ends, with a value or an error, twice the same.
pub(crate) fn cel(data: &[u8]) {
    let Ok(source) = str::from_utf8(data) else {
        return;
    };
    let slots = slots();
    if let Ok(expression) = Expression::compile(source, &VOCABULARY) {
        let first = expression.evaluate(slots.scope());
        if !expression.reads().is_volatile() {
            let second = expression.evaluate(slots.scope());
            assert_eq!(first.is_ok(), second.is_ok(), "one reading, two results");
        }
    }
    if let Ok(condition) = Condition::compile(source, &VOCABULARY) {
        let _ = condition.holds(slots.scope());
    }
}

/// Templates: the same, and never more text than allowed.
pub(crate) fn template(data: &[u8]) {
    let Ok(source) = str::from_utf8(data) else {
        return;
    };
    if let Ok(template) = Template::compile(source, &VOCABULARY, &FILES) {
        let slots = slots();
        let rendered = template.render(slots.scope());
        if let (Some(literal), Ok(rendered)) = (template.literal(), &rendered) {
            assert_eq!(literal, rendered);
        }
    }
}

fn slots() -> Slots<'static> {
    Slots::new()
        .with(Root::Request, View::Map(&REQUEST))
        .with(Root::Response, View::Map(&RESPONSE))
        .with(Root::Endpoint, View::Str("api"))
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Map {
    entries
        .into_iter()
        .map(|(name, value)| (Key::from(name), value))
        .collect()
}
