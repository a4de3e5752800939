//! What backends say about further pages.

use std::str;

use ztag_backend::{Cursor, next_link};

/// `Link` header fields and pointers to cursors.
pub(crate) fn target(data: &[u8]) {
    if let Some(target) = next_link(data) {
        let field = str::from_utf8(data).unwrap_or(target);
        assert!(field.contains(target), "a target that nobody wrote");
        assert!(!target.contains('>'));
    }
    if let Ok(pointer) = str::from_utf8(data) {
        let _ = Cursor::new(pointer, None);
    }
}
