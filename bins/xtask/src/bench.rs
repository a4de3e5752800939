//! Measurements: side by side with other servers under load, or of the code alone.

mod cpu;
mod fga;
mod goals;
mod load;
mod measure;
mod memory;
mod servers;
mod table;
mod targets;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use ztag_test_support::Failure;

use crate::command::{cargo, execute};
use crate::setup;

use self::goals::Goal;
use self::measure::{Bench, Effort, Measured};
use self::memory::Memory;
use self::servers::Binaries;
use self::targets::Target;

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure.
    #[arg(value_enum, default_value_t = Subject::ForwardAuth)]
    subject: Subject,
    /// One short round: shows that everything runs, the numbers say little.
    #[arg(long)]
    quick: bool,
    /// Takes our programs as they were built last.
    #[arg(long)]
    built: bool,
    /// Takes our programs as `dist` makes them, which is how they are released.
    #[arg(long, conflicts_with = "built")]
    dist: bool,
    /// How often each server is measured, in turns.
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Only the rows whose name contains this; the goals are not judged then.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Writes the results to a file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Passed on to `cargo bench` with `code`, such as a filter.
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Subject {
    /// `forward-auth` under load beside nginx and a bare hyper server, and behind proxies.
    ForwardAuth,
    /// `gateway` under load beside nginx, HAProxy, Envoy, Caddy and Traefik, before one upstream.
    Gateway,
    /// What `gateway` holds in memory for silent connections, and after a million requests.
    Memory,
    /// Decisions and their parts in one process.
    Code,
    /// The FGA engine over one and ten million tuples, and `ztag fga serve` beside `SpiceDB`.
    Fga,
}

/// Measures and prints a table; fails when a goal is missed by more than noise explains.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match options.subject {
        Subject::Code => {
            let mut command = cargo(&["bench", "--package", "ztag-benches", "--benches", "--"]);
            execute(command.args(&options.arguments))
        }
        Subject::ForwardAuth => under_load(options, &targets::FORWARD_AUTH),
        Subject::Gateway => under_load(options, &targets::GATEWAYS),
        Subject::Memory => memory(options),
        Subject::Fga => fga::run(options.built, options.quick),
    }
}

fn under_load(options: &Options, all: &'static [Target]) -> Result<(), Failure> {
    let bench = bench(options)?;
    let mut effort = Effort::new(options.quick);
    if let Some(rounds) = options.rounds {
        effort.rounds = rounds.max(1);
    }
    let wanted = |target: &&Target| {
        let only = options.only.as_deref();
        only.is_none_or(|only| target.name.contains(only))
    };
    let targets: Vec<&'static Target> = all.iter().filter(wanted).collect();
    let measured = bench.measure(&targets, effort)?;
    print!("{}", table::render(&measured));
    let rows: Vec<_> = measured.iter().map(Measured::to_json).collect();
    let found = json!({ "effort": effort.to_json(), "rows": rows });
    conclude(options, &goals::judge(&measured), &found)
}

fn memory(options: &Options) -> Result<(), Failure> {
    let memory = Memory::measure(&bench(options)?, options.quick)?;
    print!("{memory}");
    conclude(options, &memory.goals(), &memory.to_json())
}

fn bench(options: &Options) -> Result<Bench, Failure> {
    setup::install()?;
    Bench::new(if options.built {
        Binaries::built()
    } else if options.dist {
        Binaries::release()?
    } else {
        Binaries::build()?
    })
}

/// Puts the load of every row on those of our programs that are in `folder`, and lets them end by
/// themselves; after each, `done` is told how much the row counts. Rows behind other proxies ask nothing that
/// others do not.
pub(crate) fn exercise(
    folder: &Path,
    mut done: impl FnMut(u32) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let bench = Bench::new(Binaries::of(folder))?;
    let rows = targets::FORWARD_AUTH.iter().chain(&targets::GATEWAYS);
    for target in rows.filter(|target| target.is_ours()) {
        println!("exercise: {}", target.name);
        bench
            .exercise(target)
            .and_then(|()| done(target.weight()))
            .map_err(|failure| failure.during(target.name))?;
    }
    Ok(())
}

/// Tells what became of the goals and keeps what was found.
fn conclude(options: &Options, goals: &[Goal], found: &Value) -> Result<(), Failure> {
    for goal in goals {
        println!("{goal}");
    }
    if let Some(file) = &options.json {
        fs::write(file, format!("{found:#}\n"))?;
    }
    if options.quick || goals.iter().all(Goal::is_met) {
        Ok(())
    } else {
        Err(Failure::new("a goal is missed"))
    }
}
