//! Every state in words: a label, a sentence that says what to do, and a tone. Pages, the tray and the API's
//! `message` field all speak from here, so a state cannot be called two things.
//!
//! The matches have no wildcard: a new state or reason does not compile until somebody has written its words.

use jiff::SignedDuration;

use crate::candidate::CandidateStatus;
use crate::completeness::{CandidateState, Counter, SectionState};
use crate::database::shares::Share;
pub use crate::evidence::bytes_in_words as bytes;
use crate::evidence::{FileState, Reason, WaitsFor};
use crate::reference::Change;
use crate::sample::SampleState;

/// How a state feels. Always shown as a word and a shape; colour is only an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Nothing happens and nothing is asked.
    Quiet,
    /// Something is under way by itself.
    Busy,
    Good,
    /// Fine to leave, worth a look.
    Note,
    /// Somebody has to do something.
    Bad,
}

impl Tone {
    /// The word in class names and in the JSON of events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Busy => "busy",
            Self::Good => "good",
            Self::Note => "note",
            Self::Bad => "bad",
        }
    }
}

/// A state as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub label: String,
    /// Empty where the label says it all.
    pub sentence: String,
    pub tone: Tone,
}

impl Words {
    fn new(tone: Tone, label: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { label: label.into(), sentence: sentence.into(), tone }
    }
}

/// What the sentence about a file needs to know beside its state.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileFacts<'a> {
    pub reason: Option<Reason>,
    /// What the check found, in its own words; may be empty.
    pub detail: &'a str,
    /// Bytes that are safe with us.
    pub received: u64,
    /// Bytes in all, once known.
    pub size: Option<u64>,
    /// Open, and no byte has come for a while.
    pub paused: bool,
    /// Accepted without a virus check.
    pub unscanned: bool,
    /// The same bytes are held elsewhere in the sample.
    pub same_elsewhere: bool,
    /// What its check waits for, if it does.
    pub waits_for: Option<WaitsFor>,
    /// Being checked for longer than [`LONG_CHECK`].
    pub long: bool,
    /// Accepted, and not as it was: its bytes do not leave for now.
    pub withheld: bool,
    /// Who was to get a copy of it and did not, in sentences; empty: nobody.
    pub not_shared: &'a str,
}

/// From when on a check takes longer than usual.
pub const LONG_CHECK: SignedDuration = SignedDuration::from_mins(1);

/// A file's state in words.
pub fn file(state: FileState, facts: FileFacts<'_>) -> Words {
    let own = of_state(state, facts);
    let there = state == FileState::Accepted || facts.reason == Some(Reason::Duplicate);
    match own.tone {
        _ if facts.not_shared.is_empty() || !there => own,
        Tone::Good => Words::new(Tone::Note, "Accepted, not shared with all", facts.not_shared),
        Tone::Quiet => Words::new(Tone::Note, own.label, said(&own.sentence, facts.not_shared)),
        tone => Words::new(tone, own.label, said(&own.sentence, facts.not_shared)),
    }
}

fn of_state(state: FileState, facts: FileFacts<'_>) -> Words {
    match state {
        FileState::Created | FileState::Receiving if facts.paused => Words::new(
            Tone::Note,
            "Paused",
            format!("{} safe with us. Choose the file again to carry on from there.", so_far(facts)),
        ),
        FileState::Created => Words::new(Tone::Busy, "Waiting", "The upload is about to start."),
        FileState::Receiving => {
            Words::new(Tone::Busy, "Uploading", format!("{} safe with us.", so_far(facts)))
        }
        FileState::Received => {
            Words::new(Tone::Busy, "Received", "Every byte is with us. Checks start in a moment.")
        }
        FileState::Checking => match facts.waits_for {
            Some(what) => Words::new(Tone::Note, "Waits to be checked", waits(what)),
            None if facts.long => Words::new(
                Tone::Busy,
                "Still checking",
                "It takes longer than usual. The check goes on by itself; you can close this page.",
            ),
            None => Words::new(Tone::Busy, "Checking", "Virus and file type checks. Usually under a minute."),
        },
        FileState::Accepted => accepted(facts),
        FileState::Rejected => refused(facts.reason.unwrap_or(Reason::Corrupt), facts.detail),
        FileState::Infected => refused(Reason::Infected, facts.detail),
        FileState::Unscannable => refused(Reason::Unscannable, facts.detail),
        FileState::Superseded => Words::new(Tone::Quiet, "Replaced", "A newer file took its place."),
        FileState::Deleted => {
            Words::new(Tone::Quiet, "Deleted", "It can be brought back until the store is cleared.")
        }
        FileState::Quarantined => Words::new(
            Tone::Bad,
            "Withdrawn: virus found later",
            said(
                facts.detail,
                "It is locked away and nobody can open it. Send a clean copy; if the sample is submitted, ask for it \
                 to be returned to you first.",
            ),
        ),
        FileState::Expired => Words::new(
            Tone::Bad,
            "Not finished in time",
            format!("Only {} arrived. Choose the file again to start over.", so_far(facts)),
        ),
        FileState::Cancelled => {
            Words::new(Tone::Quiet, "Cancelled", "The upload was stopped; nothing is kept.")
        }
    }
}

