//! What a part of the configuration says, as a digest: equal exactly when it says the same.

use ztag_types::{Globals, Map, Value};

use crate::document::{Content, Node};
use crate::kind::Kind;

/// A digest under construction; every piece carries its kind and length, so that no two
/// different sequences of pieces read alike.
#[derive(Debug, Default)]
pub(crate) struct Canon(blake3::Hasher);

impl Canon {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The digest of everything added.
    pub(crate) fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }

    /// Adds a piece of text.
    pub(crate) fn text(&mut self, text: &str) {
        self.piece(b's', text.as_bytes());
    }

    /// Adds bytes, such as another digest.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.piece(b'r', bytes);
    }

    /// Adds a value with everything below it; the order of keys does not matter.
    pub(crate) fn node(&mut self, node: &Node) {
        match &node.content {
            Content::Null => self.piece(b'n', &[]),
            Content::Bool(value) => self.piece(b'b', &[u8::from(*value)]),
            Content::Int(value) => self.piece(b'i', &value.to_be_bytes()),
            Content::Float(value) => self.piece(b'f', &value.to_bits().to_be_bytes()),
            Content::Text(text) => self.text(text),
            Content::List(items) => {
                self.piece(b'l', &(items.len() as u64).to_be_bytes());
                for item in items {
                    self.node(item);
                }
            }
            Content::Map(entries) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by(|a, b| a.key.cmp(&b.key));
                self.piece(b'm', &(sorted.len() as u64).to_be_bytes());
                for entry in sorted {
                    self.text(&entry.key);
                    self.node(&entry.node);
                }
            }
        }
    }

    /// Adds a definition with its name, as it stands in `tree`.
    pub(crate) fn definition(&mut self, kind: Kind, name: &str, tree: &Node) {
        self.text(kind.section());
        self.text(name);
        let section = tree.get(kind.section());
        if let Some(node) = section.and_then(|section| section.get(name)) {
            self.node(node);
        }
    }

    /// Adds the server's variables.
    pub(crate) fn globals(&mut self, globals: &Globals) {
        self.map(&globals.environment);
        self.map(&globals.secrets);
    }

    fn map(&mut self, map: &Map) {
        self.piece(b'g', &(map.len() as u64).to_be_bytes());
        for (key, value) in map.iter() {
            self.text(&key.to_string());
            self.text(value.as_str().unwrap_or_default());
            debug_assert!(matches!(value, Value::String(_)), "variables are text");
        }
    }

    fn piece(&mut self, kind: u8, bytes: &[u8]) {
        self.0.update(&[kind]);
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Format;
    use crate::place::SourceId;

    fn digest(text: &str) -> [u8; 32] {
        let mut canon = Canon::new();
        canon.node(&Format::Yaml.parse(text, SourceId::FIRST).unwrap());
        canon.finish()
    }

    #[test]
    fn only_what_is_said_counts() {
        assert_eq!(digest("{a: 1, b: [x]}"), digest("# c\nb:\n- 'x'\na: 1\n"));
        for (a, b) in [
            ("a: 1", "a: '1'"),
            ("a: [x, y]", "a: [xy]"),
            ("a: [[x], y]", "a: [[x, y]]"),
            ("a: ~", "a: ''"),
            ("a: {b: c}", "a: [b, c]"),
            ("a: 1", "a: 1.0"),
        ] {
            assert_ne!(digest(a), digest(b), "{a} {b}");
        }
    }
}
