//! Rounds: every target in turn, so that all meet the same weather.

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use ztag_test_support::{Failure, Request};

use super::cpu::processor;
use super::load::{Answers, Load};
use super::servers::{Binaries, Running};
use super::table::thousandths;
use super::targets::{Protocol, Target};
use super::tokens::{self, Tokens};

/// Connections under full load, and for latency.
pub(super) const MANY: u32 = 64;
const FEW: u32 = 4;

/// Signed tokens used in turn.
const TOKENS: usize = 1_000;

/// Seconds of load for who wants to see what is done often.
const EXERCISE: u64 = 3;

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    pub(super) rounds: u32,
    /// Seconds under full load in each round, and at few connections.
    seconds: u64,
    calm_seconds: u64,
}

impl Effort {
    pub(super) const fn new(quick: bool) -> Self {
        if quick {
            Self {
                rounds: 1,
                seconds: 1,
                calm_seconds: 1,
            }
        } else {
            Self {
                rounds: 5,
                seconds: 3,
                calm_seconds: 1,
            }
        }
    }

    pub(super) fn to_json(self) -> Value {
        json!({ "rounds": self.rounds, "seconds": self.seconds, "connections": MANY })
    }
}

/// One round of one target.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Nanoseconds of processor time for each request.
    cpu: u64,
    full: Answers,
    calm: Answers,
    /// KiB.
    resident: u64,
}

/// All rounds of one target.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) target: &'static Target,
    rounds: Vec<Round>,
}

/// What every measurement needs.
pub(super) struct Bench {
    binaries: Binaries,
    tokens: Tokens,
    file: NamedTempFile,
    processor: String,
}

impl Bench {
    /// Mints tokens for `binaries` and their peers.
    pub(super) fn new(binaries: Binaries) -> Result<Self, Failure> {
        let tokens = tokens::mint()?;
        let mut file = NamedTempFile::new()?;
        file.write_all(tokens.all.join("\n").as_bytes())?;
        Ok(Self {
            binaries,
            tokens,
            file,
            processor: processor()?,
        })
    }

    /// Measures `targets` in turns.
    pub(super) fn measure(
        &self,
        targets: &[&'static Target],
        effort: Effort,
    ) -> Result<Vec<Measured>, Failure> {
        let start = |target: &&'static Target| Measured {
            target,
            rounds: Vec::new(),
        };
        let mut measured: Vec<Measured> = targets.iter().map(start).collect();
        for number in 1..=effort.rounds {
            for row in &mut measured {
                println!("round {number} of {}: {}", effort.rounds, row.target.name);
                let round = self
                    .round(row.target, effort)
                    .map_err(|failure| failure.during(row.target.name))?;
                println!("  {} us", thousandths(round.cpu));
                row.rounds.push(round);
            }
        }
        Ok(measured)
    }

    /// Starts `target`, alone on the processor with what stands around it.
    pub(super) fn start(&self, target: &Target) -> Result<Running, Failure> {
        Running::start(target, &self.binaries, &self.tokens, &self.processor)
    }

    /// Load for `running`, which is `target`, with `count` tokens in turn.
    pub(super) fn load<'a>(
        &'a self,
        target: &'a Target,
        running: &Running,
        count: usize,
    ) -> Load<'a> {
        Load {
            processor: &self.processor,
            address: running.address,
            target,
            tokens: self.file.path(),
            count,
        }
    }

    /// One of its requests, which leaves the connection open.
    pub(super) fn request(&self, target: &Target) -> Request {
        target.request(&self.tokens.all)
    }

    /// Loads `target`, which then ends by itself.
    pub(super) fn exercise(&self, target: &'static Target) -> Result<(), Failure> {
        let running = self.start(target)?;
        self.load(target, &running, TOKENS).run(MANY, EXERCISE)?;
        running.end()
    }

    fn round(&self, target: &'static Target, effort: Effort) -> Result<Round, Failure> {
        let running = self.start(target)?;
        let load = self.load(target, &running, TOKENS);
        let tree = running.tree();
        // Caches fill, pools connect, branches are learned; handshakes take their time.
        let warm_up = match target.protocol {
            Protocol::Http1 => 1,
            Protocol::Tls | Protocol::Http2 => 3,
        };
        load.run(MANY, warm_up)?;
        let before = tree.run_time()?;
        let full = load.run(MANY, effort.seconds)?;
        let took = tree.run_time()?.saturating_sub(before);
        let resident = tree.resident()?;
        let calm = load.run(FEW, effort.calm_seconds)?;
        Ok(Round {
            cpu: took / full.requests.max(1),
            full,
            calm,
            resident,
        })
    }
}

impl Measured {
    /// Nanoseconds of processor time for each request in the best round: what it takes when
    /// nobody disturbs.
    pub(super) fn least_cpu(&self) -> u64 {
        self.each(|round| round.cpu).first().copied().unwrap_or(0)
    }

    /// The same in the middle of the rounds.
    pub(super) fn median_cpu(&self) -> u64 {
        middle(&self.each(|round| round.cpu))
    }

    /// Requests for each second in the best round.
    pub(super) fn best_rate(&self) -> u64 {
        let rates = self.each(|round| round.full.rate());
        rates.last().copied().unwrap_or(0)
    }

    /// The middle of the rounds' median latency at few connections.
    pub(super) fn median_latency(&self) -> Duration {
        middle(&self.each(|round| round.calm.median))
    }

    /// The same of the 99th percentile.
    pub(super) fn percentile_99(&self) -> Duration {
        middle(&self.each(|round| round.calm.percentile_99))
    }

    /// Resident memory under load in KiB, the most of all rounds.
    pub(super) fn resident(&self) -> u64 {
        let sizes = self.each(|round| round.resident);
        sizes.last().copied().unwrap_or(0)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.target.name,
            "cpuNanosPerRequest": { "min": self.least_cpu(), "median": self.median_cpu() },
            "requestsPerSecond": self.best_rate(),
            "latencyMicros": {
                "p50": micros(self.median_latency()),
                "p99": micros(self.percentile_99()),
            },
            "residentKib": self.resident(),
            "rounds": self.rounds.len(),
        })
    }

    /// A number of every round, in order of size.
    fn each<T: Ord>(&self, number: impl Fn(&Round) -> T) -> Vec<T> {
        let mut numbers: Vec<T> = self.rounds.iter().map(number).collect();
        numbers.sort();
        numbers
    }
}

fn middle<T: Copy + Default>(sorted: &[T]) -> T {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
