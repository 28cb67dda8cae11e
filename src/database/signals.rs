//! Words from node to node, by PostgreSQL's NOTIFY.
//!
//! They make things quick and nothing right: a word may be lost with its connection, so whoever sends one also waits no
//! longer than a deadline. SQLite has one node, which has nobody to talk to.

use secrecy::ExposeSecret;
use sqlx::postgres::PgListener;

use super::{Database, DatabaseError, Engine};

/// A connection of its own that hears one channel.
#[derive(Debug)]
pub(crate) struct Listener(PgListener);

impl Database {
    /// Says `word` to every node that listens on `channel`.
    pub(crate) async fn tell(&self, channel: &'static str, word: String) -> Result<(), DatabaseError> {
        if self.engine == Engine::Postgres {
            // As text: what it gives back is of no type that the portable driver knows.
            sqlx::query("SELECT CAST(pg_notify($1, $2) AS TEXT)")
                .bind(channel)
                .bind(word)
                .execute(self.reader())
                .await?;
        }
        Ok(())
    }

    /// Listens on `channel`; `None` where there is one node.
    pub(crate) async fn listen(&self, channel: &'static str) -> Result<Option<Listener>, DatabaseError> {
        if self.engine == Engine::Sqlite {
            return Ok(None);
        }
        let mut listener =
            PgListener::connect(self.address.expose_secret()).await.map_err(DatabaseError::Connect)?;
        listener.listen(channel).await?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// The next word; `None` when the connection was lost, and with it maybe words.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, DatabaseError> {
        Ok(self.0.try_recv().await?.map(|word| word.payload().to_owned()))
    }
}
