//! The one encoding of values: type tag, length, content. Keys hash it and Redis entries are made
//! of it, so that "decoding gives back what was encoded" also proves that keys cannot collide.

use std::sync::Arc;

use ztag_types::{Key, Map, Span, Timestamp, Value, View};

/// Deepest nesting of lists and maps that is stored or read back.
pub(crate) const MAX_DEPTH: usize = 64;

const ABSENT: u8 = 0;
const NULL: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const INT: u8 = 4;
const UINT: u8 = 5;
const DOUBLE: u8 = 6;
const STRING: u8 = 7;
const BYTES: u8 = 8;
const LIST: u8 = 9;
const MAP: u8 = 10;
const TIMESTAMP: u8 = 11;
const DURATION: u8 = 12;
const FAILED: u8 = 13;

/// Where encoded bytes go.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for blake3::Hasher {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A value that is not there.
pub(crate) fn absent(sink: &mut impl Sink) {
    sink.put(&[ABSENT]);
}

pub(crate) fn text(sink: &mut impl Sink, text: &str) {
    tagged(sink, STRING, text.as_bytes());
}

pub(crate) fn view(sink: &mut impl Sink, view: View<'_>) {
    match view {
        View::Null => sink.put(&[NULL]),
        View::Bool(false) => sink.put(&[FALSE]),
        View::Bool(true) => sink.put(&[TRUE]),
        View::Int(int) => fixed(sink, INT, int.to_le_bytes()),
        View::Uint(uint) => fixed(sink, UINT, uint.to_le_bytes()),
        View::Double(double) => fixed(sink, DOUBLE, double.to_bits().to_le_bytes()),
        View::Str(text) => tagged(sink, STRING, text.as_bytes()),
        View::Bytes(bytes) => tagged(sink, BYTES, bytes),
        View::Timestamp(at) => {
            fixed(sink, TIMESTAMP, at.seconds().to_le_bytes());
            sink.put(&at.nanos().to_le_bytes());
        }
        View::Duration(span) => fixed(sink, DURATION, span.nanos().to_le_bytes()),
        View::List(items) => {
            fixed(sink, LIST, count(items.len()));
            for item in items {
                self::view(sink, item.view());
            }
        }
        View::Map(map) => entries(sink, map),
        View::Object(object) => {
            let names = object.names();
            fixed(sink, MAP, count(names.len()));
            for name in names {
                text(sink, name);
                match object.field(name) {
                    Some(field) => self::view(sink, field),
                    None => absent(sink),
                }
            }
        }
        View::Sequence(items) => {
            fixed(sink, LIST, count(items.len()));
            for index in 0..items.len() {
                match items.at(index) {
                    Some(item) => self::view(sink, item),
                    None => absent(sink),
                }
            }
        }
        View::Failed(message) => tagged(sink, FAILED, message.as_bytes()),
    }
}

pub(crate) fn entries(sink: &mut impl Sink, map: &Map) {
    fixed(sink, MAP, count(map.len()));
    for (key, value) in map.iter() {
        match key {
            Key::Bool(flag) => view(sink, View::Bool(*flag)),
            Key::Int(int) => view(sink, View::Int(*int)),
            Key::Uint(uint) => view(sink, View::Uint(*uint)),
            Key::String(name) => text(sink, name),
        }
        view(sink, value.view());
    }
}

fn tagged(sink: &mut impl Sink, tag: u8, bytes: &[u8]) {
    fixed(sink, tag, count(bytes.len()));
    sink.put(bytes);
}

fn fixed<const N: usize>(sink: &mut impl Sink, tag: u8, bytes: [u8; N]) {
    sink.put(&[tag]);
    sink.put(&bytes);
}

fn count(len: usize) -> [u8; 8] {
    (len as u64).to_le_bytes()
}

/// The bytes were not written by this module.
#[derive(Debug)]
pub(crate) struct Foreign;

