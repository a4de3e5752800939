//! The tables, and every statement that is the same for all databases.
//!
//! Placeholders are written `$1`, which `SQLite` and `PostgreSQL` both read. Times are milliseconds since
//! the epoch.

/// What databases say differently.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// Behind a table whose rows lie in the order of its key.
    pub(crate) by_key: &'static str,
}

/// The version of the tables: how many steps of [`MIGRATIONS`] they went through.
pub(crate) const VERSION: usize = MIGRATIONS.len();

/// Each step from one version of the tables to the next. Steps that were released are never changed.
/// `{by_key}` stands for [`Dialect::by_key`].
pub(crate) const MIGRATIONS: [&[&str]; 1] = [&[
    "CREATE TABLE stores (
        number BIGINT PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        created BIGINT NOT NULL,
        revision BIGINT NOT NULL,
        folded BIGINT NOT NULL,
        generation BIGINT NOT NULL,
        deleted BOOLEAN NOT NULL
    )",
    "CREATE TABLE models (
        store BIGINT NOT NULL REFERENCES stores (number) ON DELETE CASCADE,
        generation BIGINT NOT NULL,
        id TEXT NOT NULL,
        spec TEXT NOT NULL,
        PRIMARY KEY (store, generation),
        UNIQUE (store, id)
    )",
    "CREATE TABLE assertions (
        store BIGINT NOT NULL REFERENCES stores (number) ON DELETE CASCADE,
        model TEXT NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (store, model)
    )",
    // No reference to the store: its changes go step by step when it is gone.
    "CREATE TABLE changes (
        store BIGINT NOT NULL,
        revision BIGINT NOT NULL,
        deletion BOOLEAN NOT NULL,
        object TEXT NOT NULL,
        relation TEXT NOT NULL,
        subject TEXT NOT NULL,
        condition TEXT,
        context TEXT,
        changed BIGINT NOT NULL,
        PRIMARY KEY (store, revision)
    ){by_key}",
]];

/// The statements of a step.
pub(crate) fn statements(step: &[&str], dialect: Dialect) -> Vec<String> {
    let fill = |text: &&str| text.replace("{by_key}", dialect.by_key);
    step.iter().map(fill).collect()
}

pub(crate) const STORES: &str = "SELECT number, id, name, created, revision, folded, generation
    FROM stores WHERE NOT deleted ORDER BY number";
pub(crate) const SOME_STORES: &str =
    "SELECT number, id, name, created, revision, folded, generation
    FROM stores WHERE NOT deleted AND number = ANY($1) ORDER BY number";
/// Of deleted stores, too.
pub(crate) const LAST_NUMBER: &str = "SELECT coalesce(max(number), 0) FROM stores";
pub(crate) const MODELS: &str = "SELECT spec FROM models WHERE store = $1 ORDER BY generation";
pub(crate) const ASSERTIONS: &str = "SELECT model, content FROM assertions WHERE store = $1";
pub(crate) const CHANGES: &str =
    "SELECT revision, deletion, object, relation, subject, condition, context, changed
    FROM changes WHERE store = $1 AND revision > $2 ORDER BY revision LIMIT $3";

pub(crate) const CREATE: &str =
    "INSERT INTO stores (number, id, name, created, revision, folded, generation, deleted)
    VALUES ($1, $2, $3, $4, 0, 0, 0, FALSE)";
pub(crate) const DELETE: &str =
    "UPDATE stores SET deleted = TRUE WHERE number = $1 AND NOT deleted";
/// Touches no row where another process got ahead.
pub(crate) const ADVANCE: &str = "UPDATE stores SET revision = $2
    WHERE number = $1 AND revision = $3 AND generation = $4 AND NOT deleted";
/// The same, and the changes themselves, as columns. Inserts no row where another process got ahead.
pub(crate) const APPEND: &str = "WITH own AS (
        UPDATE stores SET revision = $2
        WHERE number = $1 AND revision = $3 AND generation = $4 AND NOT deleted RETURNING number
    )
    INSERT INTO changes (store, revision, deletion, object, relation, subject, condition, context,
        changed)
    SELECT own.number, part.* FROM own, UNNEST($5::BIGINT[], $6::BOOLEAN[], $7::TEXT[],
        $8::TEXT[], $9::TEXT[], $10::TEXT[], $11::TEXT[], $12::BIGINT[]) AS part";
pub(crate) const ADVANCE_GENERATION: &str = "UPDATE stores SET generation = generation + 1
    WHERE number = $1 AND NOT deleted";
pub(crate) const ADD_MODEL: &str = "INSERT INTO models (store, generation, id, spec)
    SELECT number, generation, $2, $3 FROM stores WHERE number = $1";
pub(crate) const DROP_MODEL: &str = "DELETE FROM models WHERE store = $1 AND id = $2";
pub(crate) const DROP_ASSERTIONS: &str = "DELETE FROM assertions WHERE store = $1 AND model = $2";
pub(crate) const SET_ASSERTIONS: &str =
    "INSERT INTO assertions (store, model, content) VALUES ($1, $2, $3)
    ON CONFLICT (store, model) DO UPDATE SET content = excluded.content";
pub(crate) const FOLD: &str = "UPDATE stores SET folded = $2
    WHERE number = $1 AND folded < $2 AND NOT deleted";
pub(crate) const DROP_CHANGES: &str = "DELETE FROM changes WHERE store = $1 AND revision = ANY($2)";
pub(crate) const DROP_CHANGE: &str = "DELETE FROM changes WHERE store = $1 AND revision = $2";
/// Writes what is there already: enough to see whether anything can be written.
pub(crate) const PROBE: &str = "UPDATE stores SET generation = generation";

pub(crate) const DELETED: &str = "SELECT number FROM stores WHERE deleted LIMIT 1";
pub(crate) const PURGE_CHANGES: &str = "DELETE FROM changes WHERE store = $1 AND revision IN
    (SELECT revision FROM changes WHERE store = $1 ORDER BY revision LIMIT $2)";
pub(crate) const PURGE_STORE: &str = "DELETE FROM stores WHERE number = $1";

/// Rows that one insertion of changes has: few lengths, so that few statements are prepared.
pub(crate) const CHANGES_AT_ONCE: [usize; 4] = [64, 16, 4, 1];
/// Columns of a change.
const COLUMNS: usize = 9;

/// Inserts this many changes.
pub(crate) fn insert_changes(rows: usize) -> String {
    let mut text = String::from(
        "INSERT INTO changes (store, revision, deletion, object, relation, subject, condition, \
         context, changed) VALUES ",
    );
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..COLUMNS {
            let separator = if column == 0 { "$" } else { ", $" };
            text.push_str(separator);
            text.push_str(&(row * COLUMNS + column + 1).to_string());
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insertions_number_their_places() {
        let text = insert_changes(2);
        assert!(text.ends_with(
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9), \
             ($10, $11, $12, $13, $14, $15, $16, $17, $18)"
        ));
    }
}
