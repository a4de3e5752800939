//! Text that is a template when it looks like one, and CEL otherwise.

use ztag_types::{Reads, Scope, Value};

use crate::error::{CompileError, EvalError};
use crate::expression::Expression;
use crate::shape::Shape;
use crate::template::{Template, TemplateFiles};
use crate::vocabulary::Vocabulary;

/// A template where the text contains `{{` or `{%`, else a CEL expression.
#[derive(Clone, Debug)]
pub enum Hybrid {
    /// Text, always a string.
    Template(Template),
    /// CEL, of any type.
    Expression(Expression),
}

impl Hybrid {
    /// Compiles and checks `source` against the names of `vocabulary`.
    pub fn compile(
        source: &str,
        vocabulary: &Vocabulary,
        files: &TemplateFiles,
    ) -> Result<Self, CompileError> {
        if source.contains("{{") || source.contains("{%") {
            Template::compile(source, vocabulary, files).map(Self::Template)
        } else {
            Expression::compile(source, vocabulary).map(Self::Expression)
        }
    }

    /// The value over `scope`.
    pub fn evaluate(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Template(template) => template.render(scope).map(Value::from),
            Self::Expression(expression) => expression.evaluate(scope),
        }
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        match self {
            Self::Template(template) => template.reads(),
            Self::Expression(expression) => expression.reads(),
        }
    }

    /// What is known about its value.
    pub fn shape(&self) -> &Shape {
        match self {
            Self::Template(_) => &Shape::String,
            Self::Expression(expression) => expression.shape(),
        }
    }
}
