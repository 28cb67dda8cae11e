//! Every call × every fault: what was acknowledged is kept, and trying again ends well.
//!
//! [`CALLS`] is held to the sources, and to what is seen on the wire.

use std::time::Duration;

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

use super::proxy::{Fault, Proxy};
use super::*;
use crate::object_store::conformance::{Joined, Upload, evidence, traces};
use crate::object_store::{Durable, s3::bucket::Patience};

/// Every call the store makes.
const CALLS: [&str; 14] = [
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
    "UploadPartCopy",
    "HeadBucket",
];
/// Those that a copy by parts makes.
const COPYING: [&str; 4] =
    ["CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload", "ListMultipartUploads"];
/// More often than any call is tried: until the plan is withdrawn.
const ALWAYS: usize = usize::MAX;

#[tokio::test]
async fn a_store_that_hangs_loses_nothing() {
    every_call(Fault::Hang, &[1]).await;
}

#[tokio::test]
async fn a_store_that_breaks_loses_nothing() {
    every_call(Fault::Broken, &[1, ALWAYS]).await;
}

#[tokio::test]
async fn a_store_that_forbids_loses_nothing() {
    every_call(Fault::Forbidden, &[ALWAYS]).await;
}

#[tokio::test]
async fn a_store_that_resets_loses_nothing() {
    every_call(Fault::Reset, &[1, ALWAYS]).await;
}

#[tokio::test]
async fn a_lost_answer_loses_nothing() {
    every_call(Fault::LostAnswer, &[1, ALWAYS]).await;
}

#[test]
fn the_table_names_every_call_of_the_sources() {
    let mut made = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir("src/object_store/s3").unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() || path.ends_with("tests.rs") {
            continue;
        }
        let text: String = std::fs::read_to_string(path).unwrap().split_whitespace().collect();
        for call in text.split(".client.").skip(1).filter_map(|rest| rest.split("()").next()) {
            let words = call.split('_').filter(|word| *word != "v2");
            let named: String = words.map(|word| word[..1].to_uppercase() + &word[1..]).collect();
            made.insert(if call.ends_with("_v2") { named + "V2" } else { named });
        }
    }
    let named = CALLS.map(str::to_owned).into_iter().collect();
    assert_eq!(made, named, "the calls of the sources, and those of the table");
}

async fn every_call(fault: Fault, times: &[usize]) {
    for call in CALLS {
        for times in times {
            println!("{fault:?} of {call}, {times} times");
            if call != "UploadPartCopy" {
                survive(call, fault, *times, false).await;
            }
        }
        if COPYING.contains(&call) {
            survive(call, fault, times[0], true).await;
        }
    }
}

/// A whole life under one fault, which is withdrawn when it has made something fail. `copying`: the fault strikes when
/// the object is copied, part by part.
async fn survive(call: &'static str, fault: Fault, times: usize, copying: bool) {
    let proxy = Proxy::before(&told("ENDPOINT")).await;
    let config = S3Config { endpoint: Some(proxy.endpoint.clone()), ..config() };
    let patience =
        Patience { attempt: Duration::from_secs(2), slowest: 4 << 20, backoff: Duration::from_millis(20) };
    let mut store = store(&config);
    if copying {
        store.copy = promote::CopyLimits { whole: SMALLEST_INNER_PART, part: SMALLEST_INNER_PART };
    }
    store.bucket = Arc::new(Bucket::new(&config, config.secret_key.as_ref().unwrap(), patience));
    if !copying {
        proxy.arm(call, fault, times);
    }

    let mut life = Life::new(&store, SMALLEST_INNER_PART as usize + 300_000);
    let (key, version) = life.again(&proxy, async |life| life.arrive().await).await;
    let to = evidence(life.upload.file);
    if copying {
        proxy.arm(call, fault, times);
    }
    let promoted = life.again(&proxy, async |life| life.promote((&key, &version), &to).await).await;
    let digest = life.again(&proxy, async |life| life.digest(&to, &promoted).await).await;
    assert_eq!(digest, life.upload.digest(), "{to} holds other bytes than were sent");
    life.again(&proxy, async |life| life.store.delete(&key).await).await;
    life.again(&proxy, async |life| life.store.probe().await).await;

    let mut left = Life::new(&store, SMALLEST_INNER_PART as usize + 300_000);
    left.again(&proxy, async |left| left.begin().await).await;
    left.again(&proxy, async |left| {
        left.store.discard(left.upload.file, left.upload.epoch, &left.upload.staged).await
    })
    .await;

    assert!(proxy.disarm() > 0, "{call} was never called: the test shows nothing");
    let strange: Vec<_> = proxy.seen().into_iter().filter(|call| !CALLS.contains(&call.as_str())).collect();
    assert!(strange.is_empty(), "the table does not name {strange:?}");
    assert_eq!(traces(&store, life.upload.file).await, Vec::<String>::new());
    assert_eq!(traces(&store, left.upload.file).await, Vec::<String>::new());
}

