//! Mistakes in a text, with their places.

use std::fmt;
use std::ops::Range;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What sort of mistake it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind {
            $($(#[$doc])* $variant,)*
        }

        impl FindingKind {
            /// The name that editors show.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// The text does not follow the grammar.
    Syntax = "syntax",
    /// Modules that cannot be put together.
    Module = "module",
    /// A schema version that is not known.
    InvalidSchema = "invalid-schema",
    /// A part of a modular model, on its own.
    SchemaVersionRequired = "schema-version-required",
    /// A type named `self` or `this`.
    ReservedTypeKeywords = "reserved-type-keywords",
    /// A relation named `self` or `this`.
    ReservedRelationKeywords = "reserved-relation-keywords",
    /// A name that is too long.
    InvalidName = "invalid-name",
    /// Something written twice.
    DuplicatedError = "duplicated-error",
    /// A relation that does not exist.
    MissingDefinition = "missing-definition",
    /// A type that does not exist.
    InvalidType = "invalid-type",
    /// A userset whose relation does not exist.
    InvalidRelationType = "invalid-relation-type",
    /// A relation that no object of a tupleset has.
    InvalidRelationOnTupleset = "invalid-relation-on-tupleset",
    /// A tupleset that is not made of plain objects.
    TupleUsersetNotDirect = "tupleuserset-not-direct",
    /// A relation that nobody can have.
    RelationNoEntryPoint = "relation-no-entry-point",
    /// A condition that does not exist.
    ConditionNotDefined = "condition-not-defined",
    /// A condition that no relation names.
    ConditionNotUsed = "condition-not-used",
    /// A condition whose key is not its name.
    DifferentNestedConditionName = "different-nested-condition-name",
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, where there are several.
    pub file: Option<String>,
    /// The line, counted from 0.
    pub line: usize,
    /// The characters of the line, counted from 0.
    pub column: Range<usize>,
    /// What sort of mistake.
    pub kind: FindingKind,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Finding {
    /// Counts lines and columns from 1, as editors do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        let (line, column) = (self.line + 1, self.column.start + 1);
        write!(f, "{line}:{column}: {} ({})", self.message, self.kind)
    }
}
