//! What the stores are asked and told, in numbers: as JSON for people and their tools, and as
//! Prometheus reads it (text format 0.0.4).
//!
//! Counts begin with the process and do not go back when a store is deleted. Labels come from
//! closed sets, but for the ids of the oldest stores.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use ztag_fga::{Size, Tally};
use ztag_fga_store::{NamedStore, StoreId, Stores};

/// Stores that are told of one by one; the others are told of together.
const TOLD: usize = 100;
/// The time that a rate is about.
const WINDOW: Duration = Duration::from_secs(10);
/// The least time between two counts that a rate is made of.
const STEP: Duration = Duration::from_secs(1);

/// Reads the counts of all stores.
#[derive(Debug)]
pub(crate) struct Metrics(Mutex<Seen>);

/// What was read before.
#[derive(Debug)]
struct Seen {
    /// The last counts of each store.
    stores: BTreeMap<StoreId, Tally>,
    /// The last counts of stores that are no more.
    gone: Tally,
    /// Checks up to some moments, the oldest first.
    moments: VecDeque<(Instant, u64)>,
}

/// All counts at one moment.
struct Reading {
    total: Tally,
    per_second: f64,
    /// Seconds that the rate is about.
    window: f64,
    stores: Vec<StoreReading>,
    /// All stores together, those not told of as well.
    count: usize,
    size: Size,
}

/// One store.
struct StoreReading {
    id: StoreId,
    name: String,
    size: Size,
    models: usize,
    revision: String,
    checks: u64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Seen {
            stores: BTreeMap::new(),
            gone: Tally::default(),
            moments: VecDeque::from([(Instant::now(), 0)]),
        }))
    }

    /// All numbers as JSON.
    pub(crate) fn json(&self, stores: &Stores) -> Json {
        let reading = self.read(stores);
        let Reading { total, size, .. } = &reading;
        json!({
            "checks": {
                "total": total.checks(),
                "allowed": total.allowed,
                "denied": total.denied,
                "failed": total.failed,
                "per_second": reading.per_second,
                "window_seconds": reading.window,
            },
            "check_seconds": {
                "timed": total.times.count(),
                "p50": seconds(total, 0.5),
                "p90": seconds(total, 0.9),
                "p99": seconds(total, 0.99),
                "p999": seconds(total, 0.999),
            },
            "memo": {"hits": total.memo_hits},
            "lists": {"total": total.lists},
            "writes": {
                "total": total.writes,
                "tuples_written": total.written,
                "tuples_deleted": total.deleted,
            },
            "tuples": size.tuples,
            "objects": size.entities,
            "bytes": bytes(size),
            "store_count": reading.count,
            "stores": reading.stores.iter().map(StoreReading::json).collect::<Vec<_>>(),
        })
    }

    /// All numbers as Prometheus reads them.
    pub(crate) fn text(&self, stores: &Stores) -> String {
        let reading = self.read(stores);
        let mut text = Text::default();
        reading.write(&mut text);
        text.0
    }

    fn read(&self, stores: &Stores) -> Reading {
        let all = stores.list(None, usize::MAX, |_| true);
        let mut seen = self.0.lock();
        let tallies = all
            .iter()
            .map(|own| (own.id().clone(), own.store().tally()));
        let total = seen.add_up(tallies.collect());
        let (per_second, window) = seen.rate(Instant::now(), total.checks());
        let mut size = Size::default();
        for store in &all {
            add(&mut size, &store.store().size());
        }
        Reading {
            total,
            per_second,
            window,
            stores: all
                .iter()
                .take(TOLD)
                .map(|own| StoreReading::of(own))
                .collect(),
            count: all.len(),
            size,
        }
    }
}

impl Seen {
    /// The counts of all stores there ever were.
    fn add_up(&mut self, tallies: BTreeMap<StoreId, Tally>) -> Tally {
        for (id, last) in &self.stores {
            if !tallies.contains_key(id) {
                self.gone.add(last);
            }
        }
        self.stores = tallies;
        let mut total = self.gone.clone();
        for tally in self.stores.values() {
            total.add(tally);
        }
        total
    }

    /// Checks per second since some seconds ago, and how many seconds that is about.
    fn rate(&mut self, now: Instant, checks: u64) -> (f64, f64) {
        let is_old = |moment: Option<&(Instant, u64)>| {
            moment.is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW)
        };
        // The newest of those that are old enough is the one to compare with.
        while is_old(self.moments.get(1)) {
            self.moments.pop_front();
        }
        let (at, before) = self.moments.front().copied().unwrap_or((now, checks));
        let window = now.duration_since(at);
        if self
            .moments
            .back()
            .is_none_or(|(last, _)| now.duration_since(*last) >= STEP)
        {
            self.moments.push_back((now, checks));
        }
        let seconds = window.as_secs_f64();
        let since = rounded(checks.saturating_sub(before));
        let rate = if seconds > 0.0 { since / seconds } else { 0.0 };
        (rate, seconds)
    }
}

impl StoreReading {
    fn of(named: &NamedStore) -> Self {
        let store = named.store();
        Self {
            id: named.id().clone(),
            name: named.name().to_owned(),
            size: store.size(),
            models: store.models(None, usize::MAX).len(),
            revision: store.revision().to_string(),
            checks: store.tally().checks(),
        }
    }

    fn json(&self) -> Json {
        json!({
            "id": self.id.as_str(),
            "name": self.name,
            "tuples": self.size.tuples,
            "objects": self.size.entities,
            "bytes": bytes(&self.size),
            "models": self.models,
            "revision": self.revision,
            "checks": self.checks,
        })
    }
}

