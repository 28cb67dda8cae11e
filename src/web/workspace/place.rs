//! A place of the workspace: its rules in words, its files, and what can be done to it now.

use jiff::Timestamp;

use super::facts::SectionWork;
use super::{Aside, FileView, FlagView, MovedHere, PlaceView, Undo};
use crate::completeness::{SectionFacts, section_state};
use crate::component::{Section, ZipAdvice};
use crate::database::shares::ShareState;
use crate::database::workspace::FileRow;
use crate::evidence::PAUSED_AFTER;
use crate::evidence::{FileState, Reason};
use crate::submission::Notes;
use crate::web::sizes::{largest, sizes};
use crate::web::visitor::Times;
use crate::web::words::{self, FileFacts, Tone};

/// Types named in a section's rules before "and n more".
const NAMED: usize = 8;

/// What is the same for every place of one candidate.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The address of the sample's page.
    pub sample: String,
    /// The candidate's number; empty for documents.
    pub candidate: String,
    /// Why nothing can be changed; `None` when it can.
    pub closed: Option<&'static str>,
    /// Sections may come another way, and this person may say so.
    pub other_means: bool,
    /// The file that was deleted a moment ago, while it can be brought back.
    pub deleted: Option<&'a FileRow>,
    /// The file that was moved here a moment ago, with its section.
    pub moved: Option<(&'a str, MovedHere)>,
    /// The file that was to be deleted a moment ago and was not, as it was no longer what it had been.
    pub kept: Option<&'a FileRow>,
    pub times: &'a Times,
}

/// `PDF, DOCX, ZIP`.
pub fn takes<'a>(accepts: impl Iterator<Item = &'a String>) -> String {
    let mut names: Vec<String> = Vec::new();
    for extension in accepts {
        let name = extension.to_uppercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.len() {
        0..=NAMED => names.join(", "),
        all => format!("{} and {} more", names[..NAMED].join(", "), all - NAMED),
    }
}

/// `Required, up to 10 files`.
pub fn needs(section: &Section) -> String {
    let need = if section.required { "Required" } else { "Optional" };
    match (section.needed(), section.max) {
        (_, 1) => format!("{need}, one file"),
        (1, max) => format!("{need}, up to {max} files"),
        (min, max) if min == max => format!("{need}, {min} files"),
        (min, max) => format!("{need}, {min} to {max} files"),
    }
}

/// A section's rules in one sentence each: what it takes, and what to remember.
pub fn rules(section: &Section) -> (String, String) {
    let text = format!("{}. {}, {}.", needs(section), takes(section.accepts.iter()), largest(section));
    let mut advice = match section.zip {
        ZipAdvice::None => String::new(),
        ZipAdvice::Allowed => "A folder? Zip it, so that its structure is kept.".to_owned(),
        ZipAdvice::Required => "Zip the whole folder, so that its structure is kept.".to_owned(),
    };
    if section.naming_assessed {
        advice.push_str(" What the files are called is part of what is assessed.");
    }
    (text, advice.trim().to_owned())
}

/// The place with its files. `work`: of an evidence section; supporting material and documents have none of Missing.
pub fn place<'a>(
    ground: &Ground<'_>,
    section: &Section,
    code: &str,
    work: Option<&SectionWork>,
    files: impl Iterator<Item = &'a FileRow>,
) -> PlaceView {
    let (deleted, all): (Vec<&FileRow>, Vec<&FileRow>) =
        files.partition(|file| file.state == FileState::Deleted);
    let news: Vec<&FileRow> = all.iter().copied().filter(|file| is_news(section, file, &all)).collect();
    let running: Vec<&FileRow> = all.iter().copied().filter(|file| file.state.is_running()).collect();
    let accepted = all.iter().filter(|file| file.state == FileState::Accepted).count();
    let refused =
        news.iter().filter(|file| file.state.is_refused() || file.state == FileState::Quarantined).count();
    let held = accepted + running.len();
    let own = SectionWork {
        facts: SectionFacts {
            accepted: u32::try_from(accepted).unwrap_or(u32::MAX),
            running: u32::try_from(running.len()).unwrap_or(u32::MAX),
            ..SectionFacts::default()
        },
        checking: running.iter().any(|file| !file.state.is_open()),
        refused: u32::try_from(refused).unwrap_or(u32::MAX),
        ..SectionWork::default()
    };
    let full = held >= section.max as usize;
    let open = ground.closed.is_none();
    let (rules, advice) = rules(section);
    let replaces = match all.iter().find(|file| file.state == FileState::Accepted) {
        Some(file) if open && section.max == 1 && running.is_empty() => Some(file.id.to_string()),
        _ => None,
    };
    let send = match (&*ground.candidate, &replaces) {
        ("", None) => format!("{}/documents/{code}/send", ground.sample),
        ("", Some(file)) => format!("{}/documents/{code}/send?replaces={file}", ground.sample),
        (number, None) => format!("{}/candidates/{number}/sections/{code}/send", ground.sample),
        (number, Some(file)) => {
            format!("{}/candidates/{number}/sections/{code}/send?replaces={file}", ground.sample)
        }
    };
    PlaceView {
        dom: format!("section-{code}"),
        candidate: ground.candidate.clone(),
        code: code.to_owned(),
        title: section.title.clone(),
        rules,
        all_types: (section.accepts.len() > NAMED || sizes(section).len() > 1)
            .then(|| format!("{}/help#takes-{}", ground.sample, section.code)),
        advice,
        accept: section.accepts.iter().map(|word| format!(".{word}")).collect::<Vec<_>>().join(","),
        max_bytes: section.max_bytes,
        multiple: section.max > 1,
        can_upload: open && !full,
        full_because: match &*running {
            _ if !open || !full || replaces.is_some() => String::new(),
            [] => format!(
                "It holds all the files it takes. Delete one to send another ({} at most).",
                section.max
            ),
            _ => "It holds all the files it takes; some are on their way.".to_owned(),
        },
        replaces,
        send,
        words: words::section(facts_of(section, work.unwrap_or(&own))),
        flag: work.and_then(|work| flag(ground, code, &work.notes)),
        asides: match work {
            Some(work) if open => asides(ground, section, code, work),
            _ => Vec::new(),
        },
        // Missing is for what is not there: what is on its way comes first.
        not_missing: match running.as_slice() {
            [first, ..] if open && work.is_some() && section.required && accepted == 0 => {
                format!("To mark it as Missing, cancel the upload of {} first.", first.original_name)
            }
            _ => String::new(),
        },
        undo: ground.deleted.filter(|file| file.section == code).map(|file| undo(ground, file)),
        kept: ground.kept.filter(|file| file.section == code).map(kept),
        moved: ground.moved.as_ref().filter(|(section, _)| *section == code).map(|(_, here)| here.clone()),
        deleted: match ground.deleted {
            _ if !open => Vec::new(),
            just => deleted
                .into_iter()
                .filter(|file| just.is_none_or(|just| just.id != file.id))
                .map(|file| undo(ground, file))
                .collect(),
        },
        files: news.iter().map(|file| file_view(ground, file)).collect(),
    }
}

