//! From the check to the receipt: what blocks, three declarations, submit.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::page::{Frame, Problem, page};
use super::visitor::{Times, Visitor};
use super::words;
use super::workspace::line_of;
use crate::actor::{Action, decide};
use crate::candidate::CandidateStatus;
use crate::database::workspace::SampleLine;
use crate::evidence::FileState;
use crate::http::body::{Form, Segments};
use crate::http::error::ApiError;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::service::Service;
use crate::submission::{Answer, Finding, NotDeclared, Standing, SubmitError};

/// Everything that stops the submission, and everything doubtful.
#[derive(Debug, Template)]
#[template(path = "screens/check.html", config = "src/web/askama.toml")]
pub struct CheckPage {
    pub frame: Frame,
    pub sample: String,
    pub problem: Option<Problem>,
    pub blocking_title: String,
    pub blocking: Vec<Line>,
    /// Where several sections are marked as Missing, when several lack files.
    pub mark_missing: Option<String>,
    pub doubtful: Vec<Line>,
    pub summary: String,
    /// What is not there, with a reason.
    pub missing: Vec<Line>,
    pub absent: Absent,
    pub next: Option<String>,
    pub why_not: String,
    pub back: String,
}

/// One line of the check, a link to where it is put right.
#[derive(Debug)]
pub struct Line {
    pub who: String,
    pub what: String,
    pub href: Option<String>,
}

/// Who is marked as absent, and so is asked for nothing.
#[derive(Debug)]
pub struct Absent {
    pub lines: Vec<Line>,
    /// So many more, whom no line names.
    pub more: usize,
}

/// Lines of those who are absent.
const ABSENT: usize = 50;

impl Absent {
    fn of(standing: &Standing, sample: &str) -> Self {
        let absent = standing.candidates.iter().filter(|one| one.status == CandidateStatus::Absent);
        let lines: Vec<_> = absent
            .clone()
            .take(ABSENT)
            .map(|one| Line {
                who: format!("{} {}", one.number, one.name),
                what: "absent: nothing is asked for".into(),
                href: Some(format!("{sample}?open={}&at=candidate#candidate", one.number)),
            })
            .collect();
        Self { more: absent.count() - lines.len(), lines }
    }

    fn number(&self) -> usize {
        self.lines.len() + self.more
    }
}

#[derive(Debug, Template)]
#[template(path = "screens/declaration.html", config = "src/web/askama.toml")]
pub struct DeclarationPage {
    pub frame: Frame,
    pub sample: String,
    pub step: usize,
    pub steps: usize,
    pub title: String,
    /// Paragraphs.
    pub text: Vec<String>,
    pub version: u32,
    /// Who declares.
    pub name: String,
    pub ticked: bool,
    pub problem: Option<Problem>,
    pub back: String,
}

#[derive(Debug, Template)]
#[template(path = "screens/submit.html", config = "src/web/askama.toml")]
pub struct SubmitPage {
    pub frame: Frame,
    pub sample: String,
    pub summary: Vec<(&'static str, String)>,
    pub absent: Absent,
    pub problem: Option<Problem>,
    pub back: String,
}

/// `GET /samples/{sample}/check`
pub async fn check(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, id).await?;
    let (found, standing) = service.submissions.check(&visitor.actor, id).await?;
    Ok(check_page(&service, &visitor, &line, &found, &standing, None))
}

/// What came between the check and the submission.
fn stopped(
    service: &Service,
    visitor: &Visitor,
    line: &SampleLine,
    found: &crate::submission::Check,
    standing: &Standing,
) -> Response {
    let text = "The sample is not submitted: something is in the way of it, as below. Perhaps somebody has changed \
                the work since you checked it.";
    check_page(service, visitor, line, found, standing, Some(Problem { text: text.into(), field: None }))
}

