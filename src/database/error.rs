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
    /// A row holds what this version cannot read.
    #[error("{table} {id} holds an unreadable {column}")]
    BrokenRow { table: &'static str, id: String, column: &'static str },
}

impl DatabaseError {
    /// Whether the database as a whole is out of reach, so that trying again later may help.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Query(error) => matches!(
                error,
                sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::Io(_)
                    | sqlx::Error::WorkerCrashed
            ),
            _ => false,
        }
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
