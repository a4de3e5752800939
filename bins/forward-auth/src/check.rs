//! `forward-auth check`: all diagnostics, and what they mean for serving.

use std::process::ExitCode;
use std::sync::Arc;

use ztag_config::{Compiled, Loaded, Report, Sources, Stores, compile, load};
use ztag_types::SystemClock;

use crate::{DOUBTFUL, Format, REFUSED, complain, print};

pub(crate) fn run(sources: &Sources, format: Format) -> ExitCode {
    let loaded = load(sources);
    let (report, code) = match offline(&loaded) {
        Err(report) => (report, REFUSED),
        Ok((_, compiled)) => {
            let doubtful = compiled.report.errors() + compiled.report.warnings() > 0;
            let code = match (&compiled.plan, doubtful) {
                (None, _) => REFUSED,
                (Some(_), true) => DOUBTFUL,
                (Some(_), false) => 0,
            };
            (compiled.report, code)
        }
    };
    match format {
        Format::Json => print(&format!("{:#}", report.to_json())),
        Format::Human => {
            if !report.is_empty() {
                print(&report.to_human());
            }
            complain(verdict(code));
        }
    }
    ExitCode::from(code)
}

const fn verdict(code: u8) -> &'static str {
    match code {
        0 => "the configuration is sound",
        REFUSED => "the configuration would not be served",
        _ => "the configuration would be served, with the restrictions above",
    }
}

/// Compiles with places that reach out to nothing.
pub(crate) fn offline(loaded: &Loaded) -> Result<(Stores, Compiled), Report> {
    let stores = Stores::offline(loaded, Arc::new(SystemClock::new()))?;
    let compiled = compile(loaded, &stores);
    Ok((stores, compiled))
}
