//! Input that nobody wrote, for every parser of ours: what drives the fuzz targets.
//!
//! A target is a test beside its parser, in a module called `fuzz`, that calls [`run`] with seeds and a property. Seeds
//! are changed again and again; an input whose outcome is of a new kind becomes a seed itself. In a run of the tests a
//! target takes the same few inputs every time; where [`SECONDS`] is set, new ones for so long (`tests/fuzz/run`). An
//! input that breaks a property is made smaller and kept below [`FOUND`], which every run begins with.
//!
//! Whatever the property says, no input may panic, take more than [`SLOW`] or more than [`MEMORY`].

mod change;
mod choices;

use std::cell::RefCell;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

use self::change::changed;
pub(crate) use self::choices::Choices;
use crate::evidence::Sha256Digest;

/// How long a target goes on; a few cases without.
const SECONDS: &str = "STRONGROOM_FUZZ_SECONDS";
/// Inputs that broke a property once, a folder a target.
const FOUND: &str = "tests/fuzz/found";
/// Inputs in a run of the tests.
const CASES: u64 = 400;
/// The longest input, bytes.
const LONGEST: usize = 64 << 10;
/// The longest that an input may take.
const SLOW: Duration = Duration::from_secs(2);
/// After so long with one input the process ends.
const HANGS: Duration = Duration::from_secs(30);
/// How much more memory than the seeds an input may take, bytes. Measured in long runs: a target is alone then.
const MEMORY: u64 = 384 << 20;
/// Seeds that were added at most; one more takes the place of another.
const MOST: usize = 1_000;

/// Runs a target. `words`: what is put into inputs now and then. `property` tells of which kind an outcome is, and
/// panics where it is wrong.
pub(crate) fn run<O: Hash>(
    target: &str,
    seeds: impl IntoIterator<Item = Vec<u8>>,
    words: &[&[u8]],
    property: impl Fn(&[u8]) -> O,
) {
    let seconds = seconds();
    let mut fuzzer = Fuzzer::new(target, seconds.is_some(), |input: &[u8]| {
        let mut hasher = DefaultHasher::new();
        property(input).hash(&mut hasher);
        hasher.finish()
    });
    found(target).iter().for_each(|input| fuzzer.take(input));
    let mut seeds: Vec<Vec<u8>> = seeds.into_iter().collect();
    assert!(!seeds.is_empty(), "a target needs seeds");
    seeds.iter().for_each(|input| fuzzer.take(input));
    let own = seeds.len();
    fuzzer.most_memory = peak_memory() + MEMORY;
    let mut chance = StdRng::seed_from_u64(if seconds.is_some() { rand::random() } else { 0 });
    let (began, mut kinds) = (Instant::now(), std::collections::HashSet::new());
    while seconds.map_or(fuzzer.taken < CASES, |seconds| began.elapsed() < seconds) {
        let input = changed(&seeds, words, &mut chance);
        if kinds.insert(fuzzer.take_new(&input)) {
            match seeds.len() - own < MOST {
                true => seeds.push(input),
                false => seeds[chance.random_range(own..own + MOST)] = input,
            }
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "fuzz {target}: {} executions, {:.0} a second, {} kinds of outcome, slowest {} ms, {} MiB",
        fuzzer.taken,
        fuzzer.taken as f64 / took,
        kinds.len(),
        fuzzer.slowest.as_millis(),
        peak_memory() >> 20,
    );
}

#[expect(clippy::disallowed_methods, reason = "how long a test goes on is no setting of the service")]
fn seconds() -> Option<Duration> {
    let seconds = std::env::var(SECONDS).ok()?;
    Some(Duration::from_secs(seconds.parse().expect("seconds are a number")))
}

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FOUND).join(target)
}

fn found(target: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder(target)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Keeps an input, and says where.
fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = folder(target);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(&Sha256Digest(Sha256::digest(input).into()).to_string()[..16]);
    fs::write(&path, input).unwrap();
    path
}

struct Fuzzer<'t, P> {
    target: &'t str,
    property: P,
    taken: u64,
    slowest: Duration,
    most_memory: u64,
    /// For a long time and alone: what is measured means something.
    long: bool,
    watched: Arc<Mutex<(Vec<u8>, Instant)>>,
}

