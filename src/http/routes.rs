//! Every route, in one place: the table that tests hold the router against, and the router.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

use super::error::ApiError;
use super::{health, identity, layers, submissions, tus};
use crate::actor::Action;
use crate::service::Service;

/// Who a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without credentials.
    Public,
    /// Anyone signed in; the answer holds only what is theirs.
    SignedIn,
    /// Who may do this to the sample (or the file's sample) it names.
    May(Action),
}

/// One route, and who it is for.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
}

const fn route(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, access }
}

/// The table. A route that is not here fails a test; so does a row without a route.
pub const ROUTES: &[Route] = &[
    route("GET", "/health/live", Access::Public),
    route("GET", "/health/ready", Access::Public),
    route("GET", "/metrics", Access::Public),
    route("GET", "/api/v1/samples/{sample}/check", Access::May(Action::ViewWork)),
    route("POST", "/api/v1/samples/{sample}/submissions", Access::May(Action::Submit)),
    route("GET", "/api/v1/samples/{sample}/submissions/{revision}", Access::May(Action::ReadSubmission)),
    route(
        "GET",
        "/api/v1/samples/{sample}/submissions/{revision}/manifest.json",
        Access::May(Action::ReadSubmission),
    ),
    route(
        "GET",
        "/api/v1/samples/{sample}/submissions/{revision}/manifest.csv",
        Access::May(Action::ReadSubmission),
    ),
    route("POST", "/api/v1/samples/{sample}/returns", Access::May(Action::Return)),
];

/// The whole of it, with its layers.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(submissions::routes())
        .merge(tus::routes())
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed { allow: "" })
        .layer(from_fn_with_state(service.clone(), identity::identify))
        .layer(from_fn_with_state(service.clone(), layers::sane))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::outermost))
        .with_state(service)
}
