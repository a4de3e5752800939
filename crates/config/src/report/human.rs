//! Findings as people read them.

use std::fmt::Write;

use ztag_types::{Code, Severity};

use super::{Finding, Report};
use crate::excerpt::Excerpt;

/// All findings and a summary.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    for finding in report.findings() {
        text.push_str(&self::finding(finding));
        text.push('\n');
    }
    let (errors, warnings) = (report.errors(), report.warnings());
    let plural = |count| if count == 1 { "" } else { "s" };
    let _ = writeln!(
        text,
        "{errors} error{}, {warnings} warning{}",
        plural(errors),
        plural(warnings)
    );
    text
}

/// One finding, several lines.
pub(super) fn finding(finding: &Finding) -> String {
    let mut text = format!("{}[{}]: {}\n", word(finding), finding.code, finding.message);
    let margin = finding.line.map_or(1, |line| line.to_string().len()).max(2);
    if let Some(place) = place(finding) {
        let _ = writeln!(text, "{:margin$}--> {place}", "");
    }
    if let (Some(excerpt), Some(line)) = (&finding.excerpt, finding.line) {
        let _ = writeln!(text, "{line:>margin$} | {}", excerpt.text);
        let _ = writeln!(text, "{:margin$} | {}", "", carets(excerpt, finding.code));
    }
    let help = finding.hint.as_ref().map(|hint| format!("= help: {hint}"));
    let effect = finding
        .effect
        .as_ref()
        .map(|effect| format!("= effect: {effect}"));
    let notes: Vec<_> = help.into_iter().chain(effect).collect();
    if !notes.is_empty() {
        let _ = writeln!(text, "{:margin$} {}", "", notes.join("      "));
    }
    text
}

/// One finding, one line.
pub(super) fn line(finding: &Finding) -> String {
    let place = place(finding).map(|place| place + ": ").unwrap_or_default();
    format!(
        "{place}{}[{}]: {}",
        word(finding),
        finding.code,
        finding.message
    )
}

fn word(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn place(finding: &Finding) -> Option<String> {
    if let Some(variable) = &finding.variable {
        return Some(format!("environment variable {variable}"));
    }
    let file = finding.file.as_ref()?;
    match (finding.line, finding.column) {
        (Some(line), Some(column)) => Some(format!("{file}:{line}:{column}")),
        _ => Some(file.clone()),
    }
}

fn carets(excerpt: &Excerpt, code: Code) -> String {
    let mut text = " ".repeat(excerpt.indent);
    text.push_str(&"^".repeat(excerpt.width));
    if let Some(label) = label(code) {
        text.push(' ');
        text.push_str(label);
    }
    text
}

/// What stands behind the carets.
const fn label(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::UnknownKey => "no such key here",
        Code::UnknownDefinition => "nothing has this name",
        Code::WrongType => "of the wrong type",
        Code::Duplicate => "defined more than once",
        Code::UnknownName => "not in scope",
        Code::UnknownFunction => "no such function",
        _ => return None,
    })
}