fn check_page(
    service: &Service,
    visitor: &Visitor,
    line: &SampleLine,
    found: &crate::submission::Check,
    standing: &Standing,
    problem: Option<Problem>,
) -> Response {
    let sample = format!("/samples/{}", line.sample.id);
    let lines =
        |findings: &[Finding]| findings.iter().map(|one| told(one, standing, &sample)).collect::<Vec<_>>();
    let may = decide(&visitor.actor, Action::Submit, &line.sample, &line.component).is_ok();
    let may_flag = decide(&visitor.actor, Action::FlagMissing, &line.sample, &line.component).is_ok();
    let lacking = found.blocking.iter().filter(|one| one.code == "section_unresolved").count();
    let ready = found.may_submit() && may;
    let candidates = u32::try_from(standing.counted().count()).unwrap_or(u32::MAX);
    let files = standing.files().filter(|file| file.state == FileState::Accepted);
    let files = u32::try_from(files.count()).unwrap_or(u32::MAX);
    let missing = missing(standing, &sample);
    let absent = Absent::of(standing, &sample);
    let mut frame = visitor.frame_of("Check before you submit", line, true);
    frame.sample = Some(line.sample.id.to_string());
    let first = service.submissions.declarations().first();
    page(
        StatusCode::OK,
        &CheckPage {
            frame,
            sample: name_of(line),
            problem,
            blocking_title: match found.blocking.len() {
                1 => "1 thing stops you".into(),
                number => format!("{number} things stop you"),
            },
            blocking: lines(&found.blocking),
            mark_missing: (may_flag && lacking > 1).then(|| format!("{sample}/missing")),
            doubtful: lines(&found.doubtful),
            summary: format!(
                "{}, {}{}{}.",
                words::count(candidates, "candidate"),
                words::count(files, "file").to_lowercase(),
                match missing.len() {
                    0 => String::new(),
                    1 => ", 1 section marked Missing".into(),
                    number => format!(", {number} sections marked Missing"),
                },
                match absent.number() {
                    0 => String::new(),
                    number => format!(", {number} absent"),
                }
            ),
            missing,
            absent,
            next: first.filter(|_| ready).map(|one| format!("{sample}/declarations/{}", one.id)),
            why_not: if may {
                "You can go on to the declarations when nothing stops you any more.".into()
            } else {
                "Your exams officer submits the sample.".into()
            },
            back: sample,
        },
    )
}

/// Every section that is marked as Missing.
fn missing(standing: &Standing, sample: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for one in standing.listed().into_iter().filter(|one| one.counts()) {
        for section in &standing.component.sections {
            let code = section.code.as_str();
            if let Some(flag) = standing.notes_of(one, code).missing {
                let note = flag.note.as_ref().filter(|note| !note.is_empty());
                let note = note.map(|note| format!(": “{note}”")).unwrap_or_default();
                lines.push(Line {
                    who: format!("{} {}", one.number, one.name),
                    what: format!("{}: {}{note}", section.title, words::missing_reason(&flag.reason)),
                    href: Some(format!("{sample}?open={}#section-{code}", one.number)),
                });
            }
        }
    }
    lines
}

fn told(finding: &Finding, standing: &Standing, sample: &str) -> Line {
    let candidate = finding.candidate.as_ref();
    let known = candidate.and_then(|number| standing.candidates.iter().find(|one| one.number == *number));
    let who = match (known, candidate) {
        (Some(one), _) => format!("{} {}", one.number, one.name),
        (None, Some(number)) => number.to_string(),
        (None, None) => "The sample".to_owned(),
    };
    let place = finding.section.as_deref().map(|code| format!("#section-{code}"));
    let href = match (candidate, place) {
        (Some(number), place) => Some(format!("{sample}?open={number}{}", place.unwrap_or_default())),
        (None, Some(place)) => Some(format!("{sample}/documents{place}")),
        (None, None) => None,
    };
    // The line names the candidate already.
    let repeated = candidate.and_then(|number| finding.sentence.strip_prefix(&format!("{number}, ")));
    Line { who, what: repeated.unwrap_or(&finding.sentence).to_owned(), href }
}

fn name_of(line: &SampleLine) -> String {
    format!("{}, {} {}", line.component.title, line.sample.centre, line.centre)
}

/// `GET /samples/{sample}/declarations/{declaration}`
pub async fn declaration(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments((id, name)): Segments<(SampleId, String)>,
) -> Result<Response, ApiError> {
    declare(&service, &visitor, id, &name, None).await
}

async fn declare(
    service: &Service,
    visitor: &Visitor,
    id: SampleId,
    name: &str,
    problem: Option<Problem>,
) -> Result<Response, ApiError> {
    let line = line_of(service, &visitor.actor.person, id).await?;
    decide(&visitor.actor, Action::Submit, &line.sample, &line.component)?;
    let (found, standing) = service.submissions.check(&visitor.actor, id).await?;
    if !found.may_submit() {
        return Ok(stopped(service, visitor, &line, &found, &standing));
    }
    let all = service.submissions.declarations();
    let at = all.iter().position(|one| one.id == name).ok_or(ApiError::NotFound)?;
    let (this, sample) = (&all[at], format!("/samples/{id}"));
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = DeclarationPage {
        frame: visitor.frame_of(this.title.clone(), &line, true),
        sample: name_of(&line),
        step: at + 1,
        steps: all.len(),
        title: this.title.clone(),
        text: this.text.split("\n\n").map(str::to_owned).collect(),
        version: this.version,
        name: visitor.actor.name.clone(),
        ticked: standing.ticked.iter().any(|tick| tick.id == this.id && tick.version == this.version),
        problem,
        back: match at.checked_sub(1) {
            Some(before) => format!("{sample}/declarations/{}", all[before].id),
            None => format!("{sample}/check"),
        },
    };
    Ok(page(status, &view))
}

