//! What a test's service stands on, its own and gone afterwards.

#![expect(clippy::disallowed_methods, reason = "where the test's servers are is told in the environment")]

use std::env;
use std::path::Path;

use secrecy::ExposeSecret;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use strongroom::config::Config;
use strongroom::object_store::config::{Encryption, S3Config, StoreConfig};
use strongroom::service::Service;

/// SQLite and a folder, or PostgreSQL and a bucket.
pub struct Backend {
    folder: tempfile::TempDir,
    board: Option<Board>,
}

struct Board {
    /// Where databases are made.
    admin: String,
    database: String,
}

fn told(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is needed for the board backend; tests/run sets it"))
}

/// Whether the tests of this run stand on what a board has.
pub fn is_board() -> bool {
    match env::var("STRONGROOM_TEST_BACKEND").as_deref() {
        Err(_) | Ok("embedded") => false,
        Ok("board") => true,
        Ok(other) => panic!("STRONGROOM_TEST_BACKEND is {other:?}, neither embedded nor board"),
    }
}

/// Where the bucket is.
pub fn bucket() -> String {
    told("STRONGROOM_TEST_S3_ENDPOINT")
}

/// What chance begins with: told, so that a run can be had again with `STRONGROOM_TEST_SEED`.
pub fn seed() -> u64 {
    let seed = match env::var("STRONGROOM_TEST_SEED") {
        Ok(told) => told.parse().expect("a number"),
        Err(_) => rand::random(),
    };
    println!("STRONGROOM_TEST_SEED={seed}");
    seed
}

impl Backend {
    pub async fn new() -> Self {
        if is_board() { Self::of_a_board().await } else { Self::with(None) }
    }

    pub async fn of_a_board() -> Self {
        Self::of_a_board_on(&told("STRONGROOM_TEST_POSTGRES")).await
    }

    /// With its database on that server.
    pub async fn of_a_board_on(server: &str) -> Self {
        sqlx::any::install_default_drivers();
        Self::with(Some(Board::new(server).await))
    }

    fn with(board: Option<Board>) -> Self {
        sqlx::any::install_default_drivers();
        Self { folder: tempfile::tempdir().unwrap(), board }
    }

    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    pub fn configure(&self, config: &mut Config) {
        let Some(board) = &self.board else { return };
        config.database.url = Some(board.url().into());
        config.database.connections = 8;
        config.store = StoreConfig::S3(S3Config {
            endpoint: Some(told("STRONGROOM_TEST_S3_ENDPOINT")),
            region: told("STRONGROOM_TEST_S3_REGION"),
            bucket: told("STRONGROOM_TEST_S3_BUCKET"),
            prefix: Some(board.database.clone()),
            access_key: told("STRONGROOM_TEST_S3_ACCESS_KEY"),
            secret_key: Some(told("STRONGROOM_TEST_S3_SECRET_KEY").into()),
            secret_key_file: None,
            path_style: true,
            encryption: Encryption::None,
            memory_mib: 96,
        });
    }

    /// The same for a process: what of its settings is not the default.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(board) = &self.board else { return Vec::new() };
        vec![
            ("STRONGROOM__DATABASE__URL", board.url()),
            ("STRONGROOM__DATABASE__CONNECTIONS", "8".into()),
            ("STRONGROOM__STORE__KIND", "s3".into()),
            ("STRONGROOM__STORE__ENDPOINT", told("STRONGROOM_TEST_S3_ENDPOINT")),
            ("STRONGROOM__STORE__REGION", told("STRONGROOM_TEST_S3_REGION")),
            ("STRONGROOM__STORE__BUCKET", told("STRONGROOM_TEST_S3_BUCKET")),
            ("STRONGROOM__STORE__PREFIX", board.database.clone()),
            ("STRONGROOM__STORE__ACCESS_KEY", told("STRONGROOM_TEST_S3_ACCESS_KEY")),
            ("STRONGROOM__STORE__SECRET_KEY", told("STRONGROOM_TEST_S3_SECRET_KEY")),
            ("STRONGROOM__STORE__PATH_STYLE", "true".into()),
        ]
    }

    /// What a `SELECT count(*)` says.
    pub async fn count(&self, config: &Config, query: &'static str) -> i64 {
        let mut connection = AnyConnection::connect(config.database_url().expose_secret()).await.unwrap();
        let count = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        count
    }

    /// Runs one statement on the service's database.
    pub async fn sql(&self, service: &Service, statement: &'static str) {
        run(service.config.database_url().expose_secret(), statement.to_owned()).await;
    }

    /// The first column of what a query finds, as text.
    pub async fn texts(&self, service: &Service, query: &'static str) -> Vec<String> {
        let mut connection =
            AnyConnection::connect(service.config.database_url().expose_secret()).await.unwrap();
        let found = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        found
    }

    /// Removes what was made.
    pub async fn remove(self) {
        if let Some(board) = self.board {
            run(&board.admin, format!("DROP DATABASE {}", board.database)).await;
        }
    }
}

impl Board {
    async fn new(server: &str) -> Self {
        let admin = server.to_owned();
        let database = format!("strongroom_{:032x}", rand::random::<u128>());
        run(&admin, format!("CREATE DATABASE {database}")).await;
        Self { admin, database }
    }

    fn url(&self) -> String {
        let (server, _) = self.admin.rsplit_once('/').expect("an address that ends in a database");
        format!("{server}/{}", self.database)
    }
}

async fn run(url: &str, statement: String) {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
