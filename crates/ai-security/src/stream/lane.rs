//! Lanes: texts that come piece by piece in the events of one stream.

use smallvec::SmallVec;
use ztag_types::SmolStr;

use super::pipe::Pipe;
use super::sse::Event;
use crate::extract::{Kind, NodeId, Tree};

/// Members that tell lanes apart: the place of a choice, a block, a call.
const PLACES: [&str; 6] = [
    "index",
    "output_index",
    "content_index",
    "summary_index",
    "item_id",
    "block_index",
];
/// Members that never carry text of a model, but names and numbers of the interface.
const LABELS: [&str; 22] = [
    "id",
    "type",
    "role",
    "object",
    "model",
    "name",
    "status",
    "index",
    "item_id",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "signature",
    "finish_reason",
    "stop_reason",
    "stop_sequence",
    "service_tier",
    "system_fingerprint",
    "obfuscation",
    "encrypted_content",
    "language",
    "format",
];
/// Members with text outside of a `delta`, in interfaces that have none.
const TEXTS: [&str; 6] = [
    "text",
    "content",
    "completion",
    "response",
    "thinking",
    "output_text",
];
/// Members whose text is only passed whole: arguments of calls.
const WHOLE: [&str; 3] = ["arguments", "partial_json", "input"];

/// Which text a piece belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// Type of the event and names from the outermost object to the text.
    path: SmolStr,
    /// Where in the answer it stands.
    pub(super) places: Places,
}

/// Where in an answer something stands, such as `choices.index=0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(SmallVec<[SmolStr; 3]>);

impl Places {
    /// Whether everything that is true of `other` is true of these.
    pub(super) fn lie_in(&self, other: &Self) -> bool {
        other.0.iter().all(|place| self.0.contains(place))
    }
}

/// One text.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) key: Key,
    pub(super) state: State,
    /// An event that carried a piece, to say the rest with.
    pub(super) template: Template,
}

/// What has come of a text.
#[derive(Debug)]
pub(super) enum State {
    /// It is passed piece by piece.
    Flowing(Box<Pipe>),
    /// It is held until it is whole.
    Held(String),
}

/// An event in which the text of one lane can be replaced.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) event: Event,
    /// The data before the inside of the text, and behind it.
    pub(super) around: Option<(String, String)>,
}

impl Default for Template {
    fn default() -> Self {
        Self {
            event: Event::empty(),
            around: None,
        }
    }
}

impl Template {
    /// The event with `text` in it and no other text.
    pub(super) fn say(&self, text: &str) -> Event {
        let Some((before, after)) = &self.around else {
            return self.event.with_data(text);
        };
        let mut data = before.clone().into_bytes();
        crate::extract::write_literal(text, &mut data);
        data.extend_from_slice(after.as_bytes());
        self.event.with_data(&String::from_utf8_lossy(&data))
    }
}

/// A piece of text in an event.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) node: NodeId,
    pub(super) key: Key,
    /// Whether it is only passed whole.
    pub(super) whole: bool,
}

/// What an event carries.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Pieces of texts that go on.
    pub(super) pieces: Vec<Piece>,
    /// Other strings: labels, and texts that come in one event.
    pub(super) others: Vec<NodeId>,
    /// Where texts end with this event.
    pub(super) ends: Vec<Places>,
}

/// Reads what the event `tree` carries.
pub(super) fn read(tree: &Tree<'_>) -> Carried {
    let kind = tree
        .member(Tree::root(), "type")
        .and_then(|node| tree.text(node))
        .unwrap_or_default();
    let mut reading = Reading {
        tree,
        kind: &kind,
        is_message: tree.member(Tree::root(), "jsonrpc").is_some(),
        carried: Carried::default(),
    };
    reading.walk(Tree::root(), "", &Places::default(), false);
    reading.carried
}

struct Reading<'a, 'b> {
    tree: &'a Tree<'b>,
    kind: &'a str,
    /// Whether it is a message of JSON-RPC: those are whole.
    is_message: bool,
    carried: Carried,
}

impl Reading<'_, '_> {
    /// Reads `node`, which stands under the names `path`.
    fn walk(&mut self, node: NodeId, path: &str, places: &Places, in_delta: bool) {
        let tree = self.tree;
        match tree.kind(node) {
            Some(Kind::Object) => self.object(node, path, places, in_delta),
            Some(Kind::Array) => {
                for (index, child) in tree.children(node).enumerate() {
                    let mut places = places.clone();
                    if PLACES
                        .iter()
                        .all(|place| tree.member(child, place).is_none())
                    {
                        places.0.push(format!("{path}[{index}]").into());
                    }
                    self.walk(child, path, &places, in_delta);
                }
            }
            Some(Kind::String) => self.carried.others.push(node),
            Some(Kind::Scalar) | None => {}
        }
    }

    fn object(&mut self, node: NodeId, path: &str, places: &Places, in_delta: bool) {
        let tree = self.tree;
        let mut places = places.clone();
        for place in PLACES {
            if let Some(value) = tree.member(node, place).map(|member| tree.raw(member)) {
                places.0.push(format!("{path}.{place}={value}").into());
            }
        }
        let outermost = node == Tree::root();
        if (outermost && self.ends_here()) || self.says_why_it_ends(node) {
            self.carried.ends.push(places.clone());
        }
        for child in tree.children(node) {
            let name = tree.name(child).unwrap_or_default();
            let below = format!("{path}.{name}");
            if tree.kind(child) != Some(Kind::String) {
                self.walk(child, &below, &places, in_delta || name == "delta");
                continue;
            }
            let text = in_delta || name == "delta" || TEXTS.contains(&&*name);
            if !text || LABELS.contains(&&*name) || !self.flows() {
                self.carried.others.push(child);
                continue;
            }
            self.carried.pieces.push(Piece {
                node: child,
                whole: WHOLE.contains(&&*name) || self.kind.contains("arguments"),
                key: Key {
                    path: format!("{}{below}", self.kind).into(),
                    places: places.clone(),
                },
            });
        }
    }

    /// Whether texts in this event are pieces, not whole.
    fn flows(&self) -> bool {
        if self.is_message {
            return false;
        }
        let whole = [
            ".done",
            "_start",
            ".added",
            ".created",
            ".completed",
            ".in_progress",
        ];
        !whole.iter().any(|end| self.kind.ends_with(end))
    }

    /// Whether the event itself ends the texts at its places.
    fn ends_here(&self) -> bool {
        [".done", "_stop", ".completed", ".failed", ".incomplete"]
            .iter()
            .any(|end| self.kind.ends_with(end))
    }

    /// Whether an object says why its text has ended.
    fn says_why_it_ends(&self, node: NodeId) -> bool {
        let reason = |name: &str| {
            let member = self.tree.member(node, name);
            member.is_some_and(|member| self.tree.kind(member) == Some(Kind::String))
        };
        reason("finish_reason")
            || reason("stop_reason")
            || self
                .tree
                .member(node, "done")
                .is_some_and(|done| self.tree.raw(done) == "true")
    }
}
