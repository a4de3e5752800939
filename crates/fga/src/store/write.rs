//! Writing and deleting tuples.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorCode};
use crate::model::ModelId;
use crate::store::Store;
use crate::store::edit::{Edit, Edited};
use crate::store::staging::Staging;
use crate::tuple::Tuple;

/// Tuples that one step of loading writes.
const LOADED_AT_ONCE: usize = 10_000;
/// What the text of a revision begins with.
const REVISION_MARK: char = 'r';

/// What to do about a tuple to write that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// Refuse the whole write.
    #[default]
    Error,
    /// Leave it as it is, if its condition is the same.
    Ignore,
}

/// What to do about a tuple to delete that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// Refuse the whole write.
    #[default]
    Error,
    /// Go on.
    Ignore,
}

/// Tuples to write and to delete, all or none of them.
#[derive(Clone, Debug, Default)]
pub struct WriteRequest {
    /// The model that must allow the tuples written; the latest if none is named.
    pub model: Option<ModelId>,
    /// Tuples to write.
    pub writes: Vec<Tuple>,
    /// Tuples to delete; their conditions do not matter.
    pub deletes: Vec<Tuple>,
    /// What to do about tuples that exist.
    pub on_duplicate: OnDuplicate,
    /// What to do about tuples that do not.
    pub on_missing: OnMissing,
}

/// The number of a change: a store's changes are numbered from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub(crate) u32);

impl Revision {
    /// The number.
    pub const fn number(self) -> u64 {
        self.0 as u64
    }

    /// The revision of this number; `None` beyond what a store can hold.
    pub fn from_number(number: u64) -> Option<Self> {
        u32::try_from(number).ok().map(Self)
    }
}

/// Callers hand this text back and need not know what it means.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{REVISION_MARK}{:x}", self.0)
    }
}

impl FromStr for Revision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix(REVISION_MARK);
        let digits = digits.filter(|digits| !digits.starts_with('+'));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        number
            .map(Self)
            .ok_or_else(|| Error::validation(format!("`{text}` is not a revision")))
    }
}

impl WriteRequest {
    /// Tuples to write.
    pub fn writes(tuples: impl IntoIterator<Item = Tuple>) -> Self {
        Self {
            writes: tuples.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Tuples to delete.
    pub fn deletes(tuples: impl IntoIterator<Item = Tuple>) -> Self {
        Self {
            deletes: tuples.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Store {
    /// The number of the last change.
    pub fn revision(&self) -> Revision {
        Revision(self.snapshot.load().revision())
    }

    /// Writes and deletes tuples, all or none. Returns the number of the last change that every
    /// question from now on sees.
    ///
    /// # Errors
    /// `invalid_write_input`, `exceeded_entity_limit`, `validation_error`,
    /// `cannot_allow_duplicate_tuples_in_one_request`, `write_failed_due_to_invalid_input`, or
    /// `Aborted` where an ignored duplicate has another condition. `internal_error` where only a
    /// [`Writer`](crate::Writer) may write.
    pub fn write(&self, request: &WriteRequest) -> Result<Revision, Error> {
        self.alone(|staging| staging.write(request))
            .map(|edited| edited.revision)
    }

    /// Edits tuples, all or none.
    ///
    /// # Errors
    /// As [`Store::write`], and as the edit says.
    pub fn edit(&self, edit: &Edit) -> Result<Edited, Error> {
        self.alone(|staging| staging.apply(edit))
    }

    /// Writes any number of tuples that the model allows, one after the other, without asking
    /// whether they exist: those that do are left as they are. For loading.
    ///
    /// # Errors
    /// As [`Store::write`]; tuples before the one at fault are written.
    pub fn load(&self, model: Option<&ModelId>, tuples: &[Tuple]) -> Result<Revision, Error> {
        let model = self.model(model)?;
        for tuples in tuples.chunks(LOADED_AT_ONCE) {
            self.alone(|staging| staging.load(&model, tuples))?;
        }
        Ok(self.revision())
    }

    /// Stages changes while nobody else does, and shows them if all went well.
    fn alone<T>(
        &self,
        work: impl FnOnce(&mut Staging<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.refuse_if_journaled()?;
        let _turn = self.turn.lock();
        let mut staging = Staging::new(self);
        let done = work(&mut staging)?;
        staging.show();
        Ok(done)
    }

    /// What a journal does not know would be gone with the process.
    pub(super) fn refuse_if_journaled(&self) -> Result<(), Error> {
        if self.is_journaled {
            let message = "the store is written by its journal only";
            return Err(Error::new(ErrorCode::Internal, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_read_back() {
        for number in [0, 1, 255, u32::MAX] {
            let revision = Revision(number);
            assert_eq!(revision.to_string().parse(), Ok(revision));
        }
        for bad in ["", "r", "1", "r+1", "rg", "r100000000", "R1"] {
            assert!(bad.parse::<Revision>().is_err(), "{bad}");
        }
    }
}
