//! The metrics table of `design/observability.md`.

use std::fmt::Write;

use ztag_telemetry::{METRICS, MetricKind};
use ztag_test_support::Failure;

use crate::page::Page;

#[test]
fn the_metrics_are_those_of_the_code() -> Result<(), Failure> {
    let mut table = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for metric in METRICS {
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (name, kind, labels) = (metric.name, metric.kind.as_str(), labels.join(", "));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| `{name}` | {kind} | {labels} | {} |", metric.help);
    }
    let page = Page::open("observability.md")?;
    page.expect_generated("metrics", &table)
}

#[test]
fn the_buckets_are_those_of_the_code() -> Result<(), Failure> {
    let page = Page::open("observability.md")?;
    for metric in METRICS {
        let MetricKind::Histogram(bounds) = metric.kind else {
            continue;
        };
        let bounds: Vec<_> = bounds.iter().map(f64::to_string).collect();
        let bounds = bounds.join(" ");
        if !page.text().contains(&bounds) {
            let text = format!("design/observability.md lacks the buckets `{bounds}`");
            return Err(Failure::new(text));
        }
    }
    Ok(())
}
