//! Text that is a template when it looks like one, and CEL otherwise.

use ztag_types::{Code, Reads, Scope, Value};

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
            Expression::compile(source, vocabulary)
                .map(Self::Expression)
                .map_err(|error| advise(error, source))
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

/// Tells who wrote a sentence that it is read as CEL.
fn advise(error: CompileError, source: &str) -> CompileError {
    let is_prose = |c: char| c.is_alphanumeric() || " ,.!-".contains(c);
    if error.hint.is_some() || error.code != Code::ExpressionSyntax || !source.chars().all(is_prose)
    {
        return error;
    }
    error.hint(format!("text needs quotes of its own: `\"'{source}'\"`"))
}

#[cfg(test)]
mod tests {
    use ztag_types::{Root, Slots, View};

    use super::*;

    #[track_caller]
    fn check(source: &str, expected: impl Into<Value>) {
        let vocabulary = Vocabulary::policy(&[Root::Endpoint, Root::Request]);
        let hybrid = Hybrid::compile(source, &vocabulary, &TemplateFiles::empty()).unwrap();
        let slots = Slots::new().with(Root::Endpoint, View::Str("api"));
        assert_eq!(
            hybrid.evaluate(slots.scope()),
            Ok(expected.into()),
            "{source}"
        );
    }

    #[test]
    fn braces_tell_a_template_from_cel() {
        check("endpoint == 'api'", true);
        check("1 + 1", Value::Int(2));
        check("{{ endpoint }}", "api");
        // A template always is text.
        check("{{ 1 + 1 }}", "2");
        check("{% if endpoint == 'api' %}yes{% endif %}", "yes");
        check("{'a': 1}['a']", Value::Int(1));
    }

    #[test]
    fn reads_and_shape_come_from_either() {
        let vocabulary = Vocabulary::policy(&[Root::Endpoint, Root::Request]);
        for source in ["request.path", "{{ request.path }}"] {
            let hybrid = Hybrid::compile(source, &vocabulary, &TemplateFiles::empty()).unwrap();
            let reads: Vec<_> = hybrid.reads().paths().map(ToString::to_string).collect();
            assert_eq!(reads, ["request.path"]);
            assert_eq!(hybrid.shape(), &Shape::String);
        }
    }

    #[test]
    fn mistakes_of_habit_come_with_advice() {
        for (source, expected) in [
            (
                "subscription check failed",
                "`\"'subscription check failed'\"`",
            ),
            ("{{ .request.path }}", "without a dot"),
        ] {
            let vocabulary = Vocabulary::policy(&[Root::Request]);
            let error = Hybrid::compile(source, &vocabulary, &TemplateFiles::empty()).unwrap_err();
            let hint = error.hint.unwrap_or_default();
            assert!(hint.contains(expected), "{source}: {hint}");
        }
    }
}
