//! SIGTERM while uploads run: what was read is committed, everybody is told, and the next process goes on.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::support::Installation;
use crate::support::line::{Append, Dialect, Framing, Line};

const MIB: usize = 1 << 20;
/// Bytes of each file.
const SIZE: usize = 12 * MIB;
/// The longest the process may take to end.
const END: Duration = Duration::from_secs(15);

/// One upload under way.
struct Sender {
    file: String,
    dialect: Dialect,
    framing: Framing,
    proven: bool,
    /// Bytes that were sent of a request for all of them; the process has read them, unless it goes on.
    sent: usize,
    /// Goes on sending while the process ends.
    on: bool,
}

fn sender(dialect: Dialect, framing: Framing, sent: usize) -> Sender {
    Sender { file: String::new(), dialect, framing, proven: false, sent, on: false }
}

impl Sender {
    fn request<'a>(&'a self, bytes: &'a [u8], offset: usize) -> Append<'a> {
        let Self { file, dialect, framing, proven, .. } = self;
        let (dialect, framing, proven) = (*dialect, *framing, *proven);
        Append { file, offset, body: &bytes[offset..], dialect, framing, proven, expects: true }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_keeps_what_was_read_and_tells_everybody() {
    let installation = Installation::new(Path::new("config/demo")).await;
    let teacher = installation.token("teacher.98765").await;
    let process = installation.serve(None).await;
    let door = process.door(&teacher);
    let sample = process.sample(&teacher).await;
    use Dialect::{Rufh, Tus};
    use Framing::{Chunked, Length};
    let mut senders = vec![
        sender(Tus, Length, 1),
        sender(Tus, Length, 300_000),
        sender(Tus, Chunked, 5 * MIB),
        sender(Rufh, Length, 8 * MIB),
        sender(Rufh, Chunked, 9 * MIB),
        sender(Tus, Length, 11 * MIB),
        Sender { proven: true, ..sender(Tus, Length, 9 * MIB) },
        Sender { proven: true, ..sender(Rufh, Chunked, 300_000) },
        Sender { on: true, ..sender(Tus, Length, MIB) },
        Sender { on: true, ..sender(Rufh, Chunked, MIB) },
    ];
    let mut files = Vec::new();
    for (number, sender) in senders.iter_mut().enumerate() {
        let line = format!("{number:02} what the candidate saw, heard and wrote down\n");
        let mut bytes = line.repeat(SIZE / line.len() + 1).into_bytes();
        bytes.truncate(SIZE);
        let place = format!("{sample}/10{:02}/Evidence", number % 10 + 1);
        sender.file = door.create(&place, "notes.txt", SIZE).await.unwrap().file().unwrap();
        files.push(bytes);
    }
    let mut lines: Vec<Line> = Vec::new();
    for (sender, bytes) in senders.iter().zip(&files) {
        let mut line = door.append(&sender.request(bytes, 0)).await.unwrap();
        line.send(&bytes[..sender.sent]).await.unwrap();
        assert!(line.is_read().await);
        lines.push(line);
    }

    let began = Instant::now();
    process.signal(Signal::TERM);
    let telling =
        lines.into_iter().zip(senders.iter().zip(&files)).map(async |(mut line, (sender, bytes))| {
            let mut sent = sender.sent;
            while sender.on && sent < SIZE - 4096 && line.send(&bytes[sent..sent + 4096]).await.is_ok() {
                sent += 4096;
                sleep(Duration::from_millis(2)).await;
            }
            (sent, line.last_words().await)
        });
    let told = futures_util::future::join_all(telling).await;
    process.stop().await;
    let took = began.elapsed();
    println!("the process ended after {} ms; told {told:?}", took.as_millis());
    assert!(took < END, "the process takes {took:?} to end");
    for (sender, (_, status)) in senders.iter().zip(&told) {
        // Who goes on sending may find the line broken instead.
        let fits = *status == Some(503) || (sender.on && status.is_none());
        assert!(fits, "{} sent of {}: told {status:?}", sender.sent, sender.file);
    }

    let process = installation.serve(None).await;
    let door = process.door(&teacher);
    let reader = process.actor(&teacher);
    for (sender, (bytes, (sent, _))) in senders.iter().zip(files.iter().zip(&told)) {
        let reply = door.ask(&sender.file, sender.dialect).await.unwrap();
        let offset = reply.offset().unwrap();
        let expected = if sender.proven { 0..=0 } else { sender.sent..=*sent };
        assert!(expected.contains(&offset), "{offset} of {expected:?}");
        let rest = door.append_all(&sender.request(bytes, offset)).await.unwrap();
        assert_eq!((rest.status, rest.offset()), (204, Some(SIZE)), "{rest:?}");
    }
    for (sender, bytes) in senders.iter().zip(&files) {
        reader.wait_for(&sender.file, "accepted").await;
        let content = reader.request(reqwest::Method::GET, &format!("/api/v1/files/{}/content", sender.file));
        assert!(content.send().await.unwrap().bytes().await.unwrap() == bytes[..]);
    }
    process.stop().await;
    installation.clear().await;
}
