//! What one file, and all that is inside it, may cost.

use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Member;
use super::refuse::Stop;
use crate::check::scan::LARGEST_SCAN;

/// Bounds of the structure step. The defaults are the service's.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for a small file, and bytes a second for a large one.
    pub time: Duration,
    pub bytes_a_second: u64,
    /// Entries of one archive. clamd's time grows with their square: 40,000 empty ones hold it for 86 s.
    pub layer_entries: u64,
    /// Entries of an archive and the archives in it together.
    pub all_entries: u64,
    /// Archives inside archives, the outermost counted.
    pub depth: u32,
    /// Documents inside documents (a workbook in an essay), the outermost counted.
    pub document_depth: u32,
    /// Bytes the scanner looks at in one file. What is beyond it must be an archive, whose members are handed over.
    pub scan_bytes: u64,
    /// Bytes of one member, inflated: what clamd can look at.
    pub member_bytes: u64,
    /// Bytes of all members, inflated, at every depth.
    pub inflated_bytes: u64,
    /// Inflated bytes for each stored one, beyond `ratio_from` inflated bytes.
    pub ratio: u64,
    pub ratio_from: u64,
    /// Bytes of an archive's directory, which is held in memory.
    pub directory_bytes: u64,
    /// A nested archive or document is kept in memory up to this, then in an unnamed file of the spool folder.
    pub spool_memory: usize,
    /// Largest nested archive or document that is spooled, bytes.
    pub spool_bytes: u64,
    /// Bytes of one XML part that is read.
    pub xml_bytes: u64,
    /// A PDF beyond this is not parsed into memory, bytes.
    pub pdf_bytes: u64,
    /// Words of a PDF that a parser may make objects of, some 100 bytes each.
    pub pdf_words: u64,
    /// Links between the tables of objects of a PDF that is parsed.
    pub pdf_tables: u64,
    /// Bytes one such table may inflate to; a parser makes an entry of every third.
    pub pdf_table_bytes: usize,
    /// Bytes one compressed object stream of a PDF may inflate to.
    pub pdf_stream_bytes: usize,
    /// Bytes all of them together may inflate to: they are held in memory.
    pub pdf_inflated_bytes: u64,
    /// A legacy Office file beyond this is not opened (its tables are held in memory), bytes.
    pub compound_bytes: u64,
    /// Width times height.
    pub pixels: u64,
    /// Bytes of names kept in a listing.
    pub listing_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            bytes_a_second: 20 << 20,
            layer_entries: 2_000,
            all_entries: 5_000,
            depth: 3,
            document_depth: 2,
            scan_bytes: LARGEST_SCAN,
            member_bytes: LARGEST_SCAN,
            inflated_bytes: 8 << 30,
            ratio: 200,
            ratio_from: 100 << 20,
            directory_bytes: 8 << 20,
            spool_memory: 4 << 20,
            spool_bytes: LARGEST_SCAN,
            xml_bytes: 64 << 20,
            pdf_bytes: 32 << 20,
            pdf_words: 2_000_000,
            pdf_tables: 32,
            pdf_table_bytes: 2 << 20,
            pdf_stream_bytes: 32 << 20,
            pdf_inflated_bytes: 128 << 20,
            compound_bytes: 256 << 20,
            pixels: 200_000_000,
            listing_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// How long a file of this size may be examined.
    pub fn time_for(&self, size: u64) -> Duration {
        self.time + Duration::from_secs(size / self.bytes_a_second.max(1))
    }
}

/// When an examination must be over. Whoever shares it sees it move.
#[derive(Clone, Debug)]
pub(super) struct Deadline(Rc<Cell<Instant>>);

impl Deadline {
    pub(super) fn at(&self) -> Instant {
        self.0.get()
    }

    pub(super) fn has_passed(&self) -> bool {
        Instant::now() >= self.at()
    }

    fn move_by(&self, pause: Duration) {
        self.0.set(self.at() + pause);
    }
}

/// Takes a member of an archive in an unnamed file, with its path and its bytes; an error ends the walk.
pub type Hand<'a> = dyn FnMut(&str, File, u64) -> Result<(), Stop> + 'a;

