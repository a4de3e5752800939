//! Forgetting changes that were taken back.

use ahash::AHashSet;
use ztag_types::Timestamp;

use crate::store::Store;
use crate::store::log::Log;
use crate::store::write::Revision;
use crate::ulid;

/// Changes that can be forgotten: a tuple that was written and deleted again leaves nothing.
///
/// What stays are the writes of tuples that were there at the end of the fold, with their numbers
/// and times; whoever reads the changes from the beginning comes to the same tuples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    until: u32,
    dropped: Vec<u32>,
}

impl Fold {
    /// Changes up to here will have been folded.
    pub const fn until(&self) -> Revision {
        Revision(self.until)
    }

    /// The changes to forget, in order.
    pub fn dropped(&self) -> impl ExactSizeIterator<Item = Revision> {
        self.dropped.iter().copied().map(Revision)
    }

    pub(super) fn plan(store: &Store, until: Revision, limit: usize) -> Option<Self> {
        let log = store.log.read();
        let snapshot = store.snapshot.load();
        let window = log.after(log.floor()).take(limit);
        let window: Vec<_> = window.take_while(|own| own.revision <= until.0).collect();
        let end = window.last()?.revision;
        let mut decided = AHashSet::new();
        let mut deleted = AHashSet::new();
        let mut dropped = Vec::new();
        for entry in window.iter().rev() {
            let stored = snapshot.by_object(entry.object());
            let stored = stored.find_stored(entry.edge.key());
            if stored.is_some_and(|found| found.revision() == entry.revision) {
                continue;
            }
            let tuple = (entry.object(), entry.edge.key());
            let is_last = decided.insert(tuple);
            if entry.is_delete() {
                deleted.insert(tuple);
            }
            if entry.is_delete() || !is_last {
                dropped.push(entry.revision);
            }
        }
        // What was folded before has each tuple once; deletions may take those back.
        let earlier = log.after(0).take_while(|own| own.revision <= log.floor());
        let gone = earlier.filter(|own| deleted.contains(&(own.object(), own.edge.key())));
        let gone: Vec<_> = gone.map(|own| own.revision).collect();
        let dropped = gone.into_iter().chain(dropped.into_iter().rev()).collect();
        Some(Self {
            until: end,
            dropped,
        })
    }

    pub(super) fn apply(&self, store: &Store) {
        let kept = {
            let log = store.log.read();
            let mut kept = Log::folded(self.until);
            let mut dropped = self.dropped.iter().peekable();
            for entry in log.after(0) {
                if dropped.next_if_eq(&&entry.revision).is_none() {
                    kept.keep(&entry);
                }
            }
            kept
        };
        *store.log.write() = kept;
    }
}

impl Store {
    /// The number of the last change before a time.
    pub fn revision_before(&self, time: Timestamp) -> Revision {
        Revision(self.log.read().before(ulid::milliseconds(time)))
    }

    /// Changes up to here were folded.
    pub fn folded_until(&self) -> Revision {
        Revision(self.log.read().floor())
    }
}
