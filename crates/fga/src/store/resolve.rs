//! Questions with their names resolved.

use std::sync::Arc;

use ahash::AHashSet;
use arc_swap::Guard;

use crate::error::Error;
use crate::ids::{EntityId, RelationId, TypeId};
use crate::index::{Added, Edge, Found, Overlay, Row, Snapshot};
use crate::limits::{Limits, Semantics};
use crate::model::{Admitted, Model, ModelId};
use crate::names::WILDCARD;
use crate::store::Store;
use crate::store::validate::{self, Fault, Valid};
use crate::tuple::{Fields, Tuple};

/// What one question sees: a model, a snapshot, contextual tuples and context.
pub(crate) struct Asked<'a> {
    pub(crate) store: &'a Store,
    pub(crate) model: Arc<Model>,
    pub(crate) snapshot: Guard<Arc<Snapshot>>,
    pub(crate) overlay: Option<Box<Overlay>>,
    pub(crate) context: &'a Fields,
}

/// Which codes faults of contextual tuples get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Check,
    List,
}

impl Store {
    /// Takes the model and the snapshot that a question is answered with.
    pub(crate) fn ask<'a>(
        &'a self,
        model: Option<&ModelId>,
        contextual: &[Tuple],
        context: &'a Fields,
        call: Call,
    ) -> Result<Asked<'a>, Error> {
        let model = self.model(model)?;
        let mut asked = Asked {
            store: self,
            model,
            snapshot: self.snapshot.load(),
            overlay: None,
            context,
        };
        if !contextual.is_empty() {
            asked.overlay = Some(self.overlay(&asked.model, contextual, call)?);
        }
        Ok(asked)
    }

    fn overlay(&self, model: &Model, tuples: &[Tuple], call: Call) -> Result<Box<Overlay>, Error> {
        let limit = self.limits.contextual_tuples;
        if tuples.len() > limit {
            let message = format!("the number of contextual tuples exceeds the limit of {limit}");
            return Err(Error::validation(message));
        }
        let bytes = self.limits.tuple_context_bytes;
        let mut overlay = Box::new(Overlay::default());
        for tuple in tuples {
            let valid = validate::tuple(model, tuple, bytes);
            let valid = valid.map_err(|fault| match call {
                Call::Check => fault.on_check(),
                Call::List => Fault::on_list(fault),
            })?;
            self.add(model, &mut overlay, tuple, &valid);
        }
        Ok(overlay)
    }

    fn add(&self, model: &Model, overlay: &mut Overlay, tuple: &Tuple, valid: &Valid<'_>) {
        let node = model.node(valid.node);
        let Some(user_kind) = model.kind(valid.user.object.kind) else {
            return;
        };
        let object = self.number(overlay, node.kind, valid.object.id);
        let user = self.number(overlay, user_kind.id, valid.user.object.id);
        let condition = tuple.condition.clone().map(Arc::new);
        let added = |edge: Edge| Added {
            edge: edge.conditioned(condition.is_some()),
            revision: 0,
            condition: condition.clone(),
        };
        let forward = added(Edge::new(node.relation, valid.user_relation, user));
        let backward = added(Edge::new(valid.user_relation, node.relation, object));
        overlay.add(object, user, forward, backward);
    }

    /// The number of an object: that which the request has given it, that of the store, or a new
    /// one. The order keeps it the same while the store learns new names.
    fn number(&self, overlay: &mut Overlay, kind: TypeId, id: &str) -> EntityId {
        let known = overlay.find(kind, id);
        let known = known.or_else(|| self.entities.read().find(kind, id));
        known.unwrap_or_else(|| overlay.intern(kind, id))
    }
}

impl Asked<'_> {
    pub(crate) fn limits(&self) -> &Limits {
        &self.store.limits
    }

    /// Dispatches after which a question is too complex.
    pub(crate) const fn depth_limit(&self) -> u16 {
        match self.store.limits.semantics {
            Semantics::V1 => self.store.limits.resolution_depth as u16,
            Semantics::Weighted => u16::MAX,
        }
    }

    /// The snapshot, if it is all there is: the request adds no tuples.
    pub(crate) fn settled(&self) -> Option<&Snapshot> {
        let overlay = self.overlay.as_ref();
        let has_tuples = overlay.is_some_and(|overlay| overlay.has_tuples());
        (!has_tuples).then_some(&**self.snapshot)
    }

    /// The row of an object, with contextual tuples.
    #[inline]
    pub(crate) fn by_object(&self, entity: EntityId) -> Row<'_> {
        let mut row = self.snapshot.by_object(entity);
        if let Some(overlay) = &self.overlay {
            row.overlay = overlay.by_object(entity);
        }
        row
    }

    /// The row of a user's object, with contextual tuples.
    #[inline]
    pub(crate) fn by_user(&self, entity: EntityId) -> Row<'_> {
        let mut row = self.snapshot.by_user(entity);
        if let Some(overlay) = &self.overlay {
            row.overlay = overlay.by_user(entity);
        }
        row
    }

    /// The type of an object.
    #[inline]
    pub(crate) fn kind(&self, entity: EntityId) -> Option<TypeId> {
        let kinds = self.snapshot.kinds();
        match &self.overlay {
            Some(overlay) => overlay.kind(kinds, entity),
            None => kinds.of(entity),
        }
    }

    /// The number that stands for all objects of a type, if a tuple has it.
    pub(crate) fn wildcard(&self, kind: TypeId) -> Option<EntityId> {
        let local = self.overlay.as_ref();
        let local = local.and_then(|overlay| overlay.find(kind, WILDCARD));
        local.or_else(|| self.snapshot.kinds().wildcard(kind))
    }

    /// The numbers that stand for all objects of a type each.
    pub(crate) fn wildcards(&self) -> AHashSet<EntityId> {
        self.model
            .types()
            .filter_map(|kind| self.wildcard(kind))
            .collect()
    }

    /// `type:id` of an object.
    pub(crate) fn object_name(&self, entity: EntityId) -> String {
        let local = self
            .overlay
            .as_ref()
            .and_then(|overlay| overlay.local_name(entity));
        if let Some((kind, id)) = local {
            return format!("{}:{id}", self.store.symbols.read().type_name(kind));
        }
        // Locks are taken in this order everywhere.
        let symbols = self.store.symbols.read();
        let entities = self.store.entities.read();
        let kind = self.snapshot.kinds().of(entity);
        let kind = kind.map_or("", |kind| symbols.type_name(kind));
        format!("{kind}:{}", entities.id(entity))
    }

    /// The name of a relation.
    pub(crate) fn relation_name(&self, relation: RelationId) -> String {
        self.store.symbols.read().relation_name(relation).to_owned()
    }
}

impl Asked<'_> {
    /// Whether a tuple is allowed by the model as it is now, and its condition holds.
    pub(crate) fn condition_holds(
        &self,
        found: &Found<'_>,
        entry: &Admitted,
    ) -> Result<bool, Error> {
        if !entry.allows(found.condition_name()) {
            return Ok(false);
        }
        let Some(fixed) = found.condition() else {
            // The edge says that there is a condition, but it is lost: nobody is let in by it.
            return Ok(!found.edge.is_conditioned());
        };
        let Some(condition) = self.model.condition(&fixed.name) else {
            return Ok(false);
        };
        condition.holds(fixed, self.context)
    }
}
