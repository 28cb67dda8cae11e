//! What differs between SQLite and PostgreSQL by nature; all other SQL is one text.

use std::path::PathBuf;
use std::{fmt, str::FromStr, time::Duration};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Executor};

use super::DatabaseError;

/// Which database this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded: WAL, one writer, and one sync for many commits ([`super::log`]).
    Sqlite,
    /// A board's: several nodes.
    Postgres,
}

/// Longest wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest a statement of a request or a worker may take, on PostgreSQL.
pub(super) const STATEMENT: Duration = Duration::from_secs(30);
/// The longest one of a migration may: it may write millions of rows anew.
pub(super) const MIGRATION: Duration = Duration::from_secs(6 * 3600);

impl Engine {
    /// By the address's scheme.
    pub fn of(url: &str) -> Result<Self, DatabaseError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            _ => Err(DatabaseError::UnknownScheme),
        }
    }

    /// How a transaction that will write begins. On SQLite the write lock is taken at once, so that no transaction
    /// fails half-way for lack of it.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// How one begins that only looks, at one moment of all tables.
    pub(super) fn begin_looking(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// The suffix that locks selected rows against every other writer.
    pub fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// The suffix that holds selected rows as they are while others may hold them too.
    pub fn for_share(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR SHARE",
        }
    }

    /// The suffix by which workers pass over rows that another worker is claiming.
    pub fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// The database's own time, microseconds since the epoch. Leases use it alone.
    pub fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS BIGINT)",
            Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
        }
    }

    /// SQLite's file; `None` where there is none.
    pub(super) fn file(self, url: &str) -> Result<Option<PathBuf>, DatabaseError> {
        match self {
            Self::Postgres => Ok(None),
            Self::Sqlite => {
                let options = SqliteConnectOptions::from_str(url).map_err(DatabaseError::Address)?;
                Ok(Some(options.get_filename().to_owned()))
            }
        }
    }

    pub(super) async fn pools(
        self,
        url: &str,
        connections: u32,
    ) -> Result<(AnyPool, AnyPool), DatabaseError> {
        let options = AnyConnectOptions::from_str(url).map_err(DatabaseError::Address)?;
        let pool = |size: u32| {
            AnyPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .after_connect(move |connection, _| Box::pin(async move { self.prepare(connection).await }))
        };
        let connect = |size| pool(size).connect_with(options.clone());
        match self {
            Self::Postgres => {
                let pool = connect(connections).await.map_err(DatabaseError::Connect)?;
                Ok((pool.clone(), pool))
            }
            Self::Sqlite => {
                let write = connect(1).await.map_err(DatabaseError::Connect)?;
                Ok((connect(connections).await.map_err(DatabaseError::Connect)?, write))
            }
        }
    }

    async fn prepare(self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let statements: &[&'static str] = match self {
            Self::Sqlite => &[
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = NORMAL",
                "PRAGMA foreign_keys = ON",
                "PRAGMA busy_timeout = 10000",
            ],
            Self::Postgres => &["SET lock_timeout = '10s'"],
        };
        for statement in statements {
            connection.execute(*statement).await?;
        }
        self.set_deadline(connection, STATEMENT).await
    }

    /// How long each statement on that connection may take from now on. SQLite has no such thing.
    pub(super) async fn set_deadline(
        self,
        connection: &mut AnyConnection,
        deadline: Duration,
    ) -> Result<(), sqlx::Error> {
        if self == Self::Postgres {
            let sql = format!("SET statement_timeout = '{}s'", deadline.as_secs());
            connection.execute(AssertSqlSafe(sql)).await?;
        }
        Ok(())
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}
