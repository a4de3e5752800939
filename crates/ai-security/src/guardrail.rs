//! The guardrail: the guard and the content filter over all texts of one request or response.

mod body;
mod describe;
mod digest;
mod kept;
mod reading;
mod report;
mod spec;

use std::sync::Arc;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::filter::Filter;
use crate::guard::Guard;
use crate::transformer::{Answers, Classifier, Questions, Transformer, Unanswered};

pub use body::{BodyPlan, BodySpec, Unreadable, is_utf8};
pub use digest::Digests;
pub use kept::{Kept, Paused};
pub use reading::Reading;
pub use report::{ChannelTally, Found, Judgement};
pub use spec::{GuardrailSpec, OnUnreadable, Spotlight};

/// What is looked for in the texts of a request or a response, and what becomes of them. Compiled
/// once, shared by everybody.
#[derive(Debug)]
pub struct Guardrail {
    guard: Option<Guard>,
    transformer: Option<Transformer>,
    filter: Option<Filter>,
    spotlight: Option<Spotlight>,
    digests: Digests,
    records_text: bool,
}

impl Guardrail {
    /// The guard with its standard settings, and nothing that masks.
    pub fn standard(digests: Digests) -> Self {
        Self {
            guard: Some(Guard::standard().clone()),
            transformer: None,
            filter: None,
            spotlight: None,
            digests,
            records_text: false,
        }
    }

    /// One that only looks for content.
    pub const fn filtering(filter: Filter, digests: Digests) -> Self {
        Self {
            guard: None,
            transformer: None,
            filter: Some(filter),
            spotlight: None,
            digests,
            records_text: false,
        }
    }

    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings. A
    /// transformer has nobody to ask yet: [`Guardrail::with_classifier`].
    pub fn compile(
        spec: &GuardrailSpec,
        digests: Digests,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let guard = spec.injection.as_ref();
        let guard = guard.map(|own| Guard::compile(own, &at.key("injection"), findings));
        let transformer = spec.transformer.as_ref();
        let transformer =
            transformer.map(|own| Transformer::compile(own, &at.key("transformer"), findings));
        if spec.transformer.is_some() && spec.injection.is_none() {
            let message = "nobody is asked: no text is marked without `injection`";
            let at = at.key("transformer");
            findings.push(Diagnostic::error(Code::Conflict, &at, message));
            return None;
        }
        let filter = spec.content.as_ref();
        let filter = filter.map(|own| Filter::compile(own, &at.key("content"), findings));
        Some(Self {
            guard: match guard {
                None => None,
                Some(guard) => Some(guard?),
            },
            transformer: match transformer {
                None => None,
                Some(transformer) => Some(transformer?),
            },
            filter: match filter {
                None => None,
                Some(filter) => Some(filter?),
            },
            spotlight: spec.spotlight,
            digests,
            records_text: spec.record_text,
        })
    }

    /// The same with a classifier to ask about marked texts, where it has a transformer.
    #[must_use]
    pub fn with_classifier(self, classifier: Arc<Classifier>) -> Self {
        let transformer = self.transformer;
        Self {
            transformer: transformer.map(|own| own.with_classifier(classifier)),
            ..self
        }
    }

    /// A reading like `paused`, which notes what a classifier is to be asked: read with it first, then
    /// [ask](Self::ask) for [`Reading::questions`], and read again. `None` where nobody is asked: then
    /// `paused` is read from at once.
    pub fn asking(&self, paused: &Paused) -> Option<Paused> {
        self.transformer.as_ref()?;
        Some(paused.clone().noting())
    }

    /// The same for what comes in pieces and is read once: after each piece, hold what may pass until
    /// [`Guardrail::answers`] to [`Reading::questions`] are there and [`Reading::heed`] lets it. `paused`
    /// itself where nobody is asked.
    #[must_use]
    pub fn asking_streamed(&self, paused: Paused) -> Paused {
        match self.transformer {
            Some(_) => paused.holding(),
            None => paused,
        }
    }

    /// Has the classifier say what it thinks of marked texts, and returns `paused`, where reading began,
    /// with its [answers](Self::answers).
    pub async fn ask(&self, questions: Questions, paused: Paused) -> Paused {
        paused.knowing(self.answers(questions).await)
    }

    /// What the classifier thinks of marked texts. Answers come by the deadline of the transformer, or
    /// there are none; with the feature `transformer` this waits on the timer of a tokio runtime.
    pub async fn answers(&self, questions: Questions) -> Answers {
        match &self.transformer {
            Some(transformer) => transformer.ask(&questions).await,
            None => Answers::none(&questions, Unanswered::Absent),
        }
    }

    /// Whether texts may come out otherwise than they went in.
    pub fn masks(&self) -> bool {
        self.hides() || self.spotlight.is_some()
    }

    /// Whether placeholders may take the place of values.
    pub fn hides(&self) -> bool {
        self.filter.as_ref().is_some_and(Filter::masks)
    }

    /// Whether links in answers are looked at.
    pub fn watches_links(&self) -> bool {
        self.filter.as_ref().is_some_and(Filter::watches_links)
    }

    /// The filter of content, if there is one: what streams are read with.
    pub const fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// Begins to read the texts of one request, or of a response that answers none that was read.
    pub fn begin(&self) -> Reading<'_> {
        self.resume(Paused::default())
    }

    /// Begins to read the answer to a request of which `kept` is known. With `restores`, placeholders of
    /// the request come out as the values that they stand for: pass on what is read so only to the one
    /// who sent the request.
    pub fn begin_answer(&self, kept: Kept, restores: bool) -> Reading<'_> {
        self.resume(Paused::answer(kept, restores))
    }

    /// Goes on with a reading.
    pub const fn resume(&self, paused: Paused) -> Reading<'_> {
        Reading::new(self, paused)
    }
}

#[cfg(test)]
mod tests;
