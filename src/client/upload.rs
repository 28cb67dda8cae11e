//! `strongroom upload`: a folder from a terminal or a school's system, by the same plan and rules as in a browser.
//!
//! Names and sizes go first; the service plans, the plan is shown, and nothing moves before a yes. Then the files that
//! the plan found a place for are sent over several lanes, whatever the line does, until each has its verdict. The
//! command keeps nothing: begun again after a cut, a kill or a night, it plans afresh, finds its open uploads at the
//! service and goes on where they are; what is there already is not sent again.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::folder::{self, FolderError, Found, Local};
use super::lanes::{self, Patience};
use super::plan::{Job, Outcome, Plan, Summary};
use super::show::Show;
use super::transfer::{self, Target};
use super::{Remote, RemoteError, encoded};

/// How long verdicts are waited for while none comes.
const VERDICT: Duration = Duration::from_secs(600);
/// Samples that are looked through for the component.
const MOST_SAMPLES: usize = 2_000;

/// Which sample.
#[derive(Clone, Debug)]
pub enum Which {
    Id(String),
    /// The person's open sample of the component, of this centre when they have several.
    Of {
        component: String,
        centre: Option<String>,
    },
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub which: Which,
    pub paths: Vec<PathBuf>,
    /// `preset`, `template`, `section` of the plan, as given.
    pub naming: Value,
    /// Uploads that send at the same time.
    pub lanes: usize,
    /// How long it is tried while no byte arrives.
    pub patience: Duration,
    /// Start without asking.
    pub yes: bool,
    /// Show the plan and end.
    pub dry_run: bool,
    pub json: bool,
}

/// Why nothing, or not all, could be done.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("there is no open sample of component {0} that you may upload for")]
    NoSample(String),
    #[error(
        "there are several samples of component {component}; say which with --sample or --centre: {samples}"
    )]
    Several { component: String, samples: String },
    #[error("nobody is here to say yes; look at the plan with --dry-run, then say --yes")]
    NobodyToAsk,
    #[error("input or output failed")]
    Io(#[from] std::io::Error),
}

/// How a run ended, for the process's exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything that was given is accepted, or was there; or only the plan was asked for, and is clean.
    Complete,
    /// Something was left out, refused, not sent, or has no verdict yet.
    Incomplete,
    /// The person said no.
    Declined,
}

#[derive(Debug, Deserialize)]
struct SampleFacts {
    id: String,
    component: String,
    centre: String,
}

/// Plans, asks, sends, and says what became of it.
///
/// # Errors
///
/// When it cannot even begin: no connection, no right, nothing to send. What goes wrong with single files is shown.
pub async fn run(remote: &Remote, request: &Request) -> Result<End, UploadError> {
    let mut show = Show::new(request.json);
    let sample = sample(remote, &request.which).await?;
    let found = folder::look(&request.paths)?;
    show.found(&found);
    // Before the plan: bytes of a run that was killed may still arrive, and an upload that the plan found open would be
    // gone from a list that is asked for later, and sent once more.
    let known = transfer::open(remote, &sample).await?;
    let plan = plan(remote, &sample, request, &found).await?;
    show.plan(&plan);
    let already_here = plan.files.iter().filter(|file| file.state == "already_here").count();
    let ready = plan.files.iter().filter(|file| file.is_to_be_sent()).count();
    let left = plan.files.len() - ready - already_here;
    let mut summary = Summary { already_here, left, ..Summary::default() };
    if request.dry_run || ready == 0 {
        discard(remote, &plan).await?;
        show.summary(&summary);
        show.end()?;
        return Ok(if left == 0 { End::Complete } else { End::Incomplete });
    }
    if !request.yes && !agreed(ready)? {
        discard(remote, &plan).await?;
        return Ok(End::Declined);
    }
    let path = format!("/api/v1/bulk_plans/{}/start", encoded(&plan.id));
    let started: Plan = remote.json(&format!("POST {path}"), remote.request(Method::POST, &path)).await?;
    let jobs = jobs(&sample, &started, &found);
    show.start(&jobs);
    let patience = Patience { line: request.patience, verdict: VERDICT };
    let outcomes = lanes::send(remote, &jobs, &known, request.lanes, patience, &show).await;
    for outcome in &outcomes {
        match outcome {
            Outcome::Accepted { not_shared, .. } => {
                summary.accepted += 1;
                summary.not_shared += not_shared.len();
            }
            // The same bytes were in the place already.
            Outcome::Refused { code, .. } if code == "duplicate" => summary.already_here += 1,
            Outcome::Refused { .. } => summary.refused += 1,
            Outcome::Checking { .. } => summary.checking += 1,
            Outcome::Unsent { .. } => summary.unsent += 1,
        }
    }
    show.summary(&summary);
    show.end()?;
    let Summary { left, refused, checking, unsent, not_shared, .. } = summary;
    let clean = left + refused + checking + unsent + not_shared == 0;
    Ok(if clean { End::Complete } else { End::Incomplete })
}

