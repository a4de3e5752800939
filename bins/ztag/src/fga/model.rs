//! `ztag fga model`: models checked, rewritten and tested.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use ztag_fga::{Model, dsl};

use super::load::{self, Strictness};
use super::semantics::SemanticsArguments;
use super::trouble::{Outcome, Trouble};
use super::{FAILED, store_test};
use crate::complain;

#[derive(Debug, Args)]
pub(super) struct ModelArguments {
    #[command(subcommand)]
    verb: ModelVerb,
}

#[derive(Debug, Subcommand)]
enum ModelVerb {
    /// Check a model the way editors and servers do.
    Validate(ValidateArguments),
    /// Rewrite a model as JSON or in the modelling language.
    Transform(TransformArguments),
    /// Run the tests of store files.
    Test(store_test::TestArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 valid, 1 invalid, 2 the file cannot be read.")]
struct ValidateArguments {
    /// The model: `.fga`, `fga.mod` or JSON; `-` reads standard input.
    #[arg(default_value = "-")]
    file: PathBuf,

    #[command(flatten)]
    semantics: SemanticsArguments,
}

#[derive(Debug, Args)]
struct TransformArguments {
    /// The model: `.fga`, `fga.mod` or JSON; `-` reads standard input.
    #[arg(default_value = "-")]
    file: PathBuf,

    /// What to write.
    #[arg(long, value_enum)]
    to: Form,
}

/// How a model is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// JSON, as the API takes it.
    Json,
    /// The modelling language.
    Dsl,
}

pub(super) fn run(arguments: &ModelArguments) -> Outcome {
    match &arguments.verb {
        ModelVerb::Validate(arguments) => validate(arguments),
        ModelVerb::Transform(arguments) => transform(arguments),
        ModelVerb::Test(arguments) => store_test::run(arguments),
    }
}

fn validate(arguments: &ValidateArguments) -> Outcome {
    // What cannot be read is not invalid.
    load::text_exists(&arguments.file)?;
    let judged = load::model(&arguments.file, Strictness::Editor)
        .and_then(|model| Ok(Model::validate(&model, &arguments.semantics.limits())?));
    match judged {
        Ok(()) => {
            writeln!(io::stdout(), "valid")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(trouble) => {
            complain(&format!("invalid: {trouble}"));
            Ok(ExitCode::from(FAILED))
        }
    }
}

fn transform(arguments: &TransformArguments) -> Outcome {
    let model = load::model(&arguments.file, Strictness::Syntax)?;
    let text = match arguments.to {
        Form::Json => serde_json::to_string_pretty(&model)? + "\n",
        Form::Dsl => dsl::print(&model).map_err(|error| Trouble::new(error.to_string()))?,
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
