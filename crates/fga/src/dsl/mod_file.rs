//! `fga.mod`: the list of the modules of a model. It is YAML of a very plain shape, and only that
//! shape is read.

use std::ops::Range;
use std::path::Path;

use crate::dsl::finding::{Finding, FindingKind};
use crate::dsl::syntax::Place;

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positioned {
    /// The value.
    pub value: String,
    /// The line, counted from 0.
    pub line: usize,
    /// The characters of the line, counted from 0, quotes included.
    pub column: Range<usize>,
}

/// The file that lists the modules of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModFile {
    /// The schema version, always `1.2`.
    pub schema: Positioned,
    /// The files of the modules, below the folder of this file.
    pub contents: Vec<Positioned>,
}

impl ModFile {
    /// Reads the text of an `fga.mod`.
    ///
    /// # Errors
    /// Every mistake found.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let mut reader = Reader::default();
        let lines = text.lines().enumerate();
        for (number, line) in lines {
            reader.line(number, line);
        }
        reader.finish()
    }
}

#[derive(Default)]
struct Reader {
    schema: Option<Positioned>,
    contents: Option<Vec<Positioned>>,
    findings: Vec<Finding>,
}

/// A scalar with its place, and whether it can be anything but text.
struct Scalar {
    text: Positioned,
    is_quoted: bool,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') || trimmed == "---" {
            return;
        }
        let indent = line.chars().take_while(|c| *c == ' ').count();
        if let Some(item) = trimmed.strip_prefix("- ") {
            self.item(&scalar(number, indent + 2, item));
        } else if let Some(value) = trimmed.strip_prefix("schema:") {
            self.schema(&scalar(number, indent + 7, value));
        } else if let Some(value) = trimmed.strip_prefix("contents:") {
            self.open_contents(&scalar(number, indent + 9, value));
        } else {
            let place = Place {
                line: number,
                start: indent,
                end: indent + trimmed.chars().count(),
            };
            self.report(place, "expected `schema`, `contents` or an item of a list");
        }
    }

    fn schema(&mut self, scalar: &Scalar) {
        let value = &scalar.text.value;
        if !scalar.is_quoted && !value.contains(|c: char| c.is_ascii_digit()) {
            let message = format!("unexpected schema type, expected string got value {value}");
            self.report(place(&scalar.text), message);
        } else if value != "1.2" {
            let message = "unsupported schema version, fga.mod only supported in version `1.2`";
            self.report(place(&scalar.text), message);
        }
        self.schema = Some(scalar.text.clone());
    }

    fn open_contents(&mut self, scalar: &Scalar) {
        self.contents = Some(Vec::new());
        let value = &scalar.text.value;
        if !value.is_empty() {
            let message =
                format!("unexpected contents type, expected list of strings got value {value}");
            self.report(place(&scalar.text), message);
        }
    }

    fn item(&mut self, scalar: &Scalar) {
        let value = &scalar.text.value;
        if !is_safe_path(value) {
            let message = format!("invalid contents item {value}");
            self.report(place(&scalar.text), message);
        } else if Path::new(value)
            .extension()
            .is_none_or(|extension| extension != "fga")
        {
            let message = format!("contents items should use fga file extension, got {value}");
            self.report(place(&scalar.text), message);
        } else if let Some(contents) = &mut self.contents {
            contents.push(scalar.text.clone());
        } else {
            self.report(place(&scalar.text), "expected `contents` before this item");
        }
    }

    fn finish(mut self) -> Result<ModFile, Vec<Finding>> {
        let start = Place::default();
        if self.schema.is_none() {
            self.report(start, "missing schema field");
        }
        if self.contents.is_none() {
            self.report(start, "missing contents field");
        }
        match (self.schema, self.contents) {
            (Some(schema), Some(contents)) if self.findings.is_empty() => {
                Ok(ModFile { schema, contents })
            }
            _ => Err(self.findings),
        }
    }

    fn report(&mut self, place: Place, message: impl Into<String>) {
        self.findings
            .push(place.finding(FindingKind::Module, message));
    }
}

fn place(text: &Positioned) -> Place {
    Place {
        line: text.line,
        start: text.column.start,
        end: text.column.end,
    }
}

/// Reads `text`, which begins at character `start` of the line.
fn scalar(line: usize, start: usize, text: &str) -> Scalar {
    let text = text
        .split_once(" #")
        .map_or(text, |(value, _)| value)
        .trim_end();
    let value = text.trim_start();
    let start = start + (text.chars().count() - value.chars().count());
    let unquoted = ['\'', '"']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    let is_escaped = value.starts_with('"');
    let column = start..start + value.chars().count();
    let text = unquoted.unwrap_or(value);
    // In double quotes a backslash is written twice.
    let value = if is_escaped {
        text.replace("\\\\", "\\")
    } else {
        text.to_owned()
    };
    Scalar {
        text: Positioned {
            value,
            line,
            column,
        },
        is_quoted: unquoted.is_some(),
    }
}

/// Whether `path` stays below the folder of the file, also when decoded as a URL.
fn is_safe_path(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let plain = lower
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/")
        .replace('\\', "/");
    !plain.starts_with('/') && plain.split('/').all(|part| part != "..")
}
