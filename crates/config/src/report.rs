//! What was found, for people and for programs.

mod human;

use serde::Serialize;
use ztag_types::{Code, Severity};

use crate::excerpt::Excerpt;

/// Everything found in a configuration, in the order of files and lines.
#[derive(Clone, Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
}

/// One finding with its place and its effect.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Its number, such as `C014`.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The file it stands in; none for environment variables and what is nowhere.
    pub file: Option<String>,
    /// The environment variable it stands in.
    pub variable: Option<String>,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// Its column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// What it causes.
    pub effect: Option<String>,
    /// The key, such as `rules.admin.conditions.pass[0]`.
    pub path: String,
    #[serde(skip)]
    pub(crate) excerpt: Option<Excerpt>,
}

impl Report {
    pub(crate) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| order(a).cmp(&order(b)));
        findings.dedup_by(|a, b| order(a) == order(b) && a.message == b.message);
        Self { findings }
    }

    /// The findings.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Number of errors.
    pub fn errors(&self) -> usize {
        let errors = self.findings.iter();
        errors
            .filter(|finding| finding.severity == Severity::Error)
            .count()
    }

    /// Number of warnings.
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }

    /// The findings as text with the lines meant, a caret below each, and a summary.
    pub fn to_human(&self) -> String {
        human::report(self)
    }

    /// The findings as a JSON array.
    pub fn to_json(&self) -> serde_json::Value {
        self.findings
            .iter()
            .map(|finding| serde_json::to_value(finding).unwrap_or_default())
            .collect()
    }
}

impl Finding {
    /// The finding as text with the line meant and a caret below it.
    pub fn to_human(&self) -> String {
        human::finding(self)
    }

    /// The finding on one line: `gateway.yaml:14:9: error[C014]: unknown rule ...`.
    pub fn to_line(&self) -> String {
        human::line(self)
    }
}

/// By place, what stands nowhere last.
fn order(finding: &Finding) -> impl Ord {
    (
        finding.file.is_none() && finding.variable.is_none(),
        (finding.file.as_deref(), finding.variable.as_deref()),
        (finding.line, finding.column),
        (finding.severity, finding.code),
        finding.path.as_str(),
    )
}
