//! Extra fields: what stands behind a name in a header, Zip64's sizes among it.
//!
//! Some readers go by the length that a field tells, some take the numbers in it whatever it tells. Both must see the
//! same, so fields add up to the room that the header gives them, and there is one of Zip64's at most. What is left is
//! padding, shorter than a field.

use super::super::Source;
use super::super::refuse::Stop;
use super::super::view::read_some;
use super::end::{End, u16_at, u32_at, u64_at};

const CENTRAL: &[u8] = b"PK\x01\x02";
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: u64 = 30;
const ZIP64: u16 = 1;
/// Kind and length.
const FIELD_HEAD: usize = 4;
const TOLD_BY_ZIP64: u32 = u32::MAX;

/// Looks through the fields of every entry, in the directory and in front of the member. The directory is bounded by
/// its caller.
///
/// Attack: an entry that does not fit into the directory, or one more than is told, which some readers see.
pub(super) fn check(source: &mut dyn Source, end: &End) -> Result<(), Stop> {
    let most = usize::try_from(end.directory_bytes).unwrap_or(usize::MAX);
    let directory = read_some(source, end.directory_start, most)?;
    let mut rest = directory.as_slice();
    for _ in 0..end.entries {
        let header = rest.get(..CENTRAL_BYTES).filter(|header| header.starts_with(CENTRAL));
        let header = header.ok_or_else(contradiction)?;
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(header, at)));
        let behind = rest.get(CENTRAL_BYTES + name..).filter(|behind| behind.len() >= extra + comment);
        let (fields, behind) = behind.ok_or_else(contradiction)?.split_at(extra);
        check_local(source, offset(header, sound(fields)?))?;
        rest = &behind[comment..];
    }
    if rest.is_empty() { Ok(()) } else { Err(contradiction()) }
}

/// Where the member of an entry begins.
fn offset(entry: &[u8], zip64: &[u8]) -> u64 {
    let told = u32_at(entry, 42);
    if told != TOLD_BY_ZIP64 {
        return told.into();
    }
    // After the sizes, of those that the entry leaves to it.
    let before = [24, 20].into_iter().filter(|&at| u32_at(entry, at) == TOLD_BY_ZIP64).count();
    u64_at(zip64, 8 * before)
}

fn check_local(source: &mut dyn Source, at: u64) -> Result<(), Stop> {
    let header = read_some(source, at, LOCAL_BYTES as usize)?;
    let (name, extra) = (u16_at(&header, 26), u16_at(&header, 28));
    let start = at.saturating_add(LOCAL_BYTES + u64::from(name));
    sound(&read_some(source, start, extra.into())?).map(|_| ())
}

/// Zip64's field, when there is one; empty otherwise.
///
/// Attack: a length that is not true, or two fields of one kind, so that readers take different sizes for the same
/// member.
fn sound(mut fields: &[u8]) -> Result<&[u8], Stop> {
    let mut zip64: Option<&[u8]> = None;
    while fields.len() >= FIELD_HEAD {
        let end = FIELD_HEAD + usize::from(u16_at(fields, 2));
        let field = fields.get(FIELD_HEAD..end).ok_or_else(contradiction)?;
        if u16_at(fields, 0) == ZIP64 && zip64.replace(field).is_some() {
            return Err(contradiction());
        }
        fields = &fields[end..];
    }
    Ok(zip64.unwrap_or_default())
}

fn contradiction() -> Stop {
    Stop::unsafe_archive("its headers contradict themselves")
}