/// The form of a declaration. A box that is not ticked is not sent.
#[derive(Debug, Deserialize)]
pub struct Ticked {
    version: u32,
    accepted: Option<String>,
}

/// `POST /samples/{sample}/declarations/{declaration}`
pub async fn tick(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    Segments((id, name)): Segments<(SampleId, String)>,
    Form(form): Form<Ticked>,
) -> Result<Response, ApiError> {
    let ticked = form.accepted.is_some();
    let answer = Answer { id: name.clone(), version: form.version, accepted: ticked };
    let problem = match service.submissions.tick(&visitor.actor, id, &answer, &request.to_string()).await {
        Ok(()) if ticked => None,
        Ok(()) => Some("Tick the box to make this declaration and go on."),
        Err(SubmitError::NotDeclared(NotDeclared::Changed { .. })) => {
            Some("The text has changed since you read it. Read it again, then tick the box.")
        }
        // The page says what is in the way.
        Err(SubmitError::Blocked(_)) => return declare(&service, &visitor, id, &name, None).await,
        Err(other) => return Err(other.into()),
    };
    if let Some(text) = problem {
        let problem = Problem { text: text.into(), field: Some("accepted") };
        return declare(&service, &visitor, id, &name, Some(problem)).await;
    }
    let all = service.submissions.declarations();
    let next = all.iter().position(|one| one.id == name).and_then(|at| all.get(at + 1));
    Ok(Redirect::to(&match next {
        Some(next) => format!("/samples/{id}/declarations/{}", next.id),
        None => format!("/samples/{id}/submit"),
    })
    .into_response())
}

/// `GET /samples/{sample}/submit`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, id).await?;
    decide(&visitor.actor, Action::Submit, &line.sample, &line.component)?;
    let (found, standing) = service.submissions.check(&visitor.actor, id).await?;
    if !found.may_submit() {
        return Ok(stopped(&service, &visitor, &line, &found, &standing));
    }
    let candidates = u32::try_from(standing.counted().count()).unwrap_or(u32::MAX);
    let accepted: Vec<_> = standing.files().filter(|file| file.is_accepted()).collect();
    let bytes = accepted.iter().filter_map(|file| file.size).map(i64::unsigned_abs).sum();
    let missing = standing.counted().flat_map(|one| {
        line.component
            .sections
            .iter()
            .filter(|section| standing.notes_of(one, section.code.as_str()).missing.is_some())
    });
    let times = Times::new(&line.time_zone, service.clock.now());
    let last = service.submissions.declarations().last();
    let absent = Absent::of(&standing, &format!("/samples/{id}"));
    let view = SubmitPage {
        frame: visitor.frame_of("Submit the sample", &line, true),
        sample: name_of(&line),
        summary: vec![
            ("Who submits", visitor.actor.name.clone()),
            ("Candidates", candidates.to_string()),
            ("Absent", absent.number().to_string()),
            ("Files", format!("{}, {}", accepted.len(), words::bytes(bytes))),
            ("Missing", missing.count().to_string()),
            ("Doubtful", found.doubtful.len().to_string()),
            ("Due", times.deadline(line.sample.dates.due_at)),
        ],
        absent,
        problem: None,
        back: last.map_or_else(
            || format!("/samples/{id}/check"),
            |one| format!("/samples/{id}/declarations/{}", one.id),
        ),
    };
    Ok(page(StatusCode::OK, &view))
}

/// `POST /samples/{sample}/submit`. Pressed twice, or after a lost answer, it leads to the same receipt.
pub async fn submit(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    Segments(id): Segments<SampleId>,
) -> Result<Response, ApiError> {
    let to = match service.submissions.submit(&visitor.actor, id, &[], &request.to_string()).await {
        Ok(done) => format!("/samples/{id}/submissions/{}", done.receipt.revision),
        Err(SubmitError::Blocked(_)) => format!("/samples/{id}/submit"),
        Err(SubmitError::NotDeclared(
            NotDeclared::Unticked(name) | NotDeclared::Changed { id: name, .. } | NotDeclared::Unknown(name),
        )) => format!("/samples/{id}/declarations/{name}"),
        Err(other) => return Err(other.into()),
    };
    Ok(Redirect::to(&to).into_response())
}