impl Reading {
    fn write(&self, text: &mut Text) {
        let Self { total, size, .. } = self;
        let results = [
            ("allowed", total.allowed),
            ("denied", total.denied),
            ("failed", total.failed),
        ];
        text.family(
            "fga_checks_total",
            "counter",
            "Checks by what came of them.",
        );
        text.labeled("fga_checks_total", "result", &results);
        text.family(
            "fga_checks_per_second",
            "gauge",
            "Checks per second, of the last seconds.",
        );
        text.line("fga_checks_per_second", self.per_second);
        self.write_times(text);
        text.single(
            "fga_lists_total",
            "counter",
            "Lists of objects and users.",
            total.lists,
        );
        text.single(
            "fga_memo_hits_total",
            "counter",
            "Parts of checks known already.",
            total.memo_hits,
        );
        text.single(
            "fga_writes_total",
            "counter",
            "Writes shown, those of one commit as one.",
            total.writes,
        );
        text.family(
            "fga_tuple_changes_total",
            "counter",
            "Tuples written and deleted.",
        );
        let changes = [("write", total.written), ("delete", total.deleted)];
        text.labeled("fga_tuple_changes_total", "operation", &changes);
        text.single("fga_stores", "gauge", "Stores.", count(self.count));
        self.write_tuples(text);
        text.family("fga_bytes", "gauge", "Bytes of memory by what they hold.");
        let parts = [
            ("index", count(size.index_bytes)),
            ("names", count(size.name_bytes)),
            ("log", count(size.log_bytes)),
        ];
        text.labeled("fga_bytes", "part", &parts);
    }

    fn write_times(&self, text: &mut Text) {
        const NAME: &str = "fga_check_seconds";
        let times = &self.total.times;
        text.family(
            NAME,
            "histogram",
            "How long checks took, of one in sixteen.",
        );
        let mut below = 0;
        for (end, own) in times.classes() {
            below += own;
            let end = end.as_secs_f64();
            text.line(&format!("{NAME}_bucket{{le=\"{end}\"}}"), below);
        }
        text.line(&format!("{NAME}_bucket{{le=\"+Inf\"}}"), below);
        text.line(&format!("{NAME}_sum"), times.total.as_secs_f64());
        text.line(&format!("{NAME}_count"), below);
    }

    fn write_tuples(&self, text: &mut Text) {
        text.family(
            "fga_tuples",
            "gauge",
            "Tuples by store; those of later stores together.",
        );
        let mut told = 0;
        for store in &self.stores {
            told += store.size.tuples;
            let name = format!("fga_tuples{{store=\"{}\"}}", store.id);
            text.line(&name, store.size.tuples);
        }
        let others = self.size.tuples.saturating_sub(told);
        text.line("fga_tuples{store=\"other\"}", others);
    }
}

/// Text as Prometheus reads it.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.line(name, value);
    }

    fn labeled(&mut self, name: &str, label: &str, values: &[(&str, u64)]) {
        for (own, value) in values {
            self.put(format_args!("{name}{{{label}=\"{own}\"}} {value}\n"));
        }
    }

    fn line(&mut self, series: &str, value: impl std::fmt::Display) {
        self.put(format_args!("{series} {value}\n"));
    }

    fn put(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        let _ = self.0.write_fmt(line);
    }
}

fn bytes(size: &Size) -> Json {
    json!({"index": size.index_bytes, "names": size.name_bytes, "log": size.log_bytes})
}

fn seconds(total: &Tally, part: f64) -> Option<f64> {
    total.times.quantile(part).map(|time| time.as_secs_f64())
}

fn add(size: &mut Size, other: &Size) {
    size.tuples += other.tuples;
    size.entities += other.entities;
    size.index_bytes += other.index_bytes;
    size.name_bytes += other.name_bytes;
    size.log_bytes += other.log_bytes;
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs few digits")]
const fn rounded(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(allowed: u64) -> Tally {
        Tally {
            allowed,
            ..Tally::default()
        }
    }

    #[test]
    fn counts_outlive_their_stores() {
        let metrics = Metrics::new();
        let mut seen = metrics.0.lock();
        let [one, two] =
            [1, 2].map(|at| StoreId::generate(ztag_types::Timestamp::from_seconds(at)));
        let both = BTreeMap::from([(one.clone(), tally(5)), (two, tally(7))]);
        assert_eq!(seen.add_up(both).allowed, 12);
        assert_eq!(
            seen.add_up(BTreeMap::from([(one.clone(), tally(6))]))
                .allowed,
            13
        );
        assert_eq!(seen.add_up(BTreeMap::from([(one, tally(6))])).allowed, 13);
    }

    #[test]
    fn rates_are_about_the_last_seconds() {
        let start = Instant::now();
        let mut seen = Seen {
            stores: BTreeMap::new(),
            gone: Tally::default(),
            moments: VecDeque::from([(start, 0)]),
        };
        let mut rate = |second: u64, checks| seen.rate(start + Duration::from_secs(second), checks);
        assert_eq!(rate(0, 0), (0.0, 0.0));
        assert_eq!(rate(2, 200), (100.0, 2.0));
        assert_eq!(rate(12, 1200), (100.0, 10.0));
        // Nothing more is asked: what was asked before is forgotten.
        assert_eq!(rate(22, 1200), (0.0, 10.0));
        assert_eq!(rate(100, 1200), (0.0, 78.0));
    }
}
