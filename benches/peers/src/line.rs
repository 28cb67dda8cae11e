//! A long line: everything arrives, both ways, half of the round trip later, and nothing is slower than that.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// On the way at once, in pieces of at most [`PIECE`].
const PIECES: usize = 4096;
const PIECE: usize = 64 << 10;

pub async fn serve(port: u16, round_trip: u64) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    println!("ready http://{}", listener.local_addr().unwrap());
    let (delay, mut tasks) = (Duration::from_millis(round_trip) / 2, JoinSet::new());
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        for (from, to) in [(near_in, far_out), (far_in, near_out)] {
            let (queue, due) = mpsc::channel(PIECES);
            tasks.spawn(take(from, queue, delay));
            tasks.spawn(give(due, to));
        }
        while tasks.try_join_next().is_some() {}
    }
}

async fn take(mut from: OwnedReadHalf, queue: mpsc::Sender<(Instant, Bytes)>, delay: Duration) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(PIECE);
        match from.read_buf(&mut buffer).await {
            Ok(1..) if queue.send((Instant::now() + delay, buffer.split().freeze())).await.is_ok() => {}
            _ => return,
        }
    }
}

async fn give(mut due: mpsc::Receiver<(Instant, Bytes)>, mut to: OwnedWriteHalf) {
    while let Some((at, bytes)) = due.recv().await {
        sleep_until(at).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
