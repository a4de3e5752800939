//! Selectors: a part of `JSONPath`, RFC 9535.

use std::fmt;

use ztag_types::SmolStr;

use super::tree::{Kind, NodeId, Tree};

/// Steps of one selector.
const MOST_STEPS: usize = 32;

/// Which values of a body are meant.
///
/// The part of `JSONPath` that is understood: `$`, `.name`, `['name']`, `.*`, `[*]`, `[3]`, `..name`,
/// `..*` and filters that compare one member with one text, `[?@.role=='user']`, `[?@.type!='image']`.
/// Names are compared without regard to the case of ASCII letters, because some parsers do so.
#[derive(Clone, PartialEq, Eq)]
pub struct Selector {
    text: SmolStr,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// From here on, at any depth.
    Descend,
    /// The member of that name.
    Name(SmolStr),
    /// Every member or item.
    All,
    /// The item at that place.
    Index(usize),
    /// Every member or item whose member equals a text, or does not.
    Filter {
        name: SmolStr,
        value: SmolStr,
        equal: bool,
    },
}

/// Why a selector is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{selector}` is not understood from byte {at} on")]
pub struct SelectorError {
    /// The selector.
    pub selector: String,
    /// The first byte that is not understood.
    pub at: usize,
}

impl Selector {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// It is outside the part of `JSONPath` that is understood, or has more than 32 steps.
    pub fn compile(text: &str) -> Result<Self, SelectorError> {
        let wrong = |rest: &str| SelectorError {
            selector: text.to_owned(),
            at: text.len() - rest.len(),
        };
        let mut rest = text.strip_prefix('$').ok_or_else(|| wrong(text))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            rest = step(rest, &mut steps).ok_or_else(|| wrong(rest))?;
            if steps.len() > MOST_STEPS {
                return Err(wrong(rest));
            }
        }
        if steps.last() == Some(&Step::Descend) {
            return Err(wrong(rest));
        }
        Ok(Self {
            text: SmolStr::new(text),
            steps,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The values of `tree` that are meant, in order. Each step looks at each value once.
    pub(crate) fn select(&self, tree: &Tree<'_>) -> Vec<NodeId> {
        let mut chosen = vec![Tree::root()];
        let mut steps = self.steps.iter();
        while let Some(step) = steps.next() {
            let next = match step {
                Step::Descend => {
                    let mut all: Vec<NodeId> = Vec::new();
                    for node in chosen {
                        // What is inside one that was taken is taken.
                        if all.last().is_none_or(|last| *last < node) {
                            all.extend(tree.below(node));
                        }
                    }
                    let Some(step) = steps.next() else {
                        return all;
                    };
                    step.apply(tree, &all)
                }
                step => step.apply(tree, &chosen),
            };
            chosen = next;
            chosen.sort_unstable();
            chosen.dedup();
        }
        chosen
    }
}

impl Step {
    fn apply(&self, tree: &Tree<'_>, nodes: &[NodeId]) -> Vec<NodeId> {
        let mut next = Vec::new();
        for &node in nodes {
            match self {
                Self::All => next.extend(tree.children(node)),
                Self::Name(name) => next.extend(tree.members(node, name)),
                Self::Index(index) if tree.kind(node) == Some(Kind::Array) => {
                    next.extend(tree.children(node).nth(*index));
                }
                Self::Descend | Self::Index(_) => {}
                Self::Filter { name, value, equal } => {
                    let fits = |child: &NodeId| {
                        let mut members = tree.members(*child, name);
                        let says =
                            |member: NodeId| tree.text(member).is_some_and(|t| *t == **value);
                        members.any(says) == *equal
                    };
                    next.extend(tree.children(node).filter(fits));
                }
            }
        }
        next
    }
}

/// Reads one step and returns what follows it.
fn step<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix("..") {
        steps.push(Step::Descend);
        return if rest.starts_with('[') {
            Some(rest)
        } else {
            name_or_all(rest, steps)
        };
    }
    if let Some(rest) = text.strip_prefix('.') {
        return name_or_all(rest, steps);
    }
    let inside = text.strip_prefix('[')?;
    if let Some(rest) = inside.strip_prefix("*]") {
        steps.push(Step::All);
        return Some(rest);
    }
    if let Some(filter) = inside.strip_prefix('?') {
        return self::filter(filter, steps);
    }
    if inside.starts_with(['\'', '"']) {
        let (name, rest) = quoted(inside)?;
        steps.push(Step::Name(name));
        return rest.strip_prefix(']');
    }
    let (index, rest) = inside.split_once(']')?;
    let plain = index.bytes().all(|byte| byte.is_ascii_digit());
    steps.push(Step::Index(index.parse().ok().filter(|_| plain)?));
    Some(rest)
}

fn name_or_all<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix('*') {
        steps.push(Step::All);
        return Some(rest);
    }
    let (name, rest) = word(text)?;
    steps.push(Step::Name(SmolStr::new(name)));
    Some(rest)
}

/// Reads `@.role=='user']`, with or without parentheses and spaces.
fn filter<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    let text = text.trim_start();
    let (text, closing) = match text.strip_prefix('(') {
        Some(inside) => (inside.trim_start(), true),
        None => (text, false),
    };
    let (name, rest) = word(text.strip_prefix("@.")?)?;
    let rest = rest.trim_start();
    let (equal, rest) = match rest.strip_prefix("==") {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix("!=")?),
    };
    let (value, rest) = quoted(rest.trim_start())?;
    let rest = rest.trim_start();
    let rest = if closing {
        rest.strip_prefix(')')?.trim_start()
    } else {
        rest
    };
    steps.push(Step::Filter {
        name: SmolStr::new(name),
        value,
        equal,
    });
    rest.strip_prefix(']')
}

fn word(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
        .unwrap_or(text.len());
    text.split_at_checked(end)
        .filter(|(name, _)| !name.is_empty())
}

/// Reads a text in single or double quotes, without escapes.
fn quoted(text: &str) -> Option<(SmolStr, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (value, rest) = text.strip_prefix(quote)?.split_once(quote)?;
    (!value.contains('\\')).then(|| (SmolStr::new(value), rest))
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selector({})", self.text)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
