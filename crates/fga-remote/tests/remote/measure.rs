//! What a question to a remote store costs, beside the network: how long callers wait one by one,
//! and what becomes of many at once. Means something in an optimised build only: `cargo test
//! --profile ci -p ztag-fga-remote --test remote -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use ztag_fga_remote::Authority;

use crate::served::World;
use crate::support::{ask, check};

/// Questions of each row.
const QUESTIONS: usize = 20_000;
/// Callers at the same time.
const CALLERS: usize = 64;

#[tokio::test]
#[ignore = "measures"]
async fn what_a_question_costs() {
    let world = World::open();
    let plain = world.remote_with(json!({}));
    let one = row(&plain, QUESTIONS, 1, |place| place).await;
    one.tell("one at a time");
    let together = row(&plain, QUESTIONS / 50, 50, |place| place).await;
    together.tell("50 of one caller together");
    let batched = crowd(&plain, |caller, place| caller * QUESTIONS + place).await;
    tell_rate("64 callers, different questions", batched, QUESTIONS);
    let before = world.asked();
    let coalesced = crowd(&plain, |_, place| place).await;
    tell_rate("64 callers, the same questions", coalesced, QUESTIONS);
    println!(
        "    {} of {QUESTIONS} reached the server",
        world.asked() - before
    );
    let cached = world.remote_with(json!({"cache": {"ttl": "1h"}}));
    row(&cached, 1, 1, |_| 0).await;
    let remembered = row(&cached, QUESTIONS, 1, |_| 0).await;
    remembered.tell("one at a time, remembered");
}

/// How long calls took.
struct Row(Vec<Duration>);

impl Row {
    fn tell(mut self, name: &str) {
        self.0.sort_unstable();
        let at = |part: usize| self.0[self.0.len() * part / 1000];
        let mean = self.0.iter().sum::<Duration>() / u32::try_from(self.0.len()).unwrap();
        let (half, most, all) = (at(500), at(990), at(999));
        println!("{name}: mean {mean:?}, p50 {half:?}, p99 {most:?}, p99.9 {all:?}");
    }
}

/// Calls one after the other, each of some questions about what `document` says.
async fn row(
    authority: &Authority,
    calls: usize,
    questions: usize,
    document: impl Fn(usize) -> usize,
) -> Row {
    let mut times = Vec::with_capacity(calls);
    for call in 0..calls {
        let checks = (0..questions).map(|own| document(call * questions + own));
        let checks: Vec<_> = checks
            .map(|document| check("user:ada", &format!("doc:{document}")))
            .collect();
        let start = Instant::now();
        let answers = ask(authority, &checks).await;
        times.push(start.elapsed());
        assert!(answers.results.iter().all(Result::is_ok));
    }
    Row(times)
}

/// All callers at once, each its share of the questions one after the other.
async fn crowd(
    authority: &Authority,
    document: impl Fn(usize, usize) -> usize + Copy + Send + 'static,
) -> Duration {
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let authority = authority.clone();
        callers.spawn(async move {
            let own = move |place| document(caller, place);
            row(&authority, QUESTIONS / CALLERS, 1, own).await
        });
    }
    callers.join_all().await;
    start.elapsed()
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs few digits")]
fn tell_rate(name: &str, took: Duration, count: usize) {
    let rate = count as f64 / took.as_secs_f64();
    println!("{name}: {rate:.0} a second");
}
