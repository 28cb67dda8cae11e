//! clamd's answer to one scan.
//!
//! The whole answer is anchored: our prefix, one word, one NUL. A signature may be called `Test.OK.Name`, so nothing
//! is ever searched for inside the text; whatever does not fit is no verdict.

use super::Finding;

/// How the file was handed over, which decides how the answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handover {
    /// `fd[n]: `, where n is clamd's number of the descriptor.
    Descriptor,
    /// `stream: `.
    Stream,
}

/// The answer is no verdict this time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReplyError {
    #[error("the scanner closed the connection without an answer")]
    Empty,
    #[error("the scanner's answer is cut short")]
    Cut,
    #[error("the scanner reports an error: {0}")]
    Reported(String),
    /// Its machine's, not the file's: no room in its temporary folder.
    #[error("the scanner cannot unpack what it scans: {0}")]
    NoRoom(String),
    #[error("the scanner's answer is not understood: {0}")]
    Unknown(String),
}

/// The answer to a stream that is longer than clamd's settings allow.
const TOO_LONG: &str = "INSTREAM size limit exceeded. ERROR";

/// Longest answer that is read, bytes.
pub(super) const LONGEST: u64 = 4096;

/// The verdict in an answer, from its first byte to the end of the connection.
pub(super) fn parse_reply(bytes: &[u8], handover: Handover) -> Result<Finding, ReplyError> {
    if bytes.is_empty() {
        return Err(ReplyError::Empty);
    }
    let text = bytes.strip_suffix(&[0]).ok_or(ReplyError::Cut)?;
    let text = std::str::from_utf8(text).map_err(|_| unknown(bytes))?;
    if text.contains(['\0', '\n', '\r']) {
        return Err(unknown(bytes));
    }
    // A stream beyond `StreamMaxLength` is so at every try.
    if handover == Handover::Stream && text == TOO_LONG {
        return Ok(Finding::BeyondLimits { limit: "StreamMaxLength".into() });
    }
    // Before a file is looked at, errors come without a prefix: `No file descriptor received. ERROR`.
    let Some(answer) = after_prefix(text, handover) else {
        return Err(text.strip_suffix(" ERROR").map_or_else(|| unknown(bytes), reported));
    };
    if answer == "OK" {
        return Ok(Finding::Clean);
    }
    if let Some(name) = answer.strip_suffix(" FOUND") {
        return if name.is_empty() { Err(unknown(bytes)) } else { Ok(finding(name)) };
    }
    Err(answer.strip_suffix(" ERROR").map_or_else(|| unknown(bytes), reported))
}

/// What clamd says when its temporary folder is full or not there.
const NO_ROOM: &[&str] = &[
    "Can't write to file",
    "Can't create new file",
    "Can't create temporary file",
    "Can't create temporary directory",
    "Error writing to temporary file",
];

fn reported(error: &str) -> ReplyError {
    let known = NO_ROOM.iter().any(|known| error.starts_with(known));
    if known { ReplyError::NoRoom(shorten(error)) } else { ReplyError::Reported(shorten(error)) }
}

