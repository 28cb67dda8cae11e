//! A line that is cut, and taken up again.
//!
//! After each cut a new connection asks by HEAD, as often as it takes, and goes on from the offset it is told. *Sent*
//! counts what the other side's kernel had (reset: what it had not acknowledged is taken off; otherwise the kernel
//! goes on to deliver what was written). *Take-over* is the time from the cut to the offset, all refusals included.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::time::sleep;

use crate::content::Content;
use crate::many::quantile;
use crate::record::Record;
use crate::target::{Target, id_of, path_of};
use crate::watch::Watch;
use crate::wire::Wire;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The connection is closed in order, in the middle of a body
    Fin,
    /// It is reset
    Rst,
    /// It stays open and brings nothing more
    Hang,
}

#[derive(Debug, Args)]
pub struct Cuts {
    #[arg(value_enum)]
    kind: Kind,
    #[arg(long, default_value_t = 256)]
    mib: u64,
    #[arg(long, default_value_t = 20)]
    cuts: u64,
    /// Where the server's files lie; without, what arrived is not looked at
    #[arg(long)]
    files: Option<PathBuf>,
}

/// Between two questions to a server that does not give way yet.
const PAUSE: Duration = Duration::from_millis(20);
/// More means that a server does not get there.
const MOST_REQUESTS: u64 = 10;

pub async fn run(target: &Target, cuts: &Cuts, mut watch: Watch, record: &Record) {
    let content = Content::new(cuts.mib << 20);
    let size = content.size;
    let points = points(size, cuts.cuts);
    let mut wire = Wire::open_small(target.port).await.unwrap();
    watch.now();
    let path = path_of(&wire.ask(&target.creation(&content, 0)).await.unwrap());
    let (mut offset, mut sent, mut lost, mut requests) = (0, 0, 0_u64, 0);
    let (mut times, mut hanging) = (Vec::new(), Vec::new());
    let mut todo = points.iter().copied().peekable();
    while offset < size {
        requests += 1;
        assert!(requests <= MOST_REQUESTS * cuts.cuts, "the file does not get whole");
        while todo.next_if(|point| *point <= offset).is_some() {}
        let head = target.patch(&path, offset, size - offset);
        let cut_at = todo.next();
        let to = cut_at.unwrap_or(size);
        let taken = match wire.send(head.as_bytes()).await {
            Ok(()) => wire.body(&content, offset, to).await,
            failed => failed,
        };
        let unsent = unacknowledged(&wire);
        let mut gone = to - offset;
        let whole = cut_at.is_none() && {
            let answer = wire.answer(false).await;
            matches!(&answer, Ok(answer) if answer.status == 204 && answer.offset() == Some(size))
        };
        if whole && taken.is_ok() {
            sent += gone;
            break;
        }
        let began = Instant::now();
        match cuts.kind {
            Kind::Fin => drop(wire),
            Kind::Rst => {
                gone -= unsent;
                wire.stream().set_zero_linger().unwrap();
                drop(wire);
            }
            Kind::Hang => hanging.push(wire),
        }
        wire = Wire::open_small(target.port).await.unwrap();
        let told = loop {
            match wire.ask(&target.ask(&path)).await {
                Ok(answer) if answer.status == 200 => break answer.offset().unwrap(),
                Ok(_) => {}
                Err(_) => wire = Wire::open_small(target.port).await.unwrap(),
            }
            sleep(PAUSE).await;
        };
        times.push(began.elapsed());
        // What left meanwhile shows in the offset.
        sent += gone.max(told.saturating_sub(offset));
        lost += u64::from(told < offset);
        offset = told;
    }
    let seen = watch.end();
    record.put_seen(&seen, size, 1);
    record.put("sent / size", sent as f64 / size as f64);
    times.sort_unstable();
    record.put("take-over p50 ms", quantile(&times, 0.50));
    record.put("take-over p95 ms", quantile(&times, 0.95));
    record.put("offsets taken back", lost as f64);
    if let Some(files) = &cuts.files {
        record.put("right", f64::from(content.lies_in(files, id_of(&path))));
    }
}

/// So many places inside `size`, the same in every run, none near another by chance alone.
fn points(size: u64, many: u64) -> Vec<u64> {
    let step = size / (many + 1);
    let odd = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (1..=many).map(|number| number * step + odd(number) % (step / 2)).collect()
}

/// Bytes written that the other side's kernel has not acknowledged: the queue that `/proc/net/tcp` shows.
fn unacknowledged(wire: &Wire) -> u64 {
    let port = format!(":{:04X}", wire.stream().local_addr().unwrap().port());
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let mut lines = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|line| line.get(1).is_some_and(|local| local.ends_with(&port)));
    let queue = line.and_then(|line| line.get(4)?.split_once(':')).map(|(queue, _)| queue);
    queue.and_then(|queue| u64::from_str_radix(queue, 16).ok()).unwrap_or(0)
}