impl<'t, P: Fn(&[u8]) -> u64> Fuzzer<'t, P> {
    fn new(target: &'t str, long: bool, property: P) -> Self {
        let watched = Arc::new(Mutex::new((Vec::new(), Instant::now())));
        if long {
            let (watched, target) = (Arc::clone(&watched), target.to_owned());
            std::thread::spawn(move || watch(&target, &watched));
        }
        let (taken, slowest) = (0, Duration::ZERO);
        Self { target, property, taken, slowest, most_memory: u64::MAX, long, watched }
    }

    /// An input that is kept already.
    fn take(&mut self, input: &[u8]) {
        self.taken += 1;
        if let Err(why) = self.attempt(input) {
            let start = String::from_utf8_lossy(&input[..input.len().min(200)]);
            panic!("{}: {why}; the input begins with {start:?}", self.target);
        }
    }

    /// The kind of its outcome.
    fn take_new(&mut self, input: &[u8]) -> u64 {
        self.taken += 1;
        match self.attempt(input) {
            Ok(kind) => kind,
            Err(why) => {
                let path = keep(self.target, &self.smaller(input));
                panic!("{}: {why}; the input is in {}", self.target, path.display());
            }
        }
    }

    fn attempt(&mut self, input: &[u8]) -> Result<u64, String> {
        let mut took = Duration::MAX;
        // Another process may have had the machine the first time.
        for _ in 0..2 {
            if self.long {
                *self.watched.lock().unwrap() = (input.to_vec(), Instant::now());
            }
            let began = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| (self.property)(input)));
            took = took.min(began.elapsed());
            let kind = outcome.map_err(|panic| {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "panicked".into())
            })?;
            if took < SLOW {
                self.slowest = self.slowest.max(took);
                // So much cannot be filled in less time.
                let may_be_much = self.long && took > Duration::from_millis(20);
                if may_be_much && peak_memory() > self.most_memory {
                    return Err(format!("{} MiB of memory", peak_memory() >> 20));
                }
                return Ok(kind);
            }
        }
        Err(format!("took {took:?}"))
    }

    /// Leaves out what can be left out, as long as it fails in some way. In short runs other tests print, too: there
    /// the input stays as it is.
    fn smaller(&mut self, input: &[u8]) -> Vec<u8> {
        let mut smallest = input.to_vec();
        if !self.long {
            return smallest;
        }
        let talking = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        // What memory an input took is not told twice.
        self.most_memory = u64::MAX;
        let until = Instant::now() + Duration::from_secs(60);
        let mut length = smallest.len() / 2;
        while length > 0 && self.attempt(&smallest).is_err() {
            let mut at = 0;
            while at + length <= smallest.len() && Instant::now() < until {
                let shorter = [&smallest[..at], &smallest[at + length..]].concat();
                if self.attempt(&shorter).is_err() { smallest = shorter } else { at += length }
            }
            length /= 2;
        }
        std::panic::set_hook(talking);
        smallest
    }
}

/// Ends the process when an input does not come back.
fn watch(target: &str, watched: &Mutex<(Vec<u8>, Instant)>) {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let watched = watched.lock().unwrap();
        if watched.1.elapsed() > HANGS && !watched.0.is_empty() {
            let path = keep(target, &watched.0);
            println!("fuzz {target}: does not come back; the input is in {}", path.display());
            std::process::abort();
        }
    }
}

/// The most memory this process has had, bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// A file in memory that holds one input after another: for what reads from descriptors.
pub(crate) fn holding(input: &[u8]) -> Arc<fs::File> {
    use std::os::unix::fs::FileExt;
    thread_local! {
        static FILE: RefCell<Option<Arc<fs::File>>> = const { RefCell::new(None) };
    }
    FILE.with_borrow_mut(|kept| {
        let file = kept.get_or_insert_with(|| {
            let flags = rustix::fs::MemfdFlags::CLOEXEC;
            Arc::new(fs::File::from(rustix::fs::memfd_create("strongroom-fuzz", flags).unwrap()))
        });
        file.set_len(input.len() as u64).unwrap();
        file.write_all_at(input, 0).unwrap();
        Arc::clone(file)
    })
}
