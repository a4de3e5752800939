//! The tables, made and brought to this program's version.

use std::fmt;
use std::str::FromStr;

use sqlx::{AssertSqlSafe, PgConnection, raw_sql};

use super::wrong;
use crate::error::JournalError;
use crate::sql::{self, Dialect};

/// The schema that is used if none is named.
const DEFAULT: &str = "ztag_fga";
/// Bytes of an identifier that the server does not cut.
const LONGEST: usize = 63;
const DIALECT: Dialect = Dialect { by_key: "" };
/// What a new schema begins with.
const BEGIN: &str = "CREATE TABLE version (number BIGINT NOT NULL);
    INSERT INTO version (number) VALUES (0);
    CREATE SEQUENCE store_numbers";
/// Marks our locks among those of other programs: "ZTFG".
const LOCKS: i32 = 0x5a54_4647;

/// The name of a schema: a letter or `_`, then letters, digits and `_`, all of them small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaName(String);

impl SchemaName {
    /// The name. It needs no quotes, wherever it stands in a statement.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SchemaName {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that no schema of ours can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a schema has a name of small letters, digits and `_`, at most 63, no digit first")]
pub struct SchemaNameError;

impl FromStr for SchemaName {
    type Err = SchemaNameError;

    fn from_str(text: &str) -> Result<Self, SchemaNameError> {
        let is_letter = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
        let bytes = text.as_bytes();
        let begins = bytes.first().is_some_and(is_letter);
        let goes_on = bytes
            .iter()
            .all(|byte| is_letter(byte) || byte.is_ascii_digit());
        if begins && goes_on && bytes.len() <= LONGEST && !text.starts_with("pg_") {
            return Ok(Self(text.to_owned()));
        }
        Err(SchemaNameError)
    }
}

/// Makes the tables where there are none, and brings older ones to this version. One process at a
/// time does; the others wait.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<(), JournalError> {
    run(connection, "BEGIN").await?;
    let done = migrate_locked(connection, schema).await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = run(connection, end).await;
    done.and(ended)
}

async fn migrate_locked(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<(), JournalError> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext($2))");
    let locked = lock.bind(LOCKS + 1).bind(schema.as_str());
    let locked = locked.execute(&mut *connection).await;
    locked.map_err(|error| wrong(&error))?;
    // Whoever may not make schemas can still use one that is there.
    let named = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
    if !is_so(connection, named, schema).await? {
        run(connection, format!("CREATE SCHEMA {schema}")).await?;
    }
    let begun = "SELECT to_regclass($1 || '.version') IS NOT NULL";
    if !is_so(connection, begun, schema).await? {
        run(connection, BEGIN).await?;
    }
    let version = sqlx::query_scalar::<_, i64>("SELECT number FROM version");
    let version = version.fetch_one(&mut *connection).await;
    let version = version.map_err(|error| wrong(&error))?;
    step_from(connection, version).await
}

async fn step_from(connection: &mut PgConnection, version: i64) -> Result<(), JournalError> {
    let done = usize::try_from(version).unwrap_or_default();
    if done > sql::VERSION {
        let message = format!("version {version} of the tables is newer than this program");
        return Err(JournalError::Damaged(message));
    }
    for step in sql::MIGRATIONS.iter().skip(done) {
        let statements = sql::statements(step, DIALECT).join(";");
        let text = format!("{statements}; UPDATE version SET number = number + 1");
        run(connection, text).await?;
    }
    Ok(())
}

/// Whether this session is the one that cleans up. Once it is, it stays so until it ends.
pub(super) async fn lead(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<bool, JournalError> {
    // Who has the lock already would be given it once more each time.
    const LEAD: &str = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND pid = pg_backend_pid() AND classid = $1::INT::OID
            AND objid = hashtext($2)::OID AND objsubid = 2)
        OR pg_try_advisory_lock($1, hashtext($2))";
    let lead = sqlx::query_scalar(LEAD).bind(LOCKS).bind(schema.as_str());
    lead.fetch_one(connection)
        .await
        .map_err(|error| wrong(&error))
}

async fn is_so(
    connection: &mut PgConnection,
    question: &'static str,
    schema: &SchemaName,
) -> Result<bool, JournalError> {
    let answer = sqlx::query_scalar(question).bind(schema.as_str());
    let answer = answer.fetch_one(connection).await;
    answer.map_err(|error| wrong(&error))
}

/// Runs statements of our own, which hold nothing that a caller wrote.
pub(super) async fn run(
    connection: &mut PgConnection,
    text: impl Into<String>,
) -> Result<(), JournalError> {
    let done = raw_sql(AssertSqlSafe(text.into())).execute(connection);
    done.await.map(drop).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes() {
        for good in ["ztag_fga", "_a", "a1", &"x".repeat(63)] {
            assert_eq!(good.parse::<SchemaName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "1a",
            "A",
            "a-b",
            "a b",
            "a;b",
            "a\"b",
            "pg_x",
            "ä",
            &"x".repeat(64),
        ] {
            assert!(bad.parse::<SchemaName>().is_err(), "{bad}");
        }
    }
}
