#![doc = include_str!("../README.md")]

mod admin;
mod check;
mod command;
mod edge;
mod environment;
mod explain;
mod output;
mod run;
mod tree;

pub use command::{Command, Format, Source, Verb};
pub use run::{Door, Serving};
pub use ztag_config::Program;

use std::process::ExitCode;

/// Carries out `command`; without a verb it serves `door`.
pub fn run<D: Door>(command: Command, door: D) -> ExitCode {
    let sources = |source| environment::sources(source).read_by(D::PROGRAM);
    match command.verb {
        None => run::run(&sources(command.source), door),
        Some(Verb::Check { source, format }) => check::run(&sources(source), format),
        Some(Verb::Explain {
            source,
            request,
            format,
        }) => explain::run(&sources(source), &request, format),
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
