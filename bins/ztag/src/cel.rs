//! `ztag cel`: expressions as the gate evaluates them.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value as Json;

use crate::complain;

/// Exit code for a result that is an evaluation error.
const FAILED: u8 = 1;

/// Exit code for input that cannot be read.
const UNUSABLE: u8 = 2;

#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 evaluated, 1 the expression failed, 2 the input is unusable.")]
pub(crate) struct CelArguments {
    /// The expression, such as `request.method == "GET"`.
    #[arg(required_unless_present = "jsonl")]
    expression: Option<String>,

    /// Variables as a JSON object, such as `{"request": {"method": "GET"}}`.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    bindings: String,

    /// Read one case a line from standard input (`{"id", "expr", "bindings", ..}`) and write one
    /// result a line (`{"id", "value"}` or `{"id", "error"}`), values tagged with their type.
    #[arg(long, conflicts_with_all = ["expression", "bindings"])]
    jsonl: bool,
}

pub(crate) fn run(arguments: &CelArguments) -> ExitCode {
    let done = match &arguments.expression {
        Some(expression) => evaluate(expression, &arguments.bindings),
        None => stream(),
    };
    done.unwrap_or_else(|error| {
        complain(&format!("ztag cel: {error}"));
        ExitCode::from(UNUSABLE)
    })
}

fn evaluate(expression: &str, bindings: &str) -> io::Result<ExitCode> {
    let bindings: Json = serde_json::from_str(bindings)
        .map_err(|error| io::Error::other(format!("--bindings is not JSON: {error}")))?;
    match ztag_expr::case::evaluate_text(expression, bindings) {
        Ok(value) => {
            writeln!(io::stdout(), "{value}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            Ok(ExitCode::from(FAILED))
        }
    }
}

fn stream() -> io::Result<ExitCode> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(output, "{}", ztag_expr::case::evaluate_case(&line))?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}
