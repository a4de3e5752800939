//! What is remembered of a verdict, and its form in Redis.

use std::sync::Arc;
use std::time::Duration;

use ztag_types::{Key, Map, Outcome, Reason, ReasonCode, RuleName, Timestamp, Value};

use crate::encode::{self, MAX_DEPTH, Reader, Sink};
use crate::error::NotCacheable;

/// Most bytes of an entry, encoded.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// Opens every encoded entry; the last byte is the version of the format.
const MAGIC: [u8; 4] = *b"ZTC\x01";

/// A remembered verdict: pass or fail, why, and what later expressions read. Bodies and headers are
/// in it only as far as the caller pruned them to what expressions read.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    outcome: Outcome,
    reason: Reason,
    rule: Option<RuleName>,
    exports: Arc<Map>,
    backend: Map,
    stored_at: Timestamp,
    lifetime: Duration,
}

impl Entry {
    /// A verdict worth remembering.
    ///
    /// # Errors
    /// [`NotCacheable`] for an error outcome, and for what is larger than 256 KiB or nested deeper than 64 levels.
    pub fn try_new(
        outcome: Outcome,
        reason: Reason,
        exports: impl Into<Arc<Map>>,
        backend: Map,
    ) -> Result<Self, NotCacheable> {
        if outcome == Outcome::Error {
            return Err(NotCacheable::ErrorOutcome);
        }
        let exports = exports.into();
        if depth_of(&exports).max(depth_of(&backend)) > MAX_DEPTH {
            return Err(NotCacheable::TooDeep);
        }
        let entry = Self {
            outcome,
            reason,
            rule: None,
            exports,
            backend,
            stored_at: Timestamp::default(),
            lifetime: Duration::ZERO,
        };
        if entry.size() > MAX_BYTES {
            return Err(NotCacheable::TooLarge);
        }
        Ok(entry)
    }

    /// The same, naming the rule that decided: for the verdict of a whole chain.
    #[must_use]
    pub fn decided_by(self, rule: Option<RuleName>) -> Self {
        Self { rule, ..self }
    }

    /// Pass or fail; never an error.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why.
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The rule that decided, if it was said.
    pub const fn rule(&self) -> Option<&RuleName> {
        self.rule.as_ref()
    }

    /// What was exported, types and all.
    pub fn exports(&self) -> &Map {
        &self.exports
    }

    /// The same, shared instead of copied.
    pub fn shared_exports(&self) -> Arc<Map> {
        Arc::clone(&self.exports)
    }

    /// The parts of the backend's reply that later expressions read.
    pub const fn backend(&self) -> &Map {
        &self.backend
    }

    /// When it was stored, by the wall clock of who stored it; the epoch before that.
    pub const fn stored_at(&self) -> Timestamp {
        self.stored_at
    }

    /// How long it was stored for; zero before that.
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn stored(self, at: Timestamp, lifetime: Duration) -> Self {
        Self {
            stored_at: at,
            lifetime,
            ..self
        }
    }

    /// Bytes of its encoded form.
    pub(crate) fn size(&self) -> usize {
        let mut counter = Counter(0);
        self.write(&mut counter);
        counter.0
    }

    /// Bytes it takes in memory: itself and what it owns, shared text counted in full.
    pub(crate) fn footprint(&self) -> usize {
        let detail = self.reason.detail().map_or(0, str::len);
        size_of::<Self>() + detail + owned_by_map(&self.exports) + owned_by_map(&self.backend)
    }

    /// The form in Redis, before it is sealed.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size());
        self.write(&mut bytes);
        bytes
    }

    /// Reads [`Self::encode`] back; `None` for anything else, of which it may be given any bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let mut reader = Reader::new(bytes);
        (reader.array()? == MAGIC).then_some(())?;
        let entry = Self::read(&mut reader)?;
        reader.is_done().then_some(entry)
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.put(&MAGIC);
        encode::text(sink, self.outcome.as_str());
        encode::text(sink, self.reason.code().as_str());
        optional(sink, self.reason.detail());
        optional(sink, self.rule.as_ref().map(RuleName::as_str));
        encode::entries(sink, &self.exports);
        encode::entries(sink, &self.backend);
        sink.put(&self.stored_at.seconds().to_le_bytes());
        sink.put(&self.stored_at.nanos().to_le_bytes());
        let millis = u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX);
        sink.put(&millis.to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let outcome = match reader.text()? {
            "pass" => Outcome::Pass,
            "fail" => Outcome::Fail,
            _ => return None,
        };
        let code = reader.text()?;
        let code = *ReasonCode::ALL.iter().find(|own| own.as_str() == code)?;
        Some(Self {
            outcome,
            reason: match reader.optional_text().ok()? {
                Some(detail) => Reason::with_detail(code, detail.to_owned()),
                None => Reason::new(code),
            },
            rule: reader.optional_text().ok()?.map(RuleName::from),
            exports: Arc::new(reader.map()?),
            backend: reader.map()?,
            stored_at: {
                let seconds = i64::from_le_bytes(reader.array()?);
                Timestamp::new(seconds, u32::from_le_bytes(reader.array()?))?
            },
            lifetime: Duration::from_millis(u64::from_le_bytes(reader.array()?)),
        })
    }
}

