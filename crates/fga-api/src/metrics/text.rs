//! Counts as Prometheus reads them.

use std::fmt::{Display, Write};

use super::{Reading, StoreReading};

/// One metric of the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricFamily {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// One sentence about it.
    pub help: &'static str,
}

const fn family(
    name: &'static str,
    kind: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> MetricFamily {
    MetricFamily {
        name,
        kind,
        labels,
        help,
    }
}

const CHECKS: MetricFamily = family(
    "fga_checks_total",
    "counter",
    &["result"],
    "Checks by what came of them.",
);
const RATE: MetricFamily = family(
    "fga_checks_per_second",
    "gauge",
    &[],
    "Checks per second, of the last seconds.",
);
const TIMES: MetricFamily = family(
    "fga_check_seconds",
    "histogram",
    &[],
    "How long checks took, of one in sixteen.",
);
const LISTS: MetricFamily = family(
    "fga_lists_total",
    "counter",
    &[],
    "Lists of objects and users.",
);
const MEMO_HITS: MetricFamily = family(
    "fga_memo_hits_total",
    "counter",
    &[],
    "Parts of checks known already.",
);
const WRITES: MetricFamily = family(
    "fga_writes_total",
    "counter",
    &[],
    "Writes shown, those of one commit as one.",
);
const CHANGES: MetricFamily = family(
    "fga_tuple_changes_total",
    "counter",
    &["operation"],
    "Tuples written and deleted.",
);
const STORES: MetricFamily = family("fga_stores", "gauge", &[], "Stores.");
const OUTAGE: MetricFamily = family(
    "fga_outage_seconds",
    "gauge",
    &[],
    "How long nothing could be written down, and nothing heard of what others wrote; 0 while all is well.",
);
const TUPLES: MetricFamily = family(
    "fga_tuples",
    "gauge",
    &["store", "name"],
    "Tuples by store; those of later stores together.",
);
const BYTES: MetricFamily = family(
    "fga_bytes",
    "gauge",
    &["part"],
    "Bytes of memory by what they hold.",
);

/// Every metric of the stores, in the order in which they are told.
pub const METRICS: &[MetricFamily] = &[
    CHECKS, RATE, TIMES, LISTS, MEMO_HITS, WRITES, CHANGES, STORES, OUTAGE, TUPLES, BYTES,
];

impl Reading {
    pub(super) fn text(&self) -> String {
        let Self { total, size, .. } = self;
        let results = [
            ("allowed", total.allowed),
            ("denied", total.denied),
            ("failed", total.failed),
        ];
        let changes = [("write", total.written), ("delete", total.deleted)];
        let parts = [
            ("index", size.index_bytes),
            ("names", size.name_bytes),
            ("log", size.log_bytes),
        ];
        let mut text = Text::default();
        text.labeled(&CHECKS, &results);
        text.single(&RATE, self.per_second);
        self.times(&mut text);
        text.single(&LISTS, total.lists);
        text.single(&MEMO_HITS, total.memo_hits);
        text.single(&WRITES, total.writes);
        text.labeled(&CHANGES, &changes);
        text.single(&STORES, self.count);
        text.single(&OUTAGE, self.outage.as_secs_f64());
        self.tuples(&mut text);
        text.labeled(&BYTES, &parts);
        text.0
    }

    fn times(&self, text: &mut Text) {
        let (name, times) = (TIMES.name, &self.total.times);
        text.head(&TIMES);
        let mut below = 0;
        for (end, own) in times.classes() {
            below += own;
            let end = end.as_secs_f64();
            text.line(&format!("{name}_bucket{{le=\"{end}\"}}"), below);
        }
        text.line(&format!("{name}_bucket{{le=\"+Inf\"}}"), below);
        text.line(&format!("{name}_sum"), times.total.as_secs_f64());
        text.line(&format!("{name}_count"), below);
    }

    fn tuples(&self, text: &mut Text) {
        let name = TUPLES.name;
        text.head(&TUPLES);
        let mut told = 0;
        for StoreReading {
            id,
            name: own,
            size,
            ..
        } in &self.stores
        {
            told += size.tuples;
            let own = escaped(own);
            text.line(
                &format!("{name}{{store=\"{id}\",name=\"{own}\"}}"),
                size.tuples,
            );
        }
        let others = self.size.tuples.saturating_sub(told);
        text.line(&format!("{name}{{store=\"other\",name=\"\"}}"), others);
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, family: &MetricFamily) {
        let MetricFamily {
            name, kind, help, ..
        } = family;
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn single(&mut self, family: &MetricFamily, value: impl Display) {
        self.head(family);
        self.line(family.name, value);
    }

    /// One line for each value of the only label.
    fn labeled(&mut self, family: &MetricFamily, values: &[(&str, impl Display)]) {
        self.head(family);
        let (name, label) = (family.name, family.labels.first().unwrap_or(&""));
        for (own, value) in values {
            self.put(format_args!("{name}{{{label}=\"{own}\"}} {value}\n"));
        }
    }

    fn line(&mut self, series: &str, value: impl Display) {
        self.put(format_args!("{series} {value}\n"));
    }

    fn put(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        let _ = self.0.write_fmt(line);
    }
}

/// The value of a label: names are given by whoever may make stores.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_stay_within_their_quotes() {
        assert_eq!(escaped("a\"b\\c\nd\te"), "a\\\"b\\\\c\\nd e");
    }
}
