//! The one who writes a store that has a journal.

use std::sync::Arc;

use ztag_types::Clock;

use crate::error::Error;
use crate::limits::Limits;
use crate::model::{Model, ModelId};
use crate::spec::ModelSpec;
use crate::store::assertions::Assertion;
use crate::store::edit::NumberedChange;
use crate::store::fold::Fold;
use crate::store::staging::Staging;
use crate::store::write::Revision;
use crate::store::{Store, models};

/// The only one who can change a [`Store`] whose changes are kept elsewhere too.
///
/// It works in two steps: what is staged is seen by nobody, and by everybody once it is published.
/// Between the two its owner writes it down where it outlives the process. The store itself refuses
/// to be written.
///
/// ```
/// # use std::sync::Arc;
/// # use ztag_fga::{CheckRequest, Edit, Limits, Tuple, WriteRequest, Writer, dsl};
/// # let model = "model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define viewer: [user]\n";
/// let clock = Arc::new(ztag_types::SystemClock::new());
/// let mut writer = Writer::new(Limits::default(), clock);
/// let model = writer.stage_model(dsl::parse(model).unwrap())?;
/// // ... here the model is written down ...
/// writer.publish_model(model);
///
/// let store = Arc::clone(writer.store());
/// let tuple = Tuple::new("user:ada", "viewer", "doc:1");
/// let mut staging = writer.stage();
/// staging.apply(&Edit::Write(WriteRequest::writes([tuple])))?;
/// assert_eq!(staging.changes().len(), 1);
/// assert!(!store.check(&CheckRequest::new("user:ada", "viewer", "doc:1"))?);
/// // ... here the changes are written down ...
/// staging.publish();
/// assert!(store.check(&CheckRequest::new("user:ada", "viewer", "doc:1"))?);
/// # Ok::<(), ztag_fga::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    pub(super) store: Arc<Store>,
}

/// A model that follows all rules and is not in force yet.
#[derive(Debug)]
pub struct StagedModel(Arc<Model>);

impl StagedModel {
    /// The id that was given to it.
    pub fn id(&self) -> &ModelId {
        self.0.id()
    }

    /// The model as written, with its id.
    pub fn spec(&self) -> &ModelSpec {
        self.0.spec()
    }
}

impl Writer {
    /// The writer of a new, empty store.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let mut store = Store::with_clock(limits, clock);
        store.is_journaled = true;
        Self {
            store: Arc::new(store),
        }
    }

    /// The store.
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Begins to judge edits against what the store holds. Dropping what comes back forgets them.
    pub fn stage(&mut self) -> Staging<'_> {
        Staging::new(&self.store)
    }

    /// Takes in changes that another writer of the same journal made, in order.
    ///
    /// # Errors
    /// `internal_error` where a change cannot follow those before it; none of them is taken in.
    pub fn follow(&mut self, changes: &[NumberedChange]) -> Result<Revision, Error> {
        let mut staging = self.stage();
        for change in changes {
            staging.replay(change)?;
        }
        Ok(staging.publish())
    }

    /// Judges a model and gives it an id.
    ///
    /// # Errors
    /// `invalid_authorization_model` or `exceeded_entity_limit`.
    pub fn stage_model(&mut self, spec: ModelSpec) -> Result<StagedModel, Error> {
        self.store.compile_model(spec).map(StagedModel)
    }

    /// Makes a model the latest. Returns the ids of models that had to make room for it.
    pub fn publish_model(&mut self, model: StagedModel) -> Vec<ModelId> {
        self.store.show_model(model.0)
    }

    /// The models that publishing one more will make room for.
    pub fn outdated_models(&self) -> Vec<ModelId> {
        self.store.outdated_models()
    }

    /// Takes in a model that was judged when it was written, as the latest. Limits may be tighter
    /// now than they were then: they do not matter here.
    ///
    /// # Errors
    /// `invalid_authorization_model` where it breaks a rule all the same.
    pub fn follow_model(&mut self, spec: ModelSpec) -> Result<ModelId, Error> {
        let id = ModelId::parse(spec.id.as_deref().unwrap_or_default())?;
        let mut symbols = self.store.symbols.write();
        let model = Model::compile(spec, id.clone(), &mut symbols, &models::unlimited())?;
        drop(symbols);
        self.store.show_model(Arc::new(model));
        Ok(id)
    }

    /// Judges assertions of a model without keeping them.
    ///
    /// # Errors
    /// As [`Store::write_assertions`].
    pub fn judge_assertions(&self, id: &ModelId, assertions: &[Assertion]) -> Result<(), Error> {
        self.store.judge_assertions(id, assertions)
    }

    /// Replaces the assertions of a model, which were judged before.
    pub fn publish_assertions(&mut self, id: &ModelId, assertions: Vec<Assertion>) {
        self.store.show_assertions(id, assertions);
    }

    /// Looks for changes that nobody needs any more, up to `until`: tuples deleted again, and their
    /// deletions. Looks at `limit` changes at the most. `None` where there is nothing to fold.
    pub fn plan_fold(&self, until: Revision, limit: usize) -> Option<Fold> {
        Fold::plan(&self.store, until, limit)
    }

    /// Forgets the changes of a fold.
    pub fn fold(&mut self, fold: &Fold) {
        fold.apply(&self.store);
    }
}

impl Staging<'_> {
    /// Shows everything staged, at once. Returns the number of the last change.
    ///
    /// Only a [`Writer`] gives out what can be published, and one at a time.
    pub fn publish(self) -> Revision {
        let revision = self.revision();
        // Somebody may be rebuilding the index.
        let _turn = self.store.turn.lock();
        self.show();
        revision
    }
}