fn undo(ground: &Ground<'_>, file: &FileRow) -> Undo {
    Undo { name: file.original_name.clone(), href: format!("{}/files/{}/restore", ground.sample, file.id) }
}

/// Why a file was not deleted.
fn kept(file: &FileRow) -> String {
    let now = words::file(file.state, FileFacts::default());
    format!(
        "{} was not deleted, as it has changed meanwhile. {}: {}",
        file.original_name, now.label, now.sentence
    )
}

/// What the words for a section are chosen by.
pub fn facts_of<'a>(section: &Section, work: &'a SectionWork) -> words::SectionFacts<'a> {
    words::SectionFacts {
        state: section_state(section, work.facts),
        accepted: work.facts.accepted,
        needed: section.needed(),
        running: work.facts.running > 0,
        checking: work.checking,
        refused: work.refused,
        missing: work.notes.missing.as_ref().map(|missing| missing.reason.as_str()),
    }
}

/// What stands in place of files, and how it is taken back.
fn flag(ground: &Ground<'_>, code: &str, notes: &Notes) -> Option<FlagView> {
    let quoted = |text: &Option<String>| {
        text.as_deref().filter(|text| !text.is_empty()).map(|text| format!("“{text}” ")).unwrap_or_default()
    };
    let (what, note, clear, word) = if let Some(missing) = &notes.missing {
        let open = ground.closed.is_none();
        let clears = if open { "It clears by itself when a file is accepted." } else { "" };
        let note = format!("{}{clears}", quoted(&missing.note));
        let what = format!("Missing: {}.", words::missing_reason(&missing.reason));
        (what, note, "missing", "Not missing after all")
    } else if let Some(other) = &notes.other_means {
        let what = format!("Sent another way: {}.", words::means(&other.means));
        (what, quoted(&other.reference), "other", "Not sent another way after all")
    } else if notes.incomplete.is_some() {
        ("Fewer files than asked for.".to_owned(), quoted(&notes.incomplete), "fewer", "Take the note back")
    } else {
        return None;
    };
    let clear = ground.closed.is_none().then(|| {
        (format!("{}/candidates/{}/sections/{code}/{clear}/clear", ground.sample, ground.candidate), word)
    });
    Some(FlagView { what, note, clear })
}

/// What may be said in place of files.
fn asides(ground: &Ground<'_>, section: &Section, code: &str, work: &SectionWork) -> Vec<Aside> {
    let href =
        |what: &str| format!("{}/candidates/{}/sections/{code}/{what}", ground.sample, ground.candidate);
    let mut asides = Vec::new();
    let nothing = work.facts.accepted == 0 && work.facts.running == 0;
    if section.required && nothing && work.notes.missing.is_none() {
        asides.push(Aside { what: "missing", href: href("missing"), text: "Mark as Missing" });
    }
    if ground.other_means && nothing && work.notes.other_means.is_none() {
        asides.push(Aside { what: "other", href: href("other"), text: "Sent another way" });
    }
    if (1..section.needed()).contains(&work.facts.accepted) && work.notes.incomplete.is_none() {
        asides.push(Aside { what: "fewer", href: href("fewer"), text: "There are no more" });
    }
    asides
}