fn optional(sink: &mut impl Sink, text: Option<&str>) {
    match text {
        Some(text) => encode::text(sink, text),
        None => encode::absent(sink),
    }
}

/// Levels of nesting, the map itself being the first; stops counting past the limit.
/// The two counters before what an `Arc` holds.
const COUNTERS: usize = 2 * size_of::<usize>();

fn owned_by_map(map: &Map) -> usize {
    let owned = |(key, value): (&Key, &Value)| {
        let text = match key {
            Key::String(text) => COUNTERS + text.len(),
            Key::Bool(_) | Key::Int(_) | Key::Uint(_) => 0,
        };
        size_of::<(Key, Value)>() + text + owned_by(value)
    };
    map.iter().map(owned).sum()
}

fn owned_by(value: &Value) -> usize {
    match value {
        Value::String(text) => COUNTERS + text.len(),
        Value::Bytes(bytes) => COUNTERS + bytes.len(),
        Value::List(items) => {
            let each = |item| size_of::<Value>() + owned_by(item);
            COUNTERS + items.iter().map(each).sum::<usize>()
        }
        Value::Map(map) => COUNTERS + size_of::<Map>() + owned_by_map(map),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::Double(_)
        | Value::Timestamp(_)
        | Value::Duration(_) => 0,
    }
}

fn depth_of(map: &Map) -> usize {
    fn depth(value: &Value, budget: usize) -> usize {
        if budget == 0 {
            return 1;
        }
        let inner = |item| depth(item, budget - 1);
        match value {
            Value::List(items) => 1 + items.iter().map(inner).max().unwrap_or(0),
            Value::Map(map) => 1 + map.iter().map(|(_, item)| inner(item)).max().unwrap_or(0),
            _ => 0,
        }
    }
    let values = map.iter().map(|(_, value)| depth(value, MAX_DEPTH));
    1 + values.max().unwrap_or(0)
}

/// Counts bytes.
struct Counter(usize);

impl Sink for Counter {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode::tests::any_map;

    fn entry(exports: Map, backend: Map) -> Result<Entry, NotCacheable> {
        let reason = Reason::with_detail(ReasonCode::FailCondition, "fail[0]");
        Entry::try_new(Outcome::Fail, reason, exports, backend)
    }

    proptest! {
        #[test]
        fn defect_03_07_every_export_keeps_its_type(exports in any_map(), backend in any_map()) {
            let entry = entry(exports, backend).unwrap();
            let entry = entry.decided_by(Some("rule".into()));
            let entry = entry.stored(Timestamp::from_seconds(7), Duration::from_millis(1_500));
            prop_assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        }

        #[test]
        fn foreign_bytes_are_no_entry(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(Entry::decode(&bytes), None);
        }

        #[test]
        fn a_damaged_entry_never_panics_and_never_grows(at in any::<prop::sample::Index>(), bit in 0u8..8, exports in any_map()) {
            let mut bytes = entry(exports, Map::new()).unwrap().encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Some(read) = Entry::decode(&bytes) {
                prop_assert!(read.encode().len() <= bytes.len());
            }
            prop_assert_eq!(Entry::decode(&bytes[..at]), None);
        }
    }

    #[test]
    fn defect_03_10_an_error_makes_no_entry() {
        let refused = Entry::try_new(
            Outcome::Error,
            ReasonCode::BackendUnavailable.into(),
            Map::new(),
            Map::new(),
        );
        assert_eq!(refused, Err(NotCacheable::ErrorOutcome));
        let bytes = entry(Map::new(), Map::new()).unwrap().encode();
        let forged = String::from_utf8_lossy(&bytes).replace("fail", "oops");
        assert_eq!(Entry::decode(forged.as_bytes()), None);
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let single = |value: Value| -> Map { [("x".into(), value)].into_iter().collect() };
        let long = single(Value::from("y".repeat(MAX_BYTES)));
        assert_eq!(entry(long, Map::new()), Err(NotCacheable::TooLarge));

        let nested = |levels: usize| {
            let inner = (0..levels).fold(Value::Null, |inner, _| Value::from(vec![inner]));
            single(inner)
        };
        let deepest = entry(nested(MAX_DEPTH - 1), Map::new()).unwrap();
        assert_eq!(Entry::decode(&deepest.encode()), Some(deepest));
        let deeper = entry(Map::new(), nested(MAX_DEPTH));
        assert_eq!(deeper, Err(NotCacheable::TooDeep));
        let far_too_deep = entry(Map::new(), nested(5_000));
        assert_eq!(far_too_deep, Err(NotCacheable::TooDeep));
    }
}
