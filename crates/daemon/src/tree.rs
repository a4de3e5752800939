//! A decision record as a tree that people can read.

use std::fmt::{self, Write};

use serde_json::Value as Json;

/// Shows a decision record, as the admin listener's `/explain` answers it.
pub(crate) struct Tree<'a>(pub(crate) &'a Json);

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        let (request, response) = (&record["request"], &record["response"]);
        writeln!(
            f,
            "{} {} {}{} -> {}",
            mark(&record["outcome"]),
            text(&request["method"]),
            text(&request["host"]),
            text(&request["path"]),
            response["status"],
        )?;
        writeln!(f, "  why       {}", because(record))?;
        writeln!(
            f,
            "  endpoint  {}  (plan {})",
            text(&record["endpoint"]),
            record["generation"]
        )?;
        writeln!(f, "  client    {}", text(&request["client"]))?;
        writeln!(f, "  presented {}", list(&request["credentials"]))?;
        writeln!(f, "  cache     {}", cache(&record["cache"]))?;
        for stage in items(&record["stages"]) {
            write_stage(f, stage)?;
        }
        for rule in items(&record["rules"]) {
            write_rule(f, rule)?;
        }
        write_response(f, response)
    }
}

fn write_stage(f: &mut fmt::Formatter<'_>, stage: &Json) -> fmt::Result {
    let (name, note) = (text(&stage["stage"]), text(&stage["note"]));
    writeln!(
        f,
        "  {} stage {name:<17} {} ms  {note}",
        mark(&stage["outcome"]),
        stage["latencyMs"]
    )
}

fn write_rule(f: &mut fmt::Formatter<'_>, rule: &Json) -> fmt::Result {
    writeln!(
        f,
        "  {} rule {}: {}",
        mark(&rule["outcome"]),
        text(&rule["rule"]),
        because(rule)
    )?;
    writeln!(f, "      cache    {}", cache(&rule["cache"]))?;
    if !rule["backend"].is_null() {
        write_backend(f, &rule["backend"])?;
    }
    for condition in items(&rule["conditions"]) {
        write_condition(f, condition)?;
    }
    for (name, value) in entries(&rule["variables"]) {
        writeln!(f, "      variable {name} = {value}")?;
    }
    Ok(())
}

fn write_backend(f: &mut fmt::Formatter<'_>, backend: &Json) -> fmt::Result {
    write!(
        f,
        "      backend  {} {} -> {} ({} pages, {} attempts, {} ms)",
        text(&backend["method"]),
        text(&backend["url"]),
        backend["status"],
        backend["pages"],
        backend["attempts"],
        backend["latencyMs"],
    )?;
    match backend["error"].as_str() {
        Some(error) => writeln!(f, " failed: {error}"),
        None => f.write_char('\n'),
    }
}

fn write_condition(f: &mut fmt::Formatter<'_>, condition: &Json) -> fmt::Result {
    let result = match &condition["result"] {
        Json::Bool(true) => "holds".to_owned(),
        Json::Bool(false) => "does not hold".to_owned(),
        other => format!("error: {}", text(&other["error"])),
    };
    let (list, source) = (text(&condition["list"]), text(&condition["source"]));
    writeln!(
        f,
        "      {list}[{}] `{source}` {result}",
        condition["index"]
    )?;
    for (path, value) in entries(&condition["reads"]) {
        writeln!(f, "          {path} = {value}")?;
    }
    Ok(())
}

fn write_response(f: &mut fmt::Formatter<'_>, response: &Json) -> fmt::Result {
    writeln!(f, "  response {}", response["status"])?;
    for header in items(&response["headers"]) {
        writeln!(
            f,
            "      {}: {}",
            text(&header["name"]),
            text(&header["value"])
        )?;
    }
    match text(&response["body"]) {
        "" => Ok(()),
        body => writeln!(f, "      {body}"),
    }
}

fn because(report: &Json) -> String {
    match report["detail"].as_str() {
        Some(detail) => format!("{} ({detail})", text(&report["reason"])),
        None => text(&report["reason"]).to_owned(),
    }
}

fn cache(report: &Json) -> String {
    let mut shown = text(&report["participation"]).to_owned();
    for (key, label) in [("ageMs", "age"), ("ttlMs", "kept for")] {
        if let Some(millis) = report[key].as_f64() {
            // Writing to a string cannot fail.
            let _ = write!(shown, ", {label} {millis} ms");
        }
    }
    let inputs = list(&report["keyInputs"]);
    if !inputs.is_empty() {
        let _ = write!(shown, ", keyed by {inputs}");
    }
    shown
}

fn mark(outcome: &Json) -> char {
    match text(outcome) {
        "pass" => '✓',
        "fail" => '✗',
        _ => '!',
    }
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}

fn items(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn entries(json: &Json) -> impl Iterator<Item = (&String, &Json)> {
    json.as_object().into_iter().flatten()
}

fn list(json: &Json) -> String {
    items(json).map(text).collect::<Vec<_>>().join(", ")
}
