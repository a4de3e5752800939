//! Sandboxed templates.

mod files;

use ztag_types::{Reads, Scope};

use crate::error::{CompileError, EvalError};
use crate::vocabulary::Vocabulary;

pub use files::TemplateFiles;

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    literal: Option<Box<str>>,
    reads: Reads,
}

impl Template {
    /// Compiles and checks `source` against the names of `vocabulary`.
    pub fn compile(
        source: &str,
        _vocabulary: &Vocabulary,
        _files: &TemplateFiles,
    ) -> Result<Self, CompileError> {
        Ok(Self {
            literal: Some(source.into()),
            reads: Reads::nothing(),
        })
    }

    /// Compiles the template file whose path `path_template` renders to.
    pub fn compile_file(
        path_template: &str,
        vocabulary: &Vocabulary,
        files: &TemplateFiles,
    ) -> Result<Self, CompileError> {
        Self::compile(path_template, vocabulary, files)
    }

    /// The text over `scope`.
    pub fn render(&self, _scope: Scope<'_>) -> Result<String, EvalError> {
        Err(EvalError::new("not rendered"))
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The text, when it reads nothing.
    pub fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }
}
