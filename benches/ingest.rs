//! How much durable, hashed, accounted ingest costs over a bare disk: ratios, side by side in one run.
//!
//! `cargo bench --bench ingest [-- MIB ROUNDS]`. Each round writes the same bytes twice, in turn: once to a file with
//! nothing but `write` and `fdatasync` every 16 MiB, once through the upload engine on SQLite and the filesystem store
//! (lease, SHA-256, ledger commits, audit row, unique name). An absolute time is no claim; the ratio is.
#![expect(clippy::unwrap_used, reason = "a benchmark stops where it breaks")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use sqlx::Connection;
use strongroom::actor::{Actor, Grant, Role};
use strongroom::clock::Clock;
use strongroom::database::Database;
use strongroom::evidence::Place;
use strongroom::ids::SampleId;
use strongroom::object_store::filesystem::FilesystemStore;
use strongroom::upload::{Append, BodyError, Claimed, Creation, Piece, UploadLimits, Uploads, Wanted};
use tokio_util::sync::CancellationToken;

const FRAME: usize = 256 << 10;
const SYNC_EVERY: u64 = 16 << 20;
const SAMPLE: &str =
    "SELECT id FROM samples WHERE component_id = '01_3357_R085_01' AND centre_number = '98765'";

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (mib, rounds) = (numbers.first().copied().unwrap_or(512), numbers.get(1).copied().unwrap_or(3));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(mib << 20, rounds));
}

async fn measure(size: u64, rounds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path()).await;
    let frame = Bytes::from((0..FRAME).map(|i| (i * 31 + i / 7) as u8).collect::<Vec<_>>());
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let plain = plain(&folder.path().join(format!("plain-{round}")), &frame, size);
        let through = engine.take(&frame, size, round).await;
        let rate = |time: Duration| (size >> 20) as f64 / time.as_secs_f64();
        ratios.push(plain.as_secs_f64() / through.as_secs_f64());
        println!("round {round}: plain {:.0} MiB/s, engine {:.0} MiB/s", rate(plain), rate(through));
    }
    ratios.sort_by(f64::total_cmp);
    println!("engine / plain disk with fdatasync, median of {rounds}: {:.2}", ratios[ratios.len() / 2]);
}

fn plain(path: &Path, frame: &Bytes, size: u64) -> Duration {
    let began = Instant::now();
    let mut file = File::create_new(path).unwrap();
    let mut written = 0;
    while written < size {
        file.write_all(frame).unwrap();
        written += frame.len() as u64;
        if written.is_multiple_of(SYNC_EVERY) {
            file.sync_data().unwrap();
        }
    }
    file.sync_data().unwrap();
    began.elapsed()
}

struct Engine {
    uploads: Uploads,
    officer: Actor,
    sample: SampleId,
}

impl Engine {
    async fn open(folder: &Path) -> Self {
        let url = format!("sqlite://{}/bench.db?mode=rwc", folder.display());
        let db = Database::connect(&url, 4).await.unwrap();
        db.migrate().await.unwrap();
        strongroom::reference::import(&db, Path::new("config/demo"), &Clock::system()).await.unwrap();
        let mut look = sqlx::AnyConnection::connect(&url).await.unwrap();
        let sample: String = sqlx::query_scalar(SAMPLE).fetch_one(&mut look).await.unwrap();
        let store = Arc::new(FilesystemStore::open(&folder.join("objects")).await.unwrap());
        let centre = Some("98765".parse().unwrap());
        let grant = Grant { role: Role::Officer, organisation: None, centre, component: None };
        let officer = Actor {
            person: "officer.98765".parse().unwrap(),
            name: "Officer".into(),
            grants: vec![grant],
            allocations: vec![],
        };
        let stop = CancellationToken::new();
        let uploads = Uploads::new(db, store, Clock::system(), UploadLimits::default(), stop);
        Self { uploads, officer, sample: sample.parse().unwrap() }
    }

    async fn take(&self, frame: &Bytes, size: u64, round: u64) -> Duration {
        let began = Instant::now();
        let place =
            Place::Section { candidate: "1005".parse().unwrap(), section: "Evidence".parse().unwrap() };
        let creation = Creation {
            sample: self.sample,
            wanted: Wanted::Place(place),
            name: format!("film-{round}.mp4").parse().unwrap(),
            path: Default::default(),
            declared_type: None,
            modified: None,
            length: Some(size),
            sha256: None,
            replaces: None,
            shared_with: Vec::new(),
            planned: None,
            metadata: String::new(),
            concatenation: None,
            dialect: "bench",
        };
        let file = self.uploads.create(&self.officer, &creation, "").await.unwrap().file;
        let Claimed::Open(lease) = self.uploads.claim(&self.officer, file).await.unwrap() else {
            panic!("the upload is whole before it began")
        };
        let frames = size / frame.len() as u64;
        let body = stream::iter((0..frames).map(|_| Ok::<_, BodyError>(Piece::Bytes(frame.clone()))));
        let done = self.uploads.append(lease, Append::default(), body).await.unwrap();
        assert!(done.whole.is_some());
        began.elapsed()
    }
}
