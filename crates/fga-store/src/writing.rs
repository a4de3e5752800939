//! Writing entries down, whichever database takes them.

use ztag_fga::{NumberedChange, Revision};

use crate::cells::{expect_one, milliseconds, signed};
use crate::error::JournalError;
use crate::journal::{Entry, StoreNumber, StoreRow};
use crate::sql;

type Outcome<T> = Result<T, JournalError>;

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Number(i64),
    Text(&'a str),
}

/// A database in the transaction that is open.
pub(crate) trait Tables: Send {
    /// Runs a statement; how many rows it touched.
    fn run(
        &mut self,
        text: &'static str,
        cells: &[Cell<'_>],
    ) -> impl Future<Output = Outcome<u64>> + Send;

    /// Appends changes, of which there are some, if the store is where `after` says: its last
    /// change, and its generation.
    fn append(
        &mut self,
        store: StoreNumber,
        after: (Revision, i64),
        changes: &[NumberedChange],
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// Removes changes.
    fn forget(
        &mut self,
        store: StoreNumber,
        dropped: &[Revision],
    ) -> impl Future<Output = Outcome<()>> + Send;
}

/// Writes all entries.
pub(crate) async fn write(tables: &mut impl Tables, entries: &[Entry]) -> Outcome<()> {
    for entry in entries {
        write_one(tables, entry).await?;
    }
    Ok(())
}

async fn write_one(tables: &mut impl Tables, entry: &Entry) -> Outcome<()> {
    match entry {
        Entry::Created(row) => create(tables, row).await,
        Entry::Deleted { store } => {
            let cells = [Cell::Number(*store)];
            tables.run(sql::DELETE, &cells).await.map(drop)
        }
        Entry::Changes {
            store,
            after,
            generation,
            changes,
        } if !changes.is_empty() => {
            let after = (*after, *generation);
            tables.append(*store, after, changes).await
        }
        Entry::Changes { .. } => Ok(()),
        Entry::Model {
            store,
            id,
            spec,
            outdated,
        } => {
            advance_generation(tables, *store).await?;
            let cells = [Cell::Number(*store), Cell::Text(id), Cell::Text(spec)];
            expect_one(tables.run(sql::ADD_MODEL, &cells).await?)?;
            for model in outdated {
                let cells = [Cell::Number(*store), Cell::Text(model)];
                tables.run(sql::DROP_ASSERTIONS, &cells).await?;
                tables.run(sql::DROP_MODEL, &cells).await?;
            }
            Ok(())
        }
        Entry::Assertions {
            store,
            model,
            content,
        } => {
            advance_generation(tables, *store).await?;
            let cells = [Cell::Number(*store), Cell::Text(model), Cell::Text(content)];
            tables.run(sql::SET_ASSERTIONS, &cells).await.map(drop)
        }
        Entry::Folded {
            store,
            until,
            dropped,
        } => {
            let cells = [Cell::Number(*store), Cell::Number(signed(*until))];
            expect_one(tables.run(sql::FOLD, &cells).await?)?;
            tables.forget(*store, dropped).await
        }
    }
}

async fn create(tables: &mut impl Tables, row: &StoreRow) -> Outcome<()> {
    let cells = [
        Cell::Number(row.number),
        Cell::Text(row.id.as_str()),
        Cell::Text(&row.name),
        Cell::Number(milliseconds(row.created)),
    ];
    tables.run(sql::CREATE, &cells).await.map(drop)
}

async fn advance_generation(tables: &mut impl Tables, store: StoreNumber) -> Outcome<()> {
    let cells = [Cell::Number(store)];
    expect_one(tables.run(sql::ADVANCE_GENERATION, &cells).await?)
}
