//! What every page has around it, and how a page becomes an answer.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::statics;

/// The frame of a page: header, breadcrumbs, help and what the script needs to know.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    pub title: String,
    pub crumbs: Vec<Crumb>,
    pub person: Option<PersonView>,
    pub organisation: Option<OrganisationView>,
    /// The token every form carries.
    pub csrf: String,
    /// Where style and script lie: `/static/{content hash}`.
    pub assets: &'static str,
    /// The scanner runs on its test signatures: every page says so.
    pub test_signatures: bool,
    /// The help page nearest to this one.
    pub help: String,
    /// The element that a redirect was meant for.
    pub goal: Option<String>,
    /// The component that this page is of, by its title.
    pub component: Option<String>,
    /// The sample whose news this page listens to.
    pub sample: Option<String>,
    /// Whether the tray of uploads is here.
    pub uploads: bool,
}

/// One step of the breadcrumbs; the page itself has no address.
#[derive(Clone, Debug)]
pub struct Crumb {
    pub text: String,
    pub href: Option<String>,
}

/// Who is signed in. `place`: their centre, if they have one.
#[derive(Clone, Debug)]
pub struct PersonView {
    pub id: String,
    pub name: String,
    pub place: String,
}

#[derive(Clone, Debug)]
pub struct OrganisationView {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub href: String,
    pub text: String,
}

/// Something the person has to put right. `field`: the id of the field it is about.
#[derive(Clone, Debug)]
pub struct Problem {
    pub text: String,
    pub field: Option<&'static str>,
}

impl Frame {
    /// A frame with a title, the way back and nothing of a person yet.
    pub fn titled(title: impl Into<String>, trail: &[(&str, &str)]) -> Self {
        let title = title.into();
        let mut crumbs = vec![Crumb { text: "Home".into(), href: Some("/".into()) }];
        crumbs.extend(
            trail.iter().map(|(text, href)| Crumb { text: (*text).into(), href: Some((*href).into()) }),
        );
        crumbs.push(Crumb { text: title.clone(), href: None });
        Self { title, crumbs, assets: statics::prefix(), help: "/help".into(), ..Self::default() }
    }
}

impl Link {
    pub fn new(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self { href: href.into(), text: text.into() }
    }
}

/// Renders a page. A template that cannot be written is a fault of ours: logged, and answered in plain words.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(header::CONTENT_TYPE, kind)], html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be shown. Uploaded work is safe.")
                .into_response()
        }
    }
}

/// A page that says one thing and where to go from there.
#[derive(Debug, Template)]
#[template(path = "screens/message.html", config = "src/web/askama.toml")]
pub struct Message {
    pub frame: Frame,
    pub heading: String,
    pub lines: Vec<String>,
    /// The request's id, for help.
    pub reference: Option<String>,
    pub links: Vec<Link>,
}
