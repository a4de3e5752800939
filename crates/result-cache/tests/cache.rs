//! The cache as its callers see it: one decision at a time, remembered no longer than allowed.
#![cfg(test)]

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use ztag_result_cache::{
    CacheKey, CacheSpec, Decided, Entry, Fingerprint, KeyBuilder, MemorySpec, ResultCache,
};
use ztag_types::{ManualClock, Map, Outcome, Participation, ReasonCode, Value};

const TEN_SECONDS: Duration = Duration::from_secs(10);

fn cache() -> (ResultCache, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let cache = ResultCache::memory(&CacheSpec::default(), clock.clone());
    (cache, clock)
}

fn key(name: &str) -> CacheKey {
    let namespace = CacheSpec::default().namespace();
    let mut builder = KeyBuilder::new(&namespace, &Fingerprint::of(b"test"));
    builder.text("name", name).finish()
}

fn entry(exports: Map) -> Entry {
    let reason = ReasonCode::RulePassed.into();
    Entry::try_new(Outcome::Pass, reason, exports, Map::new()).unwrap()
}

/// Asks with a decision that may be remembered for `lifetime`.
async fn ask(cache: &ResultCache, key: &CacheKey, lifetime: Duration) -> Participation {
    let decide = async || ((), Some((entry(Map::new()), lifetime)));
    cache.get_or_decide(key, decide).await.1.participation
}

#[tokio::test]
async fn a_verdict_is_remembered_until_its_lifetime_ends() {
    let (cache, clock) = cache();
    let key = key("a");
    assert_eq!(ask(&cache, &key, TEN_SECONDS).await, Participation::Stored);
    clock.advance(Duration::from_secs(4));
    let (_, report) = cache.get_or_decide(&key, async || ((), None)).await;
    assert_eq!(report.participation, Participation::Hit);
    assert_eq!(report.age, Some(Duration::from_secs(4)));
    assert_eq!(report.ttl, Some(Duration::from_secs(6)));
    clock.advance(Duration::from_secs(6));
    assert_eq!(ask(&cache, &key, TEN_SECONDS).await, Participation::Stored);
}

#[tokio::test]
async fn the_ceiling_of_the_server_counts_here_too() {
    let (cache, clock) = cache();
    let key = key("a");
    assert_eq!(
        ask(&cache, &key, Duration::MAX).await,
        Participation::Stored
    );
    clock.advance(Duration::from_secs(30));
    assert_eq!(ask(&cache, &key, Duration::ZERO).await, Participation::Miss);
    assert_eq!(ask(&cache, &key, Duration::ZERO).await, Participation::Miss);
}

#[tokio::test]
async fn defect_03_10_what_may_not_be_remembered_is_decided_again() {
    let (cache, _) = cache();
    let decisions = Cell::new(0);
    for _ in 0..3 {
        let (decided, report) = cache
            .get_or_decide(&key("a"), async || {
                decisions.set(decisions.get() + 1);
                (decisions.get(), None)
            })
            .await;
        assert!(matches!(decided, Decided::Fresh(number) if number == decisions.get()));
        assert_eq!(report.participation, Participation::Miss);
    }
    assert_eq!(decisions.get(), 3);
    assert_eq!(cache.stats().entries, Some(0));
}

#[tokio::test]
async fn defect_03_07_a_hit_gives_back_exports_with_their_types() {
    let (cache, _) = cache();
    let exports: Map = [
        ("id".into(), Value::Int(9_007_199_254_740_993)),
        ("ratio".into(), Value::Double(1.0)),
        ("user".into(), Value::text("ada")),
    ]
    .into_iter()
    .collect();
    let kept = exports.clone();
    let decide = async || ((), Some((entry(kept), TEN_SECONDS)));
    cache.get_or_decide(&key("a"), decide).await;
    let (decided, _) = cache.get_or_decide(&key("a"), async || ((), None)).await;
    let Decided::Remembered(entry) = decided else {
        panic!("decided again");
    };
    assert_eq!(entry.exports(), &exports);
}

