//! Rows of the tables.

use sqlx::postgres::PgArguments;
use sqlx::{PgConnection, Postgres};
use ztag_fga::{NumberedChange, Revision};

use super::wrong;
use crate::cells::{ChangeCells, StoreCells, bound, signed};
use crate::error::JournalError;
use crate::journal::{StoreNumber, StoreRow, Touched};
use crate::sql;
use crate::writing::{Cell, Tables};

type Outcome<T> = Result<T, JournalError>;
type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

pub(super) async fn stores(
    connection: &mut PgConnection,
    which: &Touched,
) -> Outcome<Vec<StoreRow>> {
    let query = match which {
        Touched::All => sqlx::query_as::<_, StoreCells>(sql::STORES),
        Touched::Some(numbers) => {
            let numbers: Vec<StoreNumber> = numbers.iter().copied().collect();
            sqlx::query_as(sql::SOME_STORES).bind(numbers)
        }
    };
    let rows = query.fetch_all(connection).await;
    let rows = rows.map_err(|error| wrong(&error))?;
    rows.into_iter().map(StoreCells::read).collect()
}

pub(super) async fn models(
    connection: &mut PgConnection,
    number: StoreNumber,
) -> Outcome<Vec<String>> {
    let models = sqlx::query_scalar(sql::MODELS).bind(number);
    let models = models.fetch_all(connection).await;
    models.map_err(|error| wrong(&error))
}

pub(super) async fn assertions(
    connection: &mut PgConnection,
    number: StoreNumber,
) -> Outcome<Vec<(String, String)>> {
    let rows = sqlx::query_as(sql::ASSERTIONS).bind(number);
    let rows = rows.fetch_all(connection).await;
    rows.map_err(|error| wrong(&error))
}

pub(super) async fn changes(
    connection: &mut PgConnection,
    number: StoreNumber,
    after: Revision,
    limit: usize,
) -> Outcome<Vec<NumberedChange>> {
    let rows = sqlx::query_as::<_, ChangeCells>(sql::CHANGES)
        .bind(number)
        .bind(signed(after))
        .bind(bound(limit))
        .fetch_all(connection)
        .await;
    let rows = rows.map_err(|error| wrong(&error))?;
    rows.into_iter().map(ChangeCells::read).collect()
}

/// Keeps others from changing these stores until the transaction ends. Always in the order of
/// their numbers, so that nobody waits for each other.
pub(super) async fn lock(connection: &mut PgConnection, stores: &[StoreNumber]) -> Outcome<()> {
    const LOCK: &str =
        "SELECT number FROM stores WHERE number = ANY($1) ORDER BY number FOR UPDATE";
    let lock = sqlx::query(LOCK).bind(stores);
    execute(connection, lock).await.map(drop)
}

pub(super) async fn purge(connection: &mut PgConnection, limit: usize) -> Outcome<bool> {
    let gone = sqlx::query_scalar::<_, i64>(sql::DELETED).fetch_optional(&mut *connection);
    let Some(store) = gone.await.map_err(|error| wrong(&error))? else {
        return Ok(false);
    };
    let purge = sqlx::query(sql::PURGE_CHANGES);
    let purge = purge.bind(store).bind(bound(limit));
    let purged = execute(connection, purge).await?;
    if usize::try_from(purged).is_ok_and(|purged| purged < limit) {
        execute(connection, sqlx::query(sql::PURGE_STORE).bind(store)).await?;
    }
    Ok(true)
}

impl Tables for PgConnection {
    async fn run(&mut self, text: &'static str, cells: &[Cell<'_>]) -> Outcome<u64> {
        let query = cells
            .iter()
            .fold(sqlx::query(text), |query, cell| match cell {
                Cell::Number(number) => query.bind(*number),
                Cell::Text(text) => query.bind((*text).to_owned()),
            });
        execute(self, query).await
    }

    async fn append(
        &mut self,
        store: StoreNumber,
        (after, generation): (Revision, i64),
        changes: &[NumberedChange],
    ) -> Outcome<()> {
        let last = changes.last().map_or(after, |last| last.revision);
        let columns = Columns::of(changes);
        let append = sqlx::query(sql::APPEND)
            .bind(store)
            .bind(signed(last))
            .bind(signed(after))
            .bind(generation)
            .bind(columns.revisions)
            .bind(columns.deletions)
            .bind(columns.objects)
            .bind(columns.relations)
            .bind(columns.subjects)
            .bind(columns.conditions)
            .bind(columns.contexts)
            .bind(columns.changed);
        let inserted = execute(self, append).await?;
        if usize::try_from(inserted).is_ok_and(|inserted| inserted == changes.len()) {
            return Ok(());
        }
        Err(JournalError::Conflict)
    }

    async fn forget(&mut self, store: StoreNumber, dropped: &[Revision]) -> Outcome<()> {
        let dropped: Vec<i64> = dropped.iter().map(|revision| signed(*revision)).collect();
        let forget = sqlx::query(sql::DROP_CHANGES).bind(store).bind(dropped);
        execute(self, forget).await.map(drop)
    }
}

/// Changes, column by column: one statement inserts any number of them.
#[derive(Default)]
struct Columns {
    revisions: Vec<i64>,
    deletions: Vec<bool>,
    objects: Vec<String>,
    relations: Vec<String>,
    subjects: Vec<String>,
    conditions: Vec<Option<String>>,
    contexts: Vec<Option<String>>,
    changed: Vec<i64>,
}

impl Columns {
    fn of(changes: &[NumberedChange]) -> Self {
        let mut columns = Self::default();
        for own in changes {
            let cells = ChangeCells::write(own);
            columns.revisions.push(cells.revision);
            columns.deletions.push(cells.deletion);
            columns.objects.push(cells.object);
            columns.relations.push(cells.relation);
            columns.subjects.push(cells.subject);
            columns.conditions.push(cells.condition);
            columns.contexts.push(cells.context);
            columns.changed.push(cells.changed);
        }
        columns
    }
}

/// Runs a statement; how many rows it touched.
async fn execute(connection: &mut PgConnection, query: Query<'_>) -> Outcome<u64> {
    let done = query.execute(connection).await;
    done.map(|done| done.rows_affected())
        .map_err(|error| wrong(&error))
}
