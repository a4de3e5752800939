//! Making a store from what outlived the process.

use std::io::{self, Read};
use std::sync::Arc;

use ztag_types::Clock;

use crate::error::{Error, ErrorCode};
use crate::index::{Change, Contradiction, Snapshot, build};
use crate::limits::Limits;
use crate::store::edit::NumberedChange;
use crate::store::image;
use crate::store::log::Log;
use crate::store::write::Revision;
use crate::store::{Store, Writer, batch};
use crate::ulid;

/// A store that is being made from its changes. They are judged as a whole at the end, which is much
/// faster than one by one.
#[derive(Debug)]
pub struct Restore {
    store: Store,
    /// The number of the last change taken in.
    taken: u32,
}

impl Restore {
    /// Begins with nothing; changes up to `folded` may have gaps.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>, folded: Revision) -> Self {
        let mut store = Store::with_clock(limits, clock);
        store.is_journaled = true;
        *store.log.get_mut() = Log::folded(folded.0);
        Self { store, taken: 0 }
    }

    /// Begins with an image that [`Store::write_image`] wrote. Whoever keeps images sees to it that
    /// they are whole.
    ///
    /// # Errors
    /// Those of `image`; `InvalidData` where it holds anything but an image that this version
    /// writes.
    pub fn from_image(
        limits: Limits,
        clock: Arc<dyn Clock>,
        image: &mut impl Read,
    ) -> io::Result<Self> {
        let mut restore = Self::new(limits, clock, Revision(0));
        image::read(&mut restore.store, image)?;
        restore.taken = restore.revision().0;
        Ok(restore)
    }

    /// The number of the last change taken in, after which to go on.
    pub const fn taken(&self) -> Revision {
        Revision(self.taken)
    }

    /// The number of the last change so far, be it one that was folded away.
    pub fn revision(&self) -> Revision {
        Revision(self.store.log.read().last())
    }

    /// Changes up to here were folded.
    pub fn folded_until(&self) -> Revision {
        self.store.folded_until()
    }

    /// The last change so far, unless it was folded away.
    pub fn last_change(&self) -> Option<NumberedChange> {
        self.store.last_change()
    }

    /// Takes in the next change.
    ///
    /// # Errors
    /// `internal_error` where its number does not follow, `validation_error` where it is no tuple,
    /// `exceeded_entity_limit` where the store is full.
    pub fn push(&mut self, numbered: &NumberedChange) -> Result<(), Error> {
        let change = change(&self.store, numbered)?;
        append(self.store.log.get_mut(), &change, numbered)?;
        self.taken = change.revision;
        Ok(())
    }

    /// Builds the index.
    ///
    /// # Errors
    /// `internal_error` where the changes contradict each other.
    pub fn finish(mut self) -> Result<Writer, Error> {
        let entities = self.store.entities.get_mut();
        entities.shrink();
        let (bound, kinds) = (entities.bound(), entities.kinds());
        let log = self.store.log.get_mut();
        let changes = log.after(0).map(|entry| entry.logged());
        let base = build(changes, log.conditions(), bound).map_err(contradiction)?;
        let snapshot = Snapshot::of(base, kinds, log.last());
        self.store.snapshot.store(Arc::new(snapshot));
        Ok(Writer {
            store: Arc::new(self.store),
        })
    }
}

/// A change that was judged elsewhere, with the numbers that its names have in `store`.
pub(super) fn change(store: &Store, numbered: &NumberedChange) -> Result<Change, Error> {
    let mut change = batch::intern(store, &numbered.change.tuple)?;
    change.revision = numbered.revision.0;
    change.is_delete = numbered.change.is_delete;
    if change.is_delete {
        change.condition = None;
    }
    Ok(change)
}

/// Appends it to a log if it is the next one.
pub(super) fn append(
    log: &mut Log,
    change: &Change,
    numbered: &NumberedChange,
) -> Result<(), Error> {
    if !log.takes(change.revision) {
        let revision = change.revision;
        return Err(contradiction(Contradiction { revision }));
    }
    log.push(change, ulid::milliseconds(numbered.change.at));
    Ok(())
}

pub(super) fn contradiction(found: Contradiction) -> Error {
    Error::new(ErrorCode::Internal, found.to_string())
}
