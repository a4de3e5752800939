//! Constant load of every kind while everything around it changes: configuration, keys,
//! certificates, upstreams. Not one decision may be wrong, not one request lost, and memory may not
//! grow.

mod case;
mod house;
mod issuer;
mod line;
mod load;
mod memory;
mod stream;
mod tally;
mod target;
mod weather;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::runtime;
use tokio::task::LocalSet;
use ztag_test_support::Failure;

use self::house::House;
use self::load::Plan;
use self::stream::Streams;
use self::weather::Weather;

/// How long memory grows at first: a run whose half is shorter is not judged by it.
const WARM_UP: Duration = Duration::from_mins(2);

#[derive(Args)]
pub(crate) struct Options {
    /// How long it takes.
    #[arg(long, default_value_t = 10, value_name = "N")]
    minutes: u64,
    /// Requests for each second.
    #[arg(long, default_value_t = 2_000, value_name = "RPS")]
    rate: u32,
    /// Half a minute at a tenth of the rate, with programs as they are developed: shows that nothing
    /// is lost, and says nothing about memory and time.
    #[arg(long)]
    quick: bool,
}

/// Runs it, prints what was found, and fails when anything was wrong, lost or kept.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let house = Arc::new(House::open(options.quick)?);
    let plan = options.plan();
    let (rate, seconds) = (plan.rate, plan.duration.as_secs());
    println!("{rate} requests a second for {seconds} s ...");
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let streams = Streams::open(&house)?;
    let weather = Weather::begin(&house, plan.pace)?;
    let tally = LocalSet::new().block_on(&runtime, load::run(&house, &plan))?;
    // Closes what clients have kept open.
    drop(runtime);
    let changes = weather.end()?;
    let streamed = streams.end();
    let house = Arc::into_inner(house).ok_or_else(|| Failure::new("the house is in use"))?;
    let ended = house.end()?;
    print!("{tally}{streamed}{changes}{ended}");
    let mut faults = tally.faults();
    faults.extend(streamed.faults());
    faults.extend(changes.faults());
    faults.extend(ended.faults());
    if faults.is_empty() {
        println!("nothing wrong, nothing lost, nothing kept");
        Ok(())
    } else {
        Err(Failure::new(faults.join("\n")))
    }
}

impl Options {
    fn plan(&self) -> Plan {
        let (duration, rate) = if self.quick {
            (Duration::from_secs(30), (self.rate / 10).max(1))
        } else {
            (Duration::from_secs(self.minutes.max(1) * 60), self.rate)
        };
        // The second half: bounded caches fill in the first one.
        let judged = duration >= 2 * WARM_UP;
        Plan {
            duration,
            rate: rate.max(1),
            pace: if self.quick { 3 } else { 1 },
            warm_up: judged.then_some(duration / 2),
            begin: Instant::now(),
        }
    }
}
