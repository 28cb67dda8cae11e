//! Strongroom beside its peers on one machine: bare sinks, a load generator, a slow line, and the table.
//!
//! `benches/peers/run` starts the servers and calls this once for each (round, workload, server), in turn. What is
//! measured goes to a file of lines `round <tab> workload <tab> server <tab> measure <tab> value` ([`record`]), from
//! which [`table`] makes medians and ratios. An absolute figure is no claim; a ratio within one run is.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops where it breaks")]

mod content;
mod cuts;
mod line;
mod many;
mod one;
mod record;
mod sink;
mod stream;
mod table;
mod target;
mod watch;
mod wire;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Bare sinks, and load for them and for others.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve as a bare sink; prints "ready http://127.0.0.1:PORT"
    Sink {
        #[arg(value_enum)]
        mode: sink::Mode,
        /// Where files lie
        #[arg(long)]
        dir: PathBuf,
    },
    /// Pass bytes on to a server, each after half of the round trip; prints "ready http://127.0.0.1:PORT"
    Line {
        /// The server's port
        port: u16,
        /// Milliseconds there and back
        #[arg(long, default_value_t = 100)]
        round_trip: u64,
    },
    /// Put one workload on one server and record what is measured
    Load {
        #[command(flatten)]
        given: Box<Given>,
        #[command(subcommand)]
        work: Work,
    },
    /// Take memory and give it back: what a virtual machine was lent is slow at first touch
    Touch {
        #[arg(default_value_t = 2048)]
        mib: usize,
    },
    /// Make the tables of a file of records
    Table { records: PathBuf },
}

/// On whom, and where the figures go.
#[derive(Debug, Args)]
struct Given {
    #[command(flatten)]
    target: target::Target,
    /// The server's process; those it started count with it
    #[arg(long)]
    pid: Option<u32>,
    /// What it is called in the table
    #[arg(long, default_value = "server")]
    server: String,
    /// What the work is called in the table
    #[arg(long, default_value = "work")]
    called: String,
    #[arg(long, default_value_t = 1)]
    round: u32,
    /// Lines are added to this file as well as printed
    #[arg(long)]
    records: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// One file by POST and PATCH, whole or in pieces
    One {
        #[arg(long, default_value_t = 1024)]
        mib: u64,
        /// MiB of each request; all at once when absent
        #[arg(long)]
        pieces: Option<u64>,
        /// The folder of the server's files: what lies there is compared with what was sent
        #[arg(long)]
        files: Option<PathBuf>,
    },
    /// Many files at once
    Many(many::Many),
    /// Clients at a slow rate, by themselves or beside fast ones
    Slow(many::Slow),
    /// One file over a line that is cut
    Cuts(cuts::Cuts),
    /// One file over one HTTP/2 stream (prior knowledge)
    Stream {
        #[arg(long, default_value_t = 128)]
        mib: u64,
    },
}

fn main() {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match cli.command {
        Command::Sink { mode, dir } => runtime.block_on(sink::serve(mode, dir)),
        Command::Line { port, round_trip } => runtime.block_on(line::serve(port, round_trip)),
        Command::Load { given, work } => runtime.block_on(load(*given, work)),
        Command::Touch { mib } => touch(mib),
        Command::Table { records } => print!("{}", table::of(&std::fs::read_to_string(records).unwrap())),
    }
}

async fn load(given: Given, work: Work) {
    let record = record::Record::new(&given);
    let (watch, pid) = (watch::Watch::begin(given.pid), given.pid);
    let record = &record;
    // For as long as the process lives: every client's task speaks to it.
    let target: &'static target::Target = Box::leak(Box::new(given.target));
    match work {
        Work::One { mib, pieces, files } => {
            let piece = pieces.map(|mib| mib << 20);
            one::run(target, mib << 20, piece, files.as_deref(), watch, record).await;
        }
        Work::Many(many) => many::run(target, &many, watch, record).await,
        Work::Slow(slow) => many::slow(target, &slow, watch, record).await,
        Work::Cuts(cuts) => cuts::run(target, &cuts, watch, record).await,
        Work::Stream { mib } => stream::run(target, mib << 20, watch, record).await,
    }
    // What it still does must not burden whoever is next.
    if let Some(pid) = pid {
        record.put("quiet after s", watch::quiet(pid));
    }
}

/// One byte a page.
fn touch(mib: usize) {
    let mut held = vec![0_u8; mib << 20];
    for page in held.chunks_mut(4096) {
        page[0] = 1;
    }
    std::hint::black_box(&held);
}
