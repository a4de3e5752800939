//! The guard: text in, inspection out.

use ztag_types::SmolStr;

use crate::bands::Bands;
use crate::channel::Channel;
use crate::inspection::{Coverage, Finding, HiddenKind, Inspection, Origin, Verdict, ViewKind};
use crate::normalize::Normalized;

/// Reads texts. Compiled once, shared by everybody.
#[derive(Clone, Debug)]
pub struct Guard {
    bands: [Bands; Channel::ALL.len()],
}

/// Buffers of inspections, kept from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    folded: Normalized,
}

impl Guard {
    /// The guard with its standard settings.
    pub fn standard() -> Self {
        Self {
            bands: [Bands {
                mark: 0.5,
                block: 0.9,
            }; Channel::ALL.len()],
        }
    }

    /// What is to be said of `text`, which stands in `channel`.
    pub fn inspect(&self, text: &str, channel: Channel) -> Inspection {
        self.inspect_with(&mut Scratch::default(), text, channel)
    }

    /// The same with buffers of the caller's.
    pub fn inspect_with(&self, scratch: &mut Scratch, text: &str, channel: Channel) -> Inspection {
        scratch.folded.read(text);
        let mut findings = Vec::new();
        if let Some((_, first)) = scratch.folded.hidden().seen(HiddenKind::Tags) {
            findings.push(Finding {
                origin: Origin::Hidden {
                    kind: HiddenKind::Tags,
                },
                reason: SmolStr::new_static("text in characters that no font shows"),
                score: 0.95,
                span: first..text.len(),
                view: ViewKind::Text,
            });
        }
        let score = findings.first().map_or(0.0, |finding| finding.score);
        let bands = self.bands.get(channel.index()).copied().unwrap_or(Bands {
            mark: 0.0,
            block: 0.0,
        });
        Inspection {
            verdict: bands.verdict(score).max(Verdict::Allow),
            score,
            bands,
            findings,
            coverage: Coverage {
                scanned: text.len(),
                ..Coverage::default()
            },
        }
    }
}
