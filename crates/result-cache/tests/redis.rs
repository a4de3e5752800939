//! The Redis backend against a real server: shared verdicts, outages, forgeries, TLS and login.
#![cfg(test)]

mod redis_server;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis_server::RedisServer;
use ztag_result_cache::{
    CacheBackend, CacheKey, CacheSpec, Decided, Entry, Fingerprint, KeyBuilder, RedisSpec,
    RedisTlsSpec, ResultCache,
};
use ztag_types::{
    DurationSpec, Map, Outcome, Participation, ReasonCode, Secret, SystemClock, Value,
};

const LIFETIME: Duration = Duration::from_secs(20);

fn spec(server: &RedisServer) -> CacheSpec {
    CacheSpec {
        backend: CacheBackend::Redis,
        key_salt: Secret::new("pepper".to_owned()),
        redis: RedisSpec {
            address: server.address(),
            // Generous, so that a busy machine does not look like an outage.
            timeout: DurationSpec::new(Duration::from_secs(5)),
            ..RedisSpec::default()
        },
        ..CacheSpec::default()
    }
}

fn open(spec: &CacheSpec, roots: Option<&[u8]>) -> ResultCache {
    ResultCache::open(spec, roots, Arc::new(SystemClock::new())).unwrap()
}

async fn connected(spec: &CacheSpec) -> ResultCache {
    let cache = open(spec, None);
    until(&cache, true).await;
    cache
}

/// Waits for the connection to come or go.
async fn until(cache: &ResultCache, available: bool) {
    let changed = async {
        while cache.stats().available != available {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), changed).await;
    assert!(waited.is_ok(), "still {:?}", cache.stats());
}

fn key(spec: &CacheSpec, name: &str) -> CacheKey {
    let mut builder = KeyBuilder::new(&spec.namespace(), &Fingerprint::of(b"test"));
    builder.text("name", name).finish()
}

fn entry() -> Entry {
    let exports: Map = [
        ("id".into(), Value::Int(9_007_199_254_740_993)),
        ("ratio".into(), Value::Double(1.0)),
    ]
    .into_iter()
    .collect();
    let reason = ReasonCode::RulePassed.into();
    Entry::try_new(Outcome::Pass, reason, exports, Map::new()).unwrap()
}

async fn ask(cache: &ResultCache, key: &CacheKey) -> (Option<Arc<Entry>>, Participation) {
    let decide = async || ((), Some((entry(), LIFETIME)));
    let (decided, report) = cache.get_or_decide(key, decide).await;
    let entry = match decided {
        Decided::Remembered(entry) => Some(entry),
        Decided::Fresh(()) => None,
    };
    (entry, report.participation)
}

async fn participation(cache: &ResultCache, key: &CacheKey) -> Participation {
    ask(cache, key).await.1
}

#[tokio::test]
async fn replicas_share_verdicts_with_their_types() {
    let server = RedisServer::start();
    let spec = spec(&server);
    let (one, other) = (connected(&spec).await, connected(&spec).await);
    let key = key(&spec, "a");
    assert_eq!(participation(&one, &key).await, Participation::Stored);
    let (remembered, participation) = ask(&other, &key).await;
    assert_eq!(participation, Participation::Hit);
    let remembered = remembered.unwrap();
    assert_eq!(remembered.exports(), entry().exports());
    assert_eq!(remembered.lifetime(), LIFETIME);
}

#[tokio::test]
async fn another_epoch_or_salt_meets_nothing() {
    let server = RedisServer::start();
    let spec = spec(&server);
    let cache = connected(&spec).await;
    participation(&cache, &key(&spec, "a")).await;
    let later = CacheSpec {
        epoch: 2,
        ..spec.clone()
    };
    let cache = connected(&later).await;
    let found = participation(&cache, &key(&later, "a")).await;
    assert_eq!(found, Participation::Stored);
}

