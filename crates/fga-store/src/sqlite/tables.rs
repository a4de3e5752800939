//! Rows of the tables.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};
use ztag_fga::{NumberedChange, Revision};

use super::wrong;
use crate::cells::{ChangeCells, StoreCells, bound, expect_one, signed};
use crate::error::JournalError;
use crate::journal::{StoreNumber, StoreRow};
use crate::sql;
use crate::writing::{Cell, Tables};

type Outcome<T> = Result<T, JournalError>;
type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

pub(super) async fn stores(connection: &mut SqliteConnection) -> Outcome<Vec<StoreRow>> {
    let rows = sqlx::query_as::<_, StoreCells>(sql::STORES)
        .fetch_all(connection)
        .await;
    let rows = rows.map_err(|error| wrong(&error))?;
    rows.into_iter().map(StoreCells::read).collect()
}

pub(super) async fn models(
    connection: &mut SqliteConnection,
    number: StoreNumber,
) -> Outcome<Vec<String>> {
    let models = sqlx::query_scalar(sql::MODELS).bind(number);
    let models = models.fetch_all(connection).await;
    models.map_err(|error| wrong(&error))
}

pub(super) async fn assertions(
    connection: &mut SqliteConnection,
    number: StoreNumber,
) -> Outcome<Vec<(String, String)>> {
    let rows = sqlx::query_as(sql::ASSERTIONS).bind(number);
    let rows = rows.fetch_all(connection).await;
    rows.map_err(|error| wrong(&error))
}

pub(super) async fn changes(
    connection: &mut SqliteConnection,
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

pub(super) async fn probe(connection: &mut SqliteConnection) -> Outcome<()> {
    execute(connection, sqlx::query(sql::PROBE)).await.map(drop)
}

pub(super) async fn purge(connection: &mut SqliteConnection, limit: usize) -> Outcome<bool> {
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

impl Tables for SqliteConnection {
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
        let advance = sqlx::query(sql::ADVANCE)
            .bind(store)
            .bind(signed(last))
            .bind(signed(after))
            .bind(generation);
        expect_one(execute(self, advance).await?)?;
        let mut rest = changes;
        for rows in sql::CHANGES_AT_ONCE {
            let mut parts = rest.chunks_exact(rows);
            if parts.len() == 0 {
                continue;
            }
            let text = sql::insert_changes(rows);
            for part in &mut parts {
                let insert = sqlx::query(AssertSqlSafe(text.clone()));
                let insert = part
                    .iter()
                    .fold(insert, |insert, own| bind(insert, store, own));
                execute(self, insert).await?;
            }
            rest = parts.remainder();
        }
        Ok(())
    }

    async fn forget(&mut self, store: StoreNumber, dropped: &[Revision]) -> Outcome<()> {
        for revision in dropped {
            let drop = sqlx::query(sql::DROP_CHANGE);
            let drop = drop.bind(store).bind(signed(*revision));
            execute(self, drop).await?;
        }
        Ok(())
    }
}

/// Runs a statement; how many rows it touched.
async fn execute(connection: &mut SqliteConnection, query: Query<'_>) -> Outcome<u64> {
    let done = query.execute(connection).await;
    done.map(|done| done.rows_affected())
        .map_err(|error| wrong(&error))
}

fn bind<'q>(insert: Query<'q>, store: StoreNumber, own: &NumberedChange) -> Query<'q> {
    let cells = ChangeCells::write(own);
    insert
        .bind(store)
        .bind(cells.revision)
        .bind(cells.deletion)
        .bind(cells.object)
        .bind(cells.relation)
        .bind(cells.subject)
        .bind(cells.condition)
        .bind(cells.context)
        .bind(cells.changed)
}