/// Why a check is not made yet, and that nobody need do anything.
pub fn waits(what: WaitsFor) -> String {
    let why = match what {
        WaitsFor::Scanner => "The virus check does not answer at the moment.",
        WaitsFor::ScannerBusy => "The virus check has other files to look at first.",
        WaitsFor::ScannerNotTrusted => {
            "The virus check cannot be relied on at the moment: it is not there, out of date or not set up as it \
             should be."
        }
        WaitsFor::Storage => "The store does not answer at the moment, or has no room for the check.",
        WaitsFor::Service => "The service is busy with itself at the moment.",
    };
    said(why, "Every byte is safe with us and the check goes on by itself; you can close this page.")
}

/// Beside the name of a file that was accepted without a virus check.
pub const UNSCANNED: &str = "Not virus checked";

fn accepted(facts: FileFacts<'_>) -> Words {
    if facts.withheld {
        Words::new(
            Tone::Bad,
            "Accepted, cannot be opened now",
            "What the store holds is not what was accepted, so nobody can open it for now. The people who run this \
             service have been alerted. Keep your own copy.",
        )
    } else if facts.unscanned {
        Words::new(
            Tone::Note,
            "Accepted, not virus checked",
            "Too large for the virus check. The moderator sees this note.",
        )
    } else if facts.same_elsewhere {
        Words::new(
            Tone::Note,
            "Accepted, same as another",
            "The same file is held in another place of this sample. Check that it belongs here.",
        )
    } else {
        Words::new(Tone::Good, "Accepted", "Checked and safely stored.")
    }
}

/// Why a file was refused and what helps. `detail` is what the check found; it may be empty.
pub fn refused(reason: Reason, detail: &str) -> Words {
    let (label, what_to_do) = match reason {
        Reason::Empty => (
            "Refused: empty",
            "The file holds nothing. Open it on your computer, save it again and choose it.",
        ),
        Reason::TooLarge => {
            ("Refused: too large", "It is larger than this section takes. Save a smaller copy.")
        }
        Reason::TypeNotAllowed => (
            "Refused: wrong type",
            "This section does not take files of this type. The help page lists all that it takes.",
        ),
        Reason::TypeMismatch => ("Refused: wrong type", "Save it in an accepted type and choose it again."),
        Reason::DoubleExtension => (
            "Refused: name not allowed",
            "The name ends in more than one type. Rename the file and choose it again.",
        ),
        Reason::NameNotAllowed => (
            "Refused: name not allowed",
            "The name holds something that cannot be stored safely. Rename the file and choose it again.",
        ),
        Reason::LinkOnly => (
            "Refused: only a link",
            "This file points to work kept elsewhere and holds none itself. Download the work and choose that.",
        ),
        Reason::Encrypted => (
            "Refused: password protected",
            "Nobody could open it. Save a copy without a password and choose it again.",
        ),
        Reason::Macro => ("Refused: contains macros", "Save a copy without macros and choose it again."),
        Reason::ActiveContent => (
            "Refused: contains a program",
            "Something in it would run when opened. Save a plain copy and choose it again.",
        ),
        Reason::Corrupt => {
            ("Refused: cannot be opened", "Open it on your computer, save it again and choose it.")
        }
        Reason::ArchiveUnsafe => ("Refused: unsafe archive", "Zip the folder afresh and choose it again."),
        Reason::ImageTooBig => {
            ("Refused: image too large", "The picture has more dots than we take. Save it at a smaller size.")
        }
        Reason::TooManyFiles => {
            ("Refused: section is full", "The section holds all the files it takes. Delete one first.")
        }
        Reason::Duplicate => {
            return Words::new(
                Tone::Quiet,
                "Already here",
                "This section already holds exactly this file; the first one stays.",
            );
        }
        Reason::Infected => (
            "Refused: virus found",
            "The file is locked away and nobody can open it. Tell your IT support and send a clean copy.",
        ),
        Reason::Unscannable => (
            "Refused: cannot be virus checked",
            "Send it in parts below 2 GB, or save the work in another way and send that.",
        ),
        Reason::DigestMismatch => {
            ("Refused: damaged on the way", "What arrived is not what was sent. Choose the file again.")
        }
    };
    // What a check found says more than what is true of all such files.
    let found = match (detail, reason) {
        ("", Reason::TypeMismatch) => "What is inside is not what the name says.",
        ("", Reason::ArchiveUnsafe) => "The archive cannot be unpacked safely.",
        ("", Reason::Corrupt) => "The file is damaged or incomplete.",
        _ => detail,
    };
    // What helps, a check says after a semicolon; then it is not said twice.
    let sentence = if found.contains("; ") { found.to_owned() } else { said(found, what_to_do) };
    Words::new(Tone::Bad, label, sentence)
}

