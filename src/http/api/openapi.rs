//! The OpenAPI document, made from the annotations beside the handlers.

use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header;
use utoipa::OpenApi;

use super::{candidates, events, files, missing, samples};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Strongroom",
        description = "Errors are application/problem+json with code, title, detail and \
        request_id. Lists page by cursor and limit. Uploads speak tus 1.0.0 at /files."
    ),
    paths(
        samples::me,
        samples::organisations,
        samples::assessments,
        samples::components,
        samples::list,
        samples::one,
        candidates::list,
        candidates::one,
        missing::put,
        missing::delete,
        files::one,
        files::delete,
        files::restore,
        files::uploads,
        events::stream
    )
)]
struct Document;

static TEXT: LazyLock<Option<String>> = LazyLock::new(|| Document::openapi().to_json().ok());

pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone().unwrap_or_default())
}
