//! Conditions and templates over borrowed evidence, beside the interpreter of the crate `cel`.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot start has nothing to measure"
)]

use std::collections::HashMap;
use std::hint::black_box;

use cel::objects::Key;
use cel::{Context, Program, Value as CelValue};
use criterion::Criterion;
use ztag_admission::capture;
use ztag_benches::{Subject, direct};
use ztag_expr::{Condition, Template, TemplateFiles, Vocabulary};
use ztag_types::{Root, Slots, Snapshot, View};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What rules usually ask of a request.
const CONDITIONS: [&str; 3] = [
    r#"request.method in ["GET", "HEAD"]"#,
    r#"!request.path.startsWith("/admin") && size(request.path) < 200"#,
    r#""x-tenant" in request.headers && request.headers["x-tenant"] == "acme""#,
];

const TEMPLATES: [(&str, &str); 3] = [
    ("literal", "alice"),
    ("look-up", "{{ request.headers['x-tenant'] }}"),
    ("filter", "{{ request.method | lower }}:{{ request.path }}"),
];

fn main() {
    let subject = Subject::load(&[]).expect("the measured configuration is sound");
    let request = subject
        .at("chain", |at| capture(direct("chain", 1), &at.capture))
        .expect("the endpoint exists")
        .expect("nothing is refused");
    let mut criterion = Criterion::default().configure_from_args();
    conditions(&mut criterion, &request);
    interpreter(&mut criterion, &request);
    templates(&mut criterion, &request);
    criterion.final_summary();
}

fn conditions(criterion: &mut Criterion, request: &Snapshot) {
    let vocabulary = Vocabulary::policy(&[Root::Request]);
    let compiled = CONDITIONS
        .map(|source| Condition::compile(source, &vocabulary).expect("the condition is sound"));
    let mut group = criterion.benchmark_group("cel");
    group.bench_function("3 conditions, binding included", |bencher| {
        bencher.iter(|| {
            let slots = Slots::new().with(Root::Request, View::Object(black_box(request)));
            compiled
                .iter()
                .all(|condition| condition.holds(slots.scope()) == Ok(true))
        });
    });
    for (source, condition) in CONDITIONS.iter().zip(&compiled) {
        let slots = Slots::new().with(Root::Request, View::Object(request));
        group.bench_function(*source, |bencher| {
            bencher.iter(|| condition.holds(black_box(slots.scope())));
        });
    }
}

/// The same conditions in the crate `cel`: its context needs owned values, so binding copies.
fn interpreter(criterion: &mut Criterion, request: &Snapshot) {
    let programs =
        CONDITIONS.map(|source| Program::compile(source).expect("the condition is sound"));
    let mut group = criterion.benchmark_group("crate cel");
    group.bench_function("3 conditions, binding included", |bencher| {
        bencher.iter(|| {
            let context = bind(black_box(request));
            holds(&programs, &context)
        });
    });
    let context = bind(request);
    assert!(holds(&programs, &context), "both languages agree");
    group.bench_function("3 conditions, bound before", |bencher| {
        bencher.iter(|| holds(&programs, black_box(&context)));
    });
}

fn holds(programs: &[Program], context: &Context<'_, '_>) -> bool {
    programs
        .iter()
        .all(|program| matches!(program.execute(context), Ok(CelValue::Bool(true))))
}

fn bind(request: &Snapshot) -> Context<'static, 'static> {
    let text = |text: &str| CelValue::from(text.to_owned());
    let headers = request.headers().raw().iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((Key::from(name.as_str()), text(value)))
    });
    let headers: HashMap<Key, CelValue> = headers.collect();
    let fields = HashMap::from([
        (Key::from("method"), text(request.line.method.as_str())),
        (Key::from("path"), text(request.line.path())),
        (Key::from("headers"), CelValue::from(headers)),
    ]);
    let mut context = Context::default();
    context.add_variable_from_value("request", fields);
    context
}

fn templates(criterion: &mut Criterion, request: &Snapshot) {
    let vocabulary = Vocabulary::policy(&[Root::Request]);
    let mut group = criterion.benchmark_group("template");
    for (label, source) in TEMPLATES {
        let template = Template::compile(source, &vocabulary, &TemplateFiles::empty())
            .expect("the template is sound");
        group.bench_function(label, |bencher| {
            bencher.iter(|| {
                let slots = Slots::new().with(Root::Request, View::Object(black_box(request)));
                template.render(slots.scope())
            });
        });
    }
}
