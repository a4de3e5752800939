//! What the log says of a decision.

use ztag_types::{
    BackendReport, Participation, Record, RuleReport, StageName, StageReport, Timestamp,
};

use crate::handles::is_from_cache;
use crate::line::Line;
use crate::spec::{LogFormat, LogLevel};

/// Writes the line of a decision.
pub(crate) fn write_decision(out: &mut Vec<u8>, format: LogFormat, record: &Record) {
    let mut line = Line::start(out, format, end_of(record), LogLevel::Info);
    line.word("agent", StageName::ResponsePolicy.as_str());
    line.word("msg", "decision");
    line.text_if_any("endpoint", endpoint_of(record));
    line.word("outcome", record.outcome.as_str());
    line.word("reason", record.reason.code().as_str());
    line.text_if_any("detail", record.reason.detail().unwrap_or_default());
    line.number("status", record.status.into());
    line.millis("latency_ms", record.latency);
    line.flag("from_cache", is_from_cache(record));
    line.text("correlation_id", &record.correlation);
    if let Some(rule) = &record.rule {
        line.text("rule", rule.as_str());
    }
    line.text_if_any("method", &record.method);
    line.text_if_any("host", &record.host);
    line.text_if_any("path", &record.path);
    line.text_if_any("client_ip", &record.client);
    if !record.credentials.is_empty() {
        line.words("credentials", &record.credentials);
    }
    line.number("generation", record.generation);
    line.end();
}

/// Writes the lines of its stages, rules and backend calls.
pub(crate) fn write_details(out: &mut Vec<u8>, format: LogFormat, record: &Record) {
    for report in &record.trace.stages {
        write_stage(out, format, record, report);
    }
    for report in &record.trace.rules {
        write_rule(out, format, record, report);
        if let Some(backend) = &report.backend {
            write_backend(out, format, record, report, backend);
        }
    }
}

fn write_stage(out: &mut Vec<u8>, format: LogFormat, record: &Record, report: &StageReport) {
    let mut line = start_detail(out, format, record, report.stage, "stage");
    line.word("outcome", report.outcome.as_str());
    line.millis("latency_ms", report.latency);
    line.text_if_any("note", &report.note);
    line.end();
}

fn write_rule(out: &mut Vec<u8>, format: LogFormat, record: &Record, report: &RuleReport) {
    let mut line = start_detail(out, format, record, StageName::RuleExecution, "rule");
    line.text("rule", report.rule.as_str());
    line.word("outcome", report.outcome.as_str());
    line.word("reason", report.reason.code().as_str());
    line.text_if_any("detail", report.reason.detail().unwrap_or_default());
    line.millis("latency_ms", report.latency);
    if report.cache.participation != Participation::Bypass {
        line.word("cache", report.cache.participation.as_str());
    }
    if let Some(age) = report.cache.age {
        line.millis("cache_age_ms", age);
    }
    if let Some(ttl) = report.cache.ttl {
        line.millis("cache_ttl_ms", ttl);
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
    line.text("rule", report.rule.as_str());
    line.text("method", &backend.method);
    line.text("url", &backend.url);
    line.number("status", backend.status.into());
    line.number("pages", backend.pages.into());
    line.number("attempts", backend.attempts.into());
    line.millis("latency_ms", backend.latency);
    line.text_if_any("error", backend.error.as_deref().unwrap_or_default());
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
    line.word("agent", stage.as_str());
    line.word("msg", message);
    line.text_if_any("endpoint", endpoint_of(record));
    line.text("correlation_id", &record.correlation);
    line
}

fn endpoint_of(record: &Record) -> &str {
    record.endpoint.as_ref().map_or("", |name| name.as_str())
}

fn end_of(record: &Record) -> Timestamp {
    record.received.plus(record.latency)
}
