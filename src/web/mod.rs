//! The pages: HTML made here, words made here; the browser's script fills in names and numbers and nothing else.
//!
//! One file a screen holds the screen's view and its handlers; `templates/` its HTML. [`words`] has every state in
//! words, [`policy`] the one policy all pages live under, `errors` what goes wrong, as a page; `script/` makes
//! uploads outlive a page, `style/` is the look.

pub mod errors;
mod file;
mod help;
mod home;
mod missing;
mod moderation;
mod page;
pub mod policy;
mod receipt;
mod sign_in;
mod statics;
mod submit;
mod visitor;
pub mod words;
mod workspace;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::service::Service;

/// The pages, style and script.
pub fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(home::start))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/organisations/{organisation}", get(home::home))
        .route("/organisations/{organisation}/accent.css", get(home::accent))
        .route("/assessments/{assessment}", get(home::components))
        .route("/samples/{sample}", get(workspace::show))
        .route("/samples/{sample}/help", get(help::component))
        .route("/samples/{sample}/files/{file}", get(file::show))
        .route("/samples/{sample}/files/{file}/delete", post(file::delete))
        .route("/samples/{sample}/files/{file}/restore", post(file::restore))
        .route(
            "/samples/{sample}/candidates/{number}/sections/{section}/missing",
            get(missing::show).post(missing::set),
        )
        .route("/samples/{sample}/candidates/{number}/sections/{section}/missing/clear", post(missing::clear))
        .route("/samples/{sample}/check", get(submit::check))
        .route("/samples/{sample}/declarations/{declaration}", get(submit::declaration).post(submit::tick))
        .route("/samples/{sample}/submit", get(submit::show).post(submit::submit))
        .route("/samples/{sample}/submissions/{revision}", get(receipt::show))
        .route("/moderation", get(moderation::list))
        .route("/moderation/{sample}", get(moderation::show))
        .route("/moderation/{sample}/download", get(moderation::download))
        .route("/help", get(help::general))
        .route("/api/docs", get(help::api))
        .layer(from_fn(errors::layer))
        .route("/static/{hash}/{*name}", get(statics::file))
        .route(
            "/favicon.ico",
            get(async || Redirect::permanent(&format!("{}/style/mark.svg", statics::prefix()))),
        )
}
