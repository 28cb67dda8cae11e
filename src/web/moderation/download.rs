//! Taking a submission away: all of it, or chosen candidates.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::bench::{Bench, Group};
use super::{frame_of, moderated};
use crate::candidate::CandidateNumber;
use crate::http::body::Segments;
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::service::Service;
use crate::web::page::{Frame, Problem, page};
use crate::web::visitor::Visitor;
use crate::web::words;

/// Bytes a second of the line that the estimate is for: 20 Mbit/s.
const LINE: u64 = 2_500_000;

#[derive(Debug, Template)]
#[template(path = "screens/moderated_download.html", config = "src/web/askama.toml")]
pub struct DownloadPage {
    pub frame: Frame,
    pub href: String,
    pub problem: Option<Problem>,
    /// The address of the whole zip.
    pub archive: String,
    pub holds: String,
    /// How long it takes; empty when it is a moment.
    pub takes: String,
    pub groups: Vec<Choice>,
    pub back: String,
}

/// A candidate that can be chosen.
#[derive(Debug)]
pub struct Choice {
    pub number: String,
    pub title: String,
    pub holds: String,
}

/// `GET /moderation/{sample}/download`, the page; with `?candidate=1005&candidate=1007`, on to the zip of those.
pub async fn download(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let line = moderated(&service, &visitor, id).await?;
    let query = query.unwrap_or_default();
    let chosen = chosen(&query)?;
    if !chosen.is_empty() {
        let numbers: Vec<_> = chosen.iter().map(CandidateNumber::as_str).collect();
        let to = format!("/api/v1/samples/{id}/archive?candidates={}", numbers.join(","));
        return Ok(Redirect::to(&to).into_response());
    }
    let manifest = service.submissions.manifest(&visitor.actor, id, line.sample.revision).await?;
    let bench = Bench::of(&line, &manifest, None);
    let bytes = manifest.files.iter().map(|file| file.size).sum();
    let candidates = bench.groups.iter().filter(|group| !group.files.is_empty());
    let view = DownloadPage {
        frame: frame_of(&visitor, "Download", &line, true),
        href: format!("/moderation/{id}/download"),
        problem: query.contains("chosen=").then(|| Problem {
            text: "Choose at least one candidate, or download all".into(),
            field: Some("download-all"),
        }),
        archive: format!("/api/v1/samples/{id}/archive"),
        holds: holds(manifest.files.len(), bytes),
        takes: takes(bytes),
        groups: candidates.filter_map(choice).collect(),
        back: format!("/moderation/{id}"),
    };
    Ok(page(StatusCode::OK, &view))
}

/// The candidates that a query names.
fn chosen(query: &str) -> Result<Vec<CandidateNumber>, ApiError> {
    let pairs = query.split('&').filter_map(|pair| pair.strip_prefix("candidate="));
    pairs
        .map(|text| text.parse().map_err(|_| ApiError::invalid("candidate", "Not a candidate number.")))
        .collect()
}

fn choice(group: &Group<'_>) -> Option<Choice> {
    let number = group.candidate?.number.to_string();
    let bytes = group.files.iter().map(|file| file.size).sum();
    Some(Choice { number, title: group.title(), holds: holds(group.files.len(), bytes) })
}

fn holds(files: usize, bytes: u64) -> String {
    let files = words::count(u32::try_from(files).unwrap_or(u32::MAX), "file");
    format!("{files}, {}", words::bytes(bytes))
}

/// `About 4 minutes on a line of 20 Mbit a second.`
fn takes(bytes: u64) -> String {
    let minutes = bytes.div_ceil(LINE * 60);
    let time = match minutes {
        0 | 1 => return String::new(),
        2..=90 => format!("{minutes} minutes"),
        _ => format!("{} hours", minutes.div_ceil(60)),
    };
    format!("About {time} on a line of 20 Mbit a second.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_in_words_and_of_nothing_small() {
        assert_eq!(takes(1 << 20), "");
        assert_eq!(takes(LINE * 60 * 4), "About 4 minutes on a line of 20 Mbit a second.");
        assert_eq!(takes(LINE * 3600 * 5), "About 5 hours on a line of 20 Mbit a second.");
    }

    #[test]
    fn candidates_are_read_from_the_query() {
        let numbers = chosen("chosen=1&candidate=1005&candidate=0042").unwrap();
        assert_eq!(numbers.iter().map(CandidateNumber::as_str).collect::<Vec<_>>(), ["1005", "0042"]);
        assert!(chosen("candidate=1005%2C1007").is_err());
        assert!(chosen("candidate=").is_err());
        assert_eq!(chosen("").unwrap(), []);
    }
}