/// What was found, if anything is said of it, and what to do.
fn said(found: &str, what_to_do: &str) -> String {
    if found.is_empty() { what_to_do.to_owned() } else { format!("{found} {what_to_do}") }
}

fn so_far(facts: FileFacts<'_>) -> String {
    match facts.size {
        Some(size) => format!("{} of {}", bytes(facts.received), bytes(size)),
        None => bytes(facts.received),
    }
}

/// What the words for a section need to know.
#[derive(Clone, Copy, Debug)]
pub struct SectionFacts<'a> {
    pub state: SectionState,
    pub accepted: u32,
    /// Files asked for.
    pub needed: u32,
    /// Files are on their way.
    pub running: bool,
    /// Some of them have arrived.
    pub checking: bool,
    /// Files that were refused, and nothing has made up for them.
    pub refused: u32,
    /// Why it is Missing: the stable word.
    pub missing: Option<&'a str>,
}

/// A section's standing in as few words as tell it: for a cell of the matrix, and beside the section's title.
pub fn section(facts: SectionFacts<'_>) -> Words {
    let SectionFacts { accepted, needed, .. } = facts;
    match facts.state {
        _ if facts.running && facts.checking => Words::new(Tone::Busy, "Checking", ""),
        _ if facts.running => Words::new(Tone::Busy, "Uploading", ""),
        SectionState::Provided if facts.refused > 0 => Words::new(
            Tone::Note,
            format!("{}, {} refused", count(accepted, "file"), facts.refused),
            "What was accepted before stays.",
        ),
        _ if facts.refused > 0 => {
            Words::new(Tone::Bad, "Refused", "A file was refused and none has taken its place.")
        }
        SectionState::Empty => Words::new(Tone::Quiet, "No files", ""),
        SectionState::InProgress => {
            Words::new(Tone::Note, format!("{accepted} of {needed} files"), "Not yet enough.")
        }
        SectionState::Provided => Words::new(Tone::Good, count(accepted, "file"), ""),
        SectionState::Missing => {
            let why = facts.missing.map(|word| format!(": {}", missing_reason(word))).unwrap_or_default();
            Words::new(Tone::Note, format!("Missing{why}"), "It clears by itself when a file is accepted.")
        }
        SectionState::OtherMeans => Words::new(Tone::Note, "Sent another way", ""),
        SectionState::Incomplete => Words::new(
            Tone::Note,
            format!("{accepted} of {needed} files, noted"),
            "Fewer files than asked for, with a reason.",
        ),
    }
}

/// A candidate's standing in words: their status first, then how far their work is.
pub fn candidate(status: CandidateStatus, state: CandidateState) -> Words {
    match (status, state) {
        (CandidateStatus::Absent, _) => Words::new(Tone::Quiet, "Absent", "Nothing is asked for."),
        (CandidateStatus::Withdrawn, _) => Words::new(Tone::Quiet, "Withdrawn", "No longer entered."),
        (CandidateStatus::Entered, CandidateState::NotStarted) => Words::new(Tone::Quiet, "Not started", ""),
        (CandidateStatus::Entered, CandidateState::InProgress) => Words::new(Tone::Busy, "In progress", ""),
        (CandidateStatus::Entered, CandidateState::CompleteWithMissing) => Words::new(
            Tone::Note,
            "Complete with missing",
            "Nothing more is owed; something was not provided.",
        ),
        (CandidateStatus::Entered, CandidateState::Complete) => Words::new(Tone::Good, "Complete", ""),
    }
}

