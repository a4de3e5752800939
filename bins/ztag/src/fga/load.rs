//! Reads models, tuples and store files.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use ztag_fga::dsl::{self, Finding, ModFile, ModuleFile};
use ztag_fga::spec::ModelSpec;
use ztag_fga::store_file::StoreFile;
use ztag_fga::{Limits, Store, Tuple};

use super::trouble::Trouble;
use super::tuples::Format;

/// The text of a file, or of standard input for `-`.
pub(super) fn text(path: &Path) -> Result<String, Trouble> {
    if path.as_os_str() == "-" {
        return Ok(io::read_to_string(io::stdin())?);
    }
    fs::read_to_string(path).map_err(|error| Trouble::with_file(path, error))
}

/// Whether there is a file to read.
pub(super) fn text_exists(path: &Path) -> Result<(), Trouble> {
    if path.as_os_str() == "-" {
        return Ok(());
    }
    let metadata = fs::metadata(path);
    metadata
        .map(drop)
        .map_err(|error| Trouble::with_file(path, error))
}

/// A YAML file; JSON is YAML too.
pub(super) fn yaml<T: DeserializeOwned>(path: &Path) -> Result<T, Trouble> {
    parse_yaml(&text(path)?).map_err(|error| Trouble::with_file(path, error))
}

/// Reads YAML. Files of tuples may be large, and they are the user's own: no budget.
pub(super) fn parse_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! { budget: None };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

/// How strictly a model is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// Only its syntax.
    Syntax,
    /// As editors do.
    Editor,
}

/// Reads a model: JSON, `fga.mod` with its modules, or the modelling language.
pub(super) fn model(path: &Path, strictness: Strictness) -> Result<ModelSpec, Trouble> {
    let text = text(path)?;
    if path.extension().is_some_and(|extension| extension == "mod") {
        return modules(path, &text);
    }
    parse_model(&text, strictness).map_err(|message| Trouble::with_file(path, message))
}

/// Reads a model written as JSON or in the modelling language.
pub(super) fn parse_model(text: &str, strictness: Strictness) -> Result<ModelSpec, String> {
    if text.trim_start().starts_with('{') {
        let model = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let findings = dsl::validate_json(&model);
        return if findings.is_empty() {
            Ok(model)
        } else {
            Err(listed(&findings))
        };
    }
    let read = match strictness {
        Strictness::Syntax => dsl::parse(text),
        Strictness::Editor => dsl::validate(text),
    };
    read.map_err(|findings| listed(&findings))
}

fn modules(path: &Path, text: &str) -> Result<ModelSpec, Trouble> {
    let wrong = |findings: Vec<Finding>| Trouble::with_file(path, listed(&findings));
    let list = ModFile::parse(text).map_err(wrong)?;
    let mut files = Vec::new();
    for item in list.contents {
        files.push(ModuleFile {
            contents: self::text(&path.with_file_name(&item.value))?,
            name: item.value,
        });
    }
    dsl::combine(&files, &list.schema.value).map_err(wrong)
}

/// One line for each mistake.
fn listed(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let _ = write!(text, "\n  {finding}");
    }
    text
}

/// A store file, and what it names.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) file: StoreFile,
    pub(super) model: ModelSpec,
    /// The tuples of all tests.
    pub(super) tuples: Vec<Tuple>,
}

/// Reads a store file with its model and tuples.
pub(super) fn store_file(path: &Path) -> Result<Loaded, Trouble> {
    let file: StoreFile = yaml(path)?;
    let model = match (&file.model, &file.model_file) {
        (Some(text), _) => parse_model(text, Strictness::Syntax)
            .map_err(|message| Trouble::with_file(path, message))?,
        (None, Some(name)) => model(&path.with_file_name(name), Strictness::Syntax)?,
        (None, None) => {
            let message = "`model` or `model_file` must be present";
            return Err(Trouble::with_file(path, message));
        }
    };
    let mut tuples = file.tuples.clone();
    for name in file.tuple_file.iter().chain(&file.tuple_files) {
        tuples.extend(tuple_file(&path.with_file_name(name))?);
    }
    Ok(Loaded {
        file,
        model,
        tuples,
    })
}

/// The tuples of a file, in the format that its name says.
pub(super) fn tuple_file(path: &Path) -> Result<Vec<Tuple>, Trouble> {
    let format = Format::of(path);
    let tuples = format.read(&text(path)?);
    tuples.map_err(|message| Trouble::with_file(path, message))
}

impl Loaded {
    /// A store in memory with the model and the tuples of all tests.
    pub(super) fn store(&self) -> Result<Store, Trouble> {
        let store = Store::new(Limits::default());
        store.write_model(self.model.clone())?;
        store.load(None, &self.tuples)?;
        Ok(store)
    }
}
