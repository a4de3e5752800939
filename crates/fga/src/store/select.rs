//! Which stored tuples a filter matches.

use crate::error::Error;
use crate::ids::{EntityId, RelationId, TypeId};
use crate::index::Edge;
use crate::names::{ObjectName, UserName};
use crate::store::log::Entry;
use crate::store::read::{Reader, TupleFilter};

/// Changes of the log that one step of a deletion looks at.
const LOOKED_AT: usize = 100_000;

/// A filter with numbers for its names; what is absent matches everything.
#[derive(Debug)]
struct Wanted<'f> {
    kind: Option<TypeId>,
    /// The id of the object.
    object: Option<&'f str>,
    relation: Option<RelationId>,
    /// The user's object, and the relation of a userset.
    user: Option<(EntityId, RelationId)>,
}

impl Wanted<'_> {
    fn has(&self, relation: RelationId) -> bool {
        self.relation.is_none_or(|wanted| wanted == relation)
    }
}

impl Reader<'_> {
    /// The revisions of up to `limit` matching tuples written after `after`, in order.
    pub(super) fn select(
        &self,
        filter: Option<&TupleFilter>,
        after: u32,
        limit: usize,
    ) -> Result<Vec<u32>, Error> {
        let Some(filter) = filter else {
            let live = self.log.after(after).filter(|entry| self.is_live(entry));
            return Ok(live.map(|entry| entry.revision).take(limit).collect());
        };
        let mut revisions = self.filtered(filter)?;
        revisions.retain(|revision| *revision > after);
        revisions.sort_unstable();
        revisions.truncate(limit);
        Ok(revisions)
    }

    fn is_live(&self, entry: &Entry<'_>) -> bool {
        let row = self.snapshot.by_object(entry.object());
        let stored = row.find_stored(entry.edge.key());
        stored.is_some_and(|found| found.revision() == entry.revision)
    }

    /// The revisions of up to `limit` tuples that a deletion means, and where the next step begins.
    pub(super) fn matching(
        &self,
        filter: &TupleFilter,
        after: u32,
        limit: usize,
    ) -> Result<(Vec<u32>, Option<u32>), Error> {
        let Some(wanted) = self.wanted(filter)? else {
            return Ok((Vec::new(), None));
        };
        let mut revisions = match (wanted.object, wanted.user) {
            (None, None) if wanted.kind.is_none() => {
                let message = "a user or an object must be named";
                return Err(Error::validation(message));
            }
            (None, None) => return Ok(self.of_kind(&wanted, after, limit)),
            (None, Some(user)) => self.of_user(&wanted, user),
            (Some(id), _) => self.of_object(&wanted, id),
        };
        revisions.retain(|revision| *revision > after);
        revisions.sort_unstable();
        let has_more = revisions.len() > limit;
        revisions.truncate(limit);
        let next = revisions.last().copied().filter(|_| has_more);
        Ok((revisions, next))
    }

    fn filtered(&self, filter: &TupleFilter) -> Result<Vec<u32>, Error> {
        let (kind, id) = filter.object.split_once(':').unwrap_or_default();
        if kind.is_empty() || (id.is_empty() && filter.user.is_empty()) {
            let message = "the 'tuple_key' field was provided but the object type field is \
                           required and both the object id and user cannot be empty";
            return Err(Error::validation(message));
        }
        Ok(match self.wanted(filter)? {
            None => Vec::new(),
            Some(wanted) => match (wanted.object, wanted.user) {
                (None, Some(user)) => self.of_user(&wanted, user),
                (id, _) => self.of_object(&wanted, id.unwrap_or_default()),
            },
        })
    }

    /// The numbers of the names of a filter; `None` where one was never seen, which matches
    /// nothing.
    fn wanted<'f>(&self, filter: &'f TupleFilter) -> Result<Option<Wanted<'f>>, Error> {
        let (kind, id) = filter.object.split_once(':').unwrap_or_default();
        let user = match filter.user.as_str() {
            "" => None,
            name => Some(self.user(name)?),
        };
        if !id.is_empty() || !(filter.object.is_empty() || filter.object.ends_with(':')) {
            ObjectName::parse(&filter.object)?;
        }
        let relation = Some(filter.relation.as_str()).filter(|name| !name.is_empty());
        let relation = relation.map(|name| self.symbols.find_relation(name));
        let kind = Some(kind).filter(|kind| !kind.is_empty());
        let kind = kind.map(|kind| self.symbols.find_type(kind));
        if user == Some(None) || relation == Some(None) || kind == Some(None) {
            return Ok(None);
        }
        Ok(Some(Wanted {
            kind: kind.flatten(),
            object: Some(id).filter(|id| !id.is_empty()),
            relation: relation.flatten(),
            user: user.flatten(),
        }))
    }

    /// Tuples of any object of a type, a part of the log at a time.
    fn of_kind(&self, wanted: &Wanted<'_>, after: u32, limit: usize) -> (Vec<u32>, Option<u32>) {
        let mut revisions = Vec::new();
        for (looked, entry) in self.log.after(after).enumerate() {
            if looked >= LOOKED_AT || revisions.len() >= limit {
                return (revisions, Some(entry.revision.saturating_sub(1)));
            }
            let is_meant = self.snapshot.kinds().of(entry.object()) == wanted.kind
                && wanted.has(entry.edge.first());
            if is_meant && self.is_live(&entry) {
                revisions.push(entry.revision);
            }
        }
        (revisions, None)
    }

    /// Tuples of a user, on objects of a type if one is wanted.
    fn of_user(
        &self,
        wanted: &Wanted<'_>,
        (user, user_relation): (EntityId, RelationId),
    ) -> Vec<u32> {
        let row = self.snapshot.by_user(user);
        let edges = row.relation(user_relation).map(|found| found.edge);
        let objects = edges.filter(|edge| {
            let kind = self.snapshot.kinds().of(edge.far());
            (wanted.kind.is_none() || wanted.kind == kind) && wanted.has(edge.second())
        });
        let forward = |edge: Edge| {
            let key = Edge::new(edge.second(), user_relation, user).key();
            self.snapshot.by_object(edge.far()).find_stored(key)
        };
        objects
            .filter_map(forward)
            .map(|found| found.revision())
            .collect()
    }

    /// Tuples of one object.
    fn of_object(&self, wanted: &Wanted<'_>, id: &str) -> Vec<u32> {
        let object = wanted.kind.and_then(|kind| self.entities.find(kind, id));
        let Some(object) = object else {
            return Vec::new();
        };
        let row = self.snapshot.by_object(object);
        let matching = row.all().filter(|found| {
            let edge = found.edge;
            let user = (edge.far(), edge.second());
            wanted.has(edge.first()) && wanted.user.is_none_or(|wanted| wanted == user)
        });
        matching.map(|found| found.revision()).collect()
    }

    fn user(&self, name: &str) -> Result<Option<(EntityId, RelationId)>, Error> {
        let user = UserName::parse(name)?;
        let kind = self.symbols.find_type(user.object.kind);
        let entity = kind.and_then(|kind| self.entities.find(kind, user.object.id));
        let relation = match user.relation {
            Some(name) => self.symbols.find_relation(name),
            None => Some(RelationId::NONE),
        };
        Ok(entity.zip(relation))
    }
}
