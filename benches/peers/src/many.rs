//! Many clients at once: files as fast as they go, and slow lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::content::Content;
use crate::record::Record;
use crate::target::{Target, path_of};
use crate::watch::Watch;
use crate::wire::Wire;

#[derive(Debug, Args)]
pub struct Many {
    #[arg(long)]
    files: u64,
    #[arg(long)]
    kib: u64,
    /// Connections, each with one file after the other
    #[arg(long)]
    at_once: u64,
    /// Creation-with-upload instead of POST and PATCH
    #[arg(long)]
    with_upload: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Slow {
    #[arg(long)]
    clients: u64,
    /// KiB/s of each
    #[arg(long)]
    rate: u64,
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Clients that send 8 MiB files as fast as they go, meanwhile
    #[arg(long, default_value_t = 0)]
    fast: u64,
}

/// A small file of a fast client in the mixed load.
const FAST_FILE: u64 = 8 << 20;

/// Sends `many.files` files.
pub async fn run(target: &'static Target, many: &Many, mut watch: Watch, record: &Record) {
    let next = Arc::new(AtomicU64::new(0));
    let (files, size, with_upload) = (many.files, many.kib << 10, many.with_upload);
    assert!(!Content::new(128).slice(64, 1).is_empty());
    let mut wires = Vec::new();
    for _ in 0..many.at_once {
        wires.push(Wire::open(target.port).await.unwrap());
    }
    watch.now();
    let times = each(wires, |mut wire| {
        let next = next.clone();
        async move {
            let mut times = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < files {
                let began = Instant::now();
                upload(target, &mut wire, &Content::new(size), with_upload).await;
                times.push(began.elapsed());
            }
            times
        }
    });
    let mut times = times.await.concat();
    record.put_seen(&watch.end(), files * size, files);
    times.sort_unstable();
    record.put("file p50 ms", quantile(&times, 0.50));
    record.put("file p99 ms", quantile(&times, 0.99));
}

/// Milliseconds under which this part of the times lies.
pub fn quantile(sorted: &[Duration], part: f64) -> f64 {
    match sorted.len() {
        0 => 0.0,
        many => sorted[((many - 1) as f64 * part).round() as usize].as_secs_f64() * 1e3,
    }
}

async fn upload(target: &Target, wire: &mut Wire, content: &Content, with_upload: bool) {
    let size = content.size;
    let done = if with_upload {
        let answer = wire.put(&target.creation(content, size), content, 0, size).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        answer
    } else {
        let path = path_of(&wire.ask(&target.creation(content, 0)).await.unwrap());
        let answer = wire.put(&target.patch(&path, 0, size), content, 0, size).await.unwrap();
        assert_eq!(answer.status, 204, "{answer:?}");
        answer
    };
    assert_eq!(done.offset(), Some(size), "{done:?}");
}

/// Slow clients, each with one file; and fast ones until the slow are done.
pub async fn slow(target: &'static Target, slow: &Slow, mut watch: Watch, record: &Record) {
    let size = (slow.rate * slow.seconds) << 10;
    let length = Duration::from_secs(slow.seconds);
    assert!(!Content::new(128).slice(64, 1).is_empty());
    watch.now();
    let began = Instant::now();
    let (clients, rate) = (slow.clients, slow.rate << 10);
    let drips = each((0..clients).collect(), move |number: u64| async move {
        // Not all in the same millisecond.
        sleep(Duration::from_millis(1000 * number / clients)).await;
        let content = Content::new(size);
        let mut wire = Wire::open(target.port).await.unwrap();
        let path = path_of(&wire.ask(&target.creation(&content, 0)).await.unwrap());
        let answer = wire.drip(&target.patch(&path, 0, size), &content, 0, rate).await.unwrap();
        assert_eq!((answer.status, answer.offset()), (204, Some(size)), "{answer:?}");
    });
    let rushes = async {
        let files = each((0..slow.fast).collect(), move |_: u64| async move {
            let mut wire = Wire::open(target.port).await.unwrap();
            let mut files = 0_u64;
            while began.elapsed() < length {
                upload(target, &mut wire, &Content::new(FAST_FILE), false).await;
                files += 1;
            }
            files
        });
        (files.await.into_iter().sum::<u64>(), began.elapsed().as_secs_f64())
    };
    let (_, (files, seconds)) = tokio::join!(drips, rushes);
    let bytes = clients * size + files * FAST_FILE;
    let seen = watch.end();
    record.put_seen(&seen, bytes, files + clients);
    // Over the rate's own time: 1 when nobody was held up.
    if clients > 0 {
        record.put("time / rate's time", seen.seconds / (slow.seconds as f64 + 1.0));
    }
    if slow.fast > 0 {
        record.put("fast MB/s", (files * FAST_FILE) as f64 / 1e6 / seconds);
    }
}

/// Runs `work` for each at the same time; what they return.
async fn each<T, R, F>(inputs: Vec<T>, work: impl Fn(T) -> F) -> Vec<R>
where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    inputs.into_iter().map(work).collect::<JoinSet<R>>().join_all().await
}
