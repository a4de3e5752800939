#![doc = include_str!("../README.md")]

pub mod case;
mod cel;
mod condition;
mod error;
mod expression;
mod hybrid;
mod shape;
mod template;
mod text_pattern;
mod vocabulary;

pub use condition::Condition;
pub use error::{CompileError, EvalError};
pub use expression::Expression;
pub use hybrid::Hybrid;
pub use shape::Shape;
pub use template::{Template, TemplateFiles};
pub use text_pattern::TextPattern;
pub use vocabulary::Vocabulary;
