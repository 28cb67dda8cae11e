//! A page of paths, in order, holding no more than a page of any folder in memory.

use std::collections::BinaryHeap;
use std::fs::DirEntry;
use std::io;
use std::path::Path;

/// At most `limit` paths under `root` that begin with `prefix` and come after `after`, in the order of their bytes.
pub(super) fn page(root: &Path, prefix: &str, after: &str, limit: usize) -> io::Result<Vec<String>> {
    let mut page = Page { root, prefix, after, limit, found: Vec::new() };
    page.walk("")?;
    Ok(page.found)
}

struct Page<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: &'a str,
    limit: usize,
    found: Vec<String>,
}

impl Page<'_> {
    /// Adds what lies under `folder`, a path that ends in `/` or is empty. Ends when the page is full.
    fn walk(&mut self, folder: &str) -> io::Result<()> {
        let mut seen = String::new();
        while self.found.len() < self.limit {
            // An empty folder yields nothing, so one round may not fill the page although more is there.
            let round = self.next_entries(folder, &seen)?;
            let Some(last) = round.last() else { break };
            seen.clone_from(last);
            for entry in round {
                if self.found.len() == self.limit {
                    break;
                }
                if entry.ends_with('/') { self.walk(&entry)? } else { self.found.push(entry) }
            }
        }
        Ok(())
    }

    /// The folder's next entries after `seen` that can matter, folders spelt with their `/`: bytes then sort as
    /// whole paths do.
    fn next_entries(&self, folder: &str, seen: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.root.join(folder)) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let most = self.limit - self.found.len();
        let mut first = BinaryHeap::with_capacity(most.min(1024) + 1);
        for entry in entries {
            let Some(path) = spelt(folder, &entry?)? else { continue };
            if path.as_str() > seen && self.matters(&path) {
                first.push(path);
                if first.len() > most {
                    first.pop();
                }
            }
        }
        Ok(first.into_sorted_vec())
    }

    fn matters(&self, path: &str) -> bool {
        if path.ends_with('/') {
            let within = path.starts_with(self.prefix) || self.prefix.starts_with(path);
            within && (path > self.after || self.after.starts_with(path))
        } else {
            path.starts_with(self.prefix) && path > self.after
        }
    }
}

/// `None` for a name that is not text: none of ours.
fn spelt(folder: &str, entry: &DirEntry) -> io::Result<Option<String>> {
    let name = entry.file_name();
    let Some(name) = name.to_str() else { return Ok(None) };
    let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
    Ok(Some(format!("{folder}{name}{slash}")))
}
