//! Texts with the margins that the trained weights give them, to notice when scoring changes.

use serde_json::json;
use ztag_ai_security::Channel;
use ztag_ai_security::model::Model;
use ztag_ai_security::normalize::Normalized;
use ztag_ai_security::rules::{RuleBook, Scan};
use ztag_test_support::Failure;

use super::corpus::Sample;
use super::draw::Draw;

/// Texts written, all of them the project's own.
const TEXTS: usize = 60;

/// Longest text written, in bytes.
const LONGEST: usize = 1200;

/// One JSON object a text: `text`, `channel`, `margin` and `windows`.
///
/// # Errors
/// When the rules of this build are broken.
pub(super) fn lines(samples: &[Sample], model: &Model) -> Result<String, Failure> {
    let book = RuleBook::embedded().map_err(|error| Failure::new(error.to_string()))?;
    let mut scan = Scan::default();
    let own = samples
        .iter()
        .filter(|sample| sample.is_own() && sample.text.len() < LONGEST);
    let mut own = own.collect::<Vec<_>>();
    Draw::named("golden").shuffle(&mut own);
    let repeated = "A long report that says nothing of interest, line after line. ".repeat(40);
    let long = (repeated.as_str(), Channel::Document);
    let texts = own
        .iter()
        .take(TEXTS)
        .map(|sample| (sample.text.as_str(), sample.channel));
    let lines = texts.chain([long]).map(|(text, channel)| {
        let folded = Normalized::of(text);
        book.scan(folded.text(), channel, &mut scan);
        let found = model.margin(folded.text(), scan.touches(), channel, 0.0);
        let line = json!({
            "text": text, "channel": channel, "margin": found.value, "windows": found.windows,
        });
        format!("{line}\n")
    });
    Ok(lines.collect())
}
