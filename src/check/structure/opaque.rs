//! What is not looked into here: Access databases. Only the scanner does; here it is seen that they are whole.

use super::Source;
use super::refuse::Stop;
use super::view::read_some;

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
