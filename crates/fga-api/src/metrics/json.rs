//! Counts as JSON.

use serde_json::{Value as Json, json};
use ztag_fga::{Size, Tally};

use super::{Reading, StoreReading};

impl Reading {
    pub(super) fn json(&self) -> Json {
        let Self { total, size, .. } = self;
        json!({
            "checks": {
                "total": total.checks(),
                "allowed": total.allowed,
                "denied": total.denied,
                "failed": total.failed,
                "per_second": self.per_second,
                "window_seconds": self.window,
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
            "outage_seconds": self.outage.as_secs_f64(),
            "store_count": self.count,
            "stores": self.stores.iter().map(StoreReading::json).collect::<Vec<_>>(),
        })
    }
}

impl StoreReading {
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

fn bytes(size: &Size) -> Json {
    json!({"index": size.index_bytes, "names": size.name_bytes, "log": size.log_bytes})
}

fn seconds(total: &Tally, part: f64) -> Option<f64> {
    total.times.quantile(part).map(|time| time.as_secs_f64())
}
