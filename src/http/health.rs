//! Whether it lives, whether it is ready and if not why, and its counters.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;

use super::error::{ApiError, chain};
use super::server::Peer;
use crate::service::Service;
use crate::telemetry;

/// How long a part may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Readiness {
    ready: bool,
    parts: Vec<Part>,
}

/// One thing the service stands on.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Part {
    name: &'static str,
    ready: bool,
    detail: String,
    /// It works, and somebody has to look at it.
    alert: bool,
}

#[utoipa::path(get, path = "/health/live", security(()), responses((status = 200, body = String)))]
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// 200 when every part answers, else 503; either way which, and why.
#[utoipa::path(get, path = "/health/ready", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    let (database, store, checks, mut evidence) = tokio::join!(
        part("database", async { service.db.ping().await.map(|()| "answers".to_owned()) }),
        part("store", async {
            let free = service.store.probe().await?;
            Ok::<_, crate::object_store::StoreError>(match free {
                Some(bytes) => format!("answers; {bytes} bytes free"),
                None => "answers".to_owned(),
            })
        }),
        part("checks", waiting(&service)),
        part("evidence", withheld(&service)),
    );
    evidence.alert |= evidence.detail != WHOLE;
    let scanner = service.scanner.readiness().await;
    let scanner =
        Part { name: "scanner", ready: scanner.ready, detail: scanner.detail, alert: !scanner.ready };
    let parts = vec![database, store, scanner, checks, evidence];
    let ready = parts.iter().all(|part| part.ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, parts })).into_response()
}

/// How many files wait for their verdict, and how long the first of them has.
async fn waiting(service: &Service) -> Result<String, crate::database::DatabaseError> {
    let (files, oldest) = crate::database::checks::queue(&service.db).await?;
    let seconds = oldest.map_or(0, |at| service.clock.now().duration_since(at).as_secs().max(0));
    metrics::gauge!("strongroom_checks_waiting").set(files as f64);
    metrics::gauge!("strongroom_checks_oldest_seconds").set(seconds as f64);
    Ok(match files {
        0 => "no file waits".to_owned(),
        1 => format!("1 file waits, for {seconds} s"),
        _ => format!("{files} files wait, the first for {seconds} s"),
    })
}

/// What is said of evidence when nothing is known against it.
const WHOLE: &str = "nothing is withheld";

/// How many accepted files are not what was accepted. The service goes on without them; somebody has to find them.
async fn withheld(service: &Service) -> Result<String, crate::database::DatabaseError> {
    let (files, first) = crate::database::rescans::withheld(&service.db).await?;
    metrics::gauge!("strongroom_files_withheld").set(files as f64);
    Ok(match (files, first) {
        (0, _) => WHOLE.to_owned(),
        (_, Some(first)) => format!(
            "{files} accepted files are withheld, since {first}: the store does not hold what was accepted; the audit \
             trail has file.withheld for each"
        ),
        (_, None) => format!("{files} accepted files are withheld"),
    })
}

async fn part<E: std::error::Error>(
    name: &'static str,
    asked: impl Future<Output = Result<String, E>>,
) -> Part {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(detail)) => Part { name, ready: true, detail, alert: false },
        Ok(Err(error)) => {
            tracing::warn!(name, cause = chain(&error), "not ready");
            Part { name, ready: false, detail: error.to_string(), alert: true }
        }
        Err(_) => {
            let detail = format!("no answer within {} s", PATIENCE.as_secs());
            Part { name, ready: false, detail, alert: true }
        }
    }
}

/// Counters, for who asks from this machine itself.
pub(super) async fn metrics(
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let local = |address: &SocketAddr| address.ip().is_loopback();
    let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED);
    if forwarded || !peer.is_some_and(|Extension(Peer(address))| local(&address)) {
        return Err(ApiError::NotFound);
    }
    let text = telemetry::metrics_text().ok_or_else(|| ApiError::internal("no metrics recorder"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}
