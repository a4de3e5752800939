//! Texts that a classifier is asked about, and what it says of them.

use std::ops::Range;
use std::time::Duration;

use ztag_types::ConsultReport;

use crate::Channel;

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
    /// How many were put, those that were taken before included.
    put: usize,
    /// Texts that there was no room for.
    left_out: usize,
}

/// A text to ask about.
#[derive(Clone, Debug)]
pub struct Question {
    digest: Digest,
    channel: Channel,
    /// The text, or the part of it that is asked about.
    pub(crate) text: String,
    /// Where that begins, in bytes of the text.
    from: usize,
    /// Where what made the guard suspicious begins, in bytes of the part.
    pub(crate) suspicious: usize,
    /// Bytes of the text outside of the part.
    unasked: usize,
}

/// What was said of texts.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    list: Vec<Answer>,
    /// Texts that were not asked about: there were too many.
    left_out: usize,
    latency: Duration,
}

/// What was said of a text.
#[derive(Clone, Debug)]
struct Answer {
    digest: Digest,
    channel: Channel,
    said: Result<Opinion, Unanswered>,
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
    /// It reads what comes in pieces, once. What is asked about waits for the answer.
    Holding(Questions),
    /// It reads again, and goes by the answers.
    Knowing(Answers),
}

impl Questions {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.left_out == 0
    }

    /// Adds a question about `text` of `channel`, which is suspicious from `suspicious` on.
    pub(crate) fn add(&mut self, text: &str, channel: Channel, suspicious: usize) {
        let digest = digest(text);
        if self.list.iter().any(|own| own.digest == digest) {
            return;
        }
        if self.put < MOST {
            self.put += 1;
            self.list
                .push(Question::of(text, digest, channel, suspicious));
        } else {
            self.left_out += 1;
        }
    }

    /// Those that were not taken before.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            list: std::mem::take(&mut self.list),
            left_out: std::mem::take(&mut self.left_out),
            put: self.put,
        }
    }

    pub(crate) const fn as_slice(&self) -> &[Question] {
        self.list.as_slice()
    }
}

impl Question {
    fn of(text: &str, digest: Digest, channel: Channel, suspicious: usize) -> Self {
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
            channel,
            text: part.to_owned(),
            from,
            suspicious: part.floor_char_boundary(suspicious.saturating_sub(from)),
            unasked: text.len() - part.len(),
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
            unasked: unasked + self.unasked,
        }
    }
}

impl Answers {
    /// No answer to any, for one reason.
    pub(crate) fn none(questions: &Questions, why: Unanswered) -> Self {
        let said = vec![Err(why); questions.list.len()];
        Self::to(questions, said, Duration::ZERO)
    }

    /// What was said of each question, in their order.
    pub(crate) fn to(
        questions: &Questions,
        said: Vec<Result<Opinion, Unanswered>>,
        latency: Duration,
    ) -> Self {
        let list = questions.list.iter().zip(said);
        let list = list.map(|(question, said)| Answer {
            digest: question.digest,
            channel: question.channel,
            said,
        });
        Self {
            list: list.collect(),
            left_out: questions.left_out,
            latency,
        }
    }

    /// What was said, text by text, and of which channel; of those that were left out last.
    pub(crate) fn iter(
        &self,
    ) -> impl Iterator<Item = (Option<Channel>, Result<&Opinion, Unanswered>)> {
        let said = self.list.iter().map(|own| {
            let said = own.said.as_ref().map_err(|why| *why);
            (Some(own.channel), said)
        });
        let left_out = (None, Err(Unanswered::Overloaded));
        said.chain(std::iter::repeat_n(left_out, self.left_out))
    }

    /// What was said of `text`.
    pub(crate) fn about(&self, text: &str) -> Result<&Opinion, Unanswered> {
        let digest = digest(text);
        let known = self.list.iter().find(|own| own.digest == digest);
        // There were more texts than may be asked about.
        let known = known.ok_or(Unanswered::Overloaded)?;
        known.said.as_ref().map_err(|why| *why)
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
            questions.add(&format!("text {}", index / 2), Channel::User, 0);
        }
        assert_eq!((questions.list.len(), questions.left_out > 0), (MOST, true));
    }

    #[test]
    fn attack_52_a_stream_may_ask_no_more_often_than_a_text_that_is_whole() {
        let mut questions = Questions::default();
        let mut asked = 0;
        for index in 0..100 {
            questions.add(&format!("text {index}"), Channel::Output, 0);
            let taken = questions.take();
            asked += taken.list.len();
            let answers = Answers::none(&taken, Unanswered::Late);
            let said: Vec<_> = answers.iter().map(|(_, said)| said.is_ok()).collect();
            assert_eq!(
                said,
                [false],
                "each has its answer, or is told to have none"
            );
        }
        assert_eq!(asked, MOST);
        assert!(questions.take().is_empty());
    }

    #[test]
    fn of_a_long_text_the_suspicious_part_is_asked_about() {
        for (length, suspicious) in [(10, 3), (200_000, 0), (200_000, 99_999), (200_000, 199_999)] {
            let text = "é".repeat(length / 2);
            let question = Question::of(&text, digest(&text), Channel::User, suspicious);
            assert!(question.text.len() <= MOST_BYTES);
            assert_eq!(question.unasked + question.text.len(), text.len());
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
