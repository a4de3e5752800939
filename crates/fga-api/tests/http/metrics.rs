//! What a server tells of itself.

use serde_json::json;
use ztag_fga::Limits;
use ztag_fga_api::METRICS;

use crate::access::access;
use crate::world::World;

const MODEL: &str = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user]
";

#[test]
fn questions_and_tuples_are_counted() {
    let world = World::open();
    let store = world.store();
    world.model(&store, MODEL);
    let tuple = json!({"user": "user:ada", "relation": "viewer", "object": "doc:1"});
    world.write(&store, &json!([tuple]));
    assert!(world.allows(&store, "user:ada", "viewer", "doc:1"));
    assert!(!world.allows(&store, "user:ben", "viewer", "doc:1"));
    let batch = json!({"checks": [{"tuple_key": tuple, "correlation_id": "1"}]});
    let (status, _) = world.call("POST", &format!("{store}/batch-check"), &batch);
    assert_eq!(status, 200);

    let (status, told) = world.call("GET", "/api/v1/fga/metrics", &json!(null));
    assert_eq!(status, 200);
    let checks = &told["checks"];
    assert_eq!(
        (&checks["total"], &checks["allowed"], &checks["denied"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert!(
        checks["per_second"]
            .as_f64()
            .is_some_and(|rate| rate >= 0.0)
    );
    assert!(
        told["check_seconds"]["p99"]
            .as_f64()
            .is_some_and(|p99| p99 > 0.0)
    );
    assert_eq!(
        (&told["tuples"], &told["writes"]["tuples_written"]),
        (&json!(1), &json!(1))
    );
    let own = &told["stores"][0];
    assert_eq!(
        (&own["models"], &own["checks"], &own["tuples"]),
        (&json!(1), &json!(3), &json!(1))
    );
    assert!(own["revision"].is_string() && store.ends_with(own["id"].as_str().unwrap()));
}

#[test]
fn prometheus_reads_the_same() {
    let world = World::open();
    let store = world.store();
    world.model(&store, MODEL);
    assert!(!world.allows(&store, "user:ben", "viewer", "doc:1"));
    let reply = world.send("GET", "/metrics", "");
    assert_eq!(reply.status, 200);
    let text = reply.text();
    let id = store.strip_prefix("/stores/").unwrap();
    for line in [
        "# TYPE fga_checks_total counter",
        "fga_checks_total{result=\"denied\"} 1",
        "fga_checks_total{result=\"allowed\"} 0",
        "# TYPE fga_check_seconds histogram",
        "fga_check_seconds_bucket{le=\"+Inf\"} 1",
        "fga_check_seconds_count 1",
        "# TYPE fga_checks_per_second gauge",
        &format!("fga_tuples{{store=\"{id}\",name=\"a test\"}} 0"),
        "fga_tuples{store=\"other\",name=\"\"} 0",
        "fga_writes_total 0",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families = METRICS
        .iter()
        .map(|own| format!("{} {}", own.name, own.kind));
    assert_eq!(heads.collect::<Vec<_>>(), families.collect::<Vec<_>>());
}

/// Whoever may ask one store does not see what others ask theirs.
#[test]
fn only_those_who_may_call_everything_see_it() {
    let bound = json!({"key": "key-of-one-store", "stores": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]});
    let spec = json!({"keys": [{"key": "key-of-all-of-them"}, bound]});
    let world = World::new(Limits::default(), access(&spec).unwrap());
    for path in ["/metrics", "/api/v1/fga/metrics"] {
        let status = |token| world.send_as(token, "GET", path, "").status;
        assert_eq!(status(None), 401, "{path}");
        assert_eq!(status(Some("key-of-one-store")), 401, "{path}");
        assert_eq!(status(Some("key-of-all-of-them")), 200, "{path}");
    }
}
