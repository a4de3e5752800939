//! What the server says, in our words.

use std::error::Error as _;

use crate::error::JournalError;

/// Classes and codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn wrong(error: &sqlx::Error) -> JournalError {
    let found = match error {
        sqlx::Error::Database(found) => found,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            return JournalError::Damaged(error.to_string());
        }
        // Without the words of the library around it.
        _ => {
            let inner = error.source().map(ToString::to_string);
            return JournalError::Unreachable(inner.unwrap_or_else(|| error.to_string()));
        }
    };
    let code = found.code().unwrap_or_default();
    let message = found.message().to_owned();
    match code.as_ref() {
        // Unique, serialization failure, deadlock.
        "23505" | "40001" | "40P01" => JournalError::Conflict,
        "53100" => JournalError::Full,
        "XX001" | "XX002" => JournalError::Damaged(message),
        // Connections, shutdown, crash, start; a standby that takes no writes.
        code if code.starts_with("08") || code.starts_with("57P") || code == "25006" => {
            JournalError::Unreachable(message)
        }
        _ => JournalError::Failed(message),
    }
}

/// Whether the connection is of no use any more.
pub(super) const fn is_lost(error: &JournalError) -> bool {
    matches!(
        error,
        JournalError::Unreachable(_) | JournalError::Uncertain(_)
    )
}
