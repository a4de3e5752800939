//! What questions take, told on standard output.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ztag_fga::Error;

use crate::stopwatch::Stopwatch;
use crate::world::Failure;

/// What came of questions.
pub(crate) struct Answers {
    /// How many were answered with yes.
    pub(crate) yes: usize,
    /// How many are answered in a second.
    pub(crate) rate: u128,
}

/// Asks all questions at once for the mean, and each alone for what the slow ones take.
pub(crate) fn measure<Q>(
    name: &str,
    questions: &[Q],
    mut ask: impl FnMut(&Q) -> Result<bool, Error>,
) -> Result<Answers, Failure> {
    let mut yes = 0;
    let watch = Stopwatch::start();
    for question in questions {
        yes += usize::from(black_box(ask(question)?));
    }
    let rate = tell(name, questions.len(), &watch);
    let mut times = Vec::with_capacity(questions.len());
    for question in questions {
        let start = Instant::now();
        black_box(ask(question)?);
        times.push(start.elapsed());
    }
    tell_slow(times);
    Ok(Answers { yes, rate })
}

/// Questions that are made while others are measured.
pub(crate) struct Hot {
    /// Those asked for the mean.
    pub(crate) count: usize,
    ran: Duration,
    times: Vec<Duration>,
}

impl Hot {
    pub(crate) const fn new() -> Self {
        Self {
            count: 0,
            ran: Duration::ZERO,
            times: Vec::new(),
        }
    }

    /// The same as [`measure`], each question asked once: those of one half for the mean, those of
    /// the other alone.
    pub(crate) fn measure<Q>(
        &mut self,
        questions: &[Q],
        mut ask: impl FnMut(&Q) -> Result<bool, Error>,
    ) -> Result<(), Failure> {
        let (mean, alone) = questions.split_at(questions.len() / 2);
        let watch = Stopwatch::start();
        for question in mean {
            black_box(ask(question)?);
        }
        self.ran += watch.elapsed();
        self.count += mean.len();
        for question in alone {
            let start = Instant::now();
            black_box(ask(question)?);
            self.times.push(start.elapsed());
        }
        Ok(())
    }

    pub(crate) fn tell(self, name: &str) {
        tell_mean(name, self.count, self.ran);
        tell_slow(self.times);
    }
}

fn tell_slow(mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 1000).copied();
    println!(
        "    p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(500).unwrap_or_default(),
        at(990).unwrap_or_default(),
        at(999).unwrap_or_default()
    );
}

/// Tells what each of `count` questions took, and returns how many a second has time for.
pub(crate) fn tell(name: &str, count: usize, watch: &Stopwatch) -> u128 {
    tell_mean(name, count, watch.elapsed())
}

fn tell_mean(name: &str, count: usize, ran: Duration) -> u128 {
    let nanos = ran.as_nanos() / count.max(1) as u128;
    let rate = 1_000_000_000 / nanos.max(1);
    println!("{name}: {nanos} ns, {rate} per second");
    rate
}