/// What is left for one file.
pub(super) struct Budget<'a> {
    pub(super) limits: &'a Limits,
    pub(super) programs: bool,
    /// Folder for members that are too large for memory.
    pub(super) spool: &'a Path,
    deadline: Deadline,
    /// Where members go, when they are handed over instead of examined.
    hand: Option<&'a mut Hand<'a>>,
    /// A layer around the members is beyond what the scanner looks at.
    by_member: bool,
    /// Bytes of the outermost file, which every ratio is measured by.
    size: u64,
    entries: u64,
    /// Members that are no archives.
    files: u64,
    inflated: u64,
    listing: Option<Vec<Member>>,
    listed_bytes: usize,
}

impl<'a> Budget<'a> {
    pub(super) fn new(limits: &'a Limits, size: u64, programs: bool, spool: &'a Path) -> Self {
        let deadline = Deadline(Rc::new(Cell::new(Instant::now() + limits.time_for(size))));
        Self {
            limits,
            programs,
            spool,
            deadline,
            hand: None,
            by_member: false,
            size,
            entries: 0,
            files: 0,
            inflated: 0,
            listing: None,
            listed_bytes: 0,
        }
    }

    /// The same, handing members over.
    pub(super) fn handing(self, hand: &'a mut Hand<'a>) -> Self {
        Self { hand: Some(hand), ..self }
    }

    pub(super) fn hands_over(&self) -> bool {
        self.hand.is_some()
    }

    /// The time that takes is not the walk's.
    pub(super) fn hand_over(&mut self, path: &str, member: File, size: u64) -> Result<(), Stop> {
        let Some(hand) = &mut self.hand else { return Ok(()) };
        let begun = Instant::now();
        hand(path, member, size)?;
        self.deadline.move_by(begun.elapsed());
        Ok(())
    }

    /// Something of `size` bytes lies around the members of the outermost archive.
    pub(super) fn around_members(&mut self, size: u64) {
        self.by_member |= size > self.limits.scan_bytes;
    }

    pub(super) fn by_member(&self) -> bool {
        self.by_member
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline.clone()
    }

    pub(super) fn in_time(&self) -> Result<(), Stop> {
        if self.deadline.has_passed() { Err(Stop::too_slow()) } else { Ok(()) }
    }

    /// Attack: an archive of very many entries, each of which costs something.
    pub(super) fn take_entries(&mut self, entries: u64) -> Result<(), Stop> {
        self.entries = self.entries.saturating_add(entries);
        let (layer, all) = (self.limits.layer_entries, self.limits.all_entries);
        if entries > layer || self.entries > all {
            return Err(Stop::unsafe_archive(format_args!(
                "it holds too many files (at most {layer}, and {all} with the archives in it)"
            )));
        }
        Ok(())
    }

    /// Counts a member that is no archive.
    pub(super) fn take_file(&mut self) {
        self.files += 1;
    }

    /// At the end of an archive: folders and archives of nothing are no work; and one that is to be scanned by its
    /// members, in none of which lies a byte, would never have a verdict.
    pub(super) fn any_file(&self) -> Result<(), Stop> {
        let nothing_to_scan = self.by_member && self.inflated == 0;
        if self.files > 0 && !nothing_to_scan { Ok(()) } else { Err(Stop::empty_archive()) }
    }

    /// Attack: a small file that inflates to fill memory, disk or the scanner's time. Counted while inflating, since
    /// headers lie.
    pub(super) fn take_inflated(&mut self, bytes: u64) -> Result<(), Stop> {
        self.in_time()?;
        self.inflated = self.inflated.saturating_add(bytes);
        if self.inflated > self.limits.inflated_bytes {
            return Err(Stop::unsafe_archive("it unpacks to too many bytes"));
        }
        let ratio = self.limits.ratio.saturating_mul(self.size);
        if self.inflated > self.limits.ratio_from && self.inflated > ratio {
            return Err(Stop::unsafe_archive("it unpacks to far more than its size"));
        }
        Ok(())
    }

    pub(super) fn start_listing(&mut self) {
        self.listing.get_or_insert_default();
    }

    /// Adds to the listing of the outermost archive, as long as there is room.
    pub(super) fn list(&mut self, path: &str, size: u64) {
        if let Some(listing) = &mut self.listing
            && self.listed_bytes + path.len() <= self.limits.listing_bytes
        {
            self.listed_bytes += path.len();
            listing.push(Member { path: path.to_owned(), size });
        }
    }

    pub(super) fn into_listing(self) -> Option<Vec<Member>> {
        self.listing
    }
}
