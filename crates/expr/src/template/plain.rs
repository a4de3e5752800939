//! Templates that are text and plain look-ups only, rendered straight from the borrowed scope.

use std::borrow::Cow;

use minijinja::machinery::ast::{CallArg, Expr, Stmt};
use serde_json::Value as Json;
use smallvec::SmallVec;
use ztag_types::{Scope, View};

use super::budget::OUTPUT_BYTES;
use super::filters::script_safe;
use super::survey::path::{Path, literal};
use crate::error::EvalError;
use crate::vocabulary::Vocabulary;

/// A template without anything to decide: what most headers are.
#[derive(Debug)]
pub(super) struct Plain(Box<[Piece]>);

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    Look {
        slot: usize,
        keys: Box<[Box<str>]>,
        filters: Box<[Pure]>,
    },
}

#[derive(Debug)]
enum Pure {
    Lower,
    Upper,
    Trim,
    Default(Box<str>),
    ToJson,
}

/// A printed look-up on its way through the filters.
enum Printed<'a> {
    Undefined,
    Null,
    /// A number or a truth value, which JSON writes the same.
    Bare(Cow<'a, str>),
    Text(Cow<'a, str>),
}

impl Plain {
    /// Whether it prints one value and nothing else.
    pub(super) fn is_value(&self) -> bool {
        matches!(&*self.0, [Piece::Look { .. }])
    }

    /// The plain form of `tree`, if it has one.
    pub(super) fn of(tree: &Stmt<'_>, vocabulary: &Vocabulary) -> Option<Self> {
        let Stmt::Template(template) = tree else {
            return None;
        };
        let pieces = template.children.iter().map(|child| match child {
            Stmt::EmitRaw(text) => Some(Piece::Text(text.raw.into())),
            Stmt::EmitExpr(emit) => Piece::of(&emit.expr, vocabulary),
            _ => None,
        });
        pieces.collect::<Option<_>>().map(Self)
    }

    /// The text, when it reads nothing.
    pub(super) fn literal(&self) -> Option<String> {
        let texts = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => Some(&**text),
            Piece::Look { .. } => None,
        });
        texts.collect()
    }

    /// The text over `scope`, or `None` where a value needs the engine to print it.
    pub(super) fn render(&self, scope: Scope<'_>) -> Option<Result<String, EvalError>> {
        if let [piece] = &*self.0 {
            // Most headers are one value: no list is made of it.
            return Some(within_bounds(piece.print(scope)?));
        }
        let mut parts: SmallVec<[Cow<'_, str>; 4]> = SmallVec::new();
        let mut length = 0_usize;
        for piece in &self.0 {
            let part = piece.print(scope)?;
            length = length.saturating_add(part.len());
            parts.push(part);
        }
        if length > OUTPUT_BYTES {
            return Some(Err(EvalError::new("template makes more text than it may")));
        }
        let mut text = String::with_capacity(length);
        for part in &parts {
            text.push_str(part);
        }
        Some(Ok(text))
    }
}

fn within_bounds(text: Cow<'_, str>) -> Result<String, EvalError> {
    if text.len() > OUTPUT_BYTES {
        return Err(EvalError::new("template makes more text than it may"));
    }
    Ok(text.into_owned())
}

impl Piece {
    fn of(expression: &Expr<'_>, vocabulary: &Vocabulary) -> Option<Self> {
        let mut filters = Vec::new();
        let mut at = expression;
        while let Expr::Filter(filter) = at {
            filters.push(Pure::of(filter.name, &filter.args)?);
            at = filter.expr.as_ref()?;
        }
        if let Some(text) = literal(at).filter(|_| filters.is_empty()) {
            return Some(Self::Text(text.into()));
        }
        let path = Path::of(at)?;
        let (slot, _) = vocabulary.find(path.root)?;
        filters.reverse();
        Some(Self::Look {
            slot,
            keys: path.keys.into_iter().map(|(key, _)| key.into()).collect(),
            filters: filters.into(),
        })
    }

    fn print<'a>(&'a self, scope: Scope<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Look {
                slot,
                keys,
                filters,
            } => {
                let root = scope.slot(*slot);
                let keys = keys.iter().map(AsRef::as_ref);
                let first = Printed::of(root, keys)?;
                let last = filters
                    .iter()
                    .fold(first, |printed, filter| filter.apply(printed));
                Some(last.text())
            }
        }
    }
}

impl<'a> Printed<'a> {
    fn of<'k>(root: View<'a>, keys: impl Iterator<Item = &'k str>) -> Option<Self> {
        if matches!(root, View::Null) {
            return Some(Self::Undefined);
        }
        let text = match root.at_path(keys) {
            None | Some(View::Failed(_)) => return Some(Self::Undefined),
            Some(View::Null) => return Some(Self::Null),
            Some(View::Str(text)) => return Some(Self::Text(Cow::Borrowed(text))),
            Some(View::Bool(b)) => Cow::Borrowed(if b { "true" } else { "false" }),
            Some(View::Int(i)) => Cow::Owned(i.to_string()),
            Some(View::Uint(u)) => Cow::Owned(u.to_string()),
            Some(_) => return None,
        };
        Some(Self::Bare(text))
    }

    fn json(self) -> Cow<'a, str> {
        match self {
            Self::Undefined | Self::Null => Cow::Borrowed("null"),
            Self::Bare(text) => text,
            Self::Text(text) => script_safe(&Json::from(&*text).to_string()).into(),
        }
    }

    fn text(self) -> Cow<'a, str> {
        match self {
            Self::Undefined | Self::Null => Cow::Borrowed(""),
            Self::Bare(text) | Self::Text(text) => text,
        }
    }
}

impl Pure {
    fn of(name: &str, arguments: &[CallArg<'_>]) -> Option<Self> {
        match (name, arguments) {
            ("lower", []) => Some(Self::Lower),
            ("upper", []) => Some(Self::Upper),
            ("trim", []) => Some(Self::Trim),
            ("tojson", []) => Some(Self::ToJson),
            ("default" | "d", [CallArg::Pos(value)]) => Some(Self::Default(literal(value)?.into())),
            _ => None,
        }
    }

    fn apply<'a>(&'a self, printed: Printed<'a>) -> Printed<'a> {
        if let Self::Default(text) = self {
            return match printed {
                Printed::Undefined => Printed::Text(Cow::Borrowed(text)),
                defined => defined,
            };
        }
        if matches!(self, Self::ToJson) {
            return Printed::Text(printed.json());
        }
        let text = printed.text();
        Printed::Text(match self {
            Self::Lower
                if !text
                    .bytes()
                    .all(|b| b.is_ascii() && !b.is_ascii_uppercase()) =>
            {
                text.to_lowercase().into()
            }
            Self::Upper
                if !text
                    .bytes()
                    .all(|b| b.is_ascii() && !b.is_ascii_lowercase()) =>
            {
                text.to_uppercase().into()
            }
            Self::Trim => match text {
                Cow::Borrowed(text) => text.trim().into(),
                Cow::Owned(text) => text.trim().to_owned().into(),
            },
            _ => text,
        })
    }
}
