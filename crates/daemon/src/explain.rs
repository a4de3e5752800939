//! `explain`: one request, decided for real and told whole.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::Runtime;
use ztag_config::{Program, Report, Routing, Sources, Stores, describe_request, load};
use ztag_pipeline::{AdminService, Pipeline, Plan, PlanHandle, RequestSpec};
use ztag_proxy::EdgeHandle;
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
    let (stores, compiled) = match offline(&loaded) {
        Ok(compiled) => compiled,
        Err(report) => return refused(&report),
    };
    let (Some(plan), Some(routing)) = (compiled.plan, compiled.routing) else {
        return refused(&compiled.report);
    };
    let Some((admin, runtime)) = administer(sources.program, &stores, plan, routing) else {
        complain("cannot start");
        return ExitCode::from(UNUSABLE);
    };
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

fn refused(report: &Report) -> ExitCode {
    complain(&report.to_human());
    ExitCode::from(REFUSED)
}

/// Who explains, and the runtime to do it in; none where the system does not let us.
fn administer(
    program: Program,
    stores: &Stores,
    plan: Plan,
    routing: Routing,
) -> Option<(AdminService, Runtime)> {
    let telemetry = Telemetry::new(&LoggingSpec::default(), std::io::sink()).ok()?;
    let runtime = control_runtime().ok()?;
    let plans = PlanHandle::new(plan);
    let edges = EdgeHandle::new(plans.load_full(), routing.table);
    let pipeline = Pipeline::new(plans, telemetry, Arc::new(SystemClock::new()));
    let revocations = Arc::clone(&stores.tokens.judged.revocations);
    let admin = AdminService::new(pipeline, Arc::clone(&stores.cache), revocations);
    let admin = match program {
        Program::Gateway => admin.with_routes(Arc::new(edges)),
        Program::ForwardAuth => admin,
    };
    Some((admin, runtime))
}

fn read(path: &Path) -> Result<RequestSpec, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    describe_request(&text)
}
