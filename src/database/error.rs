//! What can go wrong between us and the database.

/// A database call that failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the database address must begin with sqlite: or postgres:")]
    UnknownScheme,
    #[error("the database address cannot be read")]
    Address(#[source] sqlx::Error),
    #[error("the database cannot be reached; is it running, and is its address right?")]
    Connect(#[source] sqlx::Error),
    #[error("the schema cannot be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[error("a query failed")]
    Query(#[from] sqlx::Error),
    #[error("what was committed may not be on the disk; restart the service once the disk is sound")]
    NotDurable(#[source] std::io::Error),
    /// A row holds what this version cannot read.
    #[error("{table} {id} holds an unreadable {column}")]
    BrokenRow { table: &'static str, id: String, column: &'static str },
}

impl DatabaseError {
    /// Whether it is the row that cannot be read, and not the database.
    pub(super) fn is_of_one_row(&self) -> bool {
        matches!(self, Self::BrokenRow { .. } | Self::Query(sqlx::Error::ColumnDecode { .. }))
    }

    /// Whether the database as a whole is out of reach, so that trying again later may help.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::NotDurable(_) => true,
            Self::Query(error) => match error {
                sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Io(_)
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(told) => told.code().is_some_and(|code| passes(&code)),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether what the database says is the matter may pass: PostgreSQL's SQLSTATE, or SQLite's number.
fn passes(code: &str) -> bool {
    match code.len() {
        5 => {
            // Connections, resources, an operator's doing (a stop, a time-out), and what another transaction won.
            ["08", "53", "57"].iter().any(|class| code.starts_with(class))
                || ["40001", "40P01", "55P03"].contains(&code)
        }
        // SQLITE_BUSY and SQLITE_LOCKED, with the kinds of them in the higher bytes.
        _ => code.parse::<u32>().is_ok_and(|code| [5, 6].contains(&(code & 0xff))),
    }
}

/// Reads a column's text as what it stands for.
pub(crate) fn word<T: std::str::FromStr>(
    text: &str,
    table: &'static str,
    id: &str,
    column: &'static str,
) -> Result<T, DatabaseError> {
    text.parse().map_err(|_| DatabaseError::BrokenRow { table, id: id.to_owned(), column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_and_a_lost_race_pass_and_a_broken_rule_does_not() {
        for code in ["57P01", "57P03", "57014", "53300", "08006", "40001", "40P01", "55P03", "5", "6", "517"]
        {
            assert!(passes(code), "{code}");
        }
        for code in ["23505", "42P01", "22003", "40002", "11", "19", "2067", ""] {
            assert!(!passes(code), "{code}");
        }
    }
}
