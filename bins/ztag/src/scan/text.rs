//! Texts from the command line, for people.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::Value as Json;
use ztag_ai_security::{Scratch, Verdict};

use super::answer::{Answer, Asked, Examiner};

/// Shows the verdict on every file, or on standard input if there is none. Whether all are allowed.
///
/// # Errors
/// When a file cannot be read or is not UTF-8.
pub(super) fn show_files(files: &[PathBuf], examiner: &Examiner) -> Result<bool, String> {
    if files.is_empty() {
        let text =
            io::read_to_string(io::stdin()).map_err(|error| format!("standard input: {error}"))?;
        return show(None, &text, examiner);
    }
    let mut all_calm = true;
    for file in files {
        let text = if file.as_os_str() == "-" {
            io::read_to_string(io::stdin())
        } else {
            fs::read_to_string(file)
        };
        let name = file.display().to_string();
        let text = text.map_err(|error| format!("{name}: {error}"))?;
        all_calm &= show(Some(&name), &text, examiner)?;
    }
    Ok(all_calm)
}

/// Shows the verdict on one text. Whether it is allowed.
///
/// # Errors
/// When standard output is closed.
pub(super) fn show(name: Option<&str>, text: &str, examiner: &Examiner) -> Result<bool, String> {
    let asked = Asked {
        id: Json::Null,
        text: text.to_owned(),
        channel: None,
    };
    let answer = examiner.examine(&mut Scratch::default(), &asked);
    write(name, text, &answer).map_err(|error| error.to_string())?;
    Ok(answer.verdict == Verdict::Allow)
}

fn write(name: Option<&str>, text: &str, answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if let Some(name) = name {
        write!(out, "{name}: ")?;
    }
    let Answer {
        verdict,
        score,
        threshold,
        ..
    } = answer;
    writeln!(
        out,
        "{verdict} (score {score:.3}, blocked from {threshold:.3})"
    )?;
    for finding in &answer.findings {
        let [start, end] = finding.span;
        let by = finding.filter.as_deref().or(finding.rule.as_deref());
        let by = by.or(finding.model).unwrap_or_default();
        let excerpt = excerpt(text.get(start..end).unwrap_or_default());
        writeln!(
            out,
            "  {start}..{end} {by}: {}: {excerpt:?}",
            finding.reason
        )?;
    }
    match &answer.masked {
        Some(masked) => writeln!(out, "{masked}"),
        None => Ok(()),
    }
}

/// The beginning of `text`, escaped when shown: what is printed may be an attack on the terminal.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
