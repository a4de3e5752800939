//! The metrics table of `design/observability.md`.

use std::fmt::Write;

use ztag_fga_api::METRICS as FGA_METRICS;
use ztag_telemetry::{METRICS, MetricKind};
use ztag_test_support::Failure;

use crate::page::Page;

/// The first lines of a table of metrics.
const HEAD: &str = "| metric | kind | labels | meaning |\n|---|---|---|---|\n";

#[test]
fn the_metrics_are_those_of_the_code() -> Result<(), Failure> {
    let mut table = String::from(HEAD);
    for metric in METRICS {
        add_row(
            &mut table,
            metric.name,
            metric.kind.as_str(),
            metric.labels,
            metric.help,
        );
    }
    let page = Page::open("observability.md")?;
    page.expect_generated("metrics", &table)
}

#[test]
fn the_metrics_of_stores_are_those_of_the_code() -> Result<(), Failure> {
    let mut table = String::from(HEAD);
    for own in FGA_METRICS {
        add_row(&mut table, own.name, own.kind, own.labels, own.help);
    }
    let page = Page::open("observability.md")?;
    page.expect_generated("fga-metrics", &table)
}

fn add_row(table: &mut String, name: &str, kind: &str, labels: &[&str], help: &str) {
    let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        table,
        "| `{name}` | {kind} | {} | {help} |",
        labels.join(", ")
    );
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
