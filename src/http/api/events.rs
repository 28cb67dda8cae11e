//! What happens, as it happens: server-sent events over the audit trail.
//!
//! Every node reads the trail itself once a second, so it does not matter where a change was made. Rows of other nodes
//! may appear a little out of order, so each look goes back five seconds and leaves out what was told already. The
//! stream ends with its session, when the service stops, and never holds a connection of the database between looks.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::future::ready;
use futures_util::stream::{once, unfold};
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use uuid::Uuid;

use super::look;
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::database::news::{self, Happened};
use crate::http::body::Query;
use crate::http::error::{ApiError, RETRY_SOON, chain};
use crate::http::identity::Caller;
use crate::ids::SampleId;
use crate::service::Service;
use crate::shares::{Crowded, Share};

/// Samples one stream listens to, at most.
const SAMPLES: usize = 20;
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Silence after which the listener is told that the stream lives.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How far each look goes back.
const OVERLAP: SignedDuration = SignedDuration::from_secs(5);
/// How far back a listener that comes again is told of.
const MEMORY: SignedDuration = SignedDuration::from_mins(10);
/// Rows of one look at one sample.
const ROWS: u32 = 500;
/// What was told already, at most.
const TOLD: usize = 10_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Sample ids, separated by commas.
    samples: String,
}

#[utoipa::path(get, path = "/api/v1/events", params(Asked),
    responses((status = 200, content_type = "text/event-stream")))]
pub async fn stream(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let ids: Result<BTreeSet<SampleId>, _> = asked.samples.split(',').map(str::parse).collect();
    let samples = ids.map_err(|_| ApiError::NotFound)?;
    if samples.len() > SAMPLES {
        return Err(ApiError::invalid("samples", format!("at most {SAMPLES}")));
    }
    for sample in &samples {
        look(&service, &caller, *sample).await?;
    }
    let place = service.streams.take(&caller.actor.person).map_err(|crowded| match crowded {
        Crowded::Each => ApiError::TooMany { retry_after: RETRY_SOON },
        Crowded::All => ApiError::Unavailable { retry_after: RETRY_SOON, source: None },
    })?;
    let now = service.clock.now();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(made_at);
    let earliest = now.checked_sub(MEMORY).unwrap_or(now);
    let from = last.map_or(now, |last| last.max(earliest));
    let listener =
        Listener { service, caller, samples, from, told: BTreeSet::new(), ready: vec![], _place: place };
    // An event and no comment: the listener's script shall see it too. The first comes at once: who does not get it has
    // something on the line that keeps events back; and it says from where on to tell to who comes again.
    let beat = || Event::default().event("heartbeat").data("{}");
    let first = Ok(beat().id(Uuid::now_v7().to_string()));
    let alive = KeepAlive::new().interval(HEARTBEAT).event(beat());
    Ok(Sse::new(once(ready(first)).chain(unfold(listener, Listener::next))).keep_alive(alive))
}

/// When an event's id was made.
fn made_at(id: &str) -> Option<Timestamp> {
    let (seconds, nanos) = Uuid::try_parse(id).ok()?.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Some(from_micros(micros.checked_add(i64::from(nanos / 1000))?))
}

struct Listener {
    service: Arc<Service>,
    caller: Caller,
    samples: BTreeSet<SampleId>,
    /// Where the next look begins, before the overlap.
    from: Timestamp,
    told: BTreeSet<String>,
    /// Found and not yet told, newest first.
    ready: Vec<Happened>,
    _place: Share<PersonId>,
}

impl Listener {
    /// The next event; `None` when the stream ends.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(happened) = self.ready.pop() {
                return Some((Ok(event(&happened)), self));
            }
            tokio::select! {
                () = self.service.shutdown.cancelled() => return None,
                () = tokio::time::sleep(LOOK) => {}
            }
            match self.look().await {
                Ok(()) => {}
                Err(ApiError::SignedOut) => return None,
                Err(error) => {
                    tracing::warn!(cause = chain(&error), "a stream of events ends");
                    return None;
                }
            }
        }
    }

    async fn look(&mut self) -> Result<(), ApiError> {
        self.caller = self.caller.again(&self.service).await?;
        let now = self.service.clock.now();
        let from = self.from.checked_sub(OVERLAP).unwrap_or(self.from);
        let mut full = false;
        for sample in &self.samples {
            let mut after = String::new();
            // What an earlier look told is passed over, so a full page is never only that.
            loop {
                let rows =
                    news::since(&self.service.db, self.caller.person(), *sample, from, &after, ROWS).await?;
                let page = rows.len();
                after = rows.last().map(|row| row.id.clone()).unwrap_or_default();
                self.ready.extend(rows.into_iter().filter(|row| !self.told.contains(&row.id)));
                full = self.ready.len() >= TOLD;
                if page < ROWS as usize || full {
                    break;
                }
            }
        }
        self.ready.sort_by(|a, b| b.id.cmp(&a.id));
        self.told.extend(self.ready.iter().map(|row| row.id.clone()));
        while self.told.len() > TOLD {
            self.told.pop_first();
        }
        if !full {
            self.from = now;
        }
        Ok(())
    }
}

fn event(happened: &Happened) -> Event {
    let data = json!({
        "kind": happened.action,
        "sample": happened.sample,
        "candidate": happened.candidate,
        "section": happened.section,
        "file": happened.file,
        "state": happened.state,
    });
    Event::default().id(happened.id.clone()).data(data.to_string())
}