/// A candidate outside the sample, in words.
pub fn not_in_sample() -> Words {
    Words::new(Tone::Quiet, "Not in the sample", "No work is asked for.")
}

/// A sample's state in words, as its centre reads it.
pub fn sample(state: SampleState, revision: u32) -> Words {
    match state {
        SampleState::Open => Words::new(Tone::Busy, "Open", "Upload, check, then submit."),
        SampleState::Submitted if revision > 1 => Words::new(
            Tone::Good,
            format!("Submitted, revision {revision}"),
            "It is locked. The moderator sees exactly what was sent.",
        ),
        SampleState::Submitted => {
            Words::new(Tone::Good, "Submitted", "It is locked. The moderator sees exactly what was sent.")
        }
        SampleState::Returned => Words::new(
            Tone::Note,
            "Returned to you",
            "Only the returned candidates are open. Submit again when they are ready.",
        ),
    }
}

/// The states of planned files, in the order they are told: the word for programs, the label before the start and
/// after it, what it means.
pub const PLAN_STATES: &[(&str, &str, &str, &str)] = &[
    (
        "unfiled",
        "Needs your choice",
        "Unfiled",
        "Their names do not say for certain where they belong. They stay out until you choose.",
    ),
    ("ready", "Ready", "Not sent yet", "Every part of the name was understood, and there is room."),
    (
        "replaces",
        "Replaces a file",
        "Not sent yet, replaces a file",
        "The old file stays until the new one is accepted.",
    ),
    ("begun", "On its way", "On its way or here", "What became of each file."),
    (
        "refused",
        "Refused",
        "Refused",
        "An upload would be refused for the reason given. Nothing of them is sent.",
    ),
    (
        "already_here",
        "Already here",
        "Already here",
        "A file of the same name and size is there. That is a guess: nothing was compared. They are not sent again unless you say so.",
    ),
    ("left_out", "Left out", "Left out", "You left them out. They are not sent."),
];

/// A state of planned files in words.
pub fn planned(state: &str, started: bool) -> Words {
    let told = PLAN_STATES.iter().find(|(word, ..)| *word == state);
    let (label, sentence) = told
        .map_or(("", ""), |&(_, before, after, sentence)| (if started { after } else { before }, sentence));
    Words::new(plan_tone(state), label, sentence)
}

fn plan_tone(state: &str) -> Tone {
    match state {
        "ready" => Tone::Good,
        "unfiled" | "replaces" => Tone::Note,
        "refused" => Tone::Bad,
        "begun" => Tone::Busy,
        _ => Tone::Quiet,
    }
}

/// What the files of a state have in common.
pub fn about_planned(state: &str) -> &'static str {
    PLAN_STATES.iter().find(|(word, ..)| *word == state).map_or("", |(.., sentence)| sentence)
}

/// One planned file in words. `why`: what is in the way, a sentence or nothing.
pub fn planned_file(state: &str, why: &str) -> Words {
    let told = planned(state, false);
    Words::new(told.tone, told.label, if why.is_empty() { told.sentence } else { why.to_owned() })
}

/// A name that says where its file belongs. `section`: its title.
pub fn filed(candidates: &[String], section: &str) -> Words {
    let whose = if candidates.len() > 1 { "shared by candidates" } else { "candidate" };
    Words::new(Tone::Good, "Filed", format!("{section}, {whose} {}.", listed(candidates)))
}

/// Whose a file is that several have.
pub fn shared_by(candidates: &[String]) -> String {
    format!("Shared by candidates {}", listed(candidates))
}

/// Who does not get their copy of a file that was sent for several, and why: a sentence each.
pub fn not_shared(shares: &[Share]) -> String {
    let refused = shares.iter().filter(|share| share.is_refused());
    let each = refused.map(|share| format!("Not shared with {}: {}.", share.number, share.detail));
    each.collect::<Vec<_>>().join(" ")
}

/// The same, where an accepted file is there that it would replace.
pub fn replacing(filed: Words) -> Words {
    let sentence = format!("{} It replaces the file that is there.", filed.sentence);
    Words::new(Tone::Note, "Replaces a file", sentence)
}

/// A name that does not, and why.
pub fn unfiled(why: &str) -> Words {
    Words::new(Tone::Note, "Needs your choice", why)
}

