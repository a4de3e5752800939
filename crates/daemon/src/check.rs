//! `check`: all diagnostics, and what they mean for serving.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use ztag_config::{Compiled, Loaded, Report, Sources, Stores, compile, load};
use ztag_types::SystemClock;

use crate::command::Format;
use crate::output::{REFUSED, UNUSABLE, ask_for_a_file, complain, print};

pub(crate) fn run(sources: &Sources, format: Format) -> ExitCode {
    if let Some(file) = &sources.file
        && let Err(error) = fs::metadata(file)
    {
        complain(&format!("`{}` cannot be read: {error}", file.display()));
        return ExitCode::from(UNUSABLE);
    }
    let loaded = load(sources);
    let (report, serves) = match offline(&loaded) {
        Err(report) => (report, false),
        Ok((_, compiled)) => (compiled.report, compiled.plan.is_some()),
    };
    match format {
        Format::Json => print(&format!("{:#}", report.to_json())),
        Format::Human => {
            if !report.is_empty() {
                print(&report.to_human());
            }
            complain(verdict(&report, serves));
            if !serves {
                ask_for_a_file(sources);
            }
        }
    }
    if serves && report.errors() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    }
}

fn verdict(report: &Report, serves: bool) -> &'static str {
    match (serves, report.errors()) {
        (true, 0) => "the configuration is sound",
        (true, _) => "the configuration would be served without what is broken",
        (false, _) => "the configuration would not be served",
    }
}

/// Compiles with places that reach out to nothing.
pub(crate) fn offline(loaded: &Loaded) -> Result<(Stores, Compiled), Report> {
    let stores = Stores::offline(loaded, Arc::new(SystemClock::new()))?;
    let compiled = compile(loaded, &stores);
    Ok((stores, compiled))
}
