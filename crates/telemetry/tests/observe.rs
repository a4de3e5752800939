//! A decision as it is counted and logged.
#![cfg(test)]

mod log;

use std::time::Duration;

use log::{record, telemetry};
use proptest::prelude::*;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;
use ztag_telemetry::{
    CacheGauges, FetchGauges, LogFormat, LogLevel, METRICS, Published, PublishedEdge, TargetGauges,
    Telemetry, TokenGauges,
};
use ztag_types::{
    ConsultReport, EndpointName, ForwardReport, InspectReport, InspectedChannel, Outcome,
    Participation, Reason, ReasonCode, Record, RuleName,
};

fn publish(telemetry: &Telemetry) {
    let endpoints = [(
        EndpointName::from("api"),
        vec![RuleName::from("introspect")],
    )];
    telemetry.plan_published(&Published {
        generation: 4,
        endpoints: &endpoints,
        quarantined_endpoints: 1,
        quarantined_rules: 2,
    });
}

fn has(text: &str, line: &str) {
    assert!(
        text.lines().any(|own| own == line),
        "no `{line}` in\n{text}"
    );
}

#[test]
fn a_decision_is_one_line() {
    let (telemetry, log) = telemetry(LogLevel::Info, LogFormat::Json);
    telemetry.observe(&record());
    telemetry.flush();
    let [line] = &log.objects()[..] else {
        panic!("{}", log.text());
    };
    let expected = json!({
        "ts": "2026-01-01T00:00:00.001Z", "level": "info", "component": "ztag",
        "agent": "response_policy", "msg": "decision", "endpoint": "api", "outcome": "fail",
        "reason": "fail_condition", "detail": "rule `introspect`, fail[0]", "status": 403,
        "latency_ms": 1.234, "from_cache": false, "correlation_id": "abc-123",
        "rule": "introspect", "method": "GET", "host": "shop.example", "path": "/orders/7",
        "client_ip": "203.0.113.7", "credentials": ["bearer"], "generation": 4,
    });
    assert_eq!(json!(line.0), expected);
}

#[test]
fn stages_rules_and_backend_calls_are_lines_at_debug() {
    let (telemetry, log) = telemetry(LogLevel::Debug, LogFormat::Json);
    telemetry.observe(&record());
    telemetry.flush();
    let lines = log.objects();
    let agents: Vec<_> = lines.iter().map(|line| line.text("agent")).collect();
    let expected = [
        "admission",
        "rule_execution",
        "backend_interaction",
        "response_policy",
    ];
    assert_eq!(agents, expected);
    assert!(
        lines
            .iter()
            .all(|line| line.text("correlation_id") == "abc-123")
    );
}

#[test]
fn decisions_are_silent_above_info() {
    let (telemetry, log) = telemetry(LogLevel::Warn, LogFormat::Json);
    telemetry.observe(&record());
    telemetry.flush();
    assert_eq!(log.text(), "");
    let text = telemetry.render();
    assert!(text.contains("ztag_auth_requests_total"));
}

#[test]
fn text_format_says_the_same() {
    let (telemetry, log) = telemetry(LogLevel::Info, LogFormat::Text);
    telemetry.observe(&record());
    telemetry.flush();
    let text = log.text();
    let expected = "ts=2026-01-01T00:00:00.001Z level=info component=ztag agent=response_policy \
        msg=decision endpoint=api outcome=fail reason=fail_condition \
        detail=\"rule `introspect`, fail[0]\" status=403 latency_ms=1.234 from_cache=false \
        correlation_id=abc-123 rule=introspect method=GET host=shop.example path=/orders/7 \
        client_ip=203.0.113.7 credentials=bearer generation=4\n";
    assert_eq!(text, expected);
}

#[test]
fn attack_56_values_kept_for_explanations_are_neither_logged_nor_counted() {
    for format in [LogFormat::Json, LogFormat::Text] {
        let (telemetry, log) = telemetry(LogLevel::Debug, format);
        publish(&telemetry);
        telemetry.observe(&record());
        telemetry.flush();
        assert!(!log.text().contains("SECRET"), "{}", log.text());
        assert!(!telemetry.render().contains("SECRET"));
    }
}

