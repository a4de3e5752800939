//! Giving a store other contents while it answers.

use std::sync::Arc;

use crate::error::Error;
use crate::index::{Snapshot, build};
use crate::store::changes::TupleChange;
use crate::store::edit::NumberedChange;
use crate::store::log::Log;
use crate::store::read::{Reader, timestamp};
use crate::store::write::Revision;
use crate::store::{Store, Writer, restore};

/// The contents that a store will have, made from all of its changes. Until [`Renewal::finish`] it
/// answers from those it has.
///
/// For followers that cannot go on from where they are: changes between were folded, or the journal
/// is not the one they knew.
#[derive(Debug)]
pub struct Renewal<'a> {
    store: &'a Store,
    log: Log,
    /// The number of the last change taken in.
    taken: u32,
}

impl Writer {
    /// Begins anew; changes up to `folded` may have gaps.
    pub fn renew(&mut self, folded: Revision) -> Renewal<'_> {
        Renewal {
            store: &self.store,
            log: Log::folded(folded.0),
            taken: 0,
        }
    }

    /// Lets go of a store that is gone. Whoever asks it still has no model to ask about, so that no
    /// answer rests on relationships that nobody can take back any more.
    pub fn retire(self) {
        self.store.models.write().clear();
        *self.store.assertions.write() = super::assertions::Assertions::default();
    }
}

impl Renewal<'_> {
    /// The number of the last change taken in, after which to go on.
    pub const fn taken(&self) -> Revision {
        Revision(self.taken)
    }

    /// The number of the last change so far, be it one that was folded away.
    pub fn revision(&self) -> Revision {
        Revision(self.log.last())
    }

    /// Takes in the next change.
    ///
    /// # Errors
    /// As [`Restore::push`](crate::Restore::push).
    pub fn push(&mut self, numbered: &NumberedChange) -> Result<(), Error> {
        let change = restore::change(self.store, numbered)?;
        restore::append(&mut self.log, &change, numbered)?;
        self.taken = change.revision;
        Ok(())
    }

    /// Builds the index and shows it in place of the one before. Returns the number of the last
    /// change.
    ///
    /// # Errors
    /// `internal_error` where the changes contradict each other: then nothing changes.
    pub fn finish(self) -> Result<Revision, Error> {
        let (bound, kinds) = {
            let entities = self.store.entities.read();
            (entities.bound(), entities.kinds())
        };
        let changes = self.log.after(0).map(|entry| entry.logged());
        let base = build(changes, self.log.conditions(), bound).map_err(restore::contradiction)?;
        let revision = self.log.last();
        let snapshot = Snapshot::of(base, kinds, revision);
        // Somebody may be rebuilding the index.
        let _turn = self.store.turn.lock();
        let mut log = self.store.log.write();
        *log = self.log;
        self.store.snapshot.store(Arc::new(snapshot));
        Ok(Revision(revision))
    }
}

impl Store {
    /// The last change, unless it was folded away.
    pub fn last_change(&self) -> Option<NumberedChange> {
        let log = self.log.read();
        let entry = log.at(log.last())?;
        let reader = Reader {
            log: &log,
            snapshot: &self.snapshot.load(),
            symbols: &self.symbols.read(),
            entities: &self.entities.read(),
        };
        Some(NumberedChange {
            revision: Revision(entry.revision),
            change: TupleChange {
                tuple: reader.tuple(&entry),
                is_delete: entry.is_delete(),
                at: timestamp(entry.millis()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use ztag_types::ManualClock;

    use super::*;
    use crate::limits::Limits;
    use crate::store::edit::Edit;
    use crate::store::write::WriteRequest;
    use crate::{CheckRequest, ErrorCode, Tuple, dsl};

    const MODEL: &str = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user]
";

    fn writer() -> Writer {
        let mut writer = Writer::new(Limits::default(), Arc::new(ManualClock::new()));
        let model = writer.stage_model(dsl::parse(MODEL).unwrap()).unwrap();
        writer.publish_model(model);
        writer
    }

    fn viewer(user: &str) -> Tuple {
        Tuple::new(format!("user:{user}"), "viewer", "doc:1")
    }

    fn write(writer: &mut Writer, request: WriteRequest) -> Vec<NumberedChange> {
        let mut staging = writer.stage();
        staging.apply(&Edit::Write(request)).unwrap();
        let changes = staging.changes();
        staging.publish();
        changes
    }

    fn sees(writer: &Writer, user: &str) -> bool {
        let check = CheckRequest::new(format!("user:{user}"), "viewer", "doc:1");
        writer.store().check(&check).unwrap()
    }

    #[test]
    fn a_follower_behind_a_fold_comes_to_the_same_tuples() {
        let (mut first, mut second) = (writer(), writer());
        let begin = write(
            &mut first,
            WriteRequest::writes([viewer("ada"), viewer("eve")]),
        );
        second.follow(&begin).unwrap();
        write(&mut first, WriteRequest::deletes([viewer("eve")]));
        write(&mut first, WriteRequest::deletes([viewer("ada")]));
        write(
            &mut first,
            WriteRequest::writes([viewer("ada"), viewer("ben")]),
        );
        let fold = first.plan_fold(first.store().revision(), 100).unwrap();
        first.fold(&fold);
        assert_eq!(first.store().folded_until().number(), 6);

        let log = first.store().log.read();
        let symbols = first.store().symbols.read();
        let entities = first.store().entities.read();
        let reader = Reader {
            log: &log,
            snapshot: &first.store().snapshot.load(),
            symbols: &symbols,
            entities: &entities,
        };
        let left: Vec<_> = log
            .after(0)
            .map(|entry| NumberedChange {
                revision: Revision(entry.revision),
                change: TupleChange {
                    tuple: reader.tuple(&entry),
                    is_delete: false,
                    at: timestamp(entry.millis()),
                },
            })
            .collect();
        let mut renewal = second.renew(Revision(6));
        for change in &left {
            renewal.push(change).unwrap();
        }
        assert_eq!((left.len(), renewal.taken().number()), (2, 6));
        assert_eq!(renewal.finish().unwrap().number(), 6);
        let seen = ["ada", "ben", "eve"].map(|user| sees(&second, user));
        assert_eq!(seen, [true, true, false]);
        assert_eq!(second.store().last_change(), left.last().cloned());
        drop((log, symbols, entities));
        let next = write(&mut first, WriteRequest::writes([viewer("eve")]));
        second.follow(&next).unwrap();
        assert!(sees(&second, "eve"));
    }

    #[test]
    fn contradictions_change_nothing() {
        let mut own = writer();
        let begin = write(&mut own, WriteRequest::writes([viewer("ada")]));
        let mut twice = begin[0].clone();
        twice.revision = Revision(2);
        let mut renewal = own.renew(Revision(0));
        renewal.push(&begin[0]).unwrap();
        assert!(renewal.push(&begin[0]).is_err());
        renewal.push(&twice).unwrap();
        assert_eq!(renewal.finish().unwrap_err().code(), ErrorCode::Internal);
        assert!(sees(&own, "ada"));
        assert_eq!(own.store().revision().number(), 1);
    }

    #[test]
    fn nobody_gets_an_answer_from_what_is_gone() {
        let mut own = writer();
        write(&mut own, WriteRequest::writes([viewer("ada")]));
        let store = Arc::clone(own.store());
        own.retire();
        let check = CheckRequest::new("user:ada", "viewer", "doc:1");
        let refused = store.check(&check).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::LatestModelNotFound);
    }
}
