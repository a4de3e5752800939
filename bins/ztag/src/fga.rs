//! `ztag fga`: relationship-based authorization, served and asked.

mod ask;
mod door;
mod edit;
mod load;
mod log;
mod model;
mod place;
mod remote;
mod semantics;
mod serve;
mod show;
mod store_test;
mod target;
mod trouble;
mod tuples;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::complain;
use trouble::Outcome;

/// Exit code for a no: a check denied, a model refused, a test failed.
const FAILED: u8 = 1;

/// Exit code for input that cannot be used, and for servers that do not answer.
const UNUSABLE: u8 = 2;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 done or allowed, 1 denied, invalid or failed, 2 the input is unusable \
    or the server does not answer."
)]
pub(crate) struct FgaArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve the HTTP API of `OpenFGA`.
    Serve(serve::ServeArguments),
    /// Check, rewrite and test models.
    Model(model::ModelArguments),
    /// Write the tuples of a file to a server.
    Import(tuples::ImportArguments),
    /// Write all tuples of a server or a store file to standard output.
    Export(tuples::ExportArguments),
    /// Delete all tuples of a user, an object or a relation.
    Delete(edit::DeleteArguments),
    /// Give a relation of an object these users and no others.
    Replace(edit::ReplaceArguments),
    /// Copy the stores of a folder to a file, while a server runs or not.
    Backup(place::BackupArguments),
    /// Make a folder of stores from such a file.
    Restore(place::RestoreArguments),
    /// Ask whether a user has a relation to an object.
    Check(ask::CheckArguments),
    /// Show one level of how users come to have a relation to an object.
    Expand(ask::ExpandArguments),
    /// List the objects that a user has a relation to.
    ListObjects(ask::ListArguments),
    /// Show why a check says yes, or what was tried before it said no.
    Explain(ask::CheckArguments),
}

pub(crate) fn run(arguments: &FgaArguments) -> ExitCode {
    let done = match &arguments.verb {
        Verb::Serve(arguments) => serve::run(arguments),
        Verb::Model(arguments) => model::run(arguments),
        Verb::Import(arguments) => tuples::import(arguments),
        Verb::Export(arguments) => tuples::export(arguments),
        Verb::Delete(arguments) => edit::delete(arguments),
        Verb::Replace(arguments) => edit::replace(arguments),
        Verb::Backup(arguments) => place::run_backup(arguments),
        Verb::Restore(arguments) => place::run_restore(arguments),
        Verb::Check(arguments) => ask::check(arguments),
        Verb::Expand(arguments) => ask::expand(arguments),
        Verb::ListObjects(arguments) => ask::list_objects(arguments),
        Verb::Explain(arguments) => ask::explain(arguments),
    };
    conclude(done)
}

fn conclude(done: Outcome) -> ExitCode {
    done.unwrap_or_else(|trouble| {
        complain(&format!("ztag fga: {trouble}"));
        ExitCode::from(UNUSABLE)
    })
}
