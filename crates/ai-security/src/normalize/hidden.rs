//! Code points that no reader sees.

use crate::HiddenKind;

/// Runs of variation selectors from this length on carry bytes rather than shapes of glyphs.
const SELECTOR_RUN: usize = 4;

/// Bytes of hidden text kept, to be read as a view.
const LONGEST_TEXT: usize = 4096;

/// What was dropped from a text, counted by kind, and what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    seen: [Seen; HiddenKind::ALL.len()],
    tag_text: String,
    selector_bytes: Vec<u8>,
    run: Run,
    /// Where a zero-width character stands behind a Latin letter, until it is known what follows.
    gap: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    count: usize,
    first: usize,
}

/// The run of hidden characters that the text is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Run {
    #[default]
    None,
    /// Tag characters behind a black flag: the subdivision of a country.
    Flag,
    /// Variation selectors.
    Selectors {
        length: usize,
        from: usize,
        /// How many bytes were known before the run.
        known: usize,
    },
}

impl Hidden {
    pub(super) fn clear(&mut self) {
        self.seen = Default::default();
        self.tag_text.clear();
        self.selector_bytes.clear();
        self.run = Run::None;
        self.gap = None;
    }

    /// Whether nothing was hidden.
    pub fn is_empty(&self) -> bool {
        self.seen.iter().all(|seen| seen.count == 0)
    }

    /// How many characters of `kind` were dropped, and where in the original the first stands.
    pub fn seen(&self, kind: HiddenKind) -> Option<(usize, usize)> {
        let seen = self.seen.get(kind.index())?;
        (seen.count > 0).then_some((seen.count, seen.first))
    }

    /// What tag characters said.
    pub fn tag_text(&self) -> &str {
        &self.tag_text
    }

    /// The bytes that runs of variation selectors stand for.
    pub fn selector_bytes(&self) -> &[u8] {
        &self.selector_bytes
    }

    /// A letter was read that is never dropped.
    #[inline]
    pub(super) fn pass(&mut self) {
        self.end_run();
        self.gap = None;
    }

    /// Whether `c` at `at` is dropped; it is counted then. `before` is the last folded character.
    pub(super) fn take(&mut self, c: char, at: usize, before: Option<char>) -> bool {
        match c {
            '\u{e0000}'..='\u{e007f}' => self.tag(c, at),
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => self.selector(c, at),
            _ => {
                self.end_run();
                if matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
                    if matches!(c, '\u{202d}' | '\u{202e}') {
                        self.count(HiddenKind::Bidi, 1, at);
                    }
                } else if is_invisible(c) {
                    if c != '\u{ad}' && before.is_some_and(|before| before.is_ascii_alphabetic()) {
                        self.gap.get_or_insert(at);
                    }
                } else {
                    self.gap = None;
                    if c == '\u{1f3f4}' {
                        self.run = Run::Flag;
                    }
                    return false;
                }
            }
        }
        true
    }

    fn tag(&mut self, c: char, at: usize) {
        if self.run == Run::Flag {
            if c == '\u{e007f}' {
                self.run = Run::None;
            }
            return;
        }
        self.end_run();
        self.count(HiddenKind::Tags, 1, at);
        let shown = u32::from(c).checked_sub(0xe0000).and_then(char::from_u32);
        let shown = shown.filter(|c| matches!(c, ' '..='~'));
        if let Some(shown) = shown.filter(|_| self.tag_text.len() < LONGEST_TEXT) {
            self.tag_text.push(shown);
        }
    }

    fn selector(&mut self, c: char, at: usize) {
        let (length, from, known) = match self.run {
            Run::Selectors {
                length,
                from,
                known,
            } => (length + 1, from, known),
            _ => (1, at, self.selector_bytes.len()),
        };
        self.run = Run::Selectors {
            length,
            from,
            known,
        };
        match length {
            SELECTOR_RUN => self.count(HiddenKind::Selectors, SELECTOR_RUN, from),
            _ if length > SELECTOR_RUN => self.count(HiddenKind::Selectors, 1, from),
            _ => {}
        }
        let number = u32::from(c);
        let byte = match number.checked_sub(0xe0100) {
            Some(supplement) => supplement + 16,
            None => number - 0xfe00,
        };
        if self.selector_bytes.len() < LONGEST_TEXT {
            self.selector_bytes.extend(u8::try_from(byte));
        }
    }

    /// Text in ASCII comes that begins with `first`. Between two Latin letters a zero-width character
    /// has nothing to do; elsewhere it says where a line may be broken.
    pub(super) fn go_on(&mut self, first: Option<u8>) {
        self.end_run();
        if let Some(at) = self.gap.take()
            && first.is_some_and(|first| first.is_ascii_alphabetic())
        {
            self.count(HiddenKind::ZeroWidth, 1, at);
        }
    }

    /// Letters were folded that imitate Latin ones in the word that begins at `at`.
    pub(super) fn imitation(&mut self, at: usize) {
        self.count(HiddenKind::LookAlikes, 1, at);
    }

    /// Other text comes: a short run of selectors was the shape of a glyph.
    fn end_run(&mut self) {
        if let Run::Selectors { length, known, .. } = self.run
            && length < SELECTOR_RUN
        {
            self.selector_bytes.truncate(known);
        }
        self.run = Run::None;
    }

    fn count(&mut self, kind: HiddenKind, number: usize, at: usize) {
        if let Some(seen) = self.seen.get_mut(kind.index()) {
            if seen.count == 0 {
                seen.first = at;
            }
            seen.count += number;
        }
    }
}

/// Zero-width characters, joiners, fillers and marks of direction, the soft hyphen among them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
    )
}
