//! How the names of a component's files are read, tried against the candidates of one centre.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{address, frame_of, offer_of, rows};
use crate::component::ComponentId;
use crate::database::progress::{CentreLine, Offer, Wanted};
use crate::http::body::{Form, Segments};
use crate::http::error::ApiError;
use crate::organisation::AssessmentId;
use crate::service::Service;
use crate::web::many::{Ways, ways_here};
use crate::web::naming::{Names, Tester};
use crate::web::page::{Frame, Problem, page};
use crate::web::visitor::Visitor;

/// Centres looked through for the one that was named.
const CENTRES: usize = 100;
/// Characters of a centre's number.
const LONGEST: usize = 20;

#[derive(Debug, Template)]
#[template(path = "screens/board_naming.html", config = "src/web/askama.toml")]
pub struct NamingPage {
    pub frame: Frame,
    pub title: String,
    pub ways: Ways,
    pub tester: Tester,
    pub back: String,
}

/// `GET /board/progress/{assessment}/{component}/naming`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(of): Segments<(AssessmentId, ComponentId)>,
) -> Result<Response, ApiError> {
    let offer = offer_of(&service, &visitor, &of).await?;
    let centre = centre(&service, &visitor, &offer, "").await?.ok_or(ApiError::NotFound)?;
    let tester = Tester::new(&offer.component, &Names::default());
    tried(&service, &visitor, &offer, &centre, tester).await
}

/// `POST /board/progress/{assessment}/{component}/naming`: how names would be read. Nothing is kept of them.
pub async fn try_names(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(of): Segments<(AssessmentId, ComponentId)>,
    Form(names): Form<Names>,
) -> Result<Response, ApiError> {
    let offer = offer_of(&service, &visitor, &of).await?;
    let person = &visitor.actor.person;
    let wanted: String = names.centre.trim().chars().take(LONGEST).collect();
    let Some(found) = centre(&service, &visitor, &offer, &wanted).await? else {
        let first = centre(&service, &visitor, &offer, "").await?.ok_or(ApiError::NotFound)?;
        let text = format!("Centre {wanted} has no work in this component");
        let mut tester = Tester::new(&offer.component, &names);
        tester.problem = Some(Problem { text, field: Some("centre") });
        tester.centre = Some(wanted);
        return tried(&service, &visitor, &offer, &first, tester).await;
    };
    let tester = Tester::tried(&service, person, &found.sample, &offer.component, &names).await?;
    tried(&service, &visitor, &offer, &found, tester).await
}

/// The centre with this number; the first for `""`.
async fn centre(
    service: &Service,
    visitor: &Visitor,
    offer: &Offer,
    number: &str,
) -> Result<Option<CentreLine>, ApiError> {
    let wanted = Wanted { find: number.to_owned(), ..Wanted::default() };
    let (person, now) = (&visitor.actor.person, service.clock.now());
    let found = rows::centres(&service.db, person, offer, &wanted, now, CENTRES).await?;
    let fits =
        |line: &CentreLine| number.is_empty() || line.sample.centre.as_str().eq_ignore_ascii_case(number);
    Ok(found.into_iter().find(fits))
}

async fn tried(
    service: &Service,
    visitor: &Visitor,
    offer: &Offer,
    centre: &CentreLine,
    mut tester: Tester,
) -> Result<Response, ApiError> {
    let mut frame = frame_of(visitor, "Try how file names are read", offer, true);
    let status = tester.status(&mut frame);
    let back = address(offer);
    tester.action = format!("{back}/naming#naming");
    tester.centre.get_or_insert_with(|| centre.sample.centre.to_string());
    let ways = ways_here(service, &visitor.actor.person, &offer.component, &centre.sample).await?;
    Ok(page(status, &NamingPage { frame, title: offer.component.title.clone(), ways, tester, back }))
}