fn after_prefix(text: &str, handover: Handover) -> Option<&str> {
    match handover {
        Handover::Stream => text.strip_prefix("stream: "),
        Handover::Descriptor => {
            let (number, answer) = text.strip_prefix("fd[")?.split_once("]: ")?;
            (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(answer)
        }
    }
}

/// What clamd's own heuristics mean to us; any other name is a virus.
fn finding(name: &str) -> Finding {
    if name.starts_with("Heuristics.Limits.Exceeded") {
        Finding::BeyondLimits { limit: shorten(name) }
    } else if name.starts_with("Heuristics.Encrypted") {
        Finding::Encrypted
    } else if name == "Heuristics.OLE2.ContainsMacros" || name.starts_with("Heuristics.OLE2.ContainsMacros.")
    {
        Finding::Macros
    } else if name == "Heuristics.Zip.OverlappingFiles" {
        Finding::OverlappingEntries
    } else {
        Finding::Infected { signature: shorten(name) }
    }
}

fn unknown(bytes: &[u8]) -> ReplyError {
    ReplyError::Unknown(shorten(&String::from_utf8_lossy(bytes)))
}

/// Fit for a log line and a database row: 200 characters, nothing that moves a cursor.
fn shorten(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fd(text: &str) -> Result<Finding, ReplyError> {
        parse_reply(text.as_bytes(), Handover::Descriptor)
    }

    fn infected(name: &str) -> Result<Finding, ReplyError> {
        Ok(Finding::Infected { signature: name.into() })
    }

    #[test]
    fn only_the_exact_ok_of_this_request_is_clean() {
        assert_eq!(fd("fd[11]: OK\0"), Ok(Finding::Clean));
        assert_eq!(parse_reply(b"stream: OK\0", Handover::Stream), Ok(Finding::Clean));
        for other in [
            "stream: OK\0",
            "fd[]: OK\0",
            "fd[x]: OK\0",
            "fd[11]: OK",
            "fd[11]: OK\n",
            "fd[11]: OK\0\0",
            "OK\0",
            "fd[11]: OK \0",
            " fd[11]: OK\0",
            "fd[11]:OK\0",
            "fd[11]: OK\0fd[11]: OK\0",
            "1: fd[11]: OK\0",
            "fd[11]: NOT OK\0",
            "fd[11]: OK FOUND OK\0",
            "PONG\0",
            "UNKNOWN COMMAND\0",
            "\0",
            "fd[11]: O",
        ] {
            assert!(fd(other).is_err(), "{other:?}");
        }
        assert!(parse_reply(b"fd[11]: OK\0", Handover::Stream).is_err());
        assert!(parse_reply(b"fd[11]: \xff FOUND\0", Handover::Descriptor).is_err());
    }

    #[test]
    fn a_finding_keeps_its_name_whatever_the_name_holds() {
        assert_eq!(fd("fd[11]: Test.Eicar.UNOFFICIAL FOUND\0"), infected("Test.Eicar.UNOFFICIAL"));
        assert_eq!(fd("fd[11]: Test.OK.Name FOUND\0"), infected("Test.OK.Name"));
        assert_eq!(fd("fd[11]: a: OK FOUND\0"), infected("a: OK"));
        assert_eq!(fd("fd[11]: (null) FOUND\0"), infected("(null)"));
        assert!(fd("fd[11]:  FOUND\0").is_err() && fd("fd[11]: FOUND\0").is_err());
    }

    #[test]
    fn heuristics_have_meanings_of_their_own() {
        assert_eq!(
            fd("fd[11]: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0"),
            Ok(Finding::BeyondLimits { limit: "Heuristics.Limits.Exceeded.MaxFileSize".into() })
        );
        for kind in ["Zip", "7Zip", "PDF"] {
            assert_eq!(fd(&format!("fd[11]: Heuristics.Encrypted.{kind} FOUND\0")), Ok(Finding::Encrypted));
        }
        assert_eq!(fd("fd[11]: Heuristics.OLE2.ContainsMacros FOUND\0"), Ok(Finding::Macros));
        assert_eq!(fd("fd[11]: Heuristics.OLE2.ContainsMacros.VBA FOUND\0"), Ok(Finding::Macros));
        assert_eq!(fd("fd[11]: Heuristics.Zip.OverlappingFiles FOUND\0"), Ok(Finding::OverlappingEntries));
        assert_eq!(fd("fd[11]: Heuristics.Other FOUND\0"), infected("Heuristics.Other"));
    }

    #[test]
    fn errors_are_no_verdict() {
        let reported = |text: &str| Err(ReplyError::Reported(text.into()));
        assert_eq!(fd("fd[11]: Can't read file ERROR\0"), reported("Can't read file"));
        let no_room = |text: &str| Err(ReplyError::NoRoom(text.into()));
        assert_eq!(fd("fd[11]: Can't write to file ERROR\0"), no_room("Can't write to file"));
        assert_eq!(fd("Error writing to temporary file ERROR\0"), no_room("Error writing to temporary file"));
        assert_eq!(
            parse_reply(b"INSTREAM size limit exceeded. ERROR\0", Handover::Stream),
            Ok(Finding::BeyondLimits { limit: "StreamMaxLength".into() })
        );
        assert_eq!(fd("INSTREAM size limit exceeded. ERROR\0"), reported("INSTREAM size limit exceeded."));
        assert_eq!(fd("No file descriptor received. ERROR\0"), reported("No file descriptor received."));
        assert_eq!(fd("COMMAND READ TIMED OUT\n"), Err(ReplyError::Cut));
        assert_eq!(fd(""), Err(ReplyError::Empty));
    }
}
