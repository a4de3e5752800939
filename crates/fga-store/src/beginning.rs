//! What a store begins with: all of it, or nothing.

use std::sync::Arc;

use ztag_fga::spec::ModelSpec;
use ztag_fga::{Edit, Error, Limits, NumberedChange, OnDuplicate, Tuple, WriteRequest, Writer};
use ztag_types::Clock;

/// A model and tuples for a store that has none.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The model.
    pub model: ModelSpec,
    /// The tuples. Those that are there twice count once.
    pub tuples: Vec<Tuple>,
}

/// A beginning that was judged as a whole, as it is written down.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The model with its id.
    pub(crate) model: ModelSpec,
    /// Its tuples as changes, from the first one on.
    pub(crate) changes: Vec<NumberedChange>,
}

impl Beginning {
    /// Judges model and tuples in a store that nobody sees.
    pub(crate) fn draft(self, limits: &Limits, clock: &Arc<dyn Clock>) -> Result<Draft, Error> {
        let most = limits.tuples_per_write.max(1);
        let mut writer = Writer::new(limits.clone(), Arc::clone(clock));
        let staged = writer.stage_model(self.model)?;
        let model = staged.spec().clone();
        writer.publish_model(staged);
        let mut staging = writer.stage();
        for tuples in self.tuples.chunks(most) {
            staging.apply(&Edit::Write(write(tuples)))?;
        }
        Ok(Draft {
            model,
            changes: staging.changes(),
        })
    }
}

impl Draft {
    /// The same in writes, for a store that is not written down.
    pub(crate) fn writes(&self, limits: &Limits) -> impl Iterator<Item = WriteRequest> {
        let changes = self.changes.chunks(limits.tuples_per_write.max(1));
        changes.map(|changes| {
            let tuples = changes.iter().map(|own| own.change.tuple.clone());
            write(&tuples.collect::<Vec<_>>())
        })
    }
}

fn write(tuples: &[Tuple]) -> WriteRequest {
    WriteRequest {
        on_duplicate: OnDuplicate::Ignore,
        ..WriteRequest::writes(tuples.to_vec())
    }
}
