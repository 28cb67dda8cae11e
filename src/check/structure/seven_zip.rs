//! 7z archives: unpacked and judged like any other, where the scanner unpacks them too.
//!
//! clamd says nothing of what it cannot unpack: other methods than a few, a damaged checksum, one gibibyte packed
//! together, a table of contents that it reads otherwise. So only the plain form is taken that 7-Zip writes by itself:
//! files packed by LZMA, LZMA2 or not at all, programs with the filter for them.

mod table;

use std::io::{self, BufReader, Read, SeekFrom};

use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::{Lzma2Reader, LzmaReader};

use self::table::{Block, Entry, Method, Packing, Table};

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;
use super::view::read_some;
use super::zip::{Names, Nesting, check_member};

pub(super) const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c";
/// Signature, version, checksum, and where the table of contents is.
const HEADER: u64 = 32;
/// A table of contents may be packed, as one that is packed again.
const MOST_TABLES: u32 = 4;
/// What clamd unpacks at once, bytes. Of more it says nothing.
const LARGEST_BLOCK: u64 = (1 << 30) - 1;
/// What has been unpacked and may be referred to, bytes: as much as 7-Zip sets at its highest level.
const LARGEST_WINDOW: u32 = 256 << 20;

/// A `.7z` that someone uploads.
pub(super) fn check_archive(source: &mut dyn Source, size: u64, budget: &mut Budget<'_>) -> Result<(), Stop> {
    budget.start_listing();
    walk(source, size, "", Nesting::archive(), budget)?;
    budget.any_file()
}

/// Every file of a 7z.
pub(super) fn walk(
    source: &mut dyn Source,
    size: u64,
    path: &str,
    nesting: Nesting,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    let Some(Table { entries, blocks }) = find_table(source, size, budget)? else { return Ok(()) };
    budget.take_entries(entries.len() as u64)?;
    let mut names = Names::default();
    for entry in &entries {
        // A folder's name is one like a file's.
        let folder = if entry.is_folder { "/" } else { "" };
        names.check(&format!("{}{folder}", entry.name))?;
        if entry.special {
            let name = &entry.name;
            return Err(Stop::unsafe_archive(format_args!("{name} is a link or device, not a file")));
        }
    }
    let full = |entry: &Entry| match path {
        "" => entry.name.clone(),
        path => format!("{path}/{}", entry.name),
    };
    for entry in entries.iter().filter(|entry| !entry.has_content && !entry.is_folder) {
        take(&mut io::empty(), 0, None, &full(entry), nesting, budget)?;
    }
    let mut files = entries.iter().filter(|entry| entry.has_content);
    for block in &blocks {
        let mut content = open(source, block)?;
        for (size, sum) in &block.files {
            let entry = files.next().ok_or_else(table::broken)?;
            take(&mut content, *size, *sum, &full(entry), nesting, budget)?;
        }
    }
    if files.next().is_some() { Err(table::broken()) } else { Ok(()) }
}

/// One file, from what its block unpacks to.
fn take(
    content: &mut dyn Read,
    size: u64,
    sum: Option<u32>,
    path: &str,
    nesting: Nesting,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    let mut summed = Summed { inner: content.take(size), sum: crc32fast::Hasher::new() };
    let read = check_member(&mut summed, path, nesting, budget).map_err(|stop| stop.inside(path))?;
    // Attack: what is damaged just enough for the scanner.
    if read != size || sum.is_some_and(|sum| sum != summed.sum.finalize()) {
        return Err(Stop::corrupt("A file in it is not what its checksum says.").inside(path));
    }
    budget.list(path, size);
    Ok(())
}

/// Adds up what is read.
struct Summed<R> {
    inner: R,
    sum: crc32fast::Hasher,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sum.update(&buffer[..read]);
        Ok(read)
    }
}

/// The table of contents, unpacked; `None` when the archive has none, for it holds nothing.
fn find_table(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<Option<Table>, Stop> {
    let start = read_some(source, 0, 32)?;
    let [told_sum, place, length, sum] = [8..12, 12..20, 20..28, 28..32]
        .map(|field| start.get(field).map(|bytes| bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))));
    let (Some(told_sum), Some(place), Some(length), Some(sum)) = (told_sum, place, length, sum) else {
        return Err(cut_short());
    };
    if told_sum != u64::from(crc32fast::hash(&start[12..])) {
        return Err(table::broken());
    }
    match place.checked_add(length).and_then(|end| end.checked_add(HEADER)) {
        Some(end) if end == size => {}
        // Attack: another archive, or a script, behind the end.
        Some(end) if end < size => return Err(Stop::unsafe_archive("something stands after its end")),
        _ => return Err(cut_short()),
    }
    if length == 0 {
        return Ok(None);
    }
    let most = budget.limits.directory_bytes;
    let too_large = || Stop::unsafe_archive("its table of contents is too large");
    if length > most {
        return Err(too_large());
    }
    let mut bytes = read_some(source, HEADER + place, usize::try_from(length).map_err(|_| too_large())?)?;
    if sum != u64::from(crc32fast::hash(&bytes)) {
        return Err(table::broken());
    }
    for _ in 0..MOST_TABLES {
        budget.in_time()?;
        // What is packed lies between the start and the table.
        match table::read(&bytes, HEADER..HEADER + place, budget)? {
            table::Read::Table(table) => return Ok(Some(table)),
            table::Read::Packed(block) => {
                // Attack: a table of contents that unpacks to fill memory.
                if block.size > most {
                    return Err(too_large());
                }
                bytes.clear();
                open(source, &block)?.take(block.size).read_to_end(&mut bytes)?;
                let sum = block.files.first().and_then(|(_, sum)| *sum);
                let differs = |sum| sum != crc32fast::hash(&bytes);
                if bytes.len() as u64 != block.size || sum.is_some_and(differs) {
                    return Err(table::broken());
                }
            }
        }
    }
    Err(table::broken())
}

fn cut_short() -> Stop {
    Stop::corrupt("The archive is cut short.")
}

/// What a block unpacks to.
fn open<'s>(source: &'s mut dyn Source, block: &Block) -> Result<Box<dyn Read + 's>, Stop> {
    if block.size > LARGEST_BLOCK {
        return Err(Stop::unsafe_archive("too much in it is packed together; use zip instead"));
    }
    source.seek(SeekFrom::Start(block.place))?;
    let packed = BufReader::new(source).take(block.packed);
    // No more can be referred to than there is.
    let window = |told: u32| told.min(u32::try_from(block.size).unwrap_or(u32::MAX)).max(4 << 10);
    let too_wide = |told: u32| window(told) > LARGEST_WINDOW;
    let Packing { method, programs } = block.packing;
    let plain: Box<dyn Read + 's> = match method {
        Method::Stored => Box::new(packed),
        Method::Lzma { window: told, .. } | Method::Lzma2 { window: told } if too_wide(told) => {
            return Err(Stop::unsafe_archive("it takes too much memory to unpack; use zip instead"));
        }
        Method::Lzma { properties, window: told } => {
            Box::new(LzmaReader::new_with_props(packed, block.size, properties, window(told), None)?)
        }
        Method::Lzma2 { window: told } => Box::new(Lzma2Reader::new(packed, window(told), None)),
    };
    Ok(if programs { Box::new(BcjReader::new_x86(plain, 0)) } else { plain })
}

#[cfg(test)]
mod tests;
