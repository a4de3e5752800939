//! What is known of a request while its answer is read, and of a reading that goes on later.

use crate::filter::Vault;
use crate::output::SystemText;
use crate::spotlight::Mark;
use crate::transformer::{Answers, Asking, Questions};

use super::Judgement;

/// Bytes of system texts that are remembered of one request.
const MOST_SYSTEM: usize = 256 * 1024;

/// What is kept of a request for its answer: values behind placeholders, what the answer must not
/// repeat, and the mark that it must not carry. Belongs to one exchange, and is to be dropped with it.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    pub(super) vault: Vault,
    pub(super) system: Option<SystemText>,
    pub(super) mark: Option<Mark>,
}

/// A reading that goes on later: of a stream, between two pieces.
#[derive(Clone, Debug, Default)]
pub struct Paused {
    pub(super) judgement: Judgement,
    pub(super) asking: Asking,
    pub(super) kept: Kept,
    /// System texts of a request, as far as the answer must not repeat them.
    pub(super) system: String,
    /// Whether an answer is read.
    pub(super) answers: bool,
    /// Whether placeholders of the request come out as their values.
    pub(super) restores: bool,
}

impl Kept {
    /// What placeholders stand for.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }
}

impl Paused {
    pub(super) fn answer(mut kept: Kept, restores: bool) -> Self {
        kept.vault.seal();
        Self {
            kept,
            restores,
            answers: true,
            ..Self::default()
        }
    }

    /// What was found so far.
    pub const fn judgement(&self) -> &Judgement {
        &self.judgement
    }

    /// The same, which notes what is to be asked.
    pub(super) fn noting(self) -> Self {
        Self {
            asking: Asking::Noting(Questions::default()),
            ..self
        }
    }

    /// The same, which notes what is to be asked of what comes in pieces.
    pub(super) fn holding(self) -> Self {
        Self {
            asking: Asking::Holding(Questions::default()),
            ..self
        }
    }

    /// The same with what was said of texts that were asked about.
    pub(super) fn knowing(self, answers: Answers) -> Self {
        Self {
            asking: Asking::Knowing(answers),
            ..self
        }
    }

    /// Gives back no more values of the request, and forgets nothing else.
    pub fn close_vault(&mut self) {
        self.kept.vault.close();
    }

    /// Remembers what the operator tells the model.
    pub(super) fn add_system(&mut self, text: &str) {
        let room = MOST_SYSTEM.saturating_sub(self.system.len());
        let end = text.floor_char_boundary(room);
        self.system.push_str(text.get(..end).unwrap_or_default());
        self.system.push('\n');
    }

    pub(super) fn into_parts(mut self) -> (Judgement, Kept) {
        if !self.system.is_empty() {
            self.kept.system = Some(SystemText::of(&self.system));
        }
        (self.judgement, self.kept)
    }
}
