//! Every call to the bucket × every fault, with the whole service before it: uploads go on, nothing that was told is
//! asked for again, files come out as they went in, and the bucket holds nothing else in the end.
//!
//! What the store itself makes of a fault stands beside it (`object_store/s3/tests/faults.rs`), with the table of calls
//! that is held to the sources.

#[path = "../../src/object_store/s3/tests/proxy.rs"]
mod proxy;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::{Method, StatusCode};
use strongroom::object_store::Staged;
use strongroom::object_store::config::StoreConfig;
use tokio::time::{Instant, sleep, timeout};

use crate::support::line::{Append, Dialect, Door, Framing};
use crate::support::{Actor, CENTRE, Strongroom, bucket, is_board, send};
use proxy::{Fault, Proxy};

/// Every call of a file's way in, of one that is cancelled, and of a look at readiness. Copies by parts are of files
/// beyond what is sent here.
const CALLS: [&str; 13] = [
    "PutObject",
    "HeadObject",
    "GetObject",
    "DeleteObject",
    "CopyObject",
    "ListObjectsV2",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "ListMultipartUploads",
    "AbortMultipartUpload",
    "ListParts",
    "HeadBucket",
];
/// How often in a row: oftener than the store's client tries. What is not tried again strikes once.
const OFTEN: usize = 4;
/// One part, and some.
const SIZE: usize = (8 << 20) + 300_000;
/// The first two requests are cut here: within the first part, and within the second.
const CUTS: [usize; 2] = [250_000, (8 << 20) + 100_000];
/// A client's patience with one request: less than the service has with the store.
const ANSWER: Duration = Duration::from_secs(8);
const PATIENCE: Duration = Duration::from_secs(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives_a_bucket_that_hangs() {
    // What the service waits for by itself takes its deadline: all at once.
    every_call(Fault::Hang, 1, CALLS.len()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives_a_bucket_that_breaks() {
    every_call(Fault::Broken, OFTEN, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives_a_bucket_that_forbids() {
    every_call(Fault::Forbidden, 1, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives_a_bucket_that_resets() {
    every_call(Fault::Reset, OFTEN, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives_lost_answers() {
    every_call(Fault::LostAnswer, OFTEN, 4).await;
}

#[tokio::test]
async fn what_is_put_when_all_is_over_is_removed_and_nothing_else() {
    let strongroom = Strongroom::start().await;
    let teacher = strongroom.as_("teacher.98765").await;
    let sample = strongroom.sample(CENTRE).await;
    let door = Door { address: strongroom.address.to_string(), token: teacher.token().to_owned() };
    let (first, all) = (b"half of it, ", b"half of it, and the rest");
    let begun = teacher.begin(&sample, "1006", "Evidence", "notes.txt", all.len() as u64).await;
    let open = begun.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let (dialect, framing, proven, expects) = (Dialect::Tus, Framing::Length, false, false);
    let half = Append { file: &open, offset: 0, body: first, dialect, framing, proven, expects };
    assert_eq!(door.append_all(&half).await.unwrap().status, 204);
    let over = teacher.upload(&sample, "1005", "Evidence", "notes.txt", b"all of it").await;
    teacher.wait_for(&over, "accepted").await;
    while !strongroom.texts("SELECT path FROM discards").await.is_empty() {
        sleep(Duration::from_millis(20)).await;
    }

    // As a writer does that hung, and was overridden.
    let (store, uploads) = (strongroom.service().store.clone(), &strongroom.service().uploads);
    let staged = Staged { part_size: store.part_size(100), ..Staged::default() };
    let mut late = store.resume(over.parse().unwrap(), 99, &staged).await.unwrap();
    late.write(b"too late".as_slice().into()).await.unwrap();
    late.flush().await.unwrap();
    drop(late);
    let of = async |file: &str| {
        let all = store.list("", None, 100).await.unwrap();
        all.into_iter().filter(|path| path.contains(file)).count()
    };
    assert_eq!((of(&over).await, of(&open).await), (2, 1));
    let mut next = uploads.clear_left_behind(None).await.unwrap();
    while next.is_some() {
        next = uploads.clear_left_behind(next).await.unwrap();
    }
    assert_eq!((of(&over).await, of(&open).await), (1, 1));
    let rest = Append { offset: first.len(), body: &all[first.len()..], ..half };
    assert_eq!(door.append_all(&rest).await.unwrap().status, 204);
    teacher.wait_for(&open, "accepted").await;
    for file in [&over, &open] {
        assert_eq!(teacher.delete(&format!("/api/v1/files/{file}")).await.status, StatusCode::NO_CONTENT);
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn a_copy_of_other_bytes_is_no_evidence() {
    if !is_board() {
        println!("of a board alone");
        return;
    }
    let proxy = Proxy::before(&bucket()).await;
    let strongroom = Strongroom::with(|config| {
        let StoreConfig::S3(store) = &mut config.store else { panic!("a board has a bucket") };
        store.endpoint = Some(proxy.endpoint.clone());
    })
    .await;
    let teacher = strongroom.as_("teacher.98765").await;
    let sample = strongroom.sample(CENTRE).await;
    // What the copy is, the store tells when it is asked.
    proxy.arm("HeadObject", Fault::Checksum(Some("AAAAAA==")), usize::MAX);
    let file = teacher.upload(&sample, "1005", "Evidence", "notes.txt", b"what was judged").await;
    let known = async || teacher.get(&format!("/api/v1/files/{file}")).await.json();
    let waits = async {
        while known().await["waits_for"] != "storage" {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), waits).await.expect("it never waits for the store");
    let store = strongroom.service().store.clone();
    assert_eq!(known().await["state"], "checking");
    assert_eq!(teacher.get(&format!("/api/v1/files/{file}/content")).await.status, StatusCode::NOT_FOUND);
    assert!(proxy.disarm() > 1, "nothing was spoiled");
    teacher.wait_for(&file, "accepted").await;
    assert_eq!(teacher.get(&format!("/api/v1/files/{file}/content")).await.text, "what was judged");
    while !strongroom.texts("SELECT path FROM discards").await.is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
    let left = store.list("", None, 10).await.unwrap();
    assert!(left.len() == 1 && left[0].starts_with("evidence/"), "{left:?}");
    store.delete(&left[0].parse().unwrap()).await.unwrap();
    strongroom.stop().await;
}

async fn every_call(fault: Fault, times: usize, lanes: usize) {
    if !is_board() {
        println!("of a board alone");
        return;
    }
    let lives = stream::iter(CALLS).map(async |call| {
        let began = Instant::now();
        let done = timeout(PATIENCE, survive(call, fault, times)).await;
        assert!(done.is_ok(), "{fault:?} of {call}, {times} times, never ends");
        println!("{fault:?} of {call}, {times} times: {} ms", began.elapsed().as_millis());
    });
    lives.buffer_unordered(lanes).for_each(async |()| {}).await;
}

async fn survive(call: &'static str, fault: Fault, times: usize) {
    let proxy = Proxy::before(&bucket()).await;
    let strongroom = Strongroom::with(|config| {
        config.server.drain = "1s".parse().unwrap();
        let StoreConfig::S3(store) = &mut config.store else { panic!("a board has a bucket") };
        store.endpoint = Some(proxy.endpoint.clone());
    })
    .await;
    let teacher = strongroom.as_("teacher.98765").await;
    let sample = strongroom.sample(CENTRE).await;
    let door = Door { address: strongroom.address.to_string(), token: teacher.token().to_owned() };
    let bytes = text();
    proxy.arm(call, fault, times);

    let mut kept = Sending { door: &door, file: String::new(), told: 0, what: (call, fault, times) };
    kept.begin(&sample, "1005", &bytes).await;
    let mut given_up = Sending { file: String::new(), told: 0, ..kept };
    given_up.begin(&sample, "1006", &bytes).await;
    given_up.cancel(&teacher).await;
    kept.send(&bytes).await;
    // On a line of their own: the other may just be ended for having been idle.
    let teacher = strongroom.as_("teacher.98765").await;
    teacher.wait_long_for(&kept.file, "accepted", PATIENCE).await;
    let content = async || {
        let path = format!("/api/v1/files/{}/content", kept.file);
        let answer = teacher.request(Method::GET, &path).send().await.ok()?.error_for_status().ok()?;
        answer.bytes().await.ok()
    };
    let content = loop {
        // The fault may meet the reader, too.
        match content().await {
            Some(content) => break content,
            None => sleep(Duration::from_millis(100)).await,
        }
    };
    assert!(content == bytes[..], "the file comes out other than it went in");
    while strongroom.stranger().get("/health/ready").await.status != StatusCode::OK {
        sleep(Duration::from_millis(100)).await;
    }

    // What could not be removed at once is tried again in minutes: now.
    while !strongroom.texts("SELECT path FROM discards").await.is_empty() {
        strongroom.sql("UPDATE discards SET not_before = 0").await;
        sleep(Duration::from_millis(100)).await;
    }
    while !strongroom.texts("SELECT file_id FROM uploads WHERE offset_bytes < length").await.is_empty() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(proxy.disarm() > 0, "{call} was never called: the test shows nothing");
    let strange: Vec<_> = proxy.seen().into_iter().filter(|call| !CALLS.contains(&call.as_str())).collect();
    assert!(strange.is_empty(), "the table does not name {strange:?}");
    let (store, uploads) = (strongroom.service().store.clone(), &strongroom.service().uploads);
    // A request that hung while others went on may put something when all is over, and then again later.
    let mut next = None;
    let evidence = loop {
        let (objects, unfinished) =
            (store.list("", None, 100).await.unwrap(), store.unfinished(100).await.unwrap());
        match (&objects[..], &unfinished[..]) {
            ([one], []) if one.starts_with("evidence/") => break one.clone(),
            _ => next = uploads.clear_left_behind(next.take()).await.unwrap(),
        }
        sleep(Duration::from_millis(100)).await;
    };
    store.delete(&evidence.parse().unwrap()).await.unwrap();
    strongroom.stop().await;
}

/// One upload of a client who does not give up.
struct Sending<'a> {
    door: &'a Door,
    file: String,
    told: usize,
    what: (&'static str, Fault, usize),
}

impl Sending<'_> {
    /// Creates it, and sends two requests that are cut.
    async fn begin(&mut self, sample: &str, candidate: &str, bytes: &[u8]) {
        let place = format!("{sample}/{candidate}/Evidence");
        let created = self.door.create(&place, "notes.txt", bytes.len()).await.unwrap();
        self.file = created.file().unwrap_or_else(|| panic!("{:?}: {created:?}", self.what));
        for cut in CUTS {
            let body = &bytes[self.told..];
            let request = Append { expects: true, ..self.request(body) };
            let half = async {
                let mut line = self.door.append(&request).await?;
                line.send(&body[..cut.saturating_sub(request.offset)]).await?;
                line.is_read().await;
                line.half_close().await
            };
            // Whatever becomes of it, the offset tells.
            let _broken = timeout(ANSWER, half).await;
            self.ask().await;
        }
    }

    fn request<'b>(&'b self, body: &'b [u8]) -> Append<'b> {
        let (dialect, framing) = (Dialect::Tus, Framing::Length);
        let (file, offset) = (&*self.file, self.told);
        Append { file, offset, body, dialect, framing, proven: false, expects: false }
    }

    /// Asks until there is an answer. Trouble is 423, or no answer in time.
    async fn ask(&mut self) {
        loop {
            match timeout(ANSWER, self.door.ask(&self.file, Dialect::Tus)).await {
                Ok(Ok(reply)) if reply.is_success() => {
                    let offset = reply.offset().unwrap();
                    let told = self.told;
                    assert!(offset >= told, "{:?}: went back from {told} to {offset}", self.what);
                    self.told = offset;
                    return;
                }
                Ok(Ok(reply)) => assert_eq!(reply.status, 423, "{:?}: HEAD is answered {reply:?}", self.what),
                Ok(Err(broken)) => panic!("{:?}: HEAD breaks: {broken}", self.what),
                Err(_) => {}
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        while self.told < bytes.len() {
            let request = self.request(&bytes[self.told..]);
            let answer = timeout(ANSWER, self.door.append_all(&request)).await;
            if let Ok(Ok(reply)) = answer {
                let fits = matches!(reply.status, 204 | 409 | 423 | 500 | 503);
                assert!(fits, "{:?}: PATCH is answered {reply:?}", self.what);
            }
            self.ask().await;
        }
    }

    async fn cancel(&self, teacher: &Actor) {
        let path = format!("/files/{}", self.file);
        let cancelled = send(teacher.request(Method::DELETE, &path).header("tus-resumable", "1.0.0")).await;
        assert_eq!(cancelled.status, StatusCode::NO_CONTENT, "{:?}: {}", self.what, cancelled.text);
    }
}

fn text() -> Vec<u8> {
    let mut text = String::with_capacity(SIZE + 1024);
    while text.len() < SIZE {
        text += &format!("{:012} {}\n", text.len(), "what the candidate saw and heard ".repeat(30));
    }
    text.truncate(SIZE);
    text.into_bytes()
}
