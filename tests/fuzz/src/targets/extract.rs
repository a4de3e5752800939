//! Texts in JSON bodies.

use std::str;

use serde::de::IgnoredAny;
use ztag_ai_security::Channel;
use ztag_ai_security::extract::{Extractor, Selector};

/// A selector in the first line, a body behind it. What is read is JSON, what is not replaced stays, and
/// what is replaced is read again.
pub(crate) fn target(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (Some(selector), Some(body)) = (parts.next(), parts.next()) else {
        return;
    };
    let Some(Ok(selector)) = str::from_utf8(selector).ok().map(Selector::compile) else {
        return;
    };
    let extractor = Extractor::new(vec![(selector, Channel::User)], 1 << 20);
    let Ok(texts) = extractor.read(body) else {
        return;
    };
    // Numbers too large for serde are JSON all the same.
    let read = serde_json::from_slice::<IgnoredAny>(body);
    assert!(read.is_ok(), "read what is no JSON");
    assert_eq!(&*texts.rewrite(|_, _| None), body);
    let new = texts.rewrite(|_, text| Some(format!("{text}\u{1}\"")));
    assert!(extractor.read(&new).is_ok(), "wrote what is no JSON");
}
