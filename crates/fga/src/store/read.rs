//! Reading tuples as they are stored, page by page, in the order written.

use ztag_types::Timestamp;

use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, RelationId};
use crate::index::{Edge, Entities, Snapshot};
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
        let token = last.map(|revision| Token::at(revision).write());
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
        Tuple {
            user: user_name(self.symbols, self.entities, edge),
            relation: self.symbols.relation_name(edge.first()).to_owned(),
            object: object_name(self.symbols, self.entities, entry.object()),
            condition: entry.condition().map(|condition| (**condition).clone()),
        }
    }
}

/// `type:id` of an object.
pub(super) fn object_name(symbols: &Symbols, entities: &Entities, entity: EntityId) -> String {
    let kind = entities.kind(entity);
    let kind = kind.map_or("", |kind| symbols.type_name(kind));
    format!("{kind}:{}", entities.id(entity))
}

/// The user of an edge as seen from its object.
pub(super) fn user_name(symbols: &Symbols, entities: &Entities, edge: Edge) -> String {
    let mut user = object_name(symbols, entities, edge.far());
    if edge.second() != RelationId::NONE {
        user.push('#');
        user.push_str(symbols.relation_name(edge.second()));
    }
    user
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
