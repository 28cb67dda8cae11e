//! The database: connections, transactions, and one file of queries an aggregate.
//!
//! One portable SQL text runs on SQLite and PostgreSQL ([`Engine`] holds what cannot be). SQL is written here and
//! nowhere else. Every query for a resource takes the actor's scope; there is no unscoped "get by id" for a request
//! to call. (One module looks past the scope, and answers nobody: [`refusals`] asks whether what was refused exists, so
//! that the refusal leaves its row.)
//!
//! **Locks.** A transaction that changes a sample's files locks in this order: the sample row (shared; submit and
//! return exclusively), the partials it is to be made of (by id), the place rows (by candidate and section), the file's
//! upload, the file row, the partials it had taken (by id). SQLite's one writer makes this true by itself; PostgreSQL
//! needs the words.

pub(crate) mod archive;
pub mod audit;
pub mod browse;
pub mod candidates;
pub(crate) mod checks;
pub(crate) mod dates;
mod engine;
mod error;
pub(crate) mod files;
pub mod files_read;
pub mod flags;
pub mod holds;
pub(crate) mod idempotency;
pub(crate) mod imports;
pub(crate) mod incidents;
mod log;
pub(crate) mod moderation;
pub(crate) mod moves;
pub mod news;
pub(crate) mod partials;
pub mod people;
pub mod plans;
pub(crate) mod progress;
pub mod reference;
mod reference_samples;
pub(crate) mod refusals;
pub(crate) mod removal;
pub(crate) mod rescans;
pub(crate) mod samples;
pub(crate) mod scope;
pub mod sessions;
pub mod shares;
mod signals;
pub(crate) mod signing_keys;
mod standing;
pub(crate) mod submissions;
pub mod trail;
pub(crate) mod uploads;
pub(crate) mod workspace;

use std::sync::{Arc, Once};

use secrecy::SecretString;
use sqlx::migrate::Migrator;
use sqlx::{Any, AnyPool, Transaction};

pub use engine::Engine;
use engine::{MIGRATION, STATEMENT};
pub use error::DatabaseError;

/// A handle on the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Engine,
    read: AnyPool,
    write: AnyPool,
    /// SQLite's, which a commit waits for.
    log: Option<Arc<log::Log>>,
    /// For connections that do more than the pool's.
    address: SecretString,
}

/// A transaction that may write. Dropped without [`Tx::commit`], it never was.
#[derive(Debug)]
pub struct Tx {
    engine: Engine,
    inner: Transaction<'static, Any>,
    log: Option<Arc<log::Log>>,
    writes: bool,
}

static DRIVERS: Once = Once::new();

impl Database {
    /// Connects. `url`: `sqlite:///path/file.db?mode=rwc` (made when missing) or `postgres://...`. `connections`:
    /// the most held at once (SQLite: for reading).
    pub async fn connect(url: &str, connections: u32) -> Result<Self, DatabaseError> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let engine = Engine::of(url)?;
        let (read, write) = engine.pools(url, connections).await?;
        let log = engine.file(url)?.map(|file| Arc::new(log::Log::of(&file)));
        Ok(Self { engine, read, write, log, address: url.to_owned().into() })
    }

    /// Brings the schema up to date. Migrations only add.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        self.migrate_by(&sqlx::migrate!("src/database/migrations")).await
    }

    async fn migrate_by(&self, migrator: &Migrator) -> Result<(), DatabaseError> {
        let mut connection = self.write.acquire().await?;
        self.engine.set_deadline(&mut connection, MIGRATION).await?;
        let migrated = migrator.run(&mut *connection).await.map_err(DatabaseError::Migrate);
        let restored = self.engine.set_deadline(&mut connection, STATEMENT).await;
        migrated?;
        restored?;
        drop(connection);
        synced(self.log.as_deref()).await
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Begins a transaction that may write.
    pub async fn begin(&self) -> Result<Tx, DatabaseError> {
        let inner = self.write.begin_with(self.engine.begin()).await?;
        Ok(Tx { engine: self.engine, inner, log: self.log.clone(), writes: true })
    }

    /// Begins a transaction that only looks: it holds nobody up, and sees one moment.
    pub(crate) async fn begin_looking(&self) -> Result<Tx, DatabaseError> {
        let inner = self.read.begin_with(self.engine.begin_looking()).await?;
        Ok(Tx { engine: self.engine, inner, log: None, writes: false })
    }

    /// Where reads go that need no transaction.
    pub(crate) fn reader(&self) -> &AnyPool {
        &self.read
    }

    /// Whether the database answers, and keeps what it is given.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        sqlx::query("SELECT 1").execute(&self.read).await?;
        synced(self.log.as_deref()).await
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

impl Tx {
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Whether it may write: otherwise it only looks at what it would.
    pub(crate) fn writes(&self) -> bool {
        self.writes
    }

    /// The suffix that locks selected rows, if it may write.
    pub(crate) fn for_update(&self) -> &'static str {
        if self.writes { self.engine.for_update() } else { "" }
    }

    /// The connection, for a query.
    pub(crate) fn on(&mut self) -> &mut sqlx::AnyConnection {
        &mut self.inner
    }

    /// Commits; what is committed is durable when this returns.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        self.inner.commit().await?;
        synced(self.log.as_deref()).await
    }

    /// Commits what nobody is told of: a cut of the power may undo it, as long as nothing that was committed after it is
    /// durable.
    pub(crate) async fn commit_quietly(self) -> Result<(), DatabaseError> {
        Ok(self.inner.commit().await?)
    }
}

