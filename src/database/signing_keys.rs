//! Keys that all nodes sign with.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Database, DatabaseError};

/// The addresses of files that are shown.
pub(crate) const VIEWS: &str = "views";

/// The key of that name, on every node the same; `fresh` becomes it where there is none yet.
pub(crate) async fn key(
    db: &Database,
    name: &str,
    fresh: SecretString,
    now: Timestamp,
) -> Result<SecretString, DatabaseError> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO signing_keys (name, key, made_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
    )
    .bind(name)
    .bind(fresh.expose_secret())
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    let key: String = sqlx::query_scalar("SELECT key FROM signing_keys WHERE name = $1")
        .bind(name)
        .fetch_one(tx.on())
        .await?;
    tx.commit().await?;
    Ok(key.into())
}
