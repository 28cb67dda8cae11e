//! What goes wrong at a page, as a page: what happened, whether the work is safe, where to go.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::page::{Frame, Link, Message, page};
use super::{policy, sign_in};
use crate::http::error::{Failure, Problem};
use crate::http::layers::RequestId;
use crate::service::Service;

/// The layer over every page: its policy, and errors as pages. Programs get the problem as it is.
pub async fn layer(State(service): State<Arc<Service>>, request: Request<Body>, next: Next) -> Response {
    let (reader, asked) = (Reader::of(&request), request.headers().clone());
    let response = next.run(request).await;
    policy::apply(reader.told(response), &service, &asked)
}

/// For addresses that are nobody's: a page for people, a problem for programs.
pub async fn unknown(State(service): State<Arc<Service>>, request: Request<Body>) -> Response {
    let reader = Reader::of(&request);
    let response = crate::http::error::ApiError::NotFound.into_response();
    if reader.html { policy::apply(reader.told(response), &service, request.headers()) } else { response }
}

/// Who reads the answer.
struct Reader {
    html: bool,
    get: bool,
    /// Path and query.
    path: String,
    request: Option<RequestId>,
}

impl Reader {
    fn of(request: &Request<Body>) -> Self {
        Self {
            html: wants_page(request.headers()),
            get: request.method() == Method::GET,
            path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            request: request.extensions().get().copied(),
        }
    }

    /// The answer as this reader can read it. The failure stays with it, for the log.
    fn told(&self, response: Response) -> Response {
        let Some(failure) = response.extensions().get::<Failure>().filter(|_| self.html).cloned() else {
            return response;
        };
        if failure.problem.status == StatusCode::UNAUTHORIZED && self.get {
            return Redirect::to(&sign_in::address(&self.path)).into_response();
        }
        let mut told = page(failure.problem.status, &self.message(&failure.problem));
        for (name, value) in response.headers() {
            if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
                told.headers_mut().append(name, value.clone());
            }
        }
        told.extensions_mut().insert(failure);
        told
    }

    fn message(&self, problem: &Problem) -> Message {
        let (heading, what) = match problem.status {
            StatusCode::NOT_FOUND => (
                "There is nothing here for you",
                "The address is wrong, or what is there is not yours to see.".to_owned(),
            ),
            StatusCode::UNAUTHORIZED => ("You are signed out", "Sign in again to carry on.".to_owned()),
            // What a parser says is for programs.
            _ if problem.code == "invalid_request" => (
                "This cannot be read",
                "Something in the address or the form is not as it should be. Go back and try again."
                    .to_owned(),
            ),
            StatusCode::FORBIDDEN => ("This is not yours to do", problem.detail.clone()),
            status if status.is_server_error() => {
                ("Sorry, something went wrong with us", "Try again in a moment.".to_owned())
            }
            _ => (problem.title, problem.detail.clone()),
        };
        Message {
            frame: Frame::titled(heading, &[]),
            heading: heading.into(),
            lines: vec![what, "Everything that was uploaded and confirmed is safe.".into()],
            reference: self.request.map(|id| id.to_string()),
            links: match problem.status {
                StatusCode::UNAUTHORIZED => vec![Link::new("/sign-in", "Sign in")],
                _ => vec![Link::new("/", "Home"), Link::new("/help", "Help")],
            },
        }
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}
