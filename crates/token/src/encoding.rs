//! base64url as RFC 7515 section 2 wants it: no padding, no white space, one spelling per value.

use std::mem::MaybeUninit;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64_simd::AsOut;

/// The bytes that `text` encodes. Padding, characters outside the alphabet and bits left over at
/// the end are refused, so that one value has one spelling.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// What `read` makes of the bytes that `text` encodes, refused as by [`decode`]. The heap serves
/// only those of more than 3 KiB.
pub(crate) fn read<T>(text: &str, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    const ROOM: usize = 3 * 1024;
    if text.len() > ROOM / 3 * 4 {
        return decode(text).map(|bytes| read(&bytes));
    }
    // Room for any such text, without which the decoder would panic.
    let mut room = [const { MaybeUninit::uninit() }; ROOM];
    let room = room.as_mut_slice().as_out();
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode(text.as_bytes(), room);
    bytes.ok().map(|bytes| read(bytes))
}

/// How many letters the spelling of `bytes` bytes has.
pub(crate) const fn spelt_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// The spelling of `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What follows the spelling of `bytes` in `text`, if that begins with it; allocates nothing.
pub(crate) fn strip_spelling<'t>(text: &'t str, bytes: &[u8]) -> Option<&'t str> {
    const CHUNK: usize = 768;
    let mut rest = text;
    // Room for any chunk, without which the encoder would panic.
    let mut room = [const { MaybeUninit::uninit() }; CHUNK / 3 * 4];
    for chunk in bytes.chunks(CHUNK) {
        let spelt = base64_simd::URL_SAFE_NO_PAD.encode(chunk, room.as_mut_slice().as_out());
        let (head, tail) = rest.split_at_checked(spelt.len())?;
        if *spelt != *head.as_bytes() {
            return None;
        }
        rest = tail;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attack_27_base64url_has_one_spelling() {
        assert_eq!(decode("Zm9v").as_deref(), Some(&b"foo"[..]));
        assert_eq!(decode("Zg").as_deref(), Some(&b"f"[..]));
        // Padding, left-over bits, the other alphabet, white space, an impossible length.
        for bad in [
            "Zg==", "Zh", "Zm9", "+w", "/w", "Zm 9v", "Zm9v\n", " Zm9v", "Z", "Zm9v\0",
        ] {
            assert!(decode(bad).is_none(), "{bad:?}");
            assert!(read(bad, |_| ()).is_none(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn both_decoders_accept_the_same(text in "[A-Za-z0-9_-]{0,12}", bad in "[A-Za-z0-9+/=. _-]{0,6}", length in 4_000_usize..4_200) {
            for text in [text.clone(), text.clone() + &bad, "A".repeat(length) + &text] {
                prop_assert_eq!(read(&text, <[u8]>::to_vec), decode(&text));
            }
        }

        #[test]
        fn a_spelling_is_known_without_decoding(bytes in prop::collection::vec(any::<u8>(), 0..1_600), at in 0_usize..2_000) {
            let text = encode(&bytes);
            prop_assert_eq!(strip_spelling(&text, &bytes), Some(""));
            prop_assert_eq!(decode(&text), Some(bytes.clone()));
            prop_assert_eq!(text.len(), spelt_length(bytes.len()));
            let mut other = bytes.clone();
            if let Some(byte) = other.get_mut(at) {
                *byte ^= 1;
                prop_assert_eq!(strip_spelling(&text, &other), None);
            }
            let longer = text + "A";
            prop_assert_eq!(strip_spelling(&longer, &bytes), Some("A"));
        }
    }
}
