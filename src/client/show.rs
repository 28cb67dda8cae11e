//! What a person, or a program, sees of an upload from the command line: the plan as a table, a bar for each file on
//! its way and one for all, a line for each file that came to its end. For programs the same as JSON, a line each.
//!
//! Bars are drawn on the standard error of a terminal and nowhere else; lines go to the standard output.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::time::Duration;

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::folder::{Found, Local};
use super::plan::{Job, Outcome, Plan, Summary};
use super::transfer::Meter;

/// Bars are drawn so often.
const REDRAW: u8 = 4;
/// Characters of a name beside a bar.
const NAME: usize = 28;
/// Files of one kind that the table names.
const NAMED: usize = 200;

/// Where things are shown.
#[derive(Debug)]
pub(super) struct Show {
    json: bool,
    bars: MultiProgress,
    all: ProgressBar,
    /// Files that came to their end, and all.
    files: Cell<(usize, usize)>,
    /// The first line that could not be written.
    failed: RefCell<Option<std::io::Error>>,
}

impl Show {
    /// `json`: for programs.
    pub(super) fn new(json: bool) -> Self {
        let target = match json {
            true => indicatif::ProgressDrawTarget::hidden(),
            false => indicatif::ProgressDrawTarget::stderr_with_hz(REDRAW),
        };
        let bars = MultiProgress::with_draw_target(target);
        Self { json, bars, all: ProgressBar::hidden(), files: Cell::new((0, 0)), failed: RefCell::new(None) }
    }

    /// Says one line, above the bars.
    pub(super) fn line(&self, line: &str) {
        let written = self.bars.suspend(|| {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{line}").and_then(|()| out.flush())
        });
        if let Err(error) = written {
            self.failed.borrow_mut().get_or_insert(error);
        }
    }

    fn say(&self, event: &Value) {
        self.line(&event.to_string());
    }

