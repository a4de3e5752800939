//! What happened to one request, and what a plan would do, as JSON for people and tools.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use ztag_admission::Admission;
use ztag_types::{
    BackendReport, CacheReport, ConsultReport, FgaReport, InspectReport, Record, Reply, RuleReport,
    StageReport,
};

use crate::plan::{EndpointState, Plan, ReloadReport};
use crate::signpost::GuardReport;

/// The whole decision record; `reply` is what the client gets, where it is answered here.
pub(crate) fn record(record: &Record, reply: Option<&Reply>) -> Json {
    json!({
        "endpoint": record.endpoint,
        "generation": record.generation,
        "correlationId": record.correlation,
        "receivedUnixSeconds": record.received.seconds(),
        "latencyMs": millis(record.latency),
        "outcome": record.outcome,
        "reason": record.reason.code(),
        "detail": record.reason.detail(),
        "rule": record.rule,
        "request": {
            "method": record.method,
            "host": record.host,
            "path": record.path,
            "client": record.client,
            "credentials": record.credentials.as_slice(),
        },
        "stages": record.trace.stages.iter().map(stage).collect::<Vec<_>>(),
        "rules": record.trace.rules.iter().map(rule).collect::<Vec<_>>(),
        "cache": cache(&record.cache),
        "response": reply.map(response),
    })
}

fn stage(report: &StageReport) -> Json {
    json!({
        "stage": report.stage.as_str(),
        "outcome": report.outcome,
        "latencyMs": millis(report.latency),
        "note": report.note,
    })
}

fn rule(report: &RuleReport) -> Json {
    json!({
        "rule": report.rule,
        "outcome": report.outcome,
        "reason": report.reason.code(),
        "detail": report.reason.detail(),
        "latencyMs": millis(report.latency),
        "cache": cache(&report.cache),
        "backend": report.backend.as_deref().map(backend),
        "fga": report.fga.as_deref().map(fga),
        "inspect": report.inspect.as_deref().map(inspect),
        "conditions": report.conditions.iter().map(condition).collect::<Vec<_>>(),
        "variables": pairs(&report.variables),
    })
}

fn condition(report: &ztag_types::ConditionReport) -> Json {
    let result = match &report.result {
        Ok(holds) => json!(holds),
        Err(error) => json!({ "error": error }),
    };
    json!({
        "list": report.list,
        "index": report.index,
        "source": report.source,
        "result": result,
        "reads": pairs(&report.reads),
    })
}

fn backend(report: &BackendReport) -> Json {
    json!({
        "method": report.method,
        "url": report.url,
        "status": report.status,
        "pages": report.pages,
        "attempts": report.attempts,
        "latencyMs": millis(report.latency),
        "error": report.error,
    })
}

fn fga(report: &FgaReport) -> Json {
    let asked = report.asked.iter().map(|asked| match &asked.allowed {
        Ok(allowed) => json!({ "check": asked.check, "allowed": allowed }),
        Err(error) => json!({ "check": asked.check, "error": error }),
    });
    json!({
        "store": report.store,
        "source": report.source,
        "revision": report.revision,
        "checks": report.checks,
        "remembered": report.remembered,
        "listed": report.listed,
        "ageMs": millis(report.age),
        "latencyMs": millis(report.latency),
        "error": report.error,
        "asked": asked.collect::<Vec<_>>(),
    })
}

fn inspect(report: &InspectReport) -> Json {
    let channels = report.channels.iter().map(|own| {
        json!({
            "channel": own.channel,
            "injections": own.injections,
            "contents": own.contents,
            "latencyMs": millis(own.latency),
        })
    });
    json!({
        "guardrail": report.guardrail,
        "verdict": report.verdict,
        "shadow": report.shadow,
        "score": report.score,
        "threshold": report.threshold,
        "texts": report.texts,
        "scannedBytes": report.scanned,
        "skippedBytes": report.skipped,
        "masked": report.masked,
        "spotlit": report.spotlit,
        "latencyMs": millis(report.latency),
        "error": report.error,
        "transformer": report.consulted.as_ref().map(consulted),
        "channels": channels.collect::<Vec<_>>(),
        "findings": report.findings,
    })
}

fn consulted(report: &ConsultReport) -> Json {
    json!({
        "asked": report.asked,
        "failed": report.failed,
        "blocked": report.blocked,
        "cleared": report.cleared,
        "unaskedBytes": report.unasked,
        "latencyMs": millis(report.latency),
    })
}

/// The guardrail of a route: what it reads, and what it says of the request.
pub(crate) fn guard(report: &GuardReport) -> Json {
    let withheld = report.withheld.as_ref().map(|(status, reason)| {
        json!({
            "status": status.as_u16(),
            "reason": reason.code(),
            "detail": reason.detail(),
        })
    });
    json!({
        "settings": report.settings,
        "request": report.request.as_deref().map(inspect),
        "withheld": withheld,
    })
}

fn cache(report: &CacheReport) -> Json {
    json!({
        "participation": report.participation,
        "ageMs": report.age.map(millis),
        "ttlMs": report.ttl.map(millis),
        "keyInputs": report.key_inputs,
    })
}

fn response(reply: &Reply) -> Json {
    let headers = reply.headers.iter().map(|(name, value)| {
        json!({ "name": name.as_str(), "value": String::from_utf8_lossy(value.as_bytes()) })
    });
    json!({
        "status": reply.status.as_u16(),
        "headers": headers.collect::<Vec<_>>(),
        "body": String::from_utf8_lossy(&reply.body),
    })
}

fn pairs(pairs: &[(String, Json)]) -> Json {
    Json::Object(pairs.iter().cloned().collect::<Map<_, _>>())
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The compiled rule graph, quarantines, caches and the last reload.
pub(crate) fn plan(plan: &Plan, report: &ReloadReport) -> Json {
    json!({
        "generation": plan.generation(),
        "loadedUnixSeconds": plan.loaded().seconds(),
        "lastReload": {
            "atUnixSeconds": report.at.seconds(),
            "published": report.published,
            "diagnostics": report.diagnostics,
        },
        "endpoints": plan.endpoints().map(endpoint).collect::<Vec<_>>(),
    })
}

/// One endpoint of the graph.
pub(crate) fn endpoint(state: &EndpointState) -> Json {
    match state {
        EndpointState::Ready(endpoint) => json!({
            "name": endpoint.name,
            "state": "ready",
            "description": endpoint.description,
            "dialect": endpoint.capture.dialect().as_str(),
            "readsBody": endpoint.capture.reads_body(),
            "admission": admission(&endpoint.admission),
            "rules": endpoint.rules.describe(),
            "cache": endpoint.cache.as_ref().map(crate::DecisionCache::describe),
        }),
        EndpointState::Quarantined(quarantine) => json!({
            "name": quarantine.name,
            "state": "quarantined",
            "diagnostics": quarantine.diagnostics,
            "reasons": quarantine.reasons,
        }),
    }
}

fn admission(admission: &Admission) -> Json {
    let names = admission.credential_names();
    json!({
        "required": admission.required(),
        "anonymous": admission.allows_none(),
        "headers": names.headers,
        "query": names.queries,
    })
}
