//! What the log says of a decision.

use ztag_types::{
    BackendReport, ForwardReport, InspectReport, Participation, Record, RuleReport, StageName,
    StageReport, StreamReport, Timestamp,
};

use crate::handles::is_from_cache;
use crate::line::{Line, fixed, key};
use crate::spec::{LogFormat, LogLevel};

/// Writes the line of a decision.
pub(crate) fn write_decision(out: &mut Vec<u8>, format: LogFormat, record: &Record) {
    let mut line = Line::start(out, format, end_of(record), LogLevel::Info);
    line.fixed(fixed!("agent" = "response_policy", "msg" = "decision"));
    line.text_if_any(key!("endpoint"), endpoint_of(record));
    line.word(key!("outcome"), record.outcome.as_str());
    line.word(key!("reason"), record.reason.code().as_str());
    line.text_if_any(key!("detail"), record.reason.detail().unwrap_or_default());
    line.number(key!("status"), record.status.into());
    line.millis(key!("latency_ms"), record.latency);
    line.flag(key!("from_cache"), is_from_cache(record));
    line.text(key!("correlation_id"), &record.correlation);
    if let Some(rule) = &record.rule {
        line.text(key!("rule"), rule.as_str());
    }
    line.text_if_any(key!("method"), &record.method);
    line.text_if_any(key!("host"), &record.host);
    line.text_if_any(key!("path"), &record.path);
    line.text_if_any(key!("client_ip"), &record.client);
    if !record.credentials.is_empty() {
        line.words(key!("credentials"), &record.credentials);
    }
    if let Some(report) = gravest(inspections(record)) {
        write_inspection(&mut line, report);
    }
    line.number(key!("generation"), record.generation);
    if let Some(report) = &record.forwarded {
        write_forward(&mut line, report);
    }
    line.end();
}

/// What guardrails say of the request and of its answer, in order.
pub(crate) fn inspections(record: &Record) -> impl Iterator<Item = &InspectReport> {
    let rules = record.judged().iter();
    let rules = rules.filter_map(|rule| rule.inspect.as_deref());
    let route = record.forwarded.iter();
    rules.chain(route.flat_map(|report| report.inspections()))
}

/// The one that says most: a line has each key once.
fn gravest<'r>(reports: impl Iterator<Item = &'r InspectReport>) -> Option<&'r InspectReport> {
    let rank = |report: &InspectReport| match report.verdict {
        "block" => 4,
        _ if report.error.is_some() => 3,
        "mark" => 2,
        _ => u8::from(report.masked > 0),
    };
    reports.max_by_key(|report| rank(report))
}

/// Writes the line of a response that a guardrail read as it came, and whose end came at `now`.
pub(crate) fn write_stream(
    out: &mut Vec<u8>,
    format: LogFormat,
    report: &StreamReport,
    now: Timestamp,
) {
    let mut line = Line::start(out, format, now, LogLevel::Info);
    line.word(key!("agent"), StageName::ResponsePolicy.as_str());
    line.word(key!("msg"), "response read");
    line.text(key!("correlation_id"), &report.correlation);
    line.text(key!("route"), &report.route);
    line.word(key!("end"), report.end.as_str());
    line.number(key!("passed_bytes"), report.passed);
    line.number(
        key!("guard_scanned_bytes"),
        report.inspection.scanned as u64,
    );
    write_inspection(&mut line, &report.inspection);
    line.end();
}

/// Writes what a guardrail says, unless it is nothing.
fn write_inspection(line: &mut Line<'_>, report: &InspectReport) {
    if report.verdict != "allow" || report.masked > 0 || report.error.is_some() {
        line.text(key!("guardrail"), &report.guardrail);
        line.word(key!("guard_verdict"), report.verdict);
        line.flag(key!("guard_shadow"), report.shadow);
        line.text(key!("guard_score"), &format!("{:.3}", report.score));
        line.number(key!("guard_masked"), report.masked as u64);
    }
    if let Some(error) = &report.error {
        line.text(key!("guard_error"), error);
    }
    if let Some(consulted) = &report.consulted {
        line.number(key!("guard_asked"), consulted.asked as u64);
        line.number(key!("guard_unanswered"), consulted.failed as u64);
    }
    if report.skipped > 0 {
        line.number(key!("guard_skipped_bytes"), report.skipped as u64);
    }
}

