//! Rows of the tables.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};
use ztag_fga::{NumberedChange, Revision, Tuple, TupleChange, TupleCondition};
use ztag_types::Timestamp;

use super::wrong;
use crate::error::JournalError;
use crate::journal::{Entry, StoreNumber, StoreRow};
use crate::sql;
use crate::store_id::StoreId;

type Outcome<T> = Result<T, JournalError>;
type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

pub(super) async fn stores(connection: &mut SqliteConnection) -> Outcome<Vec<StoreRow>> {
    let rows = sqlx::query(sql::STORES).fetch_all(connection).await;
    let rows = rows.map_err(|error| wrong(&error))?;
    rows.iter().map(store).collect()
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
    let rows = sqlx::query(sql::CHANGES)
        .bind(number)
        .bind(signed(after))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await;
    let rows = rows.map_err(|error| wrong(&error))?;
    rows.iter().map(change).collect()
}

/// Writes all entries in the transaction that is open.
pub(super) async fn write(connection: &mut SqliteConnection, entries: &[Entry]) -> Outcome<()> {
    for entry in entries {
        match entry {
            Entry::Created(row) => create(connection, row).await?,
            Entry::Deleted { store } => {
                execute(connection, sqlx::query(sql::DELETE).bind(store)).await?;
            }
            Entry::Changes {
                store,
                after,
                changes,
            } => append(connection, *store, *after, changes).await?,
            Entry::Model {
                store,
                id,
                spec,
                outdated,
            } => {
                advance_generation(connection, *store).await?;
                let add = sqlx::query(sql::ADD_MODEL).bind(store).bind(id).bind(spec);
                expect_one(execute(connection, add).await?)?;
                for model in outdated {
                    for text in [sql::DROP_ASSERTIONS, sql::DROP_MODEL] {
                        let drop = sqlx::query(text).bind(store).bind(model);
                        execute(connection, drop).await?;
                    }
                }
            }
            Entry::Assertions {
                store,
                model,
                content,
            } => {
                advance_generation(connection, *store).await?;
                let set = sqlx::query(sql::SET_ASSERTIONS);
                let set = set.bind(store).bind(model).bind(content);
                execute(connection, set).await?;
            }
            Entry::Folded {
                store,
                until,
                dropped,
            } => fold(connection, *store, *until, dropped).await?,
        }
    }
    Ok(())
}

pub(super) async fn probe(connection: &mut SqliteConnection) -> Outcome<()> {
    execute(connection, sqlx::query(sql::PROBE)).await.map(drop)
}

pub(super) async fn purge(connection: &mut SqliteConnection, limit: usize) -> Outcome<bool> {
    let gone = sqlx::query_scalar::<_, i64>(sql::DELETED).fetch_optional(&mut *connection);
    let Some(store) = gone.await.map_err(|error| wrong(&error))? else {
        return Ok(false);
    };
    let bound = i64::try_from(limit).unwrap_or(i64::MAX);
    let purge = sqlx::query(sql::PURGE_CHANGES).bind(store).bind(bound);
    let purged = execute(connection, purge).await?;
    if usize::try_from(purged).is_ok_and(|purged| purged < limit) {
        execute(connection, sqlx::query(sql::PURGE_STORE).bind(store)).await?;
    }
    Ok(true)
}

async fn create(connection: &mut SqliteConnection, row: &StoreRow) -> Outcome<()> {
    let create = sqlx::query(sql::CREATE)
        .bind(row.number)
        .bind(row.id.as_str())
        .bind(&row.name)
        .bind(milliseconds(row.created));
    execute(connection, create).await.map(drop)
}

async fn append(
    connection: &mut SqliteConnection,
    store: StoreNumber,
    after: Revision,
    changes: &[NumberedChange],
) -> Outcome<()> {
    let Some(last) = changes.last() else {
        return Ok(());
    };
    let advance = sqlx::query(sql::ADVANCE)
        .bind(store)
        .bind(signed(last.revision))
        .bind(signed(after));
    expect_one(execute(connection, advance).await?)?;
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
            execute(connection, insert).await?;
        }
        rest = parts.remainder();
    }
    Ok(())
}

