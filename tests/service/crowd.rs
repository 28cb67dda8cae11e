//! Five hundred slow clients and twenty fast ones: memory stays under what can be added up, and the fast are not
//! starved by the slow.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::support::line::{Append, Dialect, Door, Framing};
use crate::support::{Installation, is_board};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const SLOW: usize = 500;
/// Bytes a second of a slow client, sent in so many pieces.
const PACE: usize = 32 * KIB;
const PIECES: usize = 2;
const FAST: usize = 20;
/// Of a file of a fast client, which sends one after the other; of a slow one more than it will ever send.
const FAST_FILE: usize = 4 * MIB;
const SLOW_FILE: usize = 6 * MIB;
/// How long the fast are alone, and then among the slow.
const ALONE: Duration = Duration::from_secs(6);
const TOGETHER: Duration = Duration::from_secs(20);
/// The least share of what the fast did alone that they do among the slow, who bring 16 MiB a second and on a bucket a
/// hundred small objects; all share the machine with who sends. Starved would be nothing.
const LEAST: f64 = 0.05;

/// The most memory beyond an idle process's, by addition: the store's budget for bytes on their way (S3: 96 MiB of
/// blocks; filesystem: 32 MiB gathered); for each connection hyper's read buffer, a frame cut from it, and as much for
/// its tasks, which a debug build makes large; for each where the store is a bucket, a call under way; for each fast
/// client 1 MiB on its way to the store; and 32 MiB for database, checks, and what the allocator keeps.
fn bound() -> usize {
    let (budget, call) = if is_board() { (96 * MIB, 64 * KIB) } else { (32 * MIB, 0) };
    budget + (SLOW + FAST) * (3 * 64 * KIB + call) + FAST * MIB + 32 * MIB
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_take_little_memory_and_do_not_starve_the_fast() {
    let folder = roomy();
    let mut installation = Installation::new(&folder.path().join("demo")).await;
    installation.set("STRONGROOM__SERVER__CONNECTIONS_PER_ADDRESS", 1000);
    let teacher = installation.token("teacher.98765").await;
    let process = installation.serve(None).await;
    let door = process.door(&teacher);
    let sample = process.sample(&teacher).await;
    let crowd = Arc::new(Crowd { door, sample, ended: AtomicBool::new(false), next: AtomicUsize::new(0) });
    let idle = process.peak_memory();

    let alone = crowd.clone().fast(ALONE).await;
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        let crowd = crowd.clone();
        slow.spawn(async move { crowd.drip().await });
        // Not all at once: what is measured is not how fast connections are accepted.
        sleep(Duration::from_millis(4)).await;
    }
    let among = crowd.clone().fast(TOGETHER).await;
    let peak = process.peak_memory();
    crowd.ended.store(true, Ordering::SeqCst);
    let (mut sent, mut behind) = (0, 0);
    while let Some(one) = timeout(Duration::from_secs(60), slow.join_next()).await.unwrap() {
        let (bytes, late) = one.unwrap_or_else(|broke| std::panic::resume_unwind(broke.into_panic()));
        sent += bytes;
        behind += usize::from(late);
    }

    let beyond = peak.saturating_sub(idle) as usize;
    let (mib, bound) = (|bytes: usize| bytes / MIB, bound());
    println!(
        "idle {} MiB, {} more at most, {} allowed; the fast did {:.1} MiB a second alone and {:.1} among {SLOW} slow \
         ones, who sent {} MiB; {behind} of these fell behind",
        mib(idle as usize),
        mib(beyond),
        mib(bound),
        alone / MIB as f64,
        among / MIB as f64,
        mib(sent),
    );
    assert!(beyond < bound, "{} MiB beyond idle", mib(beyond));
    assert!(among > alone * LEAST, "the fast are starved: {among} of {alone} bytes a second");
    assert!(behind * 10 < SLOW, "{behind} of the slow are slower than they would be");
    process.stop().await;
    installation.clear().await;
}

struct Crowd {
    door: Door,
    sample: String,
    ended: AtomicBool,
    next: AtomicUsize,
}

impl Crowd {
    async fn create(&self, length: usize) -> (usize, String) {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let place = format!("{}/10{:02}/Evidence", self.sample, number % 10 + 1);
        let created = self.door.create(&place, "notes.txt", length).await.unwrap();
        assert_eq!(created.status, 201, "{created:?}");
        (number, created.file().unwrap())
    }

    /// Twenty clients send file after file; bytes a second that were acknowledged.
    async fn fast(self: Arc<Self>, length: Duration) -> f64 {
        let (began, mut clients) = (Instant::now(), JoinSet::new());
        for _ in 0..FAST {
            let crowd = self.clone();
            clients.spawn(async move {
                let mut done = 0;
                while began.elapsed() < length {
                    let (number, file) = crowd.create(FAST_FILE).await;
                    let body = text(number, FAST_FILE);
                    let reply = crowd.door.append_all(&append(&file, &body)).await.unwrap();
                    assert_eq!(reply.status, 204, "{reply:?}");
                    done += body.len();
                }
                done
            });
        }
        let mut done = 0;
        while let Some(one) = clients.join_next().await {
            done += one.unwrap_or_else(|broke| std::panic::resume_unwind(broke.into_panic()));
        }
        done as f64 / began.elapsed().as_secs_f64()
    }

    /// One slow client: the bytes it sent, and whether it was held up for long.
    async fn drip(&self) -> (usize, bool) {
        let (number, file) = self.create(SLOW_FILE).await;
        let piece = text(number, PACE / PIECES);
        // Only its length counts: the body is sent piece by piece.
        let whole = Append { framing: Framing::Chunked, ..append(&file, &[]) };
        let mut line = self.door.append(&whole).await.unwrap();
        let mut beat = interval(Duration::from_secs(1) / PIECES as u32);
        beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (began, mut sent) = (Instant::now(), 0);
        while !self.ended.load(Ordering::SeqCst) && sent + piece.len() < SLOW_FILE {
            beat.tick().await;
            line.send(&piece).await.unwrap();
            sent += piece.len();
        }
        let due = began.elapsed().as_secs_f64() * PACE as f64;
        line.reset();
        (sent, (sent as f64) < due * 0.8)
    }
}

fn append<'a>(file: &'a str, body: &'a [u8]) -> Append<'a> {
    let (dialect, framing) = (Dialect::Tus, Framing::Length);
    Append { file, offset: 0, body, dialect, framing, proven: false, expects: false }
}

fn text(number: usize, size: usize) -> Vec<u8> {
    let line = format!("{number:06} what the candidate saw, heard and wrote down\n");
    let mut text = line.repeat(size / line.len() + 1).into_bytes();
    text.truncate(size);
    text
}

/// The demo's reference data, with room for any number of files in every section.
fn roomy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["demo", "components"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
        for entry in std::fs::read_dir(Path::new("config").join(part)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap().replace("max = 10\n", "max = 10000\n");
            std::fs::write(folder.path().join(part).join(path.file_name().unwrap()), text).unwrap();
        }
    }
    folder
}
