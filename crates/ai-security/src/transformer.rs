//! A second opinion on marked texts, by a classifier that the operator supplies.
//!
//! The guard judges first, in microseconds. What it marks may be asked about: a transformer, read from
//! an ONNX file and run on threads of its own, says how likely the text is an attack. That takes
//! milliseconds, so it is asked about few texts, by a deadline, through a queue that may be full. A
//! question without an answer never makes a verdict less strict.
//!
//! What a guardrail says of it in configuration is the same in every build; the classifier itself is
//! there with the feature `transformer` only.

#[cfg(not(feature = "transformer"))]
mod absent;
#[cfg(feature = "transformer")]
mod classifier;
mod compile;
#[cfg(feature = "transformer")]
mod network;
#[cfg(feature = "transformer")]
mod pool;
#[cfg_attr(
    not(feature = "transformer"),
    expect(dead_code, reason = "there is nobody to ask")
)]
mod question;
mod settle;
mod spec;
#[cfg(feature = "transformer")]
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use crate::guard::Guard;
use crate::{Channel, Inspection, Verdict};

#[cfg(not(feature = "transformer"))]
pub use absent::Classifier;
#[cfg(feature = "transformer")]
pub use classifier::Classifier;
pub(crate) use question::Asking;
pub use question::{Answers, Asked, Question, Questions, Unanswered};
pub use spec::{OnFailure, Scores, Settings, TransformerSpec};

/// When a classifier is asked, and what follows from what it says. Compiled once.
#[derive(Clone, Debug)]
pub struct Transformer {
    ask_from: Option<f32>,
    block_at: f32,
    clear_at: Option<f32>,
    deadline: Duration,
    on_failure: OnFailure,
    /// INVARIANT: without one, every question fails.
    classifier: Option<Arc<Classifier>>,
}

/// What a classifier is made of, as bytes: whoever embeds this crate reads the files.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'f> {
    /// The model: ONNX.
    pub model: &'f [u8],
    /// Its tokenizer: `tokenizer.json`.
    pub tokenizer: &'f [u8],
}

/// Why files are no classifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Built without.
    #[error("this program is built without the feature `transformer`")]
    NotBuilt,
    /// The tokenizer cannot be read.
    #[error("the tokenizer cannot be read: {0}")]
    Tokenizer(String),
    /// The model cannot be read or run.
    #[error("the model cannot be run: {0}")]
    Model(String),
    /// The model wants something else than tokens.
    #[error(
        "the model has an input `{0}`: `input_ids`, `attention_mask` and `token_type_ids` are known"
    )]
    Input(String),
    /// The model takes no tokens.
    #[error("the model has no input `input_ids`")]
    NoTokens,
    /// There is no such output.
    #[error("the model has no output `{0}`")]
    Output(String),
    /// The output is not one row of labels.
    #[error("the model answers in the shape {0}, not with one row of labels")]
    Shape(String),
    /// There is no such label.
    #[error("the model has {labels} labels, there is no label {label}")]
    Label {
        /// The one that was named.
        label: usize,
        /// How many there are.
        labels: usize,
    },
}

impl Transformer {
    /// The same with a classifier to ask.
    #[must_use]
    pub fn with_classifier(self, classifier: Arc<Classifier>) -> Self {
        Self {
            classifier: Some(classifier),
            ..self
        }
    }

    /// Has the classifier say what it thinks of the texts. With the feature `transformer` it waits on
    /// the timer of a tokio runtime.
    pub async fn ask(&self, questions: &Questions) -> Answers {
        match &self.classifier {
            Some(classifier) => {
                classifier
                    .ask(questions, self.deadline, self.block_at)
                    .await
            }
            None => Answers::none(questions, Unanswered::Absent),
        }
    }

    /// Asks about `text`, of which `guard` says `inspection`, where an answer could change that, and
    /// changes it: for whoever inspects single texts without a guardrail. Waits like
    /// [`Transformer::ask`].
    pub async fn reconsider(
        &self,
        guard: &Guard,
        text: &str,
        channel: Channel,
        inspection: &mut Inspection,
    ) -> Asked {
        let mut asked = Asked::default();
        if self.concerns(guard, channel, inspection) {
            let mut questions = Questions::default();
            questions.add(text, channel, inspection.begins());
            let answers = self.ask(&questions).await;
            asked.latency = answers.latency();
            let (said, strictest) = (answers.about(text), guard.strictest(channel));
            self.settle(inspection, said, strictest, &mut asked);
        }
        asked
    }

    /// Whether an answer could change what becomes of a text of which the guard says this.
    pub(crate) fn concerns(
        &self,
        guard: &Guard,
        channel: Channel,
        inspection: &Inspection,
    ) -> bool {
        let may_block = guard.strictest(channel) == Verdict::Block;
        match inspection.verdict {
            Verdict::Block => false,
            Verdict::Mark => may_block || self.clear_at.is_some(),
            Verdict::Allow => {
                may_block && self.ask_from.is_some_and(|from| inspection.score >= from)
            }
        }
    }
}
