//! From the borrowed scope to the engine's own values, of the paths read only.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::Value as Bound;
use ztag_types::{Key, Map, Reads, Scope, Value, View};

use crate::cel::{format_duration, format_timestamp};
use crate::vocabulary::Vocabulary;

/// Which paths are copied for a render.
#[derive(Debug)]
pub(super) struct Binding(Vec<(usize, Branch)>);

/// A name with what is read below it; nothing below stands for everything.
#[derive(Debug)]
struct Branch {
    name: Arc<str>,
    below: Vec<Branch>,
}

impl Binding {
    /// The binding for `reads`.
    pub(super) fn new(reads: &Reads, vocabulary: &Vocabulary) -> Self {
        let mut roots: Vec<Branch> = Vec::new();
        // Without the paths below a wider one: every path ends at a leaf of its own.
        for path in reads.paths() {
            let mut level = &mut roots;
            for segment in path.segments() {
                level = Branch::enter(level, segment);
            }
        }
        let slots = roots.into_iter().filter_map(|branch| {
            let (slot, _) = vocabulary.find(&branch.name)?;
            Some((slot, branch))
        });
        Self(slots.collect())
    }

    /// The engine's context. An unset slot is undefined.
    pub(super) fn bind(&self, scope: Scope<'_>) -> Bound {
        let roots = self.0.iter().filter_map(|(slot, branch)| {
            let view = scope.slot(*slot);
            let set = !matches!(view, View::Null);
            set.then(|| (Arc::clone(&branch.name), branch.bind(view)))
        });
        roots.collect::<BTreeMap<_, _>>().into()
    }
}

impl Branch {
    fn enter<'b>(level: &'b mut Vec<Self>, name: &str) -> &'b mut Vec<Self> {
        let found = level.iter().position(|branch| &*branch.name == name);
        let at = found.unwrap_or_else(|| {
            level.push(Self {
                name: Arc::from(name),
                below: Vec::new(),
            });
            level.len() - 1
        });
        // `at` was found or made above.
        #[expect(
            clippy::indexing_slicing,
            reason = "the index of an element that exists"
        )]
        &mut level[at].below
    }

    fn bind(&self, view: View<'_>) -> Bound {
        if self.below.is_empty() {
            return bound(view);
        }
        let fields = self.below.iter().filter_map(|branch| {
            let field = view.field(&branch.name)?;
            Some((Arc::clone(&branch.name), branch.bind(field)))
        });
        fields.collect::<BTreeMap<_, _>>().into()
    }
}

/// The engine's value: bytes as base64 text, times as text, what failed as undefined.
fn bound(view: View<'_>) -> Bound {
    match view {
        View::Null => Bound::from(()),
        View::Failed(_) => Bound::UNDEFINED,
        View::Bool(b) => b.into(),
        View::Int(i) => i.into(),
        View::Uint(u) => u.into(),
        View::Double(d) => d.into(),
        View::Str(text) => text.into(),
        View::Bytes(bytes) => STANDARD.encode(bytes).into(),
        View::Timestamp(at) => format_timestamp(at).into(),
        View::Duration(span) => format_duration(span).into(),
        View::List(items) => items.iter().map(|item| bound(item.view())).collect(),
        View::Map(map) => bound_map(map),
        View::Object(object) => {
            let fields = object.names().into_iter().filter_map(|name| {
                let field = object.field(name)?;
                Some((Arc::<str>::from(name), bound(field)))
            });
            fields.collect::<BTreeMap<_, _>>().into()
        }
        View::Sequence(items) => {
            let items = (0..items.len()).filter_map(|index| items.at(index));
            items.map(bound).collect()
        }
    }
}

fn bound_map(map: &Map) -> Bound {
    let entries = map.iter().map(|(key, value): (&Key, &Value)| {
        let key = match key {
            Key::Bool(b) => Bound::from(*b),
            Key::Int(i) => Bound::from(*i),
            Key::Uint(u) => Bound::from(*u),
            Key::String(text) => Bound::from(&**text),
        };
        (key, bound(value.view()))
    });
    entries.collect::<BTreeMap<_, _>>().into()
}
