//! The Redis or Valkey backend. One task keeps the connection; requests use it only while it is
//! known to be good, so that an outage costs each of them nothing.

mod address;
mod link;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::RedisError;

use self::link::Link;
use crate::entry::{Entry, MAX_BYTES};
use crate::error::OpenError;
use crate::key::{CacheKey, Namespace};
use crate::spec::CacheSpec;

pub(crate) use self::address::parse as parse_address;

/// Bytes of the seal behind an entry.
const SEAL_LEN: usize = blake3::OUT_LEN;
/// Ten years: more than Redis would need, less than it would refuse.
const MAX_MILLIS: u64 = 10 * 365 * 24 * 3_600 * 1_000;

/// What Redis had to say.
#[derive(Debug)]
pub(crate) enum Answer {
    /// An entry of ours.
    Found(Entry),
    /// Nothing, or something that is not an entry of ours.
    Nothing,
    /// It could not be asked.
    Unavailable,
}

/// Verdicts shared between replicas.
#[derive(Debug)]
pub(crate) struct Redis {
    link: Link,
    timeout: Duration,
    namespace: Namespace,
}

impl Redis {
    /// Starts connecting in the background. `roots` are PEM certificates to trust instead of those
    /// of the system.
    pub(crate) fn open(spec: &CacheSpec, roots: Option<&[u8]>) -> Result<Self, OpenError> {
        Ok(Self {
            link: Link::open(&spec.redis, roots)?,
            timeout: spec.redis.timeout.get(),
            namespace: spec.namespace(),
        })
    }

    pub(crate) async fn get(&self, key: &CacheKey) -> Answer {
        let mut command = redis::cmd("GETRANGE");
        // A range, so that a foreign value of any size costs no more than an entry of ours.
        command
            .arg(self.name_of(key))
            .arg(0)
            .arg(MAX_BYTES + SEAL_LEN);
        match self.ask::<Vec<u8>>(&command).await {
            Ok(bytes) => self
                .open_sealed(key, &bytes)
                .map_or(Answer::Nothing, Answer::Found),
            Err(Trouble::WrongType) => Answer::Nothing,
            Err(Trouble::Unavailable) => Answer::Unavailable,
        }
    }

    /// Stores `entry` for `lifetime`; answers whether it was stored.
    pub(crate) async fn put(&self, key: &CacheKey, entry: &Entry, lifetime: Duration) -> bool {
        let millis = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("SET");
        command.arg(self.name_of(key)).arg(self.sealed(key, entry));
        command.arg("PX").arg(millis.clamp(1, MAX_MILLIS));
        self.ask::<()>(&command).await.is_ok()
    }

    /// Whether there is a connection believed to be good.
    pub(crate) fn is_available(&self) -> bool {
        self.link.connection().is_some()
    }

    /// Class of what went wrong last, holding no values.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.link.trouble()
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Trouble> {
        let mut connection = self.link.connection().ok_or(Trouble::Unavailable)?;
        match tokio::time::timeout(self.timeout, command.query_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.code() == Some("WRONGTYPE") => Err(Trouble::WrongType),
            Ok(Err(error)) => {
                self.link.complain(class_of(&error), is_broken(&error));
                Err(Trouble::Unavailable)
            }
            Err(_elapsed) => {
                self.link.complain("timed out".to_owned(), true);
                Err(Trouble::Unavailable)
            }
        }
    }

    /// The entry followed by its seal.
    fn sealed(&self, key: &CacheKey, entry: &Entry) -> Vec<u8> {
        let mut bytes = entry.encode();
        let seal = self.namespace.seal(key, &bytes);
        bytes.extend_from_slice(seal.as_bytes());
        bytes
    }

    /// Undoes [`Self::sealed`]; `None` when it is not what was stored under `key`.
    fn open_sealed(&self, key: &CacheKey, bytes: &[u8]) -> Option<Entry> {
        let (content, seal) = bytes.split_last_chunk::<SEAL_LEN>()?;
        // This comparison takes the same time wherever the two differ.
        let genuine = self.namespace.seal(key, content) == blake3::Hash::from(*seal);
        genuine.then(|| Entry::decode(content))?
    }

    fn name_of(&self, key: &CacheKey) -> String {
        let mut name = format!("ztag:decision:v1:{}:", self.namespace.epoch());
        URL_SAFE_NO_PAD.encode_string(key.as_bytes(), &mut name);
        name
    }
}

enum Trouble {
    WrongType,
    Unavailable,
}

/// Whether the connection is to be doubted. A refusal by the server leaves it as good as before.
fn is_broken(error: &RedisError) -> bool {
    error.code().is_none()
}

/// The class of an error. The full text may quote what the server was told.
fn class_of(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("{}: {code}", error.category()),
        None => error.category().to_owned(),
    }
}
