//! Whole decisions in this process, and what their parts cost. Sockets and HTTP are not in it.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot start has nothing to measure"
)]

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};
use ztag_benches::{Subject, described_by_traefik, direct, ready};
use ztag_endpoint_vars::VarsInput;
use ztag_forward_policy::ForwardInput;
use ztag_pipeline::Endpoint;
use ztag_response_policy::ReplyInput;
use ztag_rule_chain::ChainInput;
use ztag_types::{Detail, Snapshot, Trace};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let subject = Subject::load(&[]).expect("the measured configuration is sound");
    let mut criterion = Criterion::default().configure_from_args();
    decisions(&mut criterion, &subject);
    parts(&mut criterion, &subject);
    criterion.final_summary();
}

fn decisions(criterion: &mut Criterion, subject: &Subject) {
    let mut group = criterion.benchmark_group("decide");
    let mut measure = |label: &str, endpoint: &str, hop: fn(&str, u32) -> _| {
        subject.warm(endpoint, hop(endpoint, 1)).expect("it passes");
        group.bench_function(label, |bencher| {
            bencher.iter_batched(
                || hop(endpoint, 1),
                |hop| subject.decide(endpoint, hop).is_some(),
                // More at a time would measure the memory that they lie in.
                BatchSize::NumIterations(64),
            );
        });
    };
    measure("static", "static", direct);
    measure("chain", "chain", direct);
    measure("chain/traefik", "chain-traefik", described_by_traefik);
    measure("cached rule", "cached", direct);
    measure("cached endpoint", "remembered", direct);
}

/// The stages of `chain`, one by one, over what the earlier ones proved.
fn parts(criterion: &mut Criterion, subject: &Subject) {
    let plan = subject.pipeline().plans().load_full();
    let endpoint = "chain";
    let decided = subject
        .decide(endpoint, direct(endpoint, 1))
        .expect("it waits for nothing");
    let snapshot = decided.request.as_ref().expect("it was captured");
    let mut group = criterion.benchmark_group("part of chain");
    group.bench_function("select", |bencher| {
        bencher.iter(|| black_box(plan.select(Some(black_box(endpoint)))));
    });
    group.bench_function("observe", |bencher| {
        bencher.iter(|| subject.pipeline().telemetry().observe(&decided.record));
    });
    subject.at(endpoint, |at| stages(&mut group, at, snapshot));
}

fn stages(group: &mut BenchmarkGroup<'_, WallTime>, at: &Endpoint, snapshot: &Snapshot) {
    let (globals, name) = (&*at.globals, &at.name);
    let admitted = at.admission.admit(snapshot).expect("it is admitted");
    group.bench_function("admit", |bencher| {
        bencher.iter(|| at.admission.admit(snapshot));
    });
    let input = ForwardInput {
        snapshot,
        admitted: &admitted,
        globals,
        endpoint: name,
    };
    let curated = at.forward.curate(&input).expect("nothing is refused");
    group.bench_function("curate", |bencher| {
        bencher.iter(|| at.forward.curate(&input));
    });
    let input = VarsInput {
        snapshot,
        admitted: &admitted,
        curated: &curated,
        globals,
        endpoint: name,
    };
    let vars = at.vars.evaluate(&input);
    group.bench_function("variables", |bencher| {
        bencher.iter(|| at.vars.evaluate(&input));
    });
    let judge = || {
        let mut trace = Trace::new(Detail::Summary);
        let input = ChainInput {
            snapshot,
            admitted: &admitted,
            curated: &curated,
            vars: &vars,
            globals,
            endpoint: name,
        };
        ready(at.rules.judge(input, &mut trace)).map(|verdict| (verdict, trace))
    };
    let (verdict, trace) = judge().expect("it waits for nothing");
    group.bench_function("judge", |bencher| bencher.iter(judge));
    let input = ReplyInput {
        snapshot,
        admitted: &admitted,
        curated: &curated,
        vars: &vars,
        globals,
        endpoint: name,
        verdict: &verdict,
    };
    group.bench_function("render", |bencher| {
        bencher.iter(|| at.response.render(&input, &trace.rules));
    });
}