/// A refusal is shown until the place holds what makes up for it.
fn is_news(section: &Section, file: &FileRow, all: &[&FileRow]) -> bool {
    let accepted = all.iter().filter(|other| other.state == FileState::Accepted);
    let accepted =
        accepted.filter_map(|other| other.accepted_at.map(|at| (other.original_name.as_str(), at)));
    !file.state.is_refused() || !made_up(section, (&file.original_name, file.created_at), accepted)
}

/// Whether what was refused (name, creation) was made up for by one of the place's accepted files (name,
/// acceptance): where there is room for one, by any newer one; where there is room for many, by a newer one of the
/// same name.
pub(super) fn made_up<'a>(
    section: &Section,
    (name, created_at): (&str, Timestamp),
    mut accepted: impl Iterator<Item = (&'a str, Timestamp)>,
) -> bool {
    accepted.any(|(other, at)| at > created_at && (section.max == 1 || other == name))
}

/// A file in words.
pub fn file_view(ground: &Ground<'_>, file: &FileRow) -> FileView {
    let now = ground.times.now();
    let open = file.state.is_open();
    let idle = now.duration_since(file.last_byte_at.unwrap_or(file.created_at));
    let words = words::file(
        file.state,
        FileFacts {
            reason: file.reason,
            detail: &file.detail,
            received: file.offset,
            size: file.size,
            paused: open && idle >= PAUSED_AFTER,
            unscanned: file.unscanned,
            same_elsewhere: file.duplicate && file.reason != Some(Reason::Duplicate),
            waits_for: file.waits.map(|(what, _)| what),
            long: file.received_at.is_some_and(|at| now.duration_since(at) >= words::LONG_CHECK),
            withheld: file.withheld_at.is_some(),
            not_shared: &words::not_shared(&file.shared_with),
        },
    );
    let mut facts: Vec<String> = file.size.map(words::bytes).into_iter().collect();
    if let Some(at) = file.accepted_at.or(file.received_at) {
        facts.push(ground.times.minute(at));
    }
    if let Some((_, Some(since))) = file.waits {
        facts.push(format!("waits since {}", ground.times.minute(since)));
    }
    if file.late {
        facts.push("Late".into());
    }
    if file.ends_missing && file.state == FileState::Accepted {
        facts.push("took the place of Missing".into());
    }
    if !file.path.is_empty() {
        facts.push(format!("in {}", file.path));
    }
    facts.extend(shared(file));
    let changeable = ground.closed.is_none();
    let (accepted, running) = (file.state == FileState::Accepted, file.state.is_running());
    let refused = file.state.is_refused();
    FileView {
        id: file.id.to_string(),
        state: file.state.as_str(),
        name: file.original_name.clone(),
        unique_name: file.unique_name.clone(),
        show_sentence: matches!(words.tone, Tone::Bad | Tone::Note) || (open && words.tone == Tone::Busy),
        words,
        facts: facts.join(" · "),
        progress: open.then_some((file.offset, file.size.unwrap_or(file.offset).max(1))),
        details: format!("{}/files/{}", ground.sample, file.id),
        download: (accepted && file.withheld_at.is_none())
            .then(|| format!("/api/v1/files/{}/content", file.id)),
        move_to: (changeable && accepted && !ground.candidate.is_empty())
            .then(|| format!("{}/files/{}/move", ground.sample, file.id)),
        delete: (changeable && (accepted || running || refused))
            .then(|| format!("{}/files/{}/delete", ground.sample, file.id)),
        delete_word: match (running, refused) {
            (true, _) => "Cancel",
            (_, true) => "Dismiss",
            _ => "Delete",
        },
    }
}

/// With whom a file is shared, and whose upload it is a copy of.
fn shared(file: &FileRow) -> Vec<String> {
    let with = |state: ShareState| {
        let some = file.shared_with.iter().filter(move |share| share.state == state);
        some.map(|share| share.number.to_string()).collect::<Vec<_>>()
    };
    let told = [("shared with", with(ShareState::Made)), ("to be shared with", with(ShareState::Waiting))];
    let with = told.into_iter().filter(|(_, numbers)| !numbers.is_empty());
    let with = with.map(|(words, numbers)| format!("{words} {}", words::listed(&numbers)));
    with.chain(file.shared_by.iter().map(|number| format!("shared, sent for {number}"))).collect()
}

/// `1005 O'NEILL, Sean · Candidate evidence`, or a document's title.
pub fn place_name(file: &FileRow, title: &str) -> String {
    if file.number.is_empty() {
        title.to_owned()
    } else {
        format!("{} {} · {title}", file.number, file.candidate)
    }
}
