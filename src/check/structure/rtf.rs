//! RTF: text with commands, some of which load or start things.

use std::io::SeekFrom;

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;

/// Attacks: an object that is loaded without a click, a template from elsewhere, DDE.
const COMMANDS: &[(&[u8], &str)] = &[
    (b"\\objupdate", "an object that loads by itself"),
    (b"\\objautlink", "an object that loads by itself"),
    (b"\\*\\template http", "a template from elsewhere"),
    (b"\\*\\template \\\\\\\\", "a template from elsewhere"),
    (b"DDEAUTO", "a DDE link, which starts another program"),
];
const LONGEST: usize = 32;

pub(super) fn check(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<(), Stop> {
    source.seek(SeekFrom::Start(0))?;
    let mut window = Vec::with_capacity((64 << 10) + LONGEST);
    let mut buffer = vec![0; 64 << 10];
    let mut left = size;
    while left > 0 {
        budget.in_time()?;
        let read = source.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        left = left.saturating_sub(read as u64);
        window.extend_from_slice(&buffer[..read]);
        for (command, what) in COMMANDS {
            if window.windows(command.len()).any(|at| at == *command) {
                return Err(Stop::active(what));
            }
        }
        // What may be the start of a command stays for the next piece.
        let keep = window.len().saturating_sub(LONGEST);
        window.drain(..keep);
    }
    Ok(())
}
