//! Cache keys: a keyed BLAKE3 hash over fields that are tagged with their type and preceded by
//! their length, so that two lists of fields share a key only if they are equal.

use std::fmt;

use ztag_types::View;

use crate::encode::{self, Sink};

const KEYS: &str = "ztag result-cache 2026-11 keys";
const SEALS: &str = "ztag result-cache 2026-11 seals";

/// The full key of a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(")?;
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

/// What keeps the keys of one deployment apart from those of others: its salt and its epoch.
#[derive(Clone)]
pub struct Namespace {
    hash_key: [u8; 32],
    seal_key: [u8; 32],
    epoch: u64,
}

impl Namespace {
    /// A namespace of a secret salt, possibly empty, and an epoch.
    pub fn new(salt: &str, epoch: u64) -> Self {
        let derive = |purpose| {
            let mut hasher = blake3::Hasher::new_derive_key(purpose);
            encode::text(&mut hasher, salt);
            hasher.put(&epoch.to_le_bytes());
            hasher.finalize().into()
        };
        Self {
            hash_key: derive(KEYS),
            seal_key: derive(SEALS),
            epoch,
        }
    }

    /// Proves that `content` was stored under `key` by somebody who knows the salt.
    pub(crate) fn seal(&self, key: &CacheKey, content: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.seal_key);
        hasher.update(&key.0).update(content);
        hasher.finalize()
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// Stands for one compiled piece of configuration: whatever could change its verdicts changes this.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Wraps a digest made elsewhere; it must be collision resistant.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The fingerprint of a configuration in some canonical form.
    pub fn of(canonical: &[u8]) -> Self {
        Self(blake3::hash(canonical).into())
    }

    /// The fingerprint of both, order mattering.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&other.0);
        Self(hasher.finalize().into())
    }

    /// The bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", blake3::Hash::from(self.0).to_hex())
    }
}

/// Room for a bearer token and a dozen short fields.
const USUAL_SIZE: usize = 1_536;

/// Collects the inputs of a decision into a key. The order of the calls counts.
///
/// The fields are gathered and hashed at once: hashing each as it comes costs twice the time.
#[derive(Clone)]
pub struct KeyBuilder {
    hash_key: [u8; 32],
    fields: Vec<u8>,
}

impl KeyBuilder {
    /// A key in `namespace` for what `fingerprint` stands for.
    pub fn new(namespace: &Namespace, fingerprint: &Fingerprint) -> Self {
        let mut fields = Vec::with_capacity(USUAL_SIZE);
        fields.put(&fingerprint.0);
        Self {
            hash_key: namespace.hash_key,
            fields,
        }
    }

    /// Adds a text. It equals a view of the same text under the same label.
    pub fn text(&mut self, label: &str, value: &str) -> &mut Self {
        self.view(label, Some(View::Str(value)))
    }

    /// Adds bytes, such as a rendered body.
    pub fn bytes(&mut self, label: &str, value: &[u8]) -> &mut Self {
        self.view(label, Some(View::Bytes(value)))
    }

    /// Adds whatever an expression reads; absent, null, empty and failed are four different things.
    pub fn view(&mut self, label: &str, view: Option<View<'_>>) -> &mut Self {
        encode::text(&mut self.fields, label);
        match view {
            Some(view) => encode::view(&mut self.fields, view),
            None => encode::absent(&mut self.fields),
        }
        self
    }

    /// The key.
    pub fn finish(&self) -> CacheKey {
        CacheKey(blake3::keyed_hash(&self.hash_key, &self.fields).into())
    }
}

