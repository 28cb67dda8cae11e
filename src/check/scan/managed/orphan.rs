//! A clamd whose Strongroom was killed: it runs on, holds the socket, and would answer in place of the next one.
//!
//! So each start notes clamd's process id and its own beside the configuration, and the next start ends a process
//! that still has that id and that configuration but no longer that parent. Without `/proc` none can be told, and
//! none is ended.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

/// How long a killed process may take to be gone.
const LIMIT: Duration = Duration::from_secs(5);
const NOTE: &str = "clamd.pid";

/// Writes down that `clamd` is ours.
pub(super) fn note(folder: &Path, clamd: u32) -> io::Result<()> {
    std::fs::write(folder.join(NOTE), format!("{clamd} {}\n", std::process::id()))
}

/// Kills the clamd of `config` that an earlier Strongroom noted in `folder` and left. Returns when it is gone.
pub(super) async fn end(folder: &Path, config: &Path) -> io::Result<()> {
    let noted = match std::fs::read_to_string(folder.join(NOTE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        noted => noted?,
    };
    let mut ids = noted.split_whitespace().map(str::parse::<i32>);
    // A note cut short by a power cut tells of a process that the power cut ended.
    let (Some(Ok(clamd)), Some(Ok(parent))) = (ids.next(), ids.next()) else { return Ok(()) };
    let Some(pid) = Pid::from_raw(clamd) else { return Ok(()) };
    let until = Instant::now() + LIMIT;
    while is_left(clamd, parent, config) {
        if Instant::now() >= until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "an earlier clamd cannot be ended"));
        }
        match kill_process(pid, Signal::KILL) {
            Ok(()) => tracing::info!(clamd, "ended the scanner that an earlier process left"),
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Whether the process runs with `config`, and not under `parent`.
fn is_left(clamd: i32, parent: i32, config: &Path) -> bool {
    let of = |file: &str| std::fs::read(format!("/proc/{clamd}/{file}")).unwrap_or_default();
    let command = of("cmdline");
    let ours = command.split(|byte| *byte == 0).any(|word| word == config.as_os_str().as_encoded_bytes());
    let status = String::from_utf8_lossy(&of("status")).into_owned();
    let above = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<i32>().ok());
    ours && above.is_some_and(|above| above != parent)
}
