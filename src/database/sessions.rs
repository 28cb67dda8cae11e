//! Sessions of browsers and tokens of programs. Only the SHA-256 of either is kept.

use jiff::Timestamp;
use sqlx::Row;

use super::error::word;
use super::{Database, DatabaseError, Tx};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::evidence::Sha256Digest;

/// A browser's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's value.
    pub id: Sha256Digest,
    pub person: PersonId,
    /// What a form or a script of our own page sends back with a change.
    pub csrf: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// The end, however much it is used.
    pub ends_at: Timestamp,
}

/// Begins a session.
pub async fn start(tx: &mut Tx, session: &Session) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO sessions (id_sha256, person_id, csrf, created_at, seen_at, ends_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(session.id.to_string())
    .bind(session.person.as_str())
    .bind(session.csrf.as_str())
    .bind(session.created_at.as_microsecond())
    .bind(session.seen_at.as_microsecond())
    .bind(session.ends_at.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// The session of that id, ended or not.
pub async fn find(database: &Database, id: Sha256Digest) -> Result<Option<Session>, DatabaseError> {
    let row = sqlx::query(
        "SELECT person_id, csrf, created_at, seen_at, ends_at FROM sessions WHERE id_sha256 = $1",
    )
    .bind(id.to_string())
    .fetch_optional(database.reader())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let person: String = row.try_get(0)?;
    Ok(Some(Session {
        id,
        person: word(&person, "sessions", &person, "person_id")?,
        csrf: row.try_get(1)?,
        created_at: from_micros(row.try_get(2)?),
        seen_at: from_micros(row.try_get(3)?),
        ends_at: from_micros(row.try_get(4)?),
    }))
}

/// Notes that a session was used.
pub async fn touch(database: &Database, id: Sha256Digest, at: Timestamp) -> Result<(), DatabaseError> {
    let mut tx = database.begin().await?;
    sqlx::query("UPDATE sessions SET seen_at = $2 WHERE id_sha256 = $1 AND seen_at < $2")
        .bind(id.to_string())
        .bind(at.as_microsecond())
        .execute(tx.on())
        .await?;
    tx.commit().await
}

/// Ends a session.
pub async fn end(tx: &mut Tx, id: Sha256Digest) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM sessions WHERE id_sha256 = $1").bind(id.to_string()).execute(tx.on()).await?;
    Ok(())
}

/// Removes what has ended: sessions past their end or unused since `idle_since`, and expired tokens.
pub async fn sweep(database: &Database, now: Timestamp, idle_since: Timestamp) -> Result<(), DatabaseError> {
    let mut tx = database.begin().await?;
    sqlx::query("DELETE FROM sessions WHERE ends_at <= $1 OR seen_at <= $2")
        .bind(now.as_microsecond())
        .bind(idle_since.as_microsecond())
        .execute(tx.on())
        .await?;
    sqlx::query("DELETE FROM tokens WHERE expires_at <= $1")
        .bind(now.as_microsecond())
        .execute(tx.on())
        .await?;
    tx.commit().await
}

/// Keeps a program's token. `id`: SHA-256 of the token.
pub async fn keep_token(
    tx: &mut Tx,
    id: Sha256Digest,
    person: &PersonId,
    created_at: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO tokens (id_sha256, person_id, created_at, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(id.to_string())
        .bind(person.as_str())
        .bind(created_at.as_microsecond())
        .bind(expires_at.as_microsecond())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Whose token it is, while it has not expired.
pub async fn token_owner(
    database: &Database,
    id: Sha256Digest,
    now: Timestamp,
) -> Result<Option<PersonId>, DatabaseError> {
    let row = sqlx::query("SELECT person_id FROM tokens WHERE id_sha256 = $1 AND expires_at > $2")
        .bind(id.to_string())
        .bind(now.as_microsecond())
        .fetch_optional(database.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let person: String = row.try_get(0)?;
    Ok(Some(word(&person, "tokens", &person, "person_id")?))
}
