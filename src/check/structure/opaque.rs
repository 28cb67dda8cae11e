//! What is not looked into here: 7z archives and Access databases. Only the scanner unpacks them; here it is seen that
//! they are whole and nothing stands behind them.

use super::Source;
use super::refuse::Stop;
use super::view::read_some;

/// A 7z tells where its table of contents is, which ends it.
pub(super) fn check_seven_zip(source: &mut dyn Source, size: u64) -> Result<(), Stop> {
    const HEADER: u64 = 32;
    let head = read_some(source, 0, 32)?;
    let number = |at: usize| head.get(at..at + 8).map(|bytes| bytes.iter().rev().fold(0, shifted));
    let (Some(offset), Some(length)) = (number(12), number(20)) else { return Err(cut_short()) };
    let told = head.get(8..12).map(|bytes| bytes.iter().rev().fold(0, shifted));
    if told != Some(crc32fast::hash(&head[12..]).into()) {
        return Err(Stop::corrupt("The archive cannot be read."));
    }
    if length == 0 {
        return Err(Stop::empty_archive());
    }
    match offset.checked_add(length).and_then(|end| end.checked_add(HEADER)) {
        Some(end) if end == size => Ok(()),
        Some(end) if end < size => Err(Stop::unsafe_archive("something stands after its end")),
        _ => Err(cut_short()),
    }
}

fn shifted(sum: u64, byte: &u8) -> u64 {
    sum << 8 | u64::from(*byte)
}

fn cut_short() -> Stop {
    Stop::corrupt("The archive is cut short.")
}

/// An Access database is in pages, smaller ones up to Access 97.
pub(super) fn check_access(source: &mut dyn Source, size: u64) -> Result<(), Stop> {
    let old = read_some(source, 0x14, 1)? == [0];
    let page = if old { 2048 } else { 4096 };
    if size.is_multiple_of(page) { Ok(()) } else { Err(Stop::corrupt("The database is cut short.")) }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::evidence::Reason;

    fn reason(outcome: Result<(), Stop>) -> Result<(), Reason> {
        outcome.map_err(|stop| match stop {
            Stop::Refused(refusal) => refusal.reason,
            other => panic!("{other:?}"),
        })
    }

    /// A 7z of four bytes, and a table of contents of two.
    fn seven_zip(contents: u64) -> Vec<u8> {
        let place = [4_u64.to_le_bytes(), contents.to_le_bytes()].concat();
        let place = [&place[..], b"\x01\x02\x03\x04"].concat();
        let check = crc32fast::hash(&place).to_le_bytes();
        [b"7z\xbc\xaf\x27\x1c\x00\x04".as_slice(), &check, &place, b"datahd"].concat()
    }

    #[test]
    fn a_seven_zip_ends_where_it_says() {
        let judged = |bytes: &[u8]| reason(check_seven_zip(&mut Cursor::new(bytes), bytes.len() as u64));
        let whole = seven_zip(2);
        assert_eq!(judged(&whole), Ok(()));
        assert_eq!(judged(&whole[..37]), Err(Reason::Corrupt));
        assert_eq!(judged(&whole[..20]), Err(Reason::Corrupt));
        assert_eq!(judged(&[&whole[..], b"more"].concat()), Err(Reason::ArchiveUnsafe));
        assert_eq!(judged(&seven_zip(0)), Err(Reason::Empty));
        let mut wrong = whole;
        wrong[12] = 5;
        assert_eq!(judged(&wrong), Err(Reason::Corrupt));
    }

    #[test]
    fn a_database_is_in_whole_pages() {
        let judged = |bytes: &[u8]| reason(check_access(&mut Cursor::new(bytes), bytes.len() as u64));
        let mut pages = b"\0\x01\0\0Standard Jet DB\0\x01".to_vec();
        pages.resize(3 * 4096, 0);
        assert_eq!(judged(&pages), Ok(()));
        assert_eq!(judged(&pages[..2 * 4096 + 2048]), Err(Reason::Corrupt));
        pages[0x14] = 0;
        assert_eq!(judged(&pages[..2 * 4096 + 2048]), Ok(()));
    }
}
