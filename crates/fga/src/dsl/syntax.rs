//! What a text says, with places.

use crate::dsl::finding::{Finding, FindingKind};
use crate::spec::ParameterSpec;

/// Where something stands, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A name and its place.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) at: Place,
}

/// A whole text.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) header: Header,
    pub(super) types: Vec<TypeNode>,
    pub(super) conditions: Vec<ConditionNode>,
}

/// How a text begins.
#[derive(Debug)]
pub(super) enum Header {
    /// A whole model of this schema version.
    Model(Word),
    /// The module of this name.
    Module(Word),
}

/// A type, or more relations for one.
#[derive(Debug)]
pub(super) struct TypeNode {
    pub(super) name: Word,
    pub(super) extends: bool,
    pub(super) relations: Vec<RelationNode>,
}

/// A relation.
#[derive(Debug)]
pub(super) struct RelationNode {
    pub(super) name: Word,
    pub(super) rewrite: RewriteNode,
}

/// How a relation comes about.
#[derive(Debug)]
pub(super) enum RewriteNode {
    Direct(Vec<RestrictionNode>),
    Computed(Word),
    From { computed: Word, tupleset: Word },
    Group(Operator, Vec<RewriteNode>),
    ButNot(Box<[RewriteNode; 2]>),
}

/// What joins rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
}

/// Users that can be related directly.
#[derive(Debug)]
pub(super) struct RestrictionNode {
    /// All of it but the condition.
    pub(super) at: Place,
    pub(super) name: Word,
    pub(super) relation: Option<Word>,
    pub(super) wildcard: bool,
    pub(super) condition: Option<Word>,
}

/// A condition.
#[derive(Debug)]
pub(super) struct ConditionNode {
    pub(super) name: Word,
    pub(super) parameters: Vec<(Word, ParameterSpec)>,
    pub(super) expression: String,
}

impl Place {
    pub(super) fn to(self, end: Self) -> Self {
        Self {
            end: end.end,
            ..self
        }
    }

    pub(super) fn finding(self, kind: FindingKind, message: impl Into<String>) -> Finding {
        Finding {
            file: None,
            line: self.line,
            column: self.start..self.end,
            kind,
            message: message.into(),
        }
    }
}

impl RewriteNode {
    /// The rewrites without parts, in the order written.
    pub(super) fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::Group(_, parts) => parts.iter().flat_map(Self::leaves).collect(),
            Self::ButNot(pair) => pair.iter().flat_map(Self::leaves).collect(),
            leaf => vec![leaf],
        }
    }

    /// The restrictions written.
    pub(super) fn restrictions(&self) -> &[RestrictionNode] {
        let direct = self.leaves().into_iter().find_map(|leaf| match leaf {
            Self::Direct(restrictions) => Some(restrictions.as_slice()),
            _ => None,
        });
        direct.unwrap_or_default()
    }
}
