//! Why an upload was refused or stopped. The dialects turn these into status codes.

use jiff::Timestamp;

use crate::candidate::CandidateNumber;
use crate::database::DatabaseError;
use crate::evidence::Reason;
use crate::ids::FileId;
use crate::object_store::StoreError;

/// A creation that was refused. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No such sample, candidate, section or document for this person.
    #[error("no such {what}")]
    Unknown { what: &'static str },
    /// Seen, but not theirs to upload to.
    #[error("this person may not upload here")]
    Forbidden,
    #[error("the sample is submitted and locked")]
    Submitted,
    /// In a returned sample, only the returned candidates are open; its documents when all of it was returned.
    #[error("the sample was returned for other candidates only")]
    NotReturned,
    #[error("uploads closed at {at}")]
    Closed { at: Timestamp },
    #[error("the candidate is absent or withdrawn")]
    Absent,
    #[error("the candidate is not in the sample, and the component takes no early work")]
    NotInSample,
    #[error("the section takes at most {max} files")]
    SectionFull { max: u32, files: Vec<FileId> },
    /// Who is to share the file is not said as it must be.
    #[error("the file cannot be shared so: {why}")]
    NotShared { why: String },
    /// It is refused for a candidate who is to share it.
    #[error("candidate {candidate}, who is to share it: {error}")]
    Sharer {
        candidate: CandidateNumber,
        #[source]
        error: Box<Self>,
    },
    /// `replaces` names no accepted file of this place.
    #[error("the file to replace is not an accepted file of this section")]
    NothingToReplace,
    /// The plan it names is not started, or has another name or size for it.
    #[error("the plan is not started, or the file is not the one that was planned")]
    NotAsPlanned,
    /// A partial upload the file is to be made of lacks bytes.
    #[error("a partial upload lacks bytes")]
    PartialUnfinished,
    /// Another file has it.
    #[error("a partial upload is part of another file")]
    PartialTaken,
    /// It was cancelled, or expired.
    #[error("a partial upload is gone")]
    PartialGone,
    /// It was begun at the address of another place.
    #[error("a partial upload was begun for another place")]
    PartialElsewhere,
    #[error("{detail}")]
    Refused { reason: Reason, detail: String },
    #[error("the file is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The centre has as much as it may have.
    #[error("the centre would have more than {limit} {what}")]
    Quota { what: &'static str, limit: u64 },
    #[error("the disk has no room for it")]
    NoRoom,
    /// As many bodies are being taken as may be; a moment later there may be room.
    #[error("too many uploads are under way at once")]
    Crowded,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A request on an upload that was refused or stopped.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Unknown, or another centre's: the same to everyone.
    #[error("no such upload")]
    Unknown,
    /// It expired, was cancelled, or its bytes were lost.
    #[error("the upload is gone")]
    Gone,
    /// It is whole already, and no longer an upload.
    #[error("the upload is finished")]
    Finished,
    #[error("the upload stands at {committed}, not at the offset given")]
    WrongOffset { committed: u64 },
    /// More bytes than the file has.
    #[error("the file has {limit} bytes, the request goes beyond")]
    TooLong { limit: u64 },
    /// A length other than the one set, or smaller than what is there.
    #[error("the length does not fit the upload")]
    WrongLength,
    /// The checksum that was announced did not come, or cannot be read. Nothing of the request counts.
    #[error("the checksum that was announced is not there")]
    Unproven,
    /// The bytes are not what their checksum says. Nothing of the request counts.
    #[error("the bytes are not what their checksum says")]
    Mismatch,
    /// Another request took the upload over; this one ends without an answer.
    #[error("another request took the upload over")]
    Evicted,
    /// The service is stopping; what arrived is kept.
    #[error("the service is stopping")]
    Stopping,
    /// As many bodies are being taken as may be; a moment later there may be room. Nothing of this one was read.
    #[error("too many uploads are under way at once")]
    Crowded,
    #[error("the client stopped sending")]
    Cut { committed: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
