//! Where figures go.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::Given;
use crate::watch::Seen;

const MIB: f64 = (1 << 20) as f64;

#[derive(Debug)]
pub struct Record {
    before: String,
    file: Option<PathBuf>,
}

impl Record {
    pub fn new(given: &Given) -> Self {
        let before = format!("{}\t{}\t{}", given.round, given.called, given.server);
        Self { before, file: given.records.clone() }
    }

    pub fn put(&self, measure: &str, value: f64) {
        let line = format!("{}\t{measure}\t{value:.4}\n", self.before);
        print!("{line}");
        if let Some(path) = &self.file {
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    }

    /// Of so many bytes in so many files: throughput, CPU, memory.
    pub fn put_seen(&self, seen: &Seen, bytes: u64, files: u64) {
        self.put("MB/s", bytes as f64 / 1e6 / seen.seconds);
        self.put("uploads/s", files as f64 / seen.seconds);
        if let Some(cpu) = seen.cpu_seconds {
            self.put("CPU s/GiB", cpu / (bytes as f64 / MIB / 1024.0));
            self.put("CPU ms/file", cpu * 1e3 / files as f64);
        }
        if let (Some(peak), Some(idle)) = (seen.peak, seen.idle) {
            self.put("peak MiB", peak as f64 / MIB);
            self.put("peak over idle MiB", peak.saturating_sub(idle) as f64 / MIB);
        }
    }
}