fn write_forward(line: &mut Line<'_>, report: &ForwardReport) {
    line.text_if_any(key!("route"), &report.route);
    line.text_if_any(key!("upstream"), &report.upstream);
    line.text_if_any(key!("target"), &report.target);
    if report.status != 0 {
        line.number(key!("upstream_status"), report.status.into());
    }
    if report.attempts > 0 {
        line.number(key!("attempts"), report.attempts.into());
        line.millis(key!("upstream_ms"), report.latency);
    }
    if let Some(error) = report.error {
        line.word(key!("upstream_error"), error);
    }
    if report.reads_on {
        line.flag(key!("guard_reads_on"), true);
    }
}

/// Writes the lines of its stages, rules and backend calls.
pub(crate) fn write_details(out: &mut Vec<u8>, format: LogFormat, record: &Record) {
    for report in &record.trace.stages {
        write_stage(out, format, record, report);
    }
    for report in record.judged() {
        write_rule(out, format, record, report);
        if let Some(backend) = &report.backend {
            write_backend(out, format, record, report, backend);
        }
    }
}

fn write_stage(out: &mut Vec<u8>, format: LogFormat, record: &Record, report: &StageReport) {
    let mut line = start_detail(out, format, record, report.stage, "stage");
    line.word(key!("outcome"), report.outcome.as_str());
    line.millis(key!("latency_ms"), report.latency);
    line.text_if_any(key!("note"), &report.note);
    line.end();
}

fn write_rule(out: &mut Vec<u8>, format: LogFormat, record: &Record, report: &RuleReport) {
    let mut line = start_detail(out, format, record, StageName::RuleExecution, "rule");
    line.text(key!("rule"), report.rule.as_str());
    line.word(key!("outcome"), report.outcome.as_str());
    line.word(key!("reason"), report.reason.code().as_str());
    line.text_if_any(key!("detail"), report.reason.detail().unwrap_or_default());
    line.millis(key!("latency_ms"), report.latency);
    if report.cache.participation != Participation::Bypass {
        line.word(key!("cache"), report.cache.participation.as_str());
    }
    if let Some(age) = report.cache.age {
        line.millis(key!("cache_age_ms"), age);
    }
    if let Some(ttl) = report.cache.ttl {
        line.millis(key!("cache_ttl_ms"), ttl);
    }
    line.end();
}

fn write_backend(
    out: &mut Vec<u8>,
    format: LogFormat,
    record: &Record,
    report: &RuleReport,
    backend: &BackendReport,
) {
    let mut line = start_detail(
        out,
        format,
        record,
        StageName::BackendInteraction,
        "backend call",
    );
    line.text(key!("rule"), report.rule.as_str());
    line.text(key!("method"), &backend.method);
    line.text(key!("url"), &backend.url);
    line.number(key!("status"), backend.status.into());
    line.number(key!("pages"), backend.pages.into());
    line.number(key!("attempts"), backend.attempts.into());
    line.millis(key!("latency_ms"), backend.latency);
    line.text_if_any(key!("error"), backend.error.as_deref().unwrap_or_default());
    line.end();
}

fn start_detail<'a>(
    out: &'a mut Vec<u8>,
    format: LogFormat,
    record: &Record,
    stage: StageName,
    message: &'static str,
) -> Line<'a> {
    let mut line = Line::start(out, format, end_of(record), LogLevel::Debug);
    line.word(key!("agent"), stage.as_str());
    line.word(key!("msg"), message);
    line.text_if_any(key!("endpoint"), endpoint_of(record));
    line.text(key!("correlation_id"), &record.correlation);
    line
}

fn endpoint_of(record: &Record) -> &str {
    record.endpoint.as_ref().map_or("", |name| name.as_str())
}

fn end_of(record: &Record) -> Timestamp {
    record.received.plus(record.latency)
}
