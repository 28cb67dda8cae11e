//! The router: every module's routes, and the layers a request passes.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

use super::error::ApiError;
use super::{
    api, archive, content, health, idempotency, identity, layers, refusals, submissions, uploads, viewing,
};
use crate::service::Service;
use crate::web;

/// The whole of it, with its layers.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(submissions::routes())
        .merge(api::routes())
        .merge(uploads::routes())
        .route("/api/v1/samples/{sample}/archive", get(archive::zip))
        .route("/api/v1/files/{file}/content", get(content::file))
        .route("/api/v1/incidents/{file}/content", get(content::infected))
        .merge(web::routes(&service))
        .fallback(web::errors::unknown)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed { allow: "" })
        .layer(from_fn_with_state(service.clone(), idempotency::once))
        .layer(from_fn_with_state(service.clone(), refusals::note))
        .layer(from_fn_with_state(service.clone(), identity::identify))
        .layer(from_fn(uploads::patient))
        .layer(from_fn_with_state(service.clone(), viewing::apart))
        .layer(from_fn_with_state(service.clone(), layers::sane))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::outermost))
        .with_state(service)
}