/// `1005, 1006 and 1007`.
pub fn listed(several: &[String]) -> String {
    match several {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A submitted sample's state in words, as its moderator reads it.
pub fn moderated(state: SampleState, revision: u32) -> Words {
    match state {
        SampleState::Returned => {
            Words::new(Tone::Busy, "Returned to the centre", "What was submitted before can still be seen.")
        }
        SampleState::Submitted if revision > 1 => {
            Words::new(Tone::Note, format!("To do, revision {revision}"), "")
        }
        SampleState::Submitted => Words::new(Tone::Note, "To do", ""),
        // A sample that nobody submitted is no moderator's.
        SampleState::Open => Words::new(Tone::Quiet, "Not submitted", ""),
    }
}

/// A centre's sample as the board reads it. `late`: past its date, or submitted after it; `started`: something is there
/// of somebody asked for; `done`: of everybody.
pub fn progress(state: SampleState, late: bool, asked: bool, started: bool, done: bool) -> Words {
    match (state, late) {
        (SampleState::Submitted, false) => Words::new(Tone::Good, "Submitted", ""),
        (SampleState::Submitted, true) => Words::new(Tone::Note, "Submitted late", ""),
        (SampleState::Returned, false) => Words::new(Tone::Note, "Returned to the centre", ""),
        (SampleState::Returned, true) => Words::new(Tone::Bad, "Returned, and past its date", ""),
        (SampleState::Open, _) if !asked => Words::new(Tone::Note, "Nobody in the sample", ""),
        (SampleState::Open, true) => Words::new(Tone::Bad, "Past its date", ""),
        (SampleState::Open, false) if done => Words::new(Tone::Busy, "Complete, not submitted", ""),
        (SampleState::Open, false) if started => Words::new(Tone::Busy, "In progress", ""),
        (SampleState::Open, false) => Words::new(Tone::Quiet, "Not started", ""),
    }
}

/// Why work is sent back, to begin a reason with.
pub const RETURN_REASONS: &[&str] = &[
    "A file cannot be opened. Please upload it again.",
    "The work of a section is not complete. Please add what is missing.",
    "A file belongs to another candidate. Please replace it.",
];

/// What only the sending browser knows of an upload, before the server has a state for it. The script reads these
/// words out of the page; it has none of its own.
pub const TRAY: &[(&str, &str)] = &[
    ("waiting", "Waiting for its turn"),
    ("hashing", "Reading"),
    ("sending", "Uploading"),
    ("paused", "Paused. What has arrived is safe."),
    ("offline", "No connection. What has arrived is safe; it goes on by itself."),
    ("held", "The service is busy. It goes on by itself."),
    (
        "quota",
        "Your centre has reached the most it may keep or send at a time. Delete files that are not needed or let \
         other uploads end, then try again. If that does not help, ask the awarding organisation for more.",
    ),
    (
        "no_room",
        "The service has no room for this at the moment. It goes on by itself as soon as there is; what has arrived \
         is safe. If this lasts, tell the awarding organisation.",
    ),
    ("signed_out", "Your session ended. Sign in again to carry on; what has arrived is safe."),
    (
        "needs_file",
        "The file can no longer be read on this computer. Choose it again; what has arrived is safe.",
    ),
    (
        "changed",
        "File has changed. This file is not the one you started with: sending starts again from the beginning.",
    ),
    ("checking", "Received; being checked"),
    ("accepted", "Accepted"),
    ("refused", "Refused"),
    ("cancelling", "Being cancelled. Keep this page open until it is."),
    ("cancelled", "Cancelled"),
    ("too_large", "Larger than this section takes. Nothing was sent."),
    ("wrong_type", "This section does not take files of this type. Nothing was sent."),
    ("empty", "The file holds nothing. Nothing was sent."),
    ("folder", "A folder cannot be sent as it is. Zip it first."),
    ("of", "of"),
    ("and_more", "and more; they follow by themselves"),
    ("kept", "unfinished uploads are kept for you"),
    ("kept_one", "unfinished upload is kept for you"),
    ("begun", "begun"),
    ("kept_until", "Kept until"),
    ("started", "Uploading"),
    ("finished", "Finished:"),
    ("attention", "need attention"),
    ("attention_one", "needs attention"),
    ("files", "files"),
    ("file", "file"),
    ("unfinished", "unfinished"),
    ("no_match", "None of these files is one that was left unfinished."),
    ("supporting", "Supporting material"),
    ("documents", "Documents"),
];

/// Why a section's work is Missing: the words of the form, and the stable word of the API.
pub const MISSING_REASONS: &[(&str, &str)] = &[
    ("lost", "Lost"),
    ("damaged", "Damaged"),
    ("not_produced", "Not produced by the candidate"),
    ("withheld", "Withheld"),
    ("other", "Something else (say what in the note)"),
];

/// How a section's work comes that is not uploaded: the words of the form, and the stable word of the API.
pub const MEANS: &[(&str, &str)] = &[
    ("posted", "By post"),
    ("seen_at_visit", "The moderator sees it at a visit"),
    ("other", "Some other way (say how in the reference)"),
];

/// What becomes of an item of a list that is brought in.
pub fn difference(change: Change) -> Words {
    let (tone, label) = match change {
        Change::Added => (Tone::Good, "Added"),
        Change::Changed => (Tone::Busy, "Changed"),
        Change::Removed => (Tone::Note, "Removed"),
        Change::Unchanged => (Tone::Quiet, "As it was"),
    };
    Words::new(tone, label, "")
}

/// How far the forms of a sample are: what is asked for, and what came besides.
pub fn forms(counter: &Counter) -> String {
    let Counter { provided, required, optional, .. } = *counter;
    match (required, optional) {
        (0, 0) => "none required".to_owned(),
        (0, optional) => format!("{optional} optional"),
        (required, 0) => format!("{provided} of {required}"),
        (required, optional) => format!("{provided} of {required}, +{optional} optional"),
    }
}

/// Means in words; an unknown one reads as itself.
pub fn means(word: &str) -> String {
    match word {
        "posted" => "by post".to_owned(),
        "seen_at_visit" => "seen at a visit".to_owned(),
        "other" => "some other way".to_owned(),
        word => word.to_owned(),
    }
}

/// A Missing reason in words; an unknown one reads as itself.
pub fn missing_reason(word: &str) -> String {
    let known = MISSING_REASONS.iter().find(|(code, _)| *code == word);
    match (word, known) {
        ("other", _) => "other reason".to_owned(),
        (_, Some((_, label))) => label.to_lowercase(),
        (_, None) => word.to_owned(),
    }
}

/// A capital, and a full stop.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let end = if text.ends_with('.') { "" } else { "." };
    letters
        .next()
        .map_or_else(String::new, |first| format!("{}{}{end}", first.to_uppercase(), letters.as_str()))
}

/// `1 file`, `2 files`, `No files`.
pub fn count(number: u32, what: &str) -> String {
    match number {
        0 => format!("No {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// A size to the byte: `15 MB (15728640 bytes)`.
pub fn exact(size: u64) -> String {
    if size < 1024 { bytes(size) } else { format!("{} ({size} bytes)", bytes(size)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::ApiError;

    #[test]
    fn every_refusal_says_what_happened_and_what_to_do() {
        for &reason in Reason::ALL {
            let words = refused(reason, "");
            assert!(words.sentence.ends_with('.') && words.sentence.len() > 20, "{reason}: {words:?}");
            assert!(!words.sentence.to_lowercase().contains("invalid"), "{reason}");
        }
        assert!(
            refused(Reason::TypeMismatch, "The file is a PNG image.")
                .sentence
                .starts_with("The file is a PNG")
        );
        let locked = refused(Reason::Encrypted, "The file needs a password; save it without one.").sentence;
        assert_eq!(locked, "The file needs a password; save it without one.", "said once");
    }

    #[test]
    fn what_is_full_is_said_in_words_of_the_page() {
        for refusal in [ApiError::Quota { what: "files", limit: 1 }, ApiError::InsufficientStorage] {
            let code = refusal.problem().code;
            let (_, words) = TRAY.iter().find(|(word, _)| *word == code).unwrap();
            assert!(words.ends_with('.') && words.contains("awarding organisation"), "{code}: {words}");
        }
    }

    #[test]
    fn only_an_accepted_file_is_good_news() {
        for state in FileState::ALL {
            let good = file(state, FileFacts::default()).tone == Tone::Good;
            assert_eq!(good, state == FileState::Accepted, "{state}");
        }
        let withheld = FileFacts { withheld: true, unscanned: true, ..FileFacts::default() };
        assert_eq!(file(FileState::Accepted, withheld).tone, Tone::Bad);
    }

    #[test]
    fn a_check_that_waits_says_for_what() {
        let mut said = std::collections::BTreeSet::new();
        for what in WaitsFor::ALL {
            let words =
                file(FileState::Checking, FileFacts { waits_for: Some(what), ..FileFacts::default() });
            assert!(words.sentence.contains("goes on by itself"), "{what:?}: {words:?}");
            assert!(said.insert(words.sentence), "{what:?} is told from the others");
        }
    }
}