#[test]
fn attack_57_nothing_a_client_sends_becomes_a_label() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    publish(&telemetry);
    let series = || {
        telemetry
            .render()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .count()
    };
    let send = |number: u32| {
        let poison = format!("poison-{number}");
        telemetry.observe(&Record {
            endpoint: Some(poison.as_str().into()),
            method: poison.as_str().into(),
            host: poison.as_str().into(),
            path: poison.as_str().into(),
            client: poison.as_str().into(),
            correlation: poison.as_str().into(),
            ..record()
        });
    };
    send(0);
    let before = series();
    (1..200).for_each(send);
    assert_eq!(series(), before);
    assert!(!telemetry.render().contains("poison"));
    let text = telemetry.render();
    let line = "ztag_auth_requests_total{endpoint=\"unknown\",outcome=\"fail\",status_code=\"403\",from_cache=\"false\"} 200";
    has(&text, line);
}

#[test]
fn a_decision_is_counted_under_honest_labels() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    publish(&telemetry);
    telemetry.observe(&record());
    let mut hit = record();
    hit.outcome = Outcome::Pass;
    hit.status = 200;
    for rule in &mut hit.trace.rules {
        rule.outcome = Outcome::Pass;
        rule.cache.participation = Participation::Hit;
        rule.backend = None;
    }
    telemetry.observe(&hit);
    let mut refused = record();
    refused.reason = ReasonCode::CredentialsMissing.into();
    refused.status = 401;
    refused.trace.rules.clear();
    telemetry.observe(&refused);

    let text = telemetry.render();
    for line in [
        r#"ztag_auth_requests_total{endpoint="api",outcome="fail",status_code="403",from_cache="false"} 1"#,
        r#"ztag_auth_requests_total{endpoint="api",outcome="pass",status_code="200",from_cache="true"} 1"#,
        r#"ztag_auth_requests_total{endpoint="api",outcome="fail",status_code="401",from_cache="false"} 1"#,
        r#"ztag_auth_request_duration_seconds_bucket{endpoint="api",outcome="fail",le="0.0025"} 2"#,
        r#"ztag_auth_request_duration_seconds_count{endpoint="api",outcome="pass"} 1"#,
        r#"ztag_admission_failures_total{endpoint="api",reason="credentials_missing"} 1"#,
        r#"ztag_stage_duration_seconds_count{stage="admission"} 3"#,
        r#"ztag_rule_evaluations_total{endpoint="api",rule="introspect",outcome="fail"} 1"#,
        r#"ztag_rule_evaluations_total{endpoint="api",rule="introspect",outcome="pass"} 1"#,
        r#"ztag_rule_duration_seconds_count{rule="introspect"} 2"#,
        r#"ztag_backend_requests_total{rule="introspect",result="2xx"} 1"#,
        r#"ztag_backend_request_duration_seconds_count{rule="introspect"} 1"#,
        r#"ztag_cache_operations_total{scope="rule",endpoint="api",rule="introspect",result="stored"} 1"#,
        r#"ztag_cache_operations_total{scope="rule",endpoint="api",rule="introspect",result="hit"} 1"#,
        r#"ztag_cache_operations_total{scope="endpoint",endpoint="api",rule="",result="miss"} 3"#,
        "ztag_config_generation 4",
        r#"ztag_quarantined{kind="endpoint"} 1"#,
        r#"ztag_quarantined{kind="rule"} 2"#,
    ] {
        has(&text, line);
    }
}

#[test]
fn counts_survive_a_reload() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    publish(&telemetry);
    telemetry.observe(&record());
    publish(&telemetry);
    telemetry.observe(&record());
    let line = r#"ztag_rule_evaluations_total{endpoint="api",rule="introspect",outcome="fail"} 2"#;
    has(&telemetry.render(), line);
}

#[test]
fn a_failed_backend_call_is_an_error_whatever_its_status() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    publish(&telemetry);
    for (status, error) in [
        (0, Some("connect".into())),
        (200, Some("too large".into())),
        (503, None),
    ] {
        let mut record = record();
        for backend in record
            .trace
            .rules
            .iter_mut()
            .filter_map(|rule| rule.backend.as_mut())
        {
            backend.status = status;
            backend.error.clone_from(&error);
        }
        telemetry.observe(&record);
    }
    let text = telemetry.render();
    has(
        &text,
        r#"ztag_backend_requests_total{rule="introspect",result="error"} 2"#,
    );
    has(
        &text,
        r#"ztag_backend_requests_total{rule="introspect",result="5xx"} 1"#,
    );
}