#[tokio::test]
async fn redis_forgets_when_the_lifetime_ends() {
    let server = RedisServer::start();
    let spec = spec(&server);
    let cache = connected(&spec).await;
    participation(&cache, &key(&spec, "a")).await;
    let mut raw = raw(&server).await;
    let names: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut raw)
        .await
        .unwrap();
    let [name] = &names[..] else {
        panic!("{names:?}")
    };
    assert!(name.starts_with("ztag:decision:v1:1:"));
    let left: u64 = redis::cmd("PTTL")
        .arg(name)
        .query_async(&mut raw)
        .await
        .unwrap();
    assert!(left > 0 && Duration::from_millis(left) <= LIFETIME);
}

/// Attack classes 20 and 42: Redis dies in the middle, comes back, and nothing opens meanwhile.
#[tokio::test]
async fn an_outage_is_a_miss_and_ends_by_itself() {
    let mut server = RedisServer::start();
    let spec = spec(&server);
    let cache = connected(&spec).await;
    let key = key(&spec, "a");
    assert_eq!(participation(&cache, &key).await, Participation::Stored);
    assert_eq!(participation(&cache, &key).await, Participation::Hit);

    server.kill();
    assert_eq!(
        participation(&cache, &key).await,
        Participation::Unavailable
    );
    assert_eq!(
        participation(&cache, &key).await,
        Participation::Unavailable
    );
    let stats = cache.stats();
    assert_eq!((stats.unavailable, stats.available), (2, false));
    assert_eq!(stats.entries, None);

    server.restart();
    until(&cache, true).await;
    assert_eq!(participation(&cache, &key).await, Participation::Stored);
    assert_eq!(participation(&cache, &key).await, Participation::Hit);
    assert_eq!(cache.stats().trouble, None);
}

#[tokio::test]
async fn a_dead_redis_does_not_hold_up_the_start() {
    let mut server = RedisServer::start();
    let spec = spec(&server);
    server.kill();
    let cache = open(&spec, None);
    let key = key(&spec, "a");
    assert_eq!(
        participation(&cache, &key).await,
        Participation::Unavailable
    );
    server.restart();
    until(&cache, true).await;
    assert_eq!(participation(&cache, &key).await, Participation::Stored);
}

#[tokio::test]
async fn a_silent_redis_costs_one_timeout_and_comes_back() {
    let server = RedisServer::start();
    let mut spec = spec(&server);
    spec.redis.timeout = DurationSpec::new(Duration::from_millis(300));
    let cache = connected(&spec).await;
    let key = key(&spec, "a");
    server.signal("-STOP");
    assert_eq!(
        participation(&cache, &key).await,
        Participation::Unavailable
    );
    assert_eq!(cache.stats().trouble.as_deref(), Some("timed out"));
    assert_eq!(
        participation(&cache, &key).await,
        Participation::Unavailable
    );
    server.signal("-CONT");
    until(&cache, true).await;
    assert_ne!(
        participation(&cache, &key).await,
        Participation::Unavailable
    );
}

#[tokio::test]
async fn foreign_and_forged_values_are_misses() {
    let server = RedisServer::start();
    let spec = spec(&server);
    let cache = connected(&spec).await;
    let (victim, source) = (key(&spec, "victim"), key(&spec, "source"));
    participation(&cache, &source).await;
    let mut raw = raw(&server).await;
    let names: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut raw)
        .await
        .unwrap();
    let genuine: Vec<u8> = redis::cmd("GET")
        .arg(&names[0])
        .query_async(&mut raw)
        .await
        .unwrap();
    participation(&cache, &victim).await;
    let after: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut raw)
        .await
        .unwrap();
    let name = after.iter().find(|name| **name != names[0]).unwrap();

    let mut truncated = genuine.clone();
    truncated.pop();
    // Built without the salt, as somebody with access to Redis alone would.
    let unsalted = [entry().encode(), vec![0; 32]].concat();
    for forged in [
        b"".to_vec(),
        b"{}".to_vec(),
        vec![0xff; 1_000_000],
        truncated,
        genuine,
        unsalted,
    ] {
        let set = redis::cmd("SET").arg(name).arg(forged).to_owned();
        set.exec_async(&mut raw).await.unwrap();
        assert_eq!(participation(&cache, &victim).await, Participation::Stored);
    }
    redis::cmd("DEL")
        .arg(name)
        .exec_async(&mut raw)
        .await
        .unwrap();
    let push = redis::cmd("RPUSH").arg(name).arg("a list").to_owned();
    push.exec_async(&mut raw).await.unwrap();
    assert_eq!(participation(&cache, &victim).await, Participation::Stored);
}