impl Upload {
    fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

struct Life<'a> {
    store: &'a S3Store,
    upload: Upload,
    /// To be deleted, each after its commit.
    obsolete: Vec<ObjectKey>,
}

impl<'a> Life<'a> {
    fn new(store: &'a S3Store, size: usize) -> Self {
        let mut upload = Upload::new(store, size, 11);
        upload.staged.part_size = SMALLEST_INNER_PART;
        Self { store, upload, obsolete: Vec::new() }
    }

    /// Does it until it is done; after the first failure the fault is withdrawn.
    async fn again<T>(
        &mut self,
        proxy: &Proxy,
        mut step: impl AsyncFnMut(&mut Self) -> Result<T, StoreError>,
    ) -> T {
        for _ in 0..3 {
            match step(self).await {
                Ok(done) => return done,
                Err(lost @ StoreError::Lost { .. }) => panic!("{lost:?}"),
                Err(passing) => {
                    println!("  {passing}");
                    proxy.disarm();
                }
            }
        }
        panic!("still failing with the fault withdrawn");
    }

    async fn commit(&mut self, step: Durable) -> Result<(), StoreError> {
        assert!(step.offset >= self.upload.staged.offset, "the offset went back");
        self.upload.staged.advance(&step);
        self.obsolete.extend(step.obsolete);
        while let Some(key) = self.obsolete.last() {
            self.store.delete(key).await?;
            self.obsolete.pop();
        }
        Ok(())
    }

    async fn write(&mut self, writer: &mut dyn StagedWriter, to: usize) -> Result<(), StoreError> {
        let mut at = self.upload.staged.offset as usize;
        while at < to {
            let next = to.min(at + 100_000).min(at + writer.until_border() as usize);
            writer.write(self.upload.bytes.slice(at..next)).await?;
            at = next;
            if let Some(step) = writer.progress().await? {
                self.commit(step).await?;
            }
        }
        Ok(())
    }

    async fn resume(&mut self) -> Result<Box<dyn StagedWriter>, StoreError> {
        self.upload.epoch += 1;
        self.store.resume(self.upload.file, self.upload.epoch, &self.upload.staged).await
    }

    /// A first piece, cut off; then past the first part, and cut off again.
    async fn begin(&mut self) -> Result<(), StoreError> {
        for to in [250_000, SMALLEST_INNER_PART as usize + 100_000] {
            let mut writer = self.resume().await?;
            self.write(&mut *writer, to).await?;
            let step = writer.flush().await?;
            self.commit(step).await?;
        }
        Ok(())
    }

    async fn arrive(&mut self) -> Result<(ObjectKey, ObjectVersion), StoreError> {
        self.begin().await?;
        let mut writer = self.resume().await?;
        self.write(&mut *writer, self.upload.bytes.len()).await?;
        let step = writer.finish().await?;
        self.commit(step).await?;
        self.store.seal(self.upload.file, self.upload.epoch, &self.upload.staged, self.upload.size()).await
    }

    async fn promote(
        &self,
        (from, version): (&ObjectKey, &ObjectVersion),
        to: &ObjectKey,
    ) -> Result<ObjectVersion, StoreError> {
        self.store.promote(from, version, self.upload.crc32(), to).await
    }

    async fn digest(&self, key: &ObjectKey, version: &ObjectVersion) -> Result<[u8; 32], StoreError> {
        let pieces = self.store.read(key, version, 0..version.size).await?;
        let hasher = pieces
            .try_fold(Sha256::new(), async |mut hasher, piece| {
                hasher.update(&piece);
                Ok(hasher)
            })
            .await?;
        Ok(hasher.finalize().into())
    }
}

/// A store before which the proxy stands, that copies by parts or by one call.
async fn copying(by_parts: bool) -> (Proxy, S3Store) {
    let (proxy, mut store) = patient().await;
    if by_parts {
        store.copy = promote::CopyLimits { whole: SMALLEST_INNER_PART, part: SMALLEST_INNER_PART };
    }
    (proxy, store)
}

#[tokio::test]
async fn a_copy_that_tells_of_other_bytes_is_removed() {
    for by_parts in [false, true] {
        let (proxy, store) = copying(by_parts).await;
        let mut life = Life::new(&store, SMALLEST_INNER_PART as usize + 300_000);
        let (key, version) = life.arrive().await.unwrap();
        let to = evidence(life.upload.file);
        proxy.arm("HeadObject", Fault::Checksum(Some("AAAAAA==")), ALWAYS);
        let refused = life.promote((&key, &version), &to).await;
        assert!(matches!(&refused, Err(StoreError::Changed { path }) if *path == key.path()), "{refused:?}");
        assert!(proxy.disarm() > 0);
        assert_eq!(store.head(&to).await.unwrap(), None);
        // So is one that an earlier promotion left, which never heard of it.
        let kept = life.promote((&key, &version), &to).await.unwrap();
        proxy.arm("HeadObject", Fault::Checksum(Some("AAAAAA==")), 1);
        assert!(matches!(life.promote((&key, &version), &to).await, Err(StoreError::Changed { .. })));
        assert_eq!(store.head(&to).await.unwrap(), None);
        let again = life.promote((&key, &version), &to).await.unwrap();
        assert_eq!((again.size, store.unfinished(10).await.unwrap()), (kept.size, Vec::new()));
        assert_eq!(life.digest(&to, &again).await.unwrap(), life.upload.digest());
    }
}

