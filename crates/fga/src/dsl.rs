//! The modelling language: text to model and back, with the place of every mistake.

mod finding;
mod lint;
mod lower;
mod mod_file;
mod modules;
mod parse;
mod print;
mod scan;
mod syntax;

pub use finding::{Finding, FindingKind};
pub use mod_file::{ModFile, Positioned};
pub use modules::{ModuleFile, combine};
pub use print::Unprintable;

use crate::spec::ModelSpec;

/// Reads a model written in the modelling language. Only the syntax is judged.
///
/// # Errors
/// Every mistake found, in the order of the text.
pub fn parse(text: &str) -> Result<ModelSpec, Vec<Finding>> {
    let document = parse::document(text)?;
    Ok(lower::model(&document))
}

/// Reads a model and judges what it says the way editors do: a little stricter than a store.
///
/// # Errors
/// Every mistake found.
pub fn validate(text: &str) -> Result<ModelSpec, Vec<Finding>> {
    let document = parse::document(text)?;
    let findings = lint::document(&document);
    if findings.is_empty() {
        Ok(lower::model(&document))
    } else {
        Err(findings)
    }
}

/// Judges what only the JSON of a model can get wrong: its schema version, and conditions whose
/// key is not their name.
pub fn validate_json(model: &ModelSpec) -> Vec<Finding> {
    lint::json(model)
}

/// Writes a model in the modelling language.
///
/// # Errors
/// A relation that the language has no words for.
pub fn print(model: &ModelSpec) -> Result<String, Unprintable> {
    print::model(model, false)
}

/// Writes a model made of modules, naming module and file of each part in comments.
///
/// # Errors
/// A relation that the language has no words for.
pub fn print_with_sources(model: &ModelSpec) -> Result<String, Unprintable> {
    print::model(model, true)
}
