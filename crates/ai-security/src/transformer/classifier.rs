//! The classifier: tokenizer, model and the threads that run them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::network::Network;
use super::pool::{Judge, Pool, Stop};
use super::question::Opinion;
use super::tokens::{Tokenizing, Window};
use super::{Answers, LoadError, ModelFiles, Question, Questions, Settings, Unanswered};

/// Bytes before what is suspicious that the window around it begins at.
const LEAD: usize = 64;
/// From so many bytes a token on, what is suspicious may stand outside of the first window.
const DENSE: usize = 2;

/// A model with its tokenizer, ready to be asked. Its threads start with the first question, and end
/// when it is dropped.
#[derive(Debug)]
pub struct Classifier {
    settings: Settings,
    pool: Pool,
}

/// What the threads share.
struct Engine {
    tokenizing: Tokenizing,
    network: Network,
    most_windows: usize,
}

impl Classifier {
    /// Whether this build has classifiers.
    pub const IS_BUILT: bool = true;

    /// Reads a model and its tokenizer, and runs the model twice to see that it answers. That takes
    /// seconds for a large one.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or the model wants or says something else than a classifier does.
    pub fn load(files: &ModelFiles<'_>, settings: &Settings) -> Result<Self, LoadError> {
        let tokenizing = Tokenizing::read(files.tokenizer, settings.max_tokens)?;
        let network = Network::read(files.model, settings, tokenizing.highest())?;
        let engine = Engine {
            tokenizing,
            network,
            most_windows: settings.max_windows,
        };
        Ok(Self::of(Arc::new(engine), settings))
    }

    pub(super) fn of(judge: Arc<dyn Judge>, settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            pool: Pool::new(judge, settings.workers, settings.queue),
        }
    }

    /// What it was made with.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks about all at once, and waits for `deadline` at the most. A text with a window of at least
    /// `enough` needs no further ones.
    pub(super) async fn ask(
        &self,
        questions: &Questions,
        deadline: Duration,
        enough: f32,
    ) -> Answers {
        let begun = Instant::now();
        let until = begun + deadline;
        let put = questions.as_slice().iter().cloned();
        let put = put.map(|question| self.pool.ask(question, enough, until.into_std()));
        // All at once, before the first answer is waited for.
        let put: Vec<_> = put.collect();
        let mut answers = Vec::with_capacity(put.len());
        for reply in put {
            answers.push(match reply {
                Ok(reply) => match timeout_at(until, reply).await {
                    Ok(Ok(said)) => said,
                    Ok(Err(_)) => Err(Unanswered::Failed),
                    Err(_) => Err(Unanswered::Late),
                },
                Err(why) => Err(why),
            });
        }
        Answers::to(questions, answers, begun.elapsed())
    }
}

impl Judge for Engine {
    fn judge(
        &self,
        question: &Question,
        enough: f32,
        stop: &Stop<'_>,
    ) -> Result<Opinion, Unanswered> {
        let text = &question.text;
        let mut reading = Reading::default();
        let mut left = self.most_windows;
        if question.suspicious > self.tokenizing.room() * DENSE && left > 1 {
            let from = text.floor_char_boundary(question.suspicious.saturating_sub(LEAD));
            let window = self.tokenizing.window(text, from)?;
            reading.apart = window.span.clone();
            reading.add(self.network.probability(&window.tokens)?, &window);
            left -= 1;
        }
        let mut from = 0;
        while left > 0 && reading.best < enough && reading.head < text.len() {
            if stop() {
                return Err(Unanswered::Late);
            }
            let window = self.tokenizing.window(text, from)?;
            reading.head = window.span.end;
            reading.add(self.network.probability(&window.tokens)?, &window);
            from = window.next(text);
            left -= 1;
        }
        reading.finish(text.len())
    }
}

/// What was read of a text so far.
struct Reading {
    /// Everything up to here.
    head: usize,
    /// And this.
    apart: std::ops::Range<usize>,
    best: f32,
    window: Option<std::ops::Range<usize>>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            head: 0,
            apart: 0..0,
            best: f32::NEG_INFINITY,
            window: None,
        }
    }
}

impl Reading {
    fn add(&mut self, probability: f32, window: &Window) {
        if probability > self.best {
            self.best = probability;
            self.window = Some(window.span.clone());
        }
    }

    fn finish(self, length: usize) -> Result<Opinion, Unanswered> {
        let beyond = self
            .apart
            .end
            .saturating_sub(self.apart.start.max(self.head));
        Ok(Opinion {
            probability: self.best,
            // Without a window nothing was read.
            window: self.window.ok_or(Unanswered::Failed)?,
            unasked: length.saturating_sub(self.head + beyond),
        })
    }
}
