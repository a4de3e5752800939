//! `forward-auth`: decides for reverse proxies whether a request may pass.

mod check;
mod environment;
mod explain;
mod run;
mod tree;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code for a configuration with errors.
const REFUSED: u8 = 1;

/// Exit code for input that cannot be read; a wrong command line ends with the same.
const UNUSABLE: u8 = 2;

/// Decides for Traefik, nginx, Caddy, HAProxy and Envoy whether a request may pass.
///
/// Without a verb it serves until SIGTERM or SIGINT; SIGHUP reads the configuration again.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    source: Source,
}

/// Where the configuration is read from.
#[derive(Debug, Args)]
struct Source {
    /// The configuration: YAML, TOML or JSON. `ZTAG_A__B` variables override its keys.
    #[arg(long, value_name = "FILE", env = "ZTAG_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell everything that is wrong with a configuration, without serving it.
    #[command(after_help = "Exit code: 0 no error, 1 errors, 2 the configuration cannot be read.")]
    Check {
        #[command(flatten)]
        source: Source,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Decide one described request and tell how the decision came about.
    Explain {
        #[command(flatten)]
        source: Source,
        /// The request: YAML or JSON with `endpoint`, `method`, `url`, `headers`, `body`, `client`.
        #[arg(long, value_name = "FILE")]
        request: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Print the JSON Schema of the configuration, for editors.
    Schema {
        /// Print the schema of a document of the rules folder instead.
        #[arg(long)]
        rules: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.verb {
        None => run::run(environment::sources(arguments.source)),
        Some(Verb::Check { source, format }) => check::run(&environment::sources(source), format),
        Some(Verb::Explain {
            source,
            request,
            format,
        }) => explain::run(&environment::sources(source), &request, format),
        Some(Verb::Schema { rules }) => {
            let schema = if rules {
                ztag_config::rules_schema()
            } else {
                ztag_config::schema()
            };
            print(&format!("{schema:#}"));
            ExitCode::SUCCESS
        }
    }
}

/// Prints a line; a reader that has gone away is no failure of ours.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
}

/// Tells the person at the terminal.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}
