//! What a server's process and those it started burn and hold.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

const SAMPLE: Duration = Duration::from_millis(25);
/// So long without work is quiet.
const QUIET: Duration = Duration::from_millis(500);
const LONGEST_WORK: Duration = Duration::from_secs(300);
/// Of `/proc/PID/stat`, on every Linux of today.
const TICKS_A_SECOND: f64 = 100.0;

/// From its beginning to [`Watch::end`].
#[derive(Debug)]
pub struct Watch {
    pid: Option<u32>,
    burnt: f64,
    idle: u64,
    peak: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    sampler: Option<JoinHandle<()>>,
    began: Instant,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    pub seconds: f64,
    /// Of all cores, user and system; `None` without a process to look at.
    pub cpu_seconds: Option<f64>,
    /// Resident bytes at the most.
    pub peak: Option<u64>,
    /// Resident bytes before the work.
    pub idle: Option<u64>,
}

impl Watch {
    pub fn begin(pid: Option<u32>) -> Self {
        let (peak, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let sampler = pid.map(|pid| {
            let (peak, ended) = (peak.clone(), ended.clone());
            spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    peak.fetch_max(resident(pid), Ordering::Relaxed);
                    sleep(SAMPLE);
                }
            })
        });
        let (burnt, idle) = (pid.map_or(0.0, cpu_seconds), pid.map_or(0, resident));
        Self { pid, burnt, idle, peak, ended, sampler, began: Instant::now() }
    }

    /// The clock begins here, when something had to be made ready first.
    pub fn now(&mut self) {
        self.burnt = self.pid.map_or(0.0, cpu_seconds);
        self.began = Instant::now();
    }

    pub fn end(mut self) -> Seen {
        let seconds = self.began.elapsed().as_secs_f64();
        let cpu = self.pid.map(|pid| cpu_seconds(pid) - self.burnt);
        self.ended.store(true, Ordering::Relaxed);
        if let Some(sampler) = self.sampler.take() {
            sampler.join().unwrap();
        }
        let peak = self.pid.map(|_| self.peak.load(Ordering::Relaxed));
        Seen { seconds, cpu_seconds: cpu, peak, idle: self.pid.map(|_| self.idle) }
    }
}

/// Waits until the process burns next to nothing (its write-back and checks are done); the seconds until then.
pub fn quiet(pid: u32) -> f64 {
    let began = Instant::now();
    let mut burnt = cpu_seconds(pid);
    let mut since = began;
    while began.elapsed() < LONGEST_WORK {
        sleep(QUIET);
        let now = cpu_seconds(pid);
        if now - burnt <= QUIET.as_secs_f64() * 0.04 {
            break;
        }
        (burnt, since) = (now, Instant::now());
    }
    (since - began).as_secs_f64()
}

/// The process and all that descends from it.
fn tree(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(one) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that has just ended is none.
        if let Some(parent) = stat(one).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(one);
        }
    }
    let (mut all, mut at) = (vec![pid], 0);
    while let Some(one) = all.get(at) {
        all.extend(children.remove(one).unwrap_or_default());
        at += 1;
    }
    all
}

/// The fields after the name: state, parent, ...
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(ToOwned::to_owned).collect())
}

fn cpu_seconds(pid: u32) -> f64 {
    let of = |pid| {
        let fields = stat(pid)?;
        // utime, stime, and those of ended children that were waited for.
        Some(fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum::<f64>())
    };
    tree(pid).into_iter().filter_map(of).sum::<f64>() / TICKS_A_SECOND
}

fn resident(pid: u32) -> u64 {
    let of = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        text.split(' ').nth(1)?.parse::<u64>().ok()
    };
    tree(pid).into_iter().filter_map(of).sum::<u64>() * 4096
}