#[test]
fn a_remembered_verdict_judged_no_rule() {
    let (telemetry, log) = telemetry(LogLevel::Debug, LogFormat::Json);
    publish(&telemetry);
    let mut remembered = record();
    remembered.cache.participation = Participation::Hit;
    telemetry.observe(&remembered);
    telemetry.flush();
    let text = telemetry.render();
    for counted in ["rule_evaluations", "backend_requests", "cache_operations"] {
        let mut lines = text.lines().filter(|line| {
            line.starts_with(&format!("ztag_{counted}_total"))
                && !line.contains("scope=\"endpoint\"")
        });
        assert!(lines.all(|line| line.ends_with(" 0")), "{counted}: {text}");
    }
    assert!(!log.text().contains("\"msg\":\"rule\""), "{}", log.text());
}

fn inspected(verdict: &'static str) -> InspectReport {
    let mut report = InspectReport {
        verdict,
        ..InspectReport::default()
    };
    report.channels.push(InspectedChannel {
        channel: "user",
        injections: 2,
        contents: 3,
        latency: Duration::from_micros(5),
    });
    report
}

#[test]
fn what_guardrails_find_is_counted_by_channel() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    for (verdict, shadow) in [("block", false), ("block", true), ("mark", false)] {
        let mut record = record();
        record.trace.rules[0].inspect = Some(Box::new(InspectReport {
            shadow,
            ..inspected(verdict)
        }));
        telemetry.observe(&record);
    }
    let text = telemetry.render();
    for line in [
        "ztag_threat_detections_total{channel=\"user\",kind=\"injection\"} 6",
        "ztag_threat_detections_total{channel=\"user\",kind=\"content\"} 9",
        "ztag_prompt_injections_blocked_total{channel=\"user\"} 1",
        "ztag_guard_duration_seconds_count{channel=\"user\"} 3",
    ] {
        has(&text, line);
    }
}

#[test]
fn what_classifiers_say_is_counted_by_result() {
    let (telemetry, log) = telemetry(LogLevel::Info, LogFormat::Json);
    let consulted = ConsultReport {
        asked: 10,
        failed: 1,
        blocked: 2,
        cleared: 3,
        unasked: 0,
        latency: Duration::from_millis(5),
    };
    for consulted in [None, Some(consulted)] {
        let mut record = record();
        record.trace.rules[0].inspect = Some(Box::new(InspectReport {
            consulted,
            ..inspected("mark")
        }));
        telemetry.observe(&record);
    }
    let text = telemetry.render();
    for (result, count) in [("failed", 1), ("blocked", 2), ("cleared", 3), ("kept", 4)] {
        let name = "ztag_guard_transformer_texts_total";
        has(&text, &format!("{name}{{result=\"{result}\"}} {count}"));
    }
    has(&text, "ztag_guard_transformer_duration_seconds_count 1");
    telemetry.flush();
    let line = "\"guard_asked\":10,\"guard_unanswered\":1";
    assert_eq!(log.text().matches(line).count(), 1, "{}", log.text());
}

#[test]
fn every_metric_that_is_listed_can_be_seen_and_no_other() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    publish(&telemetry);
    let mut denied = record();
    denied.reason = ReasonCode::ProxyUntrusted.into();
    telemetry.observe(&denied);
    telemetry.observe(&forwarded("shop", "web", 200, None));
    telemetry.inspected(&InspectReport {
        consulted: Some(ConsultReport::default()),
        ..inspected("block")
    });
    telemetry.name_refusals(&["expired"]);
    telemetry.count_tokens(TokenGauges::default);
    telemetry.count_fetches(|| vec![FetchGauges::default()]);
    telemetry.count_targets(|| vec![TargetGauges::default()]);
    has(&telemetry.render(), "ztag_config_last_reload_success 1");
    telemetry.reload(true);
    telemetry.reload(false);
    telemetry.count_connections("public", || 3);
    telemetry.cache(&CacheGauges {
        entries: Some(1),
        bytes: Some(500),
        evicted: 2,
        available: true,
    });
    let text = telemetry.render();
    let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let seen: Vec<_> = heads.collect();
    let listed: Vec<_> = METRICS
        .iter()
        .map(|metric| format!("{} {}", metric.name, metric.kind.as_str()))
        .collect();
    assert_eq!(seen, listed);
    has(&text, "ztag_config_last_reload_success 0");
    has(&text, "ztag_cache_evictions_total 2");
    has(&text, "ztag_connections{listener=\"public\"} 3");
}

