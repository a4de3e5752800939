//! Reading the log of changes.

use ztag_types::Timestamp;

use crate::error::Error;
use crate::store::Store;
use crate::store::read::{Reader, timestamp, type_mismatch};
use crate::store::token::{Token, broken, page_size};
use crate::tuple::Tuple;
use crate::ulid;

/// A question for changes.
#[derive(Clone, Debug, Default)]
pub struct ChangesRequest {
    /// Only changes of objects of this type; empty for all.
    pub type_name: String,
    /// Only changes at this time or later, where no token is given.
    pub start_time: Option<Timestamp>,
    /// Changes of a page: 1 to 100, 50 where nothing is said.
    pub page_size: Option<usize>,
    /// The token of the page before, or nothing.
    pub continuation_token: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TupleChange {
    /// The tuple. That of a deletion has no condition.
    pub tuple: Tuple,
    /// Whether it was deleted, not written.
    pub is_delete: bool,
    /// When.
    pub at: Timestamp,
}

/// A page of changes, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangesPage {
    /// The changes.
    pub changes: Vec<TupleChange>,
    /// The token to go on with, also later. Where nothing is new, the one given.
    pub continuation_token: String,
}

impl Store {
    /// Reads what was written and deleted, in order. Changes that were folded are gone: who begins
    /// there reads what was left of them, and who had come so far and no further must begin again.
    ///
    /// # Errors
    /// `page_size_invalid`, `invalid_continuation_token` or
    /// `query_string_type_continuation_token_mismatch`.
    pub fn read_changes(&self, request: &ChangesRequest) -> Result<ChangesPage, Error> {
        let size = page_size(request.page_size)?;
        let token = Token::read(&request.continuation_token)?;
        if token
            .as_ref()
            .is_some_and(|token| token.kind != request.type_name)
        {
            return Err(type_mismatch());
        }
        let log = self.log.read();
        let start = request.start_time.map_or(0, ulid::milliseconds);
        if let Some(token) = &token
            && token.revision < log.floor()
            && token.floor != Some(log.floor())
        {
            return Err(broken("the changes after this token are not kept any more"));
        }
        let after = token.map_or_else(|| log.before(start), |token| token.revision);
        let horizon = u64::try_from(self.limits.changes_horizon.as_millis()).unwrap_or(u64::MAX);
        let latest = ulid::milliseconds(self.clock.now()).saturating_sub(horizon);
        let symbols = self.symbols.read();
        let reader = Reader {
            log: &log,
            snapshot: &self.snapshot.load(),
            symbols: &symbols,
            entities: &self.entities.read(),
        };
        let kind = symbols.find_type(&request.type_name);
        let shown = log
            .after(after)
            .take_while(|entry| horizon == 0 || entry.millis() <= latest);
        let matching = shown.filter(|entry| {
            request.type_name.is_empty()
                || kind.is_some_and(|kind| reader.entities.kinds().of(entry.object()) == Some(kind))
        });
        let page: Vec<_> = matching.take(size).collect();
        let last = page.last().map(|entry| Token {
            revision: entry.revision,
            floor: Some(log.floor()).filter(|floor| entry.revision < *floor),
            kind: request.type_name.clone(),
        });
        let changes = page.iter().map(|entry| TupleChange {
            tuple: reader.tuple(entry),
            is_delete: entry.is_delete(),
            at: timestamp(entry.millis()),
        });
        Ok(ChangesPage {
            changes: changes.collect(),
            continuation_token: last
                .map_or_else(|| request.continuation_token.clone(), |token| token.write()),
        })
    }
}
