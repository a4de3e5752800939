//! `explain`: one request, decided for real and told whole.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ztag_config::{Sources, describe_request, load};
use ztag_pipeline::{AdminService, Pipeline, PlanHandle, RequestSpec};
use ztag_telemetry::{LoggingSpec, Telemetry};
use ztag_types::SystemClock;

use crate::check::offline;
use crate::command::Format;
use crate::output::{REFUSED, UNUSABLE, complain, print};
use crate::run::control_runtime;
use crate::tree::Tree;

pub(crate) fn run(sources: &Sources, request: &Path, format: Format) -> ExitCode {
    let described = match read(request) {
        Ok(described) => described,
        Err(error) => {
            complain(&format!("{}: {error}", request.display()));
            return ExitCode::from(UNUSABLE);
        }
    };
    let loaded = load(sources);
    let (report, plan) = match offline(&loaded) {
        Err(report) => (report, None),
        Ok((stores, compiled)) => (compiled.report, compiled.plan.map(|plan| (stores, plan))),
    };
    let Some((stores, plan)) = plan else {
        complain(&report.to_human());
        return ExitCode::from(REFUSED);
    };
    let quiet = Telemetry::new(&LoggingSpec::default(), std::io::sink());
    let Ok((telemetry, runtime)) = quiet.map_err(drop).and_then(|telemetry| {
        control_runtime()
            .map(|runtime| (telemetry, runtime))
            .map_err(drop)
    }) else {
        complain("cannot start");
        return ExitCode::from(UNUSABLE);
    };
    let pipeline = Pipeline::new(
        PlanHandle::new(plan),
        telemetry,
        Arc::new(SystemClock::new()),
    );
    let revocations = Arc::clone(&stores.tokens.judged.revocations);
    let admin = AdminService::new(pipeline, stores.cache, revocations);
    match runtime.block_on(admin.dry_run(&described)) {
        Ok(record) => {
            match format {
                Format::Human => print(&Tree(&record).to_string()),
                Format::Json => print(&format!("{record:#}")),
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(UNUSABLE)
        }
    }
}

fn read(path: &Path) -> Result<RequestSpec, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    describe_request(&text)
}
