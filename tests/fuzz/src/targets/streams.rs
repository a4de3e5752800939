//! Guarded streams: however they are cut, the same passes and the same is said.

use std::str;
use std::sync::LazyLock;

use ztag_ai_security::Verdict;
use ztag_ai_security::guardrail::{Digests, Guardrail, Reading};
use ztag_ai_security::stream::sse::{Event, Splitter};
use ztag_ai_security::stream::{EventGuard, Stopped, TextGuard};
use ztag_types::{ConfigPath, Findings};

/// Looks for attacks and for content, and is strict enough to find some.
static GUARDRAIL: LazyLock<Guardrail> = LazyLock::new(|| {
    let spec = r#"{
        "injection": {"channels": {"output": {"mark": 0.3, "block": 0.6}}},
        "content": {"kinds": {"CREDIT_CARD": "block"}, "output": {"controlSequences": "mask"}},
        "spotlight": "words"
    }"#;
    let spec = serde_json::from_str(spec).expect("a specification");
    let (digests, at) = (Digests::of_secret("fuzz"), ConfigPath::root());
    let mut findings = Findings::new();
    Guardrail::compile(&spec, digests, &at, &mut findings).unwrap_or_else(|| panic!("{findings:?}"))
});

/// What came of a stream.
struct Passed {
    ended: Result<(), Stopped>,
    out: Vec<u8>,
    verdict: Verdict,
    score: f32,
    masked: usize,
}

/// A stream that is read piece by piece.
trait Guarded {
    fn push(
        &mut self,
        piece: &[u8],
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped>;
    fn finish(&mut self, reading: &mut Reading<'_>, out: &mut Vec<u8>) -> Result<(), Stopped>;
}

/// The first byte says what kind of stream it is, the second one how many of the next ones are lengths
/// of pieces, again and again.
pub(crate) fn target(data: &[u8]) {
    let [form, lengths, rest @ ..] = data else {
        return;
    };
    let (lengths, text) = rest.split_at(rest.len().min(usize::from(lengths % 8)));
    match form % 3 {
        0 => same_text(text, lengths),
        1 => same_events(
            text,
            lengths,
            || EventGuard::new(None),
            || Splitter::new(1 << 20),
        ),
        _ => same_events(
            text,
            lengths,
            || EventGuard::of_lines(None),
            || Splitter::lines(1 << 20),
        ),
    }
}

/// Plain text: when it is let through, the same; when it is stopped, it is stopped either way.
fn same_text(text: &[u8], lengths: &[u8]) {
    let whole = pass(TextGuard::new(), [text].into_iter());
    let cut = pass(TextGuard::new(), pieces(text, lengths));
    assert_eq!(whole.ended.is_ok(), cut.ended.is_ok(), "stopped by a cut");
    if whole.ended.is_ok() {
        assert!(str::from_utf8(text).is_ok(), "let through unread");
        assert_eq!(whole.out, cut.out);
        assert_eq!((whole.verdict, whole.masked), (cut.verdict, cut.masked));
        assert!((whole.score - cut.score).abs() < f32::EPSILON);
    } else if str::from_utf8(text).is_ok() {
        // More of it has passed when it came slowly, never anything else.
        let shorter = whole.out.len().min(cut.out.len());
        assert_eq!(whole.out[..shorter], cut.out[..shorter]);
    }
}

/// Events are taken whole, so everything is the same; and the splitter loses nothing.
fn same_events(
    text: &[u8],
    lengths: &[u8],
    guard: impl Fn() -> EventGuard,
    splitter: impl Fn() -> Splitter,
) {
    let whole = pass(guard(), [text].into_iter());
    let cut = pass(guard(), pieces(text, lengths));
    assert_eq!((&whole.ended, &whole.out), (&cut.ended, &cut.out));
    assert_eq!((whole.verdict, whole.masked), (cut.verdict, cut.masked));
    assert!((whole.score - cut.score).abs() < f32::EPSILON);

    let events = split(splitter(), [text].into_iter());
    assert_eq!(events, split(splitter(), pieces(text, lengths)));
    let joined: Vec<u8> = events.iter().flat_map(Event::as_bytes).copied().collect();
    assert!(text.starts_with(&joined), "events that did not come");
}

fn pass<'t>(mut guard: impl Guarded, pieces: impl Iterator<Item = &'t [u8]>) -> Passed {
    let (mut reading, mut out, mut pieces) = (GUARDRAIL.begin(), Vec::new(), pieces);
    let pushed = pieces.try_for_each(|piece| guard.push(piece, &mut reading, &mut out));
    let ended = pushed.and_then(|()| guard.finish(&mut reading, &mut out));
    if let Err(stopped) = &ended {
        let length = out.len();
        let again = guard.push(b"more", &mut reading, &mut out);
        assert_eq!(
            (again.as_ref(), length),
            (Err(stopped), out.len()),
            "it goes on"
        );
    }
    let judgement = reading.finish().0;
    Passed {
        ended,
        out,
        verdict: judgement.verdict,
        score: judgement.score,
        masked: judgement.masked,
    }
}

fn split<'t>(mut splitter: Splitter, pieces: impl Iterator<Item = &'t [u8]>) -> Vec<Event> {
    let mut events = Vec::new();
    for piece in pieces {
        splitter.push(piece);
        while let Some(event) = splitter.next_event().expect("it is short") {
            events.push(event);
        }
    }
    events.extend(splitter.last_event());
    events
}

/// The text in pieces of these lengths, again and again; byte by byte without any.
fn pieces<'t>(text: &'t [u8], lengths: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
    let lengths = if lengths.is_empty() { &[1] } else { lengths };
    let mut rest = text;
    lengths.iter().cycle().map_while(move |length| {
        let at = usize::from(*length).clamp(1, rest.len().max(1));
        let (piece, behind) = rest.split_at_checked(at)?;
        rest = behind;
        Some(piece)
    })
}

impl Guarded for TextGuard {
    fn push(
        &mut self,
        piece: &[u8],
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        self.push(piece, reading, out)
    }

    fn finish(&mut self, reading: &mut Reading<'_>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        self.finish(reading, out)
    }
}

impl Guarded for EventGuard {
    fn push(
        &mut self,
        piece: &[u8],
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        self.push(piece, reading, out)
    }

    fn finish(&mut self, reading: &mut Reading<'_>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        self.finish(reading, out)
    }
}
