//! Texts on their way to a model: folded, decoded, inspected.

use std::str;

use ztag_ai_security::normalize::Normalized;
use ztag_ai_security::view::{ViewLimits, Views};
use ztag_ai_security::{Channel, Guard, Verdict};

/// Most characters of which every pair of places is looked at.
const FEW: usize = 64;

/// Parts of what is folded lead back to whole characters of the original, in order.
pub(crate) fn normaliser(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let folded = Normalized::of(text);
    if text.is_ascii() {
        assert_eq!(folded.text(), text.to_ascii_lowercase());
    }
    let places = folded.text().char_indices().map(|(at, _)| at);
    let places: Vec<usize> = places.take(FEW).chain([folded.text().len()]).collect();
    for (index, from) in places.iter().enumerate() {
        for to in places.get(index..).unwrap_or_default() {
            let span = folded.original(*from..*to);
            assert!(text.get(span).is_some(), "a place inside a character");
        }
    }
}

/// Views are bounded, and stand at whole characters of the original.
pub(crate) fn views(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let limits = ViewLimits {
        views: 6,
        bytes: 512,
    };
    let mut views = Views::default();
    views.search(text, &Normalized::of(text), limits);
    let mut index = 0;
    while let Some(view) = views.as_slice().get(index) {
        assert!(
            view.text().len() <= limits.bytes + 1,
            "a view over its limit"
        );
        let span = view.original(0..view.text().len());
        assert!(text.get(span).is_some(), "a place inside a character");
        let folded = Normalized::of(view.text());
        views.search_view(index, &folded, limits);
        index += 1;
    }
    assert!(index <= limits.views, "too many views");
}

/// Whatever is inspected has a score, places that exist, and an account of what was read.
pub(crate) fn inspection(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    for channel in Channel::ALL {
        let inspection = Guard::standard().inspect(text, channel);
        assert!((0.0..=1.0).contains(&inspection.score));
        let coverage = inspection.coverage;
        assert_eq!(coverage.scanned + coverage.skipped, text.len());
        for finding in &inspection.findings {
            assert!(
                text.get(finding.span.clone()).is_some(),
                "a place inside a character"
            );
            assert!(finding.score <= inspection.score + 1e-6);
        }
        if inspection.verdict == Verdict::Block {
            assert!(!inspection.findings.is_empty(), "blocked without a reason");
        }
    }
}