impl fmt::Debug for KeyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The fields hold credentials.
        f.debug_struct("KeyBuilder")
            .field("bytes", &self.fields.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ztag_types::{Map, Value};

    use super::*;
    use crate::encode::tests::any_value;

    type Field = (String, Option<Value>);

    fn key_of(fields: &[Field]) -> CacheKey {
        let namespace = Namespace::new("salt", 1);
        let mut builder = KeyBuilder::new(&namespace, &Fingerprint::of(b"config"));
        for (label, value) in fields {
            builder.view(label, value.as_ref().map(Value::view));
        }
        builder.finish()
    }

    fn any_fields() -> impl Strategy<Value = Vec<Field>> {
        prop::collection::vec(("[ab]{0,2}", prop::option::of(any_value())), 0..4)
    }

    proptest! {
        #[test]
        fn different_fields_never_share_a_key(a in any_fields(), b in any_fields()) {
            prop_assert_eq!(key_of(&a) == key_of(&b), a == b);
        }

        #[test]
        fn moving_a_letter_between_fields_changes_the_key(text in "[a-c]{1,6}", at in 0usize..6) {
            let (left, right) = text.split_at(at.min(text.len()));
            let split = [(left.to_owned(), None), (right.to_owned(), None)];
            let whole = [(text.clone(), None), (String::new(), None)];
            prop_assert_eq!(key_of(&split) == key_of(&whole), right.is_empty());
        }
    }

    #[test]
    fn values_that_read_alike_differ() {
        let alike = [
            None,
            Some(Value::Null),
            Some(Value::text("")),
            Some(Value::Bytes([].into())),
            Some(Value::List([].into())),
            Some(Map::new().into()),
            Some(Value::Int(0)),
            Some(Value::Uint(0)),
            Some(Value::Double(0.0)),
            Some(Value::Bool(false)),
            Some(Value::text("null")),
        ];
        let keys: std::collections::HashSet<_> = alike
            .iter()
            .map(|value| key_of(&[("x".to_owned(), value.clone())]))
            .collect();
        assert_eq!(keys.len(), alike.len());
    }

    #[test]
    fn a_failed_input_is_none_of_its_values() {
        let namespace = Namespace::new("", 1);
        let base = KeyBuilder::new(&namespace, &Fingerprint::of(b"config"));
        let with = |view| base.clone().view("x", view).finish();
        assert_ne!(with(Some(View::Failed("no"))), with(Some(View::Str("no"))));
        assert_ne!(with(Some(View::Failed("no"))), with(Some(View::Null)));
        assert_ne!(with(Some(View::Failed("no"))), with(None));
    }

    #[test]
    fn objects_and_maps_of_equal_content_share_a_key() {
        let map: Map = [("a".into(), Value::Int(1))].into_iter().collect();
        let namespace = Namespace::new("", 1);
        let base = KeyBuilder::new(&namespace, &Fingerprint::of(b"config"));
        let as_map = base.clone().view("x", Some(View::Map(&map))).finish();
        let as_object = base.clone().view("x", Some(View::Object(&map))).finish();
        assert_eq!(as_map, as_object);
    }

    /// Attack class 41 (a cache shared across tenants) and 42 (an allow kept after a reload).
    #[test]
    fn salt_epoch_and_configuration_are_part_of_every_key() {
        let key = |salt, epoch, config: &[u8]| {
            KeyBuilder::new(&Namespace::new(salt, epoch), &Fingerprint::of(config)).finish()
        };
        let base = key("a", 1, b"v1");
        assert_ne!(base, key("b", 1, b"v1"));
        assert_ne!(base, key("a", 2, b"v1"));
        assert_ne!(base, key("a", 1, b"v2"));
    }

    #[test]
    fn defect_03_06_query_method_and_path_are_part_of_the_key_once_named() {
        let namespace = Namespace::new("", 1);
        let key = |method: &str, path: &str, query: &str| {
            let mut builder = KeyBuilder::new(&namespace, &Fingerprint::of(b"rule"));
            builder.text("request.method", method);
            builder.text("request.path", path);
            builder.text("backend.query", query);
            builder.finish()
        };
        let public = key("GET", "/pub", "res=public");
        assert_ne!(public, key("GET", "/pub", "res=secret"));
        assert_ne!(public, key("POST", "/admin", "res=public"));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let shown = format!("{:?}", Namespace::new("pepper", 7));
        assert_eq!(shown, "Namespace { epoch: 7, .. }");
    }
}