#[test]
fn many_statuses_are_counted_apart() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    publish(&telemetry);
    for _ in 0..2 {
        for status in 200..300 {
            telemetry.observe(&Record { status, ..record() });
        }
    }
    let text = telemetry.render();
    for status in 200..300 {
        has(
            &text,
            &format!(
                "ztag_auth_requests_total{{endpoint=\"api\",outcome=\"fail\",status_code=\"{status}\",from_cache=\"false\"}} 2"
            ),
        );
    }
}

proptest! {
    #[test]
    fn whatever_a_client_sends_stays_one_valid_line(
        method in any::<String>(), host in any::<String>(), path in any::<String>(),
        client in any::<String>(), correlation in any::<String>(),
    ) {
        let (telemetry, log) = telemetry(LogLevel::Debug, LogFormat::Json);
        telemetry.observe(&Record {
            method: method.into(),
            host: host.into(),
            path: path.clone().into(),
            client: client.into(),
            correlation: correlation.clone().into(),
            ..record()
        });
        telemetry.flush();
        let lines = log.objects();
        prop_assert_eq!(lines.len(), 4);
        prop_assert_eq!(lines[3].text("correlation_id"), correlation);
        if !path.is_empty() {
            prop_assert_eq!(lines[3].text("path"), path);
        }
    }
}

#[test]
fn tracing_events_have_the_same_shape_and_no_key_twice() {
    let (telemetry, log) = telemetry(LogLevel::Debug, LogFormat::Json);
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("reload", generation = 7, source = "outer", level = "span");
        let _outer = span.enter();
        let _inner = tracing::info_span!("compile", source = "inner").entered();
        tracing::warn!(
            agent = "server_configuration",
            component = "mine",
            ts = 5,
            took = ?Duration::from_millis(3),
            broken = true,
            ratio = f64::NAN,
            "kept the old plan: \"{}\"\n",
            "bad"
        );
    });
    telemetry.flush();
    let [line] = &log.objects()[..] else {
        panic!("{}", log.text());
    };
    let mut fields = line.0.clone();
    assert!(
        fields
            .remove("ts")
            .unwrap()
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    let expected = json!({
        "level": "warn", "component": "ztag", "agent": "server_configuration", "target": "observe",
        "msg": "kept the old plan: \"bad\"\n", "span": "reload>compile", "generation": 7,
        "source": "inner", "took": "3ms", "broken": true, "ratio": "NaN", "field_ts": 5,
        "field_component": "mine", "field_level": "span",
    });
    assert_eq!(json!(fields), expected);
}

#[test]
fn the_last_clone_dropped_writes_what_waits() {
    let (telemetry, log) = telemetry(LogLevel::Info, LogFormat::Json);
    let other = telemetry.clone();
    other.observe(&record());
    drop((telemetry, other));
    assert_eq!(log.objects().len(), 1);
}

fn forwarded(route: &str, upstream: &str, status: u16, error: Option<&'static str>) -> Record {
    Record {
        status: if status == 0 { 502 } else { status },
        forwarded: Some(Box::new(ForwardReport {
            route: route.into(),
            upstream: upstream.into(),
            target: "10.0.0.1:80".into(),
            status,
            attempts: 2,
            latency: Duration::from_micros(800),
            error,
            ..ForwardReport::default()
        })),
        ..record()
    }
}

#[test]
fn what_was_forwarded_is_logged() {
    let (telemetry, log) = telemetry(LogLevel::Info, LogFormat::Json);
    telemetry.observe(&forwarded("shop", "web", 0, Some("connect")));
    let mut denied = forwarded("shop", "", 0, None);
    denied.forwarded.as_mut().unwrap().attempts = 0;
    denied.forwarded.as_mut().unwrap().target = "".into();
    telemetry.observe(&denied);
    telemetry.flush();
    let [line, denied] = &log.objects()[..] else {
        panic!("{}", log.text());
    };
    for (key, expected) in [
        ("route", json!("shop")),
        ("upstream", json!("web")),
        ("target", json!("10.0.0.1:80")),
        ("attempts", json!(2)),
        ("upstream_ms", json!(0.8)),
        ("upstream_error", json!("connect")),
    ] {
        assert_eq!(line.0[key], expected);
        assert_eq!(denied.0.contains_key(key), key == "route", "{key}");
    }
    assert!(!line.0.contains_key("upstream_status"));
}