/// The sample's id.
async fn sample(remote: &Remote, which: &Which) -> Result<String, UploadError> {
    let (component, centre) = match which {
        Which::Id(id) => return Ok(id.clone()),
        Which::Of { component, centre } => (component, centre),
    };
    let mut samples: Vec<SampleFacts> = Vec::new();
    for state in ["open", "returned"] {
        let path = format!("/api/v1/samples?state={state}&component={}", encoded(component));
        samples.extend(remote.all::<SampleFacts>(&path, MOST_SAMPLES).await?);
    }
    samples.retain(|sample| centre.as_ref().is_none_or(|centre| *centre == sample.centre));
    match samples.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(UploadError::NoSample(component.clone())),
        several => {
            let of = |sample: &SampleFacts| {
                format!("{} ({}, centre {})", sample.id, sample.component, sample.centre)
            };
            let samples = several.iter().map(of).collect::<Vec<_>>().join("; ");
            Err(UploadError::Several { component: component.clone(), samples })
        }
    }
}

/// Has it planned, and reads all of the plan.
async fn plan(remote: &Remote, sample: &str, request: &Request, found: &Found) -> Result<Plan, UploadError> {
    let file = |file: &Local| json!({ "name": file.name, "path": file.path, "size": file.size, "modified": file.modified });
    let mut asked = request.naming.clone();
    asked["files"] = found.files.iter().map(file).collect();
    let path = format!("/api/v1/samples/{}/bulk_plans", encoded(sample));
    let call = remote.request(Method::POST, &path).json(&asked);
    let mut plan: Plan = remote.json(&format!("POST {path}"), call).await?;
    // A file more than was named is no plan of ours.
    while let Some(cursor) = plan.next_cursor.take().filter(|_| plan.files.len() < found.files.len()) {
        let (id, cursor) = (encoded(&plan.id), encoded(&cursor));
        let page: Plan = remote.get(&format!("/api/v1/bulk_plans/{id}?limit=200&cursor={cursor}")).await?;
        plan.files.extend(page.files);
        plan.next_cursor = page.next_cursor;
    }
    Ok(plan)
}

/// Nobody needs it any more.
async fn discard(remote: &Remote, plan: &Plan) -> Result<(), UploadError> {
    let path = format!("/api/v1/bulk_plans/{}", encoded(&plan.id));
    let answer = remote.answer(remote.request(Method::DELETE, &path)).await?;
    super::fine(&format!("DELETE {path}"), answer).await?;
    Ok(())
}

/// What is to be sent. A file that several share is sent once, for the first of them.
fn jobs(sample: &str, plan: &Plan, found: &Found) -> Vec<Job> {
    let mut locals: HashMap<(&str, &str), &Local> = HashMap::new();
    for file in &found.files {
        locals.insert((&file.path, &file.name), file);
    }
    let files = plan.files.iter().filter(|file| file.is_to_be_sent());
    files
        .filter_map(|file| {
            let local = *locals.get(&(file.path.as_str(), file.name.as_str()))?;
            let (candidate, section) = (file.candidates.first()?.clone(), file.section.clone()?);
            let shared_with = file.candidates[1..].to_vec();
            let target = Target { sample: sample.to_owned(), candidate, shared_with, section };
            let (planned, folder) = (file.id.clone(), file.folder.clone());
            Some(Job { local: local.clone(), target, folder, planned, replaces: file.replaces.clone() })
        })
        .collect()
}

/// Asks the person at the terminal.
fn agreed(files: usize) -> Result<bool, UploadError> {
    let (input, mut output) = (std::io::stdin(), std::io::stderr());
    if !input.is_terminal() {
        return Err(UploadError::NobodyToAsk);
    }
    write!(output, "Start the upload of {files} file{}? [y/N] ", if files == 1 { "" } else { "s" })?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
