//! A clamd whose Strongroom was killed: it runs on, holds the socket, and would answer in place of the next one.
//!
//! So each start notes clamd's process id beside the configuration, and the next start ends a process that still has
//! that id and that configuration. It owns the data folder by then ([`crate::service`]), so that no other Strongroom
//! is using it. Without `/proc` none can be told, and none is ended.

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
    std::fs::write(folder.join(NOTE), format!("{clamd}\n"))
}

/// Kills the clamd of `config` that an earlier Strongroom noted in `folder` and left. Returns when it is gone.
pub(super) async fn end(folder: &Path, config: &Path) -> io::Result<()> {
    let noted = match std::fs::read_to_string(folder.join(NOTE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        noted => noted?,
    };
    // A note cut short by a power cut tells of a process that the power cut ended.
    let Some(Ok(clamd)) = noted.split_whitespace().next().map(str::parse::<i32>) else { return Ok(()) };
    let Some(pid) = Pid::from_raw(clamd) else { return Ok(()) };
    let until = Instant::now() + LIMIT;
    while is_left(clamd, config) {
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

/// Whether the process runs with `config`.
fn is_left(clamd: i32, config: &Path) -> bool {
    let command = std::fs::read(format!("/proc/{clamd}/cmdline")).unwrap_or_default();
    command.split(|byte| *byte == 0).any(|word| word == config.as_os_str().as_encoded_bytes())
}
