//! The OpenAPI document, made from the annotations beside the handlers; tus, whose handlers read headers, is told by
//! hand.

mod tus;

use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header;
use utoipa::OpenApi;

use self::tus::Tus;
use super::{absent, board, candidates, events, files, flags, moves, samples, trail};
use crate::http::{archive, content, health, submissions};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Strongroom",
        description = "Errors are application/problem+json with code, title, detail and \
        request_id. Lists page by cursor and limit. Uploads speak tus 1.0.0 at /files."
    ),
    modifiers(&Tus),
    paths(
        document,
        health::live,
        health::ready,
        submissions::check,
        submissions::submit,
        submissions::receipt,
        submissions::manifest_json,
        submissions::manifest_csv,
        submissions::give_back,
        archive::zip,
        content::file,
        samples::me,
        samples::organisations,
        samples::assessments,
        samples::components,
        samples::list,
        samples::one,
        candidates::list,
        candidates::one,
        flags::put_missing,
        flags::delete_missing,
        flags::put_incomplete,
        flags::delete_incomplete,
        flags::put_other_means,
        flags::delete_other_means,
        absent::put,
        absent::delete,
        board::extend,
        board::hold,
        board::list_holds,
        board::lift,
        files::one,
        files::delete,
        files::restore,
        moves::post,
        files::uploads,
        trail::list,
        events::stream
    )
)]
struct Document;

static TEXT: LazyLock<Option<String>> = LazyLock::new(|| Document::openapi().to_json().ok());

#[utoipa::path(get, path = "/api/openapi.json", security(()),
    responses((status = 200, description = "This document", content_type = "application/json", body = Object)))]
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone().unwrap_or_default())
}