async fn fold(
    connection: &mut SqliteConnection,
    store: StoreNumber,
    until: Revision,
    dropped: &[Revision],
) -> Outcome<()> {
    let fold = sqlx::query(sql::FOLD).bind(store).bind(signed(until));
    expect_one(execute(connection, fold).await?)?;
    for revision in dropped {
        let drop = sqlx::query(sql::DROP_CHANGE);
        let drop = drop.bind(store).bind(signed(*revision));
        execute(connection, drop).await?;
    }
    Ok(())
}

async fn advance_generation(connection: &mut SqliteConnection, store: StoreNumber) -> Outcome<()> {
    let advance = sqlx::query(sql::ADVANCE_GENERATION).bind(store);
    expect_one(execute(connection, advance).await?)
}

/// Runs a statement; how many rows it touched.
async fn execute(connection: &mut SqliteConnection, query: Query<'_>) -> Outcome<u64> {
    let done = query.execute(connection).await;
    done.map(|done| done.rows_affected())
        .map_err(|error| wrong(&error))
}

/// A row that is not as it was when we looked was changed by somebody else.
fn expect_one(touched: u64) -> Outcome<()> {
    if touched == 1 {
        return Ok(());
    }
    Err(JournalError::Conflict)
}

fn bind<'q>(insert: Query<'q>, store: StoreNumber, own: &'q NumberedChange) -> Query<'q> {
    let tuple = &own.change.tuple;
    let condition = tuple.condition.as_ref();
    let context = condition.and_then(|condition| condition.context.as_ref());
    let context = context.map(|context| serde_json::Value::Object(context.clone()).to_string());
    insert
        .bind(store)
        .bind(signed(own.revision))
        .bind(own.change.is_delete)
        .bind(&tuple.object)
        .bind(&tuple.relation)
        .bind(&tuple.user)
        .bind(condition.map(|condition| condition.name.as_str()))
        .bind(context)
        .bind(milliseconds(own.change.at))
}

fn store(row: &SqliteRow) -> Outcome<StoreRow> {
    let id: String = column(row, 1)?;
    Ok(StoreRow {
        number: column(row, 0)?,
        id: StoreId::parse(&id).ok_or_else(|| damaged("the id of a store"))?,
        name: column(row, 2)?,
        created: timestamp(column(row, 3)?),
        revision: revision(column(row, 4)?)?,
        folded: revision(column(row, 5)?)?,
        generation: column(row, 6)?,
    })
}

fn change(row: &SqliteRow) -> Outcome<NumberedChange> {
    let condition: Option<String> = column(row, 5)?;
    let context: Option<String> = column(row, 6)?;
    let context = context.map(|text| serde_json::from_str(&text)).transpose();
    let context = context.map_err(|_| damaged("the context of a tuple"))?;
    Ok(NumberedChange {
        revision: revision(column(row, 0)?)?,
        change: TupleChange {
            is_delete: column(row, 1)?,
            tuple: Tuple {
                object: column(row, 2)?,
                relation: column(row, 3)?,
                user: column(row, 4)?,
                condition: condition.map(|name| TupleCondition { name, context }),
            },
            at: timestamp(column(row, 7)?),
        },
    })
}

fn column<'r, T>(row: &'r SqliteRow, index: usize) -> Outcome<T>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    row.try_get(index).map_err(|error| wrong(&error))
}

fn revision(number: i64) -> Outcome<Revision> {
    let number = u64::try_from(number).ok();
    let revision = number.and_then(Revision::from_number);
    revision.ok_or_else(|| damaged("the number of a change"))
}

fn damaged(what: &str) -> JournalError {
    JournalError::Damaged(format!("{what} cannot be read"))
}

fn signed(revision: Revision) -> i64 {
    i64::try_from(revision.number()).unwrap_or(i64::MAX)
}

fn milliseconds(at: Timestamp) -> i64 {
    at.seconds()
        .saturating_mul(1000)
        .saturating_add(i64::from(at.nanos() / 1_000_000))
}

fn timestamp(millis: i64) -> Timestamp {
    let nanos = u32::try_from(millis.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    Timestamp::new(millis.div_euclid(1000), nanos).unwrap_or_default()
}
