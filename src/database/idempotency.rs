//! Keys of writing calls, and the answers given: so that a call sent twice is done once.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row};

use super::{Database, DatabaseError, Tx};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::evidence::Sha256Digest;

/// A call, as its key knows it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub person: PersonId,
    pub key: String,
    /// SHA-256 of method, address and body.
    pub fingerprint: Sha256Digest,
    /// Whose the row is while the call runs: random, a new one for each try.
    pub attempt: String,
}

/// An answer to be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub status: u16,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What a key says of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is the first: to be done, then [`settle`]d or [`forget`]ten.
    First,
    Answered(Kept),
    /// The first is not done yet.
    Running,
    /// The key came with another call before.
    Reused,
}

/// Takes a call's key. Forgets all that began before `forgotten`; a call that began before `given_up` and never got an
/// answer (its process died) is taken over.
pub(crate) async fn claim(
    db: &Database,
    call: &Call,
    now: Timestamp,
    forgotten: Timestamp,
    given_up: Timestamp,
) -> Result<Claim, DatabaseError> {
    let mut tx = db.begin().await?;
    sqlx::query("DELETE FROM idempotency_keys WHERE begun_at <= $1")
        .bind(forgotten.as_microsecond())
        .execute(tx.on())
        .await?;
    let first: Option<String> = sqlx::query_scalar(
        "INSERT INTO idempotency_keys (person_id, key, fingerprint, attempt, begun_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (person_id, key) DO NOTHING RETURNING key",
    )
    .bind(call.person.as_str())
    .bind(&call.key)
    .bind(call.fingerprint.to_string())
    .bind(&call.attempt)
    .bind(now.as_microsecond())
    .fetch_optional(tx.on())
    .await?;
    let claim = if first.is_some() { Claim::First } else { known(&mut tx, call, now, given_up).await? };
    tx.commit().await?;
    Ok(claim)
}

async fn known(
    tx: &mut Tx,
    call: &Call,
    now: Timestamp,
    given_up: Timestamp,
) -> Result<Claim, DatabaseError> {
    let sql = format!(
        "SELECT fingerprint, begun_at, status, headers, body FROM idempotency_keys \
         WHERE person_id = $1 AND key = $2{}",
        tx.engine().for_update()
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(call.person.as_str())
        .bind(&call.key)
        .fetch_optional(tx.on())
        .await?;
    // It was forgotten just now; the sender asks again.
    let Some(row) = row else { return Ok(Claim::Running) };
    if row.try_get::<String, _>("fingerprint")? != call.fingerprint.to_string() {
        return Ok(Claim::Reused);
    }
    let broken =
        |column| DatabaseError::BrokenRow { table: "idempotency_keys", id: call.key.clone(), column };
    if let Some(status) = row.try_get::<Option<i64>, _>("status")? {
        let headers: Option<String> = row.try_get("headers")?;
        return Ok(Claim::Answered(Kept {
            status: u16::try_from(status).map_err(|_| broken("status"))?,
            headers: serde_json::from_str(&headers.unwrap_or_default()).map_err(|_| broken("headers"))?,
            body: row.try_get::<Option<String>, _>("body")?.unwrap_or_default(),
        }));
    }
    if from_micros(row.try_get("begun_at")?) > given_up {
        return Ok(Claim::Running);
    }
    sqlx::query("UPDATE idempotency_keys SET attempt = $3, begun_at = $4 WHERE person_id = $1 AND key = $2")
        .bind(call.person.as_str())
        .bind(&call.key)
        .bind(&call.attempt)
        .bind(now.as_microsecond())
        .execute(tx.on())
        .await?;
    Ok(Claim::First)
}

/// Keeps the answer of a call that is done.
pub(crate) async fn settle(db: &Database, call: &Call, kept: &Kept) -> Result<(), DatabaseError> {
    let headers = serde_json::json!(kept.headers).to_string();
    let mut tx = db.begin().await?;
    sqlx::query(
        "UPDATE idempotency_keys SET status = $4, headers = $5, body = $6 \
         WHERE person_id = $1 AND key = $2 AND attempt = $3",
    )
    .bind(call.person.as_str())
    .bind(&call.key)
    .bind(&call.attempt)
    .bind(i64::from(kept.status))
    .bind(headers)
    .bind(&kept.body)
    .execute(tx.on())
    .await?;
    tx.commit().await
}

/// Lets the key go: the call came to nothing and may be tried again.
pub(crate) async fn forget(db: &Database, call: &Call) -> Result<(), DatabaseError> {
    let mut tx = db.begin().await?;
    sqlx::query("DELETE FROM idempotency_keys WHERE person_id = $1 AND key = $2 AND attempt = $3")
        .bind(call.person.as_str())
        .bind(&call.key)
        .bind(&call.attempt)
        .execute(tx.on())
        .await?;
    tx.commit().await
}