#[tokio::test]
async fn identical_questions_are_decided_once() {
    let (cache, _) = cache();
    let (key, gate, decisions) = (key("a"), Notify::new(), Cell::new(0));
    let slow = async || {
        decisions.set(decisions.get() + 1);
        gate.notified().await;
        ((), Some((entry(Map::new()), TEN_SECONDS)))
    };
    let follow = || cache.get_or_decide(&key, slow);
    let (leader, first, second, ()) = tokio::join!(follow(), follow(), follow(), async {
        gate.notify_one();
    });
    assert_eq!(decisions.get(), 1);
    assert_eq!(leader.1.participation, Participation::Stored);
    for (decided, report) in [first, second] {
        assert!(matches!(decided, Decided::Remembered(_)));
        assert_eq!(report.participation, Participation::Shared);
    }
    assert_eq!((cache.stats().misses, cache.stats().shared), (1, 2));
}

#[tokio::test]
async fn followers_of_a_verdict_not_to_be_shared_decide_at_the_same_time() {
    let (cache, _) = cache();
    let (key, gate, arrived) = (key("a"), Notify::new(), Cell::new(0));
    // The leader waits to be let go, the followers wait for each other.
    let alone = async || {
        arrived.set(arrived.get() + 1);
        match arrived.get() {
            1 | 2 => gate.notified().await,
            _ => gate.notify_one(),
        }
        ((), None)
    };
    let ask = || cache.get_or_decide(&key, alone);
    let (a, b, c, ()) = tokio::join!(ask(), ask(), ask(), async { gate.notify_one() });
    assert_eq!(arrived.get(), 3);
    for (decided, report) in [a, b, c] {
        assert!(matches!(decided, Decided::Fresh(())));
        assert_eq!(report.participation, Participation::Miss);
    }
}

#[tokio::test]
async fn a_cancelled_leader_hands_over() {
    let (cache, _) = cache();
    let key = key("a");
    let started = Notify::new();
    let hanging = cache.get_or_decide(&key, async || {
        started.notify_one();
        std::future::pending::<((), _)>().await
    });
    let mut hanging = Box::pin(hanging);
    tokio::select! {
        _ = &mut hanging => panic!("decided"),
        () = started.notified() => {}
    }
    let follower = ask(&cache, &key, TEN_SECONDS);
    let (participation, ()) = tokio::join!(follower, async { drop(hanging) });
    assert_eq!(participation, Participation::Stored);
}

#[tokio::test]
async fn a_panicking_decision_does_not_block_its_key() {
    let (cache, _) = cache();
    let cache = Arc::new(cache);
    let key = key("a");
    let task = tokio::spawn({
        let cache = cache.clone();
        async move {
            cache
                .get_or_decide(&key, async || -> ((), _) { panic!("a test of panics") })
                .await;
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(ask(&cache, &key, TEN_SECONDS).await, Participation::Stored);
}

#[tokio::test]
async fn defect_09_05_fifty_expired_tokens_are_gone_from_the_numbers() {
    let (cache, clock) = cache();
    for token in 0..50 {
        ask(&cache, &key(&token.to_string()), TEN_SECONDS).await;
    }
    assert_eq!(cache.stats().entries, Some(50));
    clock.advance(TEN_SECONDS);
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.bytes), (Some(0), Some(0)));
    assert_eq!((stats.stored, stats.misses, stats.hits), (50, 50, 0));
}

#[tokio::test]
async fn what_does_not_fit_is_not_reported_as_stored() {
    let spec = CacheSpec {
        memory: MemorySpec {
            max_bytes: 64 * 1024,
            max_entries: 10,
        },
        ..CacheSpec::default()
    };
    let cache = ResultCache::memory(&spec, Arc::new(ManualClock::new()));
    let large: Map = [("x".into(), Value::from("y".repeat(100_000)))]
        .into_iter()
        .collect();
    let decide = async || ((), Some((entry(large), TEN_SECONDS)));
    let (_, report) = cache.get_or_decide(&key("a"), decide).await;
    assert_eq!(report.participation, Participation::Miss);
}
