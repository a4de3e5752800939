//! Texts that a classifier is asked about, and what it says of them.

use std::ops::Range;
use std::time::Duration;

use ztag_types::ConsultReport;

/// Texts of one request or response that are asked about; further ones have no answer.
const MOST: usize = 16;
/// Bytes of a text that are asked about; no window is larger.
const MOST_BYTES: usize = 64 * 1024;

/// Stands for a text.
pub(super) type Digest = [u8; 32];

/// What stands for `text` among questions and answers.
fn digest(text: &str) -> Digest {
    *blake3::hash(text.as_bytes()).as_bytes()
}

/// Texts of one request or response to ask about.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    list: Vec<Question>,
}

/// A text to ask about.
#[derive(Clone, Debug)]
pub struct Question {
    digest: Digest,
    /// The text, or the part of it that is asked about.
    pub(crate) text: String,
    /// Where that begins, in bytes of the text.
    from: usize,
    /// Where what made the guard suspicious begins, in bytes of the part.
    pub(crate) suspicious: usize,
    /// Bytes of the text outside of the part.
    left_out: usize,
}

/// What was said of texts.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    list: Vec<(Digest, Result<Opinion, Unanswered>)>,
    latency: Duration,
}

/// What a classifier says of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opinion {
    /// How likely it is an attack, 0 to 1: of the window with the highest probability.
    pub(crate) probability: f32,
    /// That window, in bytes of the text.
    pub(crate) window: Range<usize>,
    /// Bytes of the text that were not asked about.
    pub(crate) unasked: usize,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unanswered {
    /// None came by the deadline.
    Late,
    /// Too many texts wait, or the request has too many.
    Overloaded,
    /// The tokenizer or the model failed.
    Failed,
    /// There is nobody to ask.
    Absent,
}

/// What was asked about the texts of one request or response, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Texts asked about.
    pub texts: usize,
    /// Of these, without an answer.
    pub failed: usize,
    /// Of these, blocked for what was answered.
    pub blocked: usize,
    /// Of these, allowed for what was answered.
    pub cleared: usize,
    /// Bytes of them that were not asked about.
    pub unasked: usize,
    /// How long was waited for answers.
    pub latency: Duration,
}

/// Whether a reading asks.
#[derive(Clone, Debug, Default)]
pub(crate) enum Asking {
    /// It does not.
    #[default]
    Nobody,
    /// It reads for the first time, and notes questions.
    Noting(Questions),
    /// It reads again, and goes by the answers.
    Knowing(Answers),
}

impl Questions {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a question about `text`, which is suspicious from `suspicious` on.
    pub(crate) fn add(&mut self, text: &str, suspicious: usize) {
        let digest = digest(text);
        if self.list.len() < MOST && self.list.iter().all(|own| own.digest != digest) {
            self.list.push(Question::of(text, digest, suspicious));
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Question> {
        self.list
    }
}

impl Question {
    fn of(text: &str, digest: Digest, suspicious: usize) -> Self {
        let from = if text.len() <= MOST_BYTES {
            0
        } else {
            // What made the guard suspicious is in the middle, where the text has room for that.
            let latest = text.len() - MOST_BYTES;
            text.floor_char_boundary(suspicious.saturating_sub(MOST_BYTES / 2).min(latest))
        };
        let end = text.floor_char_boundary(from.saturating_add(MOST_BYTES));
        let part = text.get(from..end).unwrap_or_default();
        Self {
            digest,
            text: part.to_owned(),
            from,
            suspicious: part.floor_char_boundary(suspicious.saturating_sub(from)),
            left_out: text.len() - part.len(),
        }
    }

    /// An opinion of the part, as one of the text.
    pub(crate) fn whole(&self, opinion: Opinion) -> Opinion {
        let Opinion {
            probability,
            window,
            unasked,
        } = opinion;
        Opinion {
            probability,
            window: self.from + window.start..self.from + window.end,
            unasked: unasked + self.left_out,
        }
    }

    pub(crate) const fn digest(&self) -> Digest {
        self.digest
    }
}

impl Answers {
    /// No answer to any, for one reason.
    pub(crate) fn none(questions: Questions, why: Unanswered) -> Self {
        let questions = questions.into_vec().into_iter();
        Self {
            list: questions.map(|own| (own.digest, Err(why))).collect(),
            latency: Duration::ZERO,
        }
    }

    pub(crate) const fn of(
        list: Vec<(Digest, Result<Opinion, Unanswered>)>,
        latency: Duration,
    ) -> Self {
        Self { list, latency }
    }

    /// What was said of `text`.
    pub(crate) fn about(&self, text: &str) -> Result<&Opinion, Unanswered> {
        let digest = digest(text);
        let known = self.list.iter().find(|(own, _)| *own == digest);
        // There were more texts than may be asked about.
        let (_, said) = known.ok_or(Unanswered::Overloaded)?;
        said.as_ref().map_err(|why| *why)
    }

    pub(crate) const fn latency(&self) -> Duration {
        self.latency
    }
}

impl Unanswered {
    /// For people.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Late => "the transformer did not answer in time",
            Self::Overloaded => "the transformer has too much to do",
            Self::Failed => "the transformer failed",
            Self::Absent => "there is no transformer to ask",
        }
    }
}

impl Asked {
    /// What records hold of it; nothing where nothing was asked.
    pub(crate) fn report(&self) -> Option<ConsultReport> {
        (self.texts > 0).then_some(ConsultReport {
            asked: self.texts,
            failed: self.failed,
            blocked: self.blocked,
            cleared: self.cleared,
            unasked: self.unasked,
            latency: self.latency,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_asked_about_once_and_so_many_at_the_most() {
        let mut questions = Questions::default();
        for index in 0..100 {
            questions.add(&format!("text {}", index / 2), 0);
        }
        assert_eq!(questions.into_vec().len(), MOST);
    }

    #[test]
    fn of_a_long_text_the_suspicious_part_is_asked_about() {
        for (length, suspicious) in [(10, 3), (200_000, 0), (200_000, 99_999), (200_000, 199_999)] {
            let text = "é".repeat(length / 2);
            let question = Question::of(&text, digest(&text), suspicious);
            assert!(question.text.len() <= MOST_BYTES);
            assert_eq!(question.left_out + question.text.len(), text.len());
            let place = question.from + question.suspicious;
            assert!(place.abs_diff(suspicious) <= 2, "{suspicious}: {place}");
            let said = question.whole(Opinion {
                probability: 0.5,
                window: 0..question.text.len(),
                unasked: 0,
            });
            assert_eq!(said.unasked, text.len() - said.window.len());
            assert!(text.get(said.window).is_some());
        }
    }
}