    /// What of all that could not be written.
    pub(super) fn end(self) -> std::io::Result<()> {
        self.all.finish_and_clear();
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    /// What was left out on the way to the plan.
    pub(super) fn found(&self, found: &Found) {
        for (path, why) in &found.skipped {
            let path = path.display().to_string();
            match self.json {
                true => self.say(&json!({ "event": "skipped", "path": path, "why": why })),
                false => self.line(&format!("left out: {path} ({why})")),
            }
        }
    }

    /// The plan as a table: how many files of each kind, and by name those that need a person.
    pub(super) fn plan(&self, plan: &Plan) {
        if self.json {
            let mut event = json!({ "event": "plan", "counts": plan.counts(), "left_out": plan.left_out });
            event["id"] = plan.id.clone().into();
            event["files"] = plan.files.iter().map(|file| json!(file)).collect();
            return self.say(&event);
        }
        let bytes: u64 = plan.files.iter().map(|file| file.size).sum();
        self.line(&format!("Plan for {} files, {}", plan.files.len(), HumanBytes(bytes)));
        for (state, words) in STATES {
            let files: Vec<_> = plan.files.iter().filter(|file| file.state == *state).collect();
            if files.is_empty() {
                continue;
            }
            let mut candidates: Vec<_> = files.iter().flat_map(|file| &file.candidates).collect();
            candidates.sort();
            candidates.dedup();
            let of = match candidates.len() {
                0 => String::new(),
                1 => format!("  candidate {}", candidates[0]),
                several => format!("  {several} candidates"),
            };
            self.line(&format!("  {words:<22}{:>6}{of}", files.len()));
            if ["ready", "already_here", "begun"].contains(state) {
                continue;
            }
            for file in files.iter().take(NAMED) {
                let (name, why) = (file.whole_name(), file.message.as_deref().unwrap_or_default());
                self.line(format!("      {name}  {why}").trim_end());
            }
            if files.len() > NAMED {
                self.line(&format!("      and {} more", files.len() - NAMED));
            }
        }
        for one in &plan.left_out {
            let has = match one.files {
                0 => "no file".to_owned(),
                1 => "1 file there already".to_owned(),
                more => format!("{more} files there already"),
            };
            self.line(&format!("  Not in this plan: {} {} ({has})", one.number, one.name));
        }
    }

    /// Sending begins.
    pub(super) fn start(&mut self, jobs: &[Job]) {
        self.files.set((0, jobs.len()));
        let style = ProgressStyle::with_template(
            "{bar:28} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left, {msg} files",
        );
        let all = ProgressBar::new(jobs.iter().map(|job| job.local.size).sum());
        self.all = self.bars.add(style.map(|style| all.clone().with_style(style)).unwrap_or(all));
        self.all.set_message(format!("0 of {}", jobs.len()));
        self.all.enable_steady_tick(Duration::from_secs(1));
    }

    /// A file's turn has come.
    pub(super) fn begin(&self, local: &Local) -> Meter {
        let style = ProgressStyle::with_template("  {prefix:28} {bar:20} {percent:>3} % {msg}");
        let own = ProgressBar::new(local.size).with_prefix(short(&local.name)).with_message("reading");
        let own = style.map(|style| own.clone().with_style(style)).unwrap_or(own);
        Meter { own: self.bars.insert_before(&self.all, own), all: self.all.clone() }
    }

    /// A file came to its end.
    pub(super) fn file(&self, job: &Job, outcome: &Outcome) {
        let (done, all) = self.files.get();
        self.files.set((done + 1, all));
        self.all.set_message(format!("{} of {all}", done + 1));
        let place = &job.target;
        if self.json {
            let mut event = json!({
                "event": "file", "path": job.local.path, "name": job.local.name, "size": job.local.size,
                "candidate": place.candidate, "section": place.section, "outcome": outcome.word(),
            });
            match outcome {
                Outcome::Accepted { file, sha256, unique_name, shared_with, not_shared } => {
                    event["shared_with"] = json!(shared_with);
                    event["not_shared"] = json!(not_shared);
                    event["unique_name"] = unique_name.as_str().into();
                    event["file"] = file.as_str().into();
                    event["sha256"] = sha256.as_str().into();
                }
                Outcome::Refused { file, code, why } => {
                    event["file"] = json!(file);
                    event["reason"] = code.as_str().into();
                    event["message"] = why.as_str().into();
                }
                Outcome::Checking { file } => event["file"] = file.as_str().into(),
                Outcome::Unsent { why } => event["message"] = why.as_str().into(),
            }
            return self.say(&event);
        }
        let what = match outcome {
            Outcome::Accepted { unique_name, shared_with, .. } if shared_with.is_empty() => {
                format!("accepted as {unique_name}")
            }
            Outcome::Accepted { unique_name, shared_with, .. } => {
                format!("accepted as {unique_name}, shared with {}", shared_with.join(", "))
            }
            Outcome::Checking { .. } => "is with the service and still being checked".to_owned(),
            Outcome::Refused { why, .. } => format!("REFUSED: {why}"),
            Outcome::Unsent { why } => format!("NOT SENT: {why}"),
        };
        self.line(&format!("{} {}  {}  {what}", place.candidate, place.section, job.local.name));
        if let Outcome::Accepted { not_shared, .. } = outcome {
            for why in not_shared {
                self.line(&format!("    {why}"));
            }
        }
    }

    /// The last line.
    pub(super) fn summary(&self, summary: &Summary) {
        if self.json {
            let mut event = json!(summary);
            event["event"] = "end".into();
            return self.say(&event);
        }
        let Summary { accepted, already_here, checking, refused, unsent, left, not_shared } = summary;
        let mut parts = vec![format!("{accepted} accepted")];
        for (number, words) in [
            (already_here, "were there already"),
            (checking, "still being checked"),
            (refused, "refused"),
            (unsent, "not sent"),
            (left, "left out of the plan"),
            (not_shared, "without their copy of a shared file"),
        ] {
            if *number > 0 {
                parts.push(format!("{number} {words}"));
            }
        }
        self.line(&format!("{}.", parts.join(", ")));
        if *unsent > 0 {
            self.line("Run the same command again: it goes on where it stopped.");
        }
    }
}

/// The kinds of a plan's files, as they are shown.
const STATES: &[(&str, &str)] = &[
    ("ready", "Ready"),
    ("replaces", "Replaces a file"),
    ("unfiled", "Needs your choice"),
    ("refused", "Refused"),
    ("already_here", "Already here"),
    ("left_out", "Left out"),
    ("begun", "Begun before"),
];

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::Checking { .. } => "checking",
            Self::Unsent { .. } => "unsent",
        }
    }
}

/// The end of a long name, which tells more than its start.
fn short(name: &str) -> String {
    let letters: Vec<char> = name.chars().filter(|c| !c.is_control()).collect();
    match letters.len() {
        0..=NAME => letters.into_iter().collect(),
        long => std::iter::once('…').chain(letters[long - NAME + 1..].iter().copied()).collect(),
    }
}
