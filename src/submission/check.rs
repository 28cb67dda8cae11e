//! The check before submitting: everything that blocks, and everything doubtful.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::standing::{FileFacts, Standing};
use crate::candidate::CandidateNumber;
use crate::completeness::{SectionState, section_state};
use crate::evidence::FileState;
use crate::ids::FileId;
use crate::sample::SampleState;

/// One thing that blocks or is doubtful, in words a person can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// Stable: `section_unresolved`, `document_absent`, `file_running`, `file_withheld`, `not_drawn`, `closed`, `submitted`;
    /// `upload_paused`, `duplicate`, `late_file`, `late_submission`, `not_virus_checked`, `incomplete`.
    pub code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub candidate: Option<CandidateNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub file: Option<FileId>,
    pub sentence: String,
}

/// What a check found. Nothing blocks: the sample can be submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    pub blocking: Vec<Finding>,
    pub doubtful: Vec<Finding>,
}

impl Check {
    pub fn may_submit(&self) -> bool {
        self.blocking.is_empty()
    }
}

/// Looks at how the sample stands at `now`.
pub fn check(standing: &Standing, now: Timestamp) -> Check {
    let mut check = Check::default();
    dates(standing, now, &mut check);
    sections(standing, &mut check);
    documents(standing, &mut check);
    for file in standing.files() {
        of_file(standing, file, now, &mut check);
    }
    for sharing in standing.sharing() {
        check.blocking.push(Finding {
            code: "file_running",
            candidate: Some(sharing.number.clone()),
            section: Some(sharing.section.clone()),
            file: Some(sharing.file),
            sentence: format!(
                "{} is still being copied to {}. Wait for it.",
                sharing.original_name, sharing.number
            ),
        });
    }
    in_order(standing, &mut check);
    check
}

/// As the list of candidates has them, section by section: first what is of the whole sample, last its documents.
fn in_order(standing: &Standing, check: &mut Check) {
    let listed = standing.listed().into_iter().enumerate();
    let places: HashMap<&CandidateNumber, usize> = listed.map(|(at, one)| (&one.number, at)).collect();
    let sections = &standing.component.sections;
    let place = |finding: &Finding| match (&finding.candidate, &finding.section) {
        (None, None) => (None, 0),
        (None, Some(_)) => (Some(usize::MAX), 0),
        (Some(number), section) => {
            let section = section.as_deref().unwrap_or_default();
            // Supporting material comes after all of them.
            let at = sections.iter().position(|one| one.code.as_str() == section);
            (places.get(number).copied(), at.unwrap_or(sections.len()))
        }
    };
    check.blocking.sort_by_cached_key(place);
    check.doubtful.sort_by_cached_key(place);
}

fn general(code: &'static str, sentence: impl Into<String>) -> Finding {
    Finding { code, candidate: None, section: None, file: None, sentence: sentence.into() }
}

fn dates(standing: &Standing, now: Timestamp, check: &mut Check) {
    if standing.sample.state == SampleState::Submitted {
        check.blocking.push(general("submitted", "The sample is submitted already."));
        return;
    }
    match standing.late(now) {
        None => check.blocking.push(general(
            "closed",
            "The cut-off and its grace have passed. Ask the awarding organisation for an extension.",
        )),
        Some(true) => {
            check.doubtful.push(general("late_submission", "The submission will be marked late."));
        }
        Some(false) => {}
    }
    let entered = standing.candidates.iter().any(|c| c.status == crate::candidate::CandidateStatus::Entered);
    if entered && !standing.candidates.iter().any(|candidate| candidate.in_sample) {
        check.blocking.push(general(
            "not_drawn",
            "No candidate is in the sample yet: it is drawn when the marks are in.",
        ));
    }
}

fn sections(standing: &Standing, check: &mut Check) {
    for candidate in standing.counted() {
        let number = &candidate.number;
        for section in standing.component.required() {
            let code = section.code.as_str();
            let facts = standing.facts(&candidate.id, "evidence", code);
            let finding = |code: &'static str, sentence| Finding {
                code,
                candidate: Some(number.clone()),
                section: Some(section.code.to_string()),
                file: None,
                sentence,
            };
            match section_state(section, facts) {
                state if !state.is_resolved() => check.blocking.push(finding(
                    "section_unresolved",
                    unresolved(number, &section.title, facts.accepted, section.needed()),
                )),
                SectionState::Incomplete => check.doubtful.push(finding(
                    "incomplete",
                    format!(
                        "{number}, {}: {} of {} files, noted as incomplete.",
                        section.title,
                        facts.accepted,
                        section.needed()
                    ),
                )),
                _ => {}
            }
        }
    }
}

/// What a required section lacks, and the ways out of it.
fn unresolved(number: &CandidateNumber, section: &str, accepted: u32, needed: u32) -> String {
    match accepted {
        0 => format!("{number}, {section}: no accepted file. Upload the work, or mark the section Missing."),
        some => format!(
            "{number}, {section}: {some} of {needed} files. Upload the rest, or note the section as incomplete."
        ),
    }
}

fn documents(standing: &Standing, check: &mut Check) {
    for document in standing.component.documents.iter().filter(|document| document.required) {
        if standing.facts("", "document", document.code.as_str()).accepted < document.needed() {
            check.blocking.push(Finding {
                code: "document_absent",
                candidate: None,
                section: Some(document.code.to_string()),
                file: None,
                sentence: format!("{} is not there yet. Upload it in “Forms and documents”.", document.title),
            });
        }
    }
}

fn of_file(standing: &Standing, file: &FileFacts, now: Timestamp, check: &mut Check) {
    let finding = |code: &'static str, sentence: String| Finding {
        code,
        candidate: standing.number_of(&file.candidate_id).cloned(),
        section: Some(file.section.clone()),
        file: Some(file.id),
        sentence,
    };
    let name = &file.original_name;
    if file.is_paused(now) {
        check.doubtful.push(finding(
            "upload_paused",
            format!("{name} stopped part way. Resume it, or it is cancelled when you submit."),
        ));
        return;
    }
    match file.state {
        FileState::Accepted => {}
        FileState::Received | FileState::Checking => {
            let sentence = format!("{name} is being checked. Wait for it.");
            return check.blocking.push(finding("file_running", sentence));
        }
        _ => {
            let sentence = format!("{name} is still being uploaded. Wait for it, or cancel it.");
            return check.blocking.push(finding("file_running", sentence));
        }
    }
    if file.withheld {
        let sentence = format!("{name} cannot be read from our store. Delete it and send it again.");
        check.blocking.push(finding("file_withheld", sentence));
    }
    if file.duplicate {
        check.doubtful.push(finding("duplicate", format!("{name} has the same content as another file.")));
    }
    if file.late {
        check.doubtful.push(finding("late_file", format!("{name} was sent after the due date.")));
    }
    if file.unscanned {
        check
            .doubtful
            .push(finding("not_virus_checked", format!("{name} could not be checked for viruses.")));
    }
}
