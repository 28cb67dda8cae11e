//! The OpenAPI document, made from the annotations beside the handlers; uploads, whose handlers read headers, are told
//! by hand.

mod uploads;

use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{self, Required};
use utoipa::{Modify, OpenApi};

use self::uploads::Uploads;
use super::{absent, board, candidates, events, files, flags, incidents, moves, plans, samples, trail};
use crate::http::{archive, content, health, submissions};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Strongroom",
        description = "Errors are application/problem+json with code, title, detail and \
        request_id. Lists page by cursor and limit. Uploads speak tus 1.0.0 and \
        the IETF's resumable uploads (interop 6, 8, 9) at /files."
    ),
    modifiers(&Uploads, &Keys),
    paths(
        document,
        health::live,
        health::ready,
        submissions::check,
        submissions::submit,
        submissions::receipt,
        submissions::manifest_json,
        submissions::manifest_csv,
        submissions::receipt_pdf,
        submissions::give_back,
        archive::zip,
        content::file,
        content::infected,
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
        plans::post,
        plans::list,
        plans::get,
        plans::patch,
        plans::start,
        plans::delete,
        files::one,
        files::delete,
        files::restore,
        moves::post,
        files::uploads,
        trail::list,
        incidents::list,
        events::stream
    )
)]
struct Document;

/// Adds `Idempotency-Key` to every writing call that takes it.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The same call again under its key, within a day, gets the first answer"))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(255)).build()))
            .build();
        let written = document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with("/api/v1/"));
        let written =
            written.flat_map(|(_, item)| [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete]);
        for operation in written.flatten() {
            operation.parameters.get_or_insert_default().push(key.clone().into());
        }
    }
}

static TEXT: LazyLock<Option<String>> = LazyLock::new(|| Document::openapi().to_json().ok());

#[utoipa::path(get, path = "/api/openapi.json", security(()),
    responses((status = 200, description = "This document", content_type = "application/json", body = Object)))]
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone().unwrap_or_default())
}