#[tokio::test]
async fn identical_questions_ask_redis_once() {
    let server = RedisServer::start();
    let spec = spec(&server);
    let cache = connected(&spec).await;
    let key = key(&spec, "a");
    let (one, other) = tokio::join!(participation(&cache, &key), participation(&cache, &key));
    assert_eq!((one, other), (Participation::Stored, Participation::Shared));
    let (one, other) = tokio::join!(participation(&cache, &key), participation(&cache, &key));
    assert_eq!((one, other), (Participation::Hit, Participation::Shared));
}

#[tokio::test]
async fn tls_and_login_are_spoken() {
    let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = authority.cert.pem();
    let server = RedisServer::start_with(|port, folder| {
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, &certificate).unwrap();
        std::fs::write(&key, authority.signing_key.serialize_pem()).unwrap();
        secured(port, &cert, &key)
    });
    let mut spec = spec(&server);
    spec.redis.username = "app".to_owned();
    spec.redis.password = Secret::new("hunter2".to_owned());
    spec.redis.db = 3;
    spec.redis.tls = RedisTlsSpec {
        enabled: true,
        ca_file: String::new(),
    };
    let cache = open(&spec, Some(certificate.as_bytes()));
    until(&cache, true).await;
    let key = key(&spec, "a");
    assert_eq!(participation(&cache, &key).await, Participation::Stored);
    assert_eq!(participation(&cache, &key).await, Participation::Hit);

    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    refused(&spec, Some(stranger.cert.pem().as_bytes())).await;
    spec.redis.password = Secret::new("wrong-horse".to_owned());
    let trouble = refused(&spec, Some(certificate.as_bytes())).await;
    assert!(!trouble.contains("wrong-horse"), "{trouble}");
    spec.redis.tls.enabled = false;
    refused(&spec, None).await;
}

/// Waits for the first attempt to connect to fail, and tells why it did.
async fn refused(spec: &CacheSpec, roots: Option<&[u8]>) -> String {
    let cache = open(spec, roots);
    let told = async {
        loop {
            let stats = cache.stats();
            assert!(!stats.available);
            if let Some(trouble) = stats.trouble {
                return trouble;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let trouble = tokio::time::timeout(Duration::from_secs(20), told).await;
    trouble.expect("no trouble within 20 seconds")
}

fn secured(port: u16, cert: &Path, key: &Path) -> Vec<String> {
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let words = format!(
        "--port 0 --tls-port {port} --tls-auth-clients no --user default off \
         --user app on >hunter2 ~ztag:* +@all"
    );
    let files = [
        ["--tls-cert-file", cert],
        ["--tls-key-file", key],
        ["--tls-ca-cert-file", cert],
    ];
    let words = words.split_whitespace().chain(files.into_iter().flatten());
    words.map(str::to_owned).collect()
}

#[test]
fn what_can_never_work_is_refused_at_once() {
    let clock = Arc::new(SystemClock::new());
    let mut spec = CacheSpec {
        backend: CacheBackend::Redis,
        ..CacheSpec::default()
    };
    spec.redis.address = "localhost".to_owned();
    assert!(
        ResultCache::open(&spec, None, clock.clone()).is_err(),
        "no runtime"
    );
    spec.redis.tls.enabled = true;
    let garbage = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert!(ResultCache::open(&spec, Some(garbage), clock).is_err());
}

async fn raw(server: &RedisServer) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(("127.0.0.1", server.port)).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}
