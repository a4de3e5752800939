//! Reading tuples as they are stored, page by page, in the order written.

use ztag_types::Timestamp;

use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, RelationId, TypeId};
use crate::index::{Edge, Entities, Snapshot};
use crate::names::{ObjectName, UserName};
use crate::store::Store;
use crate::store::log::{Entry, Log};
use crate::store::token::{Token, page_size};
use crate::symbols::Symbols;
use crate::tuple::Tuple;

/// Which tuples to read; empty fields match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TupleFilter {
    /// The user.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// The object, or `type:` for all objects of a type, which needs a user.
    pub object: String,
}

/// A question for stored tuples.
#[derive(Clone, Debug, Default)]
pub struct ReadRequest {
    /// Which; all of them if none is given.
    pub filter: Option<TupleFilter>,
    /// Tuples of a page: 1 to 100, 50 where nothing is said.
    pub page_size: Option<usize>,
    /// The token of the page before, or nothing.
    pub continuation_token: String,
}

/// A tuple as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTuple {
    /// The tuple.
    pub tuple: Tuple,
    /// When it was written.
    pub written: Timestamp,
}

/// A page of tuples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPage {
    /// The tuples.
    pub tuples: Vec<StoredTuple>,
    /// The token of the next page; empty at the end.
    pub continuation_token: String,
}

impl Store {
    /// Reads stored tuples, whether or not a model allows them.
    ///
    /// # Errors
    /// `validation_error`, `page_size_invalid` or `invalid_continuation_token`.
    pub fn read(&self, request: &ReadRequest) -> Result<ReadPage, Error> {
        let size = page_size(request.page_size)?;
        let after = Token::read(&request.continuation_token)?.map_or(0, |token| token.revision);
        let log = self.log.read();
        let snapshot = self.snapshot.load();
        let reader = Reader {
            log: &log,
            snapshot: &snapshot,
            symbols: &self.symbols.read(),
            entities: &self.entities.read(),
        };
        let mut revisions = reader.select(request.filter.as_ref(), after, size + 1)?;
        let has_more = revisions.len() > size;
        revisions.truncate(size);
        let last = revisions.last().copied().filter(|_| has_more);
        let token = last.map(|revision| {
            Token {
                revision,
                kind: String::new(),
            }
            .write()
        });
        Ok(ReadPage {
            tuples: revisions
                .iter()
                .filter_map(|at| reader.stored(*at))
                .collect(),
            continuation_token: token.unwrap_or_default(),
        })
    }
}

pub(super) struct Reader<'a> {
    pub(super) log: &'a Log,
    pub(super) snapshot: &'a Snapshot,
    pub(super) symbols: &'a Symbols,
    pub(super) entities: &'a Entities,
}

impl Reader<'_> {
    /// The revisions of up to `limit` matching tuples written after `after`, in order.
    fn select(
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

    fn filtered(&self, filter: &TupleFilter) -> Result<Vec<u32>, Error> {
        let (kind, id) = filter.object.split_once(':').unwrap_or_default();
        if kind.is_empty() || (id.is_empty() && filter.user.is_empty()) {
            let message = "the 'tuple_key' field was provided but the object type field is \
                           required and both the object id and user cannot be empty";
            return Err(Error::validation(message));
        }
        let user = match filter.user.as_str() {
            "" => None,
            name => Some(self.user(name)?),
        };
        if !id.is_empty() {
            ObjectName::parse(&filter.object)?;
        }
        let relation = Some(filter.relation.as_str()).filter(|name| !name.is_empty());
        let relation = relation.map(|name| self.symbols.find_relation(name));
        let kind = self.symbols.find_type(kind);
        // A name that the store has never seen matches nothing.
        let (Some(kind), false, false) = (kind, relation == Some(None), user == Some(None)) else {
            return Ok(Vec::new());
        };
        let (relation, user) = (relation.flatten(), user.flatten());
        Ok(match user.filter(|_| id.is_empty()) {
            Some(user) => self.of_user(kind, relation, user),
            None => self.of_object(kind, id, relation, user),
        })
    }

    /// Tuples of a user on objects of a type.
    fn of_user(
        &self,
        kind: TypeId,
        relation: Option<RelationId>,
        (user, user_relation): (EntityId, RelationId),
    ) -> Vec<u32> {
        let row = self.snapshot.by_user(user);
        let edges = row.relation(user_relation).map(|found| found.edge);
        let objects = edges.filter(|edge| {
            self.snapshot.kinds().of(edge.far()) == Some(kind)
                && relation.is_none_or(|relation| relation == edge.second())
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
    fn of_object(
        &self,
        kind: TypeId,
        id: &str,
        relation: Option<RelationId>,
        user: Option<(EntityId, RelationId)>,
    ) -> Vec<u32> {
        let Some(object) = self.entities.find(kind, id) else {
            return Vec::new();
        };
        let row = self.snapshot.by_object(object);
        let matching = row.all().filter(|found| {
            let edge = found.edge;
            relation.is_none_or(|relation| relation == edge.first())
                && user.is_none_or(|user| user == (edge.far(), edge.second()))
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

    fn stored(&self, revision: u32) -> Option<StoredTuple> {
        let entry = self.log.at(revision)?;
        Some(StoredTuple {
            tuple: self.tuple(&entry),
            written: timestamp(entry.millis()),
        })
    }

    /// The tuple of a change, without the condition if it is a deletion.
    pub(super) fn tuple(&self, entry: &Entry<'_>) -> Tuple {
        let edge = entry.edge;
        let object = self.object(entry.object());
        let mut user = self.object(edge.far());
        if edge.second() != RelationId::NONE {
            user.push('#');
            user.push_str(self.symbols.relation_name(edge.second()));
        }
        Tuple {
            user,
            relation: self.symbols.relation_name(edge.first()).to_owned(),
            object,
            condition: entry.condition().map(|condition| (**condition).clone()),
        }
    }

    fn object(&self, entity: EntityId) -> String {
        let kind = self.entities.kinds().of(entity);
        let kind = kind.map_or("", |kind| self.symbols.type_name(kind));
        format!("{kind}:{}", self.entities.id(entity))
    }
}

pub(super) fn timestamp(millis: u64) -> Timestamp {
    let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
    Timestamp::new(seconds, nanos).unwrap_or_default()
}

impl ReadRequest {
    /// The request for the page behind `page`; `None` behind the last.
    #[must_use]
    pub fn next(&self, page: &ReadPage) -> Option<Self> {
        (!page.continuation_token.is_empty()).then(|| Self {
            continuation_token: page.continuation_token.clone(),
            ..self.clone()
        })
    }
}

/// A token of a page that was filtered by another type.
pub(super) fn type_mismatch() -> Error {
    let message = "The type in the querystring and the continuation token don't match";
    Error::new(ErrorCode::TokenTypeMismatch, message)
}
