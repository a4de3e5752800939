//! What the server says, in our words.

use std::error::Error as _;
use std::io::ErrorKind;

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

/// The same where there is no connection yet: a server that is not the one meant, or cannot encrypt,
/// will not be another one the next time.
pub(super) fn wrong_at_first(error: &sqlx::Error) -> JournalError {
    let is_mistrust = match error {
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => true,
        sqlx::Error::Io(error) => error.kind() == ErrorKind::InvalidData,
        _ => false,
    };
    match wrong(error) {
        JournalError::Unreachable(why) if is_mistrust => JournalError::Failed(why),
        other => other,
    }
}

/// Whether the connection is of no use any more.
pub(super) const fn is_lost(error: &JournalError) -> bool {
    matches!(
        error,
        JournalError::Unreachable(_) | JournalError::Uncertain(_)
    )
}
