//! The pages: HTML made here, words made here; the browser's script fills in names and numbers and nothing else.
//!
//! One file a screen holds the screen's view and its handlers; `templates/` its HTML. [`words`] has every state in
//! words, [`policy`] the one policy all pages live under, `press` makes them small, `errors` what goes wrong, as a page; `script/` makes
//! uploads outlive a page, `style/` is the look.

mod board;
pub mod errors;
mod file;
mod flag;
mod help;
mod home;
mod incidents;
mod linked;
mod many;
mod moderation;
mod move_file;
mod naming;
mod page;
mod paper;
mod plan;
pub mod policy;
mod press;
mod receipt;
mod send;
mod sign_in;
mod sizes;
mod statics;
mod submit;
mod viewer;
mod visitor;
pub mod words;
mod workspace;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{get, post};

pub(crate) use self::receipt::paper as receipt_paper;
use crate::service::Service;

/// The pages, style and script.
pub fn routes(service: &Arc<Service>) -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(home::start))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/organisations/{organisation}", get(home::home))
        .route("/organisations/{organisation}/accent.css", get(home::accent))
        .route("/assessments/{assessment}", get(home::components))
        .route("/samples/{sample}", get(workspace::show))
        .route("/samples/{sample}/help", get(help::component).post(help::try_names))
        .route("/samples/{sample}/upload-many", get(many::show))
        .route("/samples/{sample}/plans/{plan}", get(plan::show).post(plan::choose))
        .route("/samples/{sample}/plans/{plan}/discard", post(plan::discard))
        .route("/samples/{sample}/documents", get(workspace::documents))
        .route("/samples/{sample}/candidates/{number}/filing", get(workspace::filing::show))
        .route("/samples/{sample}/files/{file}", get(file::show))
        .route("/samples/{sample}/files/{file}/delete", post(file::delete))
        .route("/samples/{sample}/files/{file}/restore", post(file::restore))
        .route("/samples/{sample}/files/{file}/move", get(move_file::show).post(move_file::submit))
        .route(
            "/samples/{sample}/candidates/{number}/sections/{section}/missing",
            get(flag::show).post(flag::set),
        )
        .route("/samples/{sample}/candidates/{number}/sections/{section}/missing/clear", post(flag::clear))
        .route(
            "/samples/{sample}/candidates/{number}/sections/{section}/other",
            get(flag::show).post(flag::set),
        )
        .route("/samples/{sample}/candidates/{number}/sections/{section}/other/clear", post(flag::clear))
        .route(
            "/samples/{sample}/candidates/{number}/sections/{section}/fewer",
            get(flag::show).post(flag::set),
        )
        .route("/samples/{sample}/candidates/{number}/sections/{section}/fewer/clear", post(flag::clear))
        .route("/samples/{sample}/candidates/{number}/absent", get(flag::show_absent).post(flag::set_absent))
        .route("/samples/{sample}/candidates/{number}/absent/clear", post(flag::clear_absent))
        .route(
            "/samples/{sample}/candidates/{number}/sections/{section}/send",
            get(send::show).post(send::send),
        )
        .route("/samples/{sample}/documents/{document}/send", get(send::show).post(send::send))
        .route("/samples/{sample}/missing", get(workspace::missing::show).post(workspace::missing::set))
        .route("/samples/{sample}/check", get(submit::check))
        .route("/samples/{sample}/declarations/{declaration}", get(submit::declaration).post(submit::tick))
        .route("/samples/{sample}/submit", get(submit::show).post(submit::submit))
        .route("/samples/{sample}/submissions/{revision}", get(receipt::show))
        .route("/moderation", get(moderation::list))
        .route("/moderation/{sample}", get(moderation::show))
        .route("/moderation/{sample}/download", get(moderation::download))
        .route("/moderation/{sample}/return", get(moderation::show_return).post(moderation::send_back))
        .merge(board::routes())
        .route("/incidents", get(incidents::list))
        .route("/incidents/{file}", get(incidents::show).post(incidents::confirm))
        .route("/help", get(help::general))
        .route("/api/docs", get(help::api))
        .layer(from_fn_with_state(service.clone(), errors::layer))
        .layer(from_fn(press::layer))
        .route("/static/{hash}/{*name}", get(statics::file))
        .route(
            "/favicon.ico",
            get(async || Redirect::permanent(&format!("{}/style/mark.svg", statics::prefix()))),
        )
}