#[tokio::test]
async fn a_store_that_tells_no_checksums_is_taken_at_its_word() {
    for (by_parts, silent) in [(false, "HeadObject"), (true, "HeadObject"), (true, "CreateMultipartUpload")] {
        let (proxy, store) = copying(by_parts).await;
        let mut life = Life::new(&store, SMALLEST_INNER_PART as usize + 300_000);
        let (key, version) = life.arrive().await.unwrap();
        let to = evidence(life.upload.file);
        proxy.arm(silent, Fault::Checksum(None), ALWAYS);
        let promoted = life.promote((&key, &version), &to).await.unwrap();
        assert!(proxy.disarm() > 0);
        assert_eq!(life.digest(&to, &promoted).await.unwrap(), life.upload.digest());
        assert_eq!(traces(&store, life.upload.file).await, [key.path()], "{silent}");
    }
}

const JOINING: [&str; 7] = [
    "GetObject",
    "HeadObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "ListMultipartUploads",
];

#[tokio::test]
async fn putting_together_outlives_every_fault() {
    for fault in [Fault::Hang, Fault::Broken, Fault::Forbidden, Fault::Reset, Fault::LostAnswer] {
        for call in JOINING {
            for times in [1, ALWAYS] {
                if times == 1 || !matches!(fault, Fault::Hang) {
                    println!("{fault:?} of {call}, {times} times");
                    join(call, fault, times).await;
                }
            }
        }
    }
    for fault in [Fault::Broken, Fault::Forbidden, Fault::Reset, Fault::LostAnswer] {
        join_small(fault).await;
    }
}

/// A part that is copied, and one that flows through, under one fault.
async fn join(call: &'static str, fault: Fault, times: usize) {
    let (proxy, store) = patient().await;
    let mut joined = Joined::of(&store, &[SMALLEST_INNER_PART as usize, 1000, 2000]).await;
    proxy.arm(call, fault, times);
    let key = joined_at_last(&proxy, &store, &mut joined).await;
    assert_eq!(traces(&store, joined.whole.file).await, [key.path()]);
    assert!(proxy.disarm() > 0, "{call} was never called: the test shows nothing");
}

async fn join_small(fault: Fault) {
    let (proxy, store) = patient().await;
    let mut joined = Joined::of(&store, &[1000, 2000]).await;
    proxy.arm("PutObject", fault, ALWAYS);
    // One that was put and never heard of goes when the file leaves quarantine.
    let key = joined_at_last(&proxy, &store, &mut joined).await;
    assert_eq!(traces(&store, joined.whole.file).await.last(), Some(&key.path()));
}

async fn patient() -> (Proxy, S3Store) {
    let proxy = Proxy::before(&told("ENDPOINT")).await;
    let config = S3Config { endpoint: Some(proxy.endpoint.clone()), ..config() };
    let patience =
        Patience { attempt: Duration::from_secs(2), slowest: 4 << 20, backoff: Duration::from_millis(20) };
    let mut store = store(&config);
    store.bucket = Arc::new(Bucket::new(&config, config.secret_key.as_ref().unwrap(), patience));
    (proxy, store)
}

/// Tries until it is done, each time as another lease; after the first failure the fault is withdrawn.
async fn joined_at_last(proxy: &Proxy, store: &S3Store, joined: &mut Joined) -> ObjectKey {
    for _ in 0..3 {
        joined.whole.epoch += 1;
        let tried = async {
            while !joined.begun() || joined.whole.staged.offset < joined.whole.size() {
                let step = joined.step(store).await?;
                joined.whole.staged.advance(&step);
            }
            joined.seal(store).await
        };
        match tried.await {
            Ok((key, version)) => {
                let life = Life { store, upload: Upload::new(store, 1, 1), obsolete: Vec::new() };
                proxy.disarm();
                assert_eq!(life.digest(&key, &version).await.unwrap(), joined.whole.digest());
                return key;
            }
            Err(lost @ StoreError::Lost { .. }) => panic!("{lost:?}"),
            Err(passing) => {
                println!("  {passing}");
                proxy.disarm();
            }
        }
    }
    panic!("still failing with the fault withdrawn");
}
