//! What came of a subproblem.

use crate::error::{Error, ErrorCode};

/// Yes, no, or why it cannot be told.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Yes,
    No,
    Fault(Box<Error>),
}

/// An answer, and what it rests on.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) answer: Answer,
    /// The answer is no because the question came back to itself. Known where it matters: inside
    /// what an exclusion takes away.
    pub(crate) circular: bool,
    /// Dispatches below this subproblem that the answer rests on.
    pub(crate) height: u16,
    /// The lowest of the questions under way that the answer rests on: `2 * n` for the search at
    /// level `n`, `2 * n + 1` for the barrier that it has opened.
    pub(crate) floor: usize,
}

impl Verdict {
    pub(crate) const fn yes(height: u16) -> Self {
        Self {
            answer: Answer::Yes,
            circular: false,
            height,
            floor: usize::MAX,
        }
    }

    pub(crate) const fn no(height: u16) -> Self {
        Self {
            answer: Answer::No,
            circular: false,
            height,
            floor: usize::MAX,
        }
    }

    /// No, because what is under way at `floor` asks itself.
    pub(crate) const fn circular(floor: usize) -> Self {
        Self {
            answer: Answer::No,
            circular: true,
            height: 0,
            floor,
        }
    }

    pub(crate) fn fault(error: impl Into<Box<Error>>) -> Self {
        Self {
            answer: Answer::Fault(error.into()),
            circular: false,
            height: 0,
            floor: usize::MAX,
        }
    }

    pub(crate) fn too_complex() -> Self {
        Self::fault(too_complex())
    }

    pub(crate) fn result(self) -> Result<bool, Error> {
        match self.answer {
            Answer::Yes => Ok(true),
            Answer::No => Ok(false),
            Answer::Fault(error) => Err(*error),
        }
    }
}

pub(crate) fn too_complex() -> Error {
    let message = "Authorization Model resolution required too many rewrite rules to be resolved. \
                   Check your authorization model for infinite recursion or too much nesting";
    Error::new(ErrorCode::ResolutionTooComplex, message)
}
