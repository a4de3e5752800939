#![doc = include_str!("../README.md")]

mod check;
mod command;
mod environment;
mod explain;
mod output;
mod run;
mod tree;

pub use command::{Command, Format, Source, Verb};
pub use run::{Door, Serving};

use std::process::ExitCode;

/// Carries out `command`; without a verb it serves `door`.
pub fn run(command: Command, door: impl Door) -> ExitCode {
    match command.verb {
        None => run::run(environment::sources(command.source), door),
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
            output::print(&format!("{schema:#}"));
            ExitCode::SUCCESS
        }
    }
}
