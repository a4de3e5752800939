//! Cache entries as Redis returns them.

use ztag_result_cache::Entry;
use ztag_types::Outcome;

/// What can be decoded is no error, and encodes to something that decodes to the same.
pub(crate) fn target(data: &[u8]) {
    let Some(entry) = Entry::decode(data) else {
        return;
    };
    assert_ne!(entry.outcome(), Outcome::Error);
    let encoded = entry.encode();
    let again = Entry::decode(&encoded).expect("an encoded entry");
    // Bytes, since a number that is none differs from itself.
    assert_eq!(again.encode(), encoded);
}
