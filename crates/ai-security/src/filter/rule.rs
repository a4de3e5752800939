//! What is known of a rule once it is compiled.

use ztag_types::SmolStr;

use super::spec::Action;

/// One rule: what it is called, what it finds, and what becomes of that.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Its name, such as `github.personal`.
    pub(crate) id: SmolStr,
    /// What it finds, such as `GITHUB_TOKEN`.
    pub(crate) kind: SmolStr,
    /// Which sort of content that is.
    pub(crate) family: Family,
    /// What becomes of it.
    pub(crate) action: Action,
    /// Which of two rules says more about the same bytes: the higher one.
    pub(crate) specificity: u8,
}

/// Sorts of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Words of the operator's lists.
    Words,
    /// What says something about a person.
    Personal,
    /// What lets somebody in.
    Secret,
    /// What a model's answer must not carry: links that leak, control sequences, its orders.
    Output,
}

impl Family {
    /// Which of two comes first for the same bytes: the higher one.
    pub(crate) const fn rank(self) -> u8 {
        self as u8
    }

    pub(crate) const fn is_secret(self) -> bool {
        matches!(self, Self::Secret)
    }
}

/// Specificity of rules that win over every other secret.
pub(crate) const CERTAIN: u8 = u8::MAX;
/// Specificity of rules for a fixed shape.
pub(crate) const SHAPE: u8 = 100;
/// Specificity of rules for a shape and a checksum.
pub(crate) const CHECKED: u8 = 150;
/// Specificity of rules for values by the name in front of them.
pub(crate) const NAMED: u8 = 50;
/// Specificity of rules for any name that sounds secret.
pub(crate) const GENERIC: u8 = 20;
