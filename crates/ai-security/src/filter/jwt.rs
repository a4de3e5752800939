//! JSON Web Tokens, RFC 7519: three parts of base64url, the first of which begins a JSON object.

use super::bytes::{ByteSet, before, cut_opening, openings, starts_word};
use super::candidate::{Candidate, Finder, Found, LONG, Window};
use super::latch::{Latch, TOKEN};

/// `{"` in base64, and the letters that may follow: the object begins with a name.
const OPENING: &[u8] = b"eyJ";
const LETTERS: ByteSet = ByteSet::alphanumeric().all(b"-_");
/// Least letters of a part: `{"alg":"x"}` takes 15.
const LEAST_HEADER: usize = 12;
const LEAST_PAYLOAD: usize = 4;

/// Finds signed and encrypted tokens.
#[derive(Debug)]
pub(crate) struct WebTokens {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl Finder for WebTokens {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let mut done = window.from;
        for start in openings(window.bytes, window.from, OPENING) {
            if start >= done && starts_run(window.bytes, start) {
                done = self.read(window, start, found).unwrap_or(start + 1);
            }
        }
        if !window.complete
            && let Some(at) = cut_opening(window.bytes, done, OPENING)
        {
            found.hold(at);
        }
    }
}

impl WebTokens {
    fn read(&self, window: &Window<'_>, start: usize, found: &mut Found) -> Option<usize> {
        let mut latch = Latch::Run(TOKEN);
        let rest = window.bytes.get(start..)?;
        let (taken, ended) = latch.feed(rest);
        let end = start + taken;
        if !ended && !window.complete {
            if taken <= LONG {
                found.hold(start);
                return Some(end);
            }
            found.push(Candidate {
                latch: Some(latch),
                ..Candidate::whole(self.rule, start..end)
            });
            return Some(end);
        }
        let token = trim(rest.get(..taken)?);
        // So long a run is taken for a token without a look at its parts: a stream cannot wait.
        if taken > LONG || is_token(token) {
            let end = if taken > LONG {
                end
            } else {
                start + token.len()
            };
            found.push(Candidate::whole(self.rule, start..end));
        }
        Some(end)
    }
}

/// Whether no letter of a token stands before, so that only one token is read of each run.
fn starts_run(text: &[u8], at: usize) -> bool {
    before(text, at).is_none_or(|byte| {
        !TOKEN.has(byte) || (byte.is_ascii_alphanumeric() && starts_word(text, at))
    })
}

/// Leaves out a full stop behind the token, which may end a sentence, and lines of dashes, which
/// may begin a key.
fn trim(run: &[u8]) -> &[u8] {
    let dashes = run.windows(5).position(|part| part == b"-----");
    let run = run.get(..dashes.unwrap_or(run.len())).unwrap_or(run);
    let signs = run.iter().rev().take_while(|byte| **byte == b'.').count();
    // `a.b.` is an unsigned token; what follows its dot is nothing.
    let unsigned = signs == 1 && memchr::memchr_iter(b'.', run).count() == 2;
    let keep = run.len() - if unsigned { 0 } else { signs };
    run.get(..keep).unwrap_or(run)
}

/// Whether there are three or five parts, long enough to be what they should be.
fn is_token(run: &[u8]) -> bool {
    let mut parts = run.split(|byte| *byte == b'.');
    let header = parts.next().unwrap_or_default();
    let payload = parts.next().unwrap_or_default();
    let others = parts.count();
    header.len() >= LEAST_HEADER
        && LETTERS.run(header) == header.len()
        && matches!(others, 1 | 3)
        && (others == 3 || payload.len() >= LEAST_PAYLOAD)
        && TOKEN.run(run) == run.len()
}