#[test]
fn what_was_forwarded_is_counted_by_route_and_upstream() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    assert!(!telemetry.render().contains("ztag_http_requests_total{"));
    telemetry.edge_published(&PublishedEdge {
        routes: &["shop"],
        upstreams: &["web"],
        quarantined_routes: 1,
        quarantined_upstreams: 0,
    });
    telemetry.observe(&forwarded("shop", "web", 204, None));
    telemetry.observe(&forwarded("shop", "web", 0, Some("timeout")));
    telemetry.observe(&forwarded("poison", "poison", 200, None));
    let text = telemetry.render();
    for line in [
        "ztag_http_requests_total{route=\"shop\",status_code=\"204\"} 1",
        "ztag_http_requests_total{route=\"shop\",status_code=\"502\"} 1",
        "ztag_http_requests_total{route=\"unknown\",status_code=\"200\"} 1",
        "ztag_http_request_duration_seconds_count{route=\"shop\"} 2",
        "ztag_upstream_requests_total{upstream=\"web\",result=\"2xx\"} 1",
        "ztag_upstream_requests_total{upstream=\"web\",result=\"error\"} 1",
        "ztag_upstream_attempts_total{upstream=\"web\"} 4",
        "ztag_upstream_request_duration_seconds_count{upstream=\"web\"} 2",
        "ztag_quarantined{kind=\"route\"} 1",
    ] {
        has(&text, line);
    }
    assert!(!text.contains("poison"));
}

#[test]
fn numbers_of_others_are_asked_for_when_rendered() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    telemetry.count_tokens(|| TokenGauges {
        hits: 3,
        misses: 1,
        entries: 7,
        bytes: 4_096,
    });
    let calls = std::sync::atomic::AtomicU64::new(0);
    telemetry.count_targets(move || {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        let upstream = if first { "old" } else { "new" };
        let state = |state, count| TargetGauges {
            upstream: upstream.to_owned(),
            state,
            count,
        };
        vec![state("healthy", 2), state("ejected", 1)]
    });
    telemetry.count_fetches(|| {
        vec![FetchGauges {
            issuer: "https://idp.example/".to_owned(),
            fetched: 5,
            failed: 2,
        }]
    });
    let text = telemetry.render();
    has(&text, "ztag_auth_cache_hit_ratio 0.75");
    has(
        &text,
        "ztag_upstream_targets{upstream=\"old\",state=\"ejected\"} 1",
    );
    // What is gone is not told any more, and nothing is counted twice.
    let text = telemetry.render();
    assert!(!text.contains("upstream=\"old\""));
    for line in [
        "ztag_token_cache_hits_total 3",
        "ztag_token_cache_misses_total 1",
        "ztag_token_cache_entries 7",
        "ztag_token_cache_bytes 4096",
        "ztag_upstream_targets{upstream=\"new\",state=\"healthy\"} 2",
        "ztag_jwks_fetches_total{issuer=\"https://idp.example/\",result=\"success\"} 5",
        "ztag_jwks_fetches_total{issuer=\"https://idp.example/\",result=\"failure\"} 2",
    ] {
        has(&text, line);
    }
}

#[test]
fn refused_tokens_are_counted_by_reason() {
    let (telemetry, _) = telemetry(LogLevel::Error, LogFormat::Json);
    telemetry.name_refusals(&["expired", "keys_unavailable"]);
    for (code, detail) in [
        (ReasonCode::TokenRefused, "expired"),
        (ReasonCode::TokenUndecided, "keys_unavailable"),
        (ReasonCode::TokenRefused, "poison"),
        (ReasonCode::FailCondition, "expired"),
    ] {
        telemetry.observe(&Record {
            reason: Reason::with_detail(code, detail),
            ..record()
        });
    }
    let text = telemetry.render();
    for reason in ["expired", "keys_unavailable", "other"] {
        let line = format!("ztag_tokens_refused_total{{reason=\"{reason}\"}} 1");
        has(&text, &line);
    }
    assert!(!text.contains("poison"));
}
