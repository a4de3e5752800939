//! The command line.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What a program is told to do: serve, or one of the verbs.
#[derive(Debug, Args)]
pub struct Command {
    /// The verb; without one the program serves.
    #[command(subcommand)]
    pub verb: Option<Verb>,

    /// Where the configuration is read from.
    #[command(flatten)]
    pub source: Source,
}

/// Where the configuration is read from.
#[derive(Debug, Args)]
pub struct Source {
    /// The configuration: YAML, TOML or JSON. `ZTAG_A__B` variables override its keys.
    #[arg(long, value_name = "FILE", env = "ZTAG_CONFIG")]
    pub config: Option<PathBuf>,
}

/// What can be done beside serving.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Tell everything that is wrong with a configuration, without serving it.
    #[command(after_help = "Exit code: 0 no error, 1 errors, 2 the configuration cannot be read.")]
    Check {
        /// Where the configuration is read from.
        #[command(flatten)]
        source: Source,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Decide one described request and tell how the decision came about: by the endpoint that it
    /// names, or else that of the route that it takes.
    Explain {
        /// Where the configuration is read from.
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

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}