async fn synced(log: Option<&log::Log>) -> Result<(), DatabaseError> {
    match log {
        Some(log) => log.sync().await,
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::{Migration, MigrationType};

    use super::*;
    use crate::ids::FileId;

    /// The address of an empty database on the server that the tests are given.
    #[expect(clippy::disallowed_methods, reason = "where the tests' server is, only the environment says")]
    pub(crate) async fn on_postgres(name: &str) -> String {
        let server = std::env::var("STRONGROOM_TEST_POSTGRES");
        let server =
            server.expect("STRONGROOM_TEST_POSTGRES is not set; run tests/run, which starts PostgreSQL");
        let admin = Database::connect(&server, 1).await.unwrap();
        let name = format!("{name}_{}", FileId::new());
        let sql = format!("CREATE DATABASE {name}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(admin.reader()).await.unwrap();
        admin.close().await;
        let (base, _) = server.rsplit_once('/').unwrap();
        format!("{base}/{name}")
    }

    #[tokio::test]
    async fn sqlite_speaks_the_portable_subset() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db?mode=rwc", dir.path().display());
        let db = Database::connect(&url, 2).await.unwrap();
        db.migrate().await.unwrap();
        db.migrate().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        sqlx::query("INSERT INTO centres (number, name) VALUES ($1, $2)")
            .bind("98765")
            .bind("Ashbourne")
            .execute(tx.on())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM centres").fetch_one(db.reader()).await.unwrap();
        assert_eq!(count, 1);
        let now = format!("SELECT {}", db.engine().now());
        let now: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(now)).fetch_one(db.reader()).await.unwrap();
        assert!(now > 1_700_000_000_000_000);
        let none: Option<Option<i64>> =
            sqlx::query_scalar("SELECT seq FROM audit").fetch_optional(db.reader()).await.unwrap();
        assert_eq!(none, None);
        db.close().await;
    }

    #[tokio::test]
    async fn a_migration_may_take_longer_than_a_request() {
        let db = Database::connect(&on_postgres("deadline").await, 1).await.unwrap();
        let sql = "CREATE TABLE told AS SELECT current_setting('statement_timeout') AS deadline";
        let told = Migration::new(1, "told".into(), MigrationType::Simple, sql.into_sql_str(), true);
        db.migrate_by(&Migrator { migrations: vec![told].into(), ..Migrator::DEFAULT }).await.unwrap();
        let during: String =
            sqlx::query_scalar("SELECT deadline FROM told").fetch_one(db.reader()).await.unwrap();
        let after: String = sqlx::query_scalar("SHOW statement_timeout").fetch_one(&db.write).await.unwrap();
        assert_eq!((&*during, &*after), ("6h", "30s"));
        db.close().await;
    }

    #[tokio::test]
    async fn later_migrations_leave_the_rows_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        rows_stay(&format!("sqlite://{}/t.db?mode=rwc", dir.path().display())).await;
        rows_stay(&on_postgres("migrations").await).await;
    }

    async fn rows_stay(url: &str) {
        let db = Database::connect(url, 2).await.unwrap();
        let whole = sqlx::migrate!("src/database/migrations");
        let first = whole.iter().filter(|migration| migration.version <= 5).cloned().collect();
        let first = sqlx::migrate::Migrator { migrations: first, ..sqlx::migrate::Migrator::DEFAULT };
        first.run(&db.write).await.unwrap();
        for sql in [
            "INSERT INTO organisations VALUES ('ocr', 'OCR', 'Europe/London', 'red')",
            "INSERT INTO series VALUES ('june', 'ocr', 'June 2026')",
            "INSERT INTO assessments VALUES ('media', 'ocr', 'june', 'iMedia')",
            "INSERT INTO components VALUES ('R085', 'ocr', 'R085', '{}')",
            "INSERT INTO centres (number, name) VALUES ('98765', 'Hill')",
            "INSERT INTO samples (id, organisation_id, assessment_id, component_id, series_id, occasion, centre_number, \
             state, due_at, cut_off_at) VALUES ('s', 'ocr', 'media', 'R085', 'june', 'main', '98765', 'open', 1, 2)",
            "INSERT INTO candidates (id, sample_id, number, name, search, status, in_sample) \
             VALUES ('c', 's', '1005', 'Lu', 'lu', 'absent', 1)",
            "INSERT INTO people (id, name) VALUES ('teacher', 'Lu')",
            "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, created_by, \
             created_at) VALUES ('f', 's', 'c', 'evidence', 'URS', 'receiving', 'a.pdf', '', 'teacher', 1)",
            "INSERT INTO uploads (file_id, epoch, owner, lease_until, offset_bytes, length, max_length, part_size, \
             object_epoch, multipart, tail, hash_state, hash_check, metadata, last_byte_at, expires_at) \
             VALUES ('f', 3, 'node', 4, 5, 6, 7, 8, 9, 'm', '[]', 'h', 10, 'filename', 11, 12)",
            "INSERT INTO upload_parts VALUES ('f', 1, 'etag', 'sum', 5)",
            "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, created_by, \
             created_at) VALUES ('g', 's', 'c', 'evidence', 'URS', 'cancelled', 'b.pdf', '', 'teacher', 1)",
            "INSERT INTO uploads (file_id, max_length, part_size, tail, hash_state, hash_check, metadata, \
             last_byte_at, expires_at) VALUES ('g', 7, 8, '[]', 'h', 10, 'filename', 11, 12)",
        ] {
            sqlx::query(sql).execute(&db.write).await.unwrap();
        }
        db.migrate().await.unwrap();
        let row: (String, Option<String>, Option<String>) =
            sqlx::query_as("SELECT status, absent_reason, absent_by FROM candidates")
                .fetch_one(db.reader())
                .await
                .unwrap();
        assert_eq!(row, ("absent".to_owned(), None, None), "an absence that was imported is nobody's word");
        let upload: (i64, String, i64, i64, String, String, i64, String, Option<String>) = sqlx::query_as(
            "SELECT epoch, owner, offset_bytes, length, multipart, hash_state, expires_at, dialect, concat \
             FROM uploads WHERE file_id = 'f'",
        )
        .fetch_one(db.reader())
        .await
        .unwrap();
        let told = (3, "node".to_owned(), 5, 6, "m".to_owned(), "h".to_owned(), 12, "tus".to_owned(), None);
        assert_eq!(upload, told, "an upload goes on");
        let part: (i64, String, Option<String>, i64) =
            sqlx::query_as("SELECT number, etag, checksum, size FROM upload_parts WHERE file_id = 'f'")
                .fetch_one(db.reader())
                .await
                .unwrap();
        assert_eq!(part, (1, "etag".to_owned(), Some("sum".to_owned()), 5));
        let may_go: Vec<String> =
            sqlx::query_scalar("SELECT file_id FROM uploads WHERE ended_at IS NOT NULL")
                .fetch_all(db.reader())
                .await
                .unwrap();
        assert_eq!(may_go, ["g"], "what was cancelled before is still to be cleared");
        for table in ["holds", "sample_extensions", "idempotency_keys", "partials", "pieces"] {
            let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            let rows: i64 = sqlx::query_scalar(sql).fetch_one(db.reader()).await.unwrap();
            assert_eq!(rows, 0, "{table}");
        }
        db.close().await;
    }
}
