//! What compiling a configuration finds: every error and warning, not only the first.

use crate::diagnostic::Diagnostic;

/// The findings of one compilation, in the order found.
///
/// A compile function takes it by `&mut`, reports whatever it finds and returns `None` exactly
/// when it reported an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    found: Vec<Diagnostic>,
    errors: usize,
}

impl Findings {
    /// Nothing found yet.
    pub const fn new() -> Self {
        Self {
            found: Vec::new(),
            errors: 0,
        }
    }

    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.is_error());
        self.found.push(diagnostic);
    }

    /// The value of a result; its diagnostic is kept.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|diagnostic| self.push(diagnostic)).ok()
    }

    /// Number of errors, warnings left out: comparing it before and after tells whether a part
    /// is broken.
    pub const fn errors(&self) -> usize {
        self.errors
    }

    /// Everything found.
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.found
    }

    /// Everything found.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.found
    }
}

impl Extend<Diagnostic> for Findings {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }
}

impl From<Findings> for Vec<Diagnostic> {
    fn from(findings: Findings) -> Self {
        findings.found
    }
}