/// Reads what this module wrote. Every method answers `None` to anything else.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    pub(crate) const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        (self.tag()? == STRING).then_some(())?;
        std::str::from_utf8(self.sized()?).ok()
    }

    /// A text, or `None` for an absent value.
    pub(crate) fn optional_text(&mut self) -> Result<Option<&'a str>, Foreign> {
        if self.rest.first() == Some(&ABSENT) {
            self.take(1).ok_or(Foreign)?;
            return Ok(None);
        }
        self.text().map(Some).ok_or(Foreign)
    }

    pub(crate) fn map(&mut self) -> Option<Map> {
        (self.tag()? == MAP).then_some(())?;
        self.entries(0)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        Some(match self.tag()? {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(i64::from_le_bytes(self.array()?)),
            UINT => Value::Uint(u64::from_le_bytes(self.array()?)),
            DOUBLE => Value::Double(f64::from_bits(u64::from_le_bytes(self.array()?))),
            STRING => Value::String(Arc::from(std::str::from_utf8(self.sized()?).ok()?)),
            BYTES => Value::Bytes(Arc::from(self.sized()?)),
            LIST => Value::List(self.items(depth)?),
            MAP => Value::Map(Arc::new(self.entries(depth)?)),
            TIMESTAMP => {
                let seconds = i64::from_le_bytes(self.array()?);
                Value::Timestamp(Timestamp::new(seconds, u32::from_le_bytes(self.array()?))?)
            }
            DURATION => Value::Duration(Span::from_nanos(i128::from_le_bytes(self.array()?))),
            _ => return None,
        })
    }

    fn items(&mut self, depth: usize) -> Option<Arc<[Value]>> {
        let (count, depth) = (self.count()?, deeper(depth)?);
        (0..count).map(|_| self.value(depth)).collect()
    }

    fn entries(&mut self, depth: usize) -> Option<Map> {
        let (count, depth) = (self.count()?, deeper(depth)?);
        let map: Map = (0..count)
            .map(|_| Some((self.key()?, self.value(depth)?)))
            .collect::<Option<_>>()?;
        // Two entries with one key were not written by us.
        (map.len() == count).then_some(map)
    }

    fn key(&mut self) -> Option<Key> {
        Some(match self.tag()? {
            FALSE => Key::Bool(false),
            TRUE => Key::Bool(true),
            INT => Key::Int(i64::from_le_bytes(self.array()?)),
            UINT => Key::Uint(u64::from_le_bytes(self.array()?)),
            STRING => Key::from(std::str::from_utf8(self.sized()?).ok()?),
            _ => return None,
        })
    }

    fn tag(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn sized(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(u64::from_le_bytes(self.array()?)).ok()?;
        self.take(len)
    }

    /// A count of items. Each takes at least a byte, so a count beyond the input is a lie and
    /// nothing is reserved for it.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(u64::from_le_bytes(self.array()?)).ok()?;
        (count <= self.rest.len()).then_some(count)
    }
}

fn deeper(depth: usize) -> Option<usize> {
    (depth < MAX_DEPTH).then_some(depth + 1)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::Uint),
            prop::num::f64::NORMAL.prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
            any::<i64>().prop_map(|at| Value::Timestamp(Timestamp::from_seconds(at))),
            any::<i128>().prop_map(|nanos| Value::Duration(Span::from_nanos(nanos))),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any_key(), inner), 0..6)
                    .prop_map(|entries| entries.into_iter().collect::<Map>().into()),
            ]
        })
    }

    pub(crate) fn any_map() -> impl Strategy<Value = Map> {
        prop::collection::vec((any_key(), any_value()), 0..6)
            .prop_map(|entries| entries.into_iter().collect())
    }

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![
            ".{0,6}".prop_map(|name| Key::from(name.as_str())),
            any::<i64>().prop_map(Key::Int),
            any::<u64>().prop_map(Key::Uint),
            any::<bool>().prop_map(Key::Bool),
        ]
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(map in any_map()) {
            let mut bytes = Vec::new();
            entries(&mut bytes, &map);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.map(), Some(map));
            prop_assert!(reader.is_done());
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in any::<Vec<u8>>()) {
            let _ = Reader::new(&bytes).map();
            let _ = Reader::new(&bytes).value(0);
            let _ = Reader::new(&bytes).optional_text();
        }
    }

    #[test]
    fn a_count_beyond_the_input_reserves_nothing() {
        let mut bytes = vec![LIST];
        bytes.put(&u64::MAX.to_le_bytes());
        assert_eq!(Reader::new(&bytes).value(0), None);
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let mut bytes = Vec::new();
        for _ in 0..=MAX_DEPTH {
            fixed(&mut bytes, LIST, count(1));
        }
        bytes.put(&[NULL]);
        assert_eq!(Reader::new(&bytes).value(0), None);
    }
}
