mod faults;
mod proxy;

use std::time::Duration;

use super::*;
use crate::object_store::conformance::{Joined, Upload, conformance, evidence};
use bytes::Bytes;

#[expect(clippy::disallowed_methods, reason = "the test command says where its Garage is")]
fn told(what: &str) -> String {
    let name = format!("STRONGROOM_TEST_S3_{what}");
    std::env::var(&name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run the tests by tests/run, or `source <(tests/support/services start)` first"
        )
    })
}

/// A corner of the bucket for one test.
fn config() -> S3Config {
    S3Config {
        endpoint: Some(told("ENDPOINT")),
        region: told("REGION"),
        bucket: told("BUCKET"),
        prefix: Some(format!("/test-{}/", FileId::new())),
        access_key: told("ACCESS_KEY"),
        secret_key: Some(told("SECRET_KEY").into()),
        secret_key_file: None,
        path_style: true,
        encryption: Encryption::None,
        memory_mib: 96,
    }
}

fn store(config: &S3Config) -> S3Store {
    S3Store::new(config, config.secret_key.as_ref().unwrap())
}

async fn fresh() -> (Box<dyn ObjectStore>, ()) {
    (Box::new(store(&config())), ())
}

conformance!(fresh);

mod in_little_memory {
    use super::*;

    /// Half a MiB for everything: every part is put together from many tail segments.
    async fn cramped() -> (Box<dyn ObjectStore>, ()) {
        let mut store = store(&config());
        store.budget = Arc::new(Budget::new(MIB / 2));
        (Box::new(store), ())
    }

    conformance!(cramped:
        every_size_is_kept_and_sealed_twice_alike,
        a_cut_upload_goes_on_at_any_offset,
        random_splits_give_the_same_digest,
    );
}

mod by_parts {
    use super::*;

    /// Copies everything above 5 MiB as what is above 5 GB is copied.
    async fn small_copies() -> (Box<dyn ObjectStore>, ()) {
        let mut store = store(&config());
        store.copy = promote::CopyLimits { whole: SMALLEST_INNER_PART, part: SMALLEST_INNER_PART };
        store.piece = 2 * SMALLEST_INNER_PART;
        (Box::new(store), ())
    }

    conformance!(small_copies:
        promotion_may_be_repeated_and_overwrites_nothing,
        objects_are_put_together_in_any_sizes,
        putting_together_may_be_cut_short_anywhere,
    );
}

#[tokio::test]
async fn a_copy_is_of_the_bytes_that_were_judged_or_it_is_none() {
    let part = SMALLEST_INNER_PART as usize;
    for by_parts in [false, true] {
        let mut store = store(&config());
        if by_parts {
            store.copy = promote::CopyLimits { whole: SMALLEST_INNER_PART, part: SMALLEST_INNER_PART };
        }
        for size in [1_000, part + 1, LEAST_PART as usize + 1_000] {
            let mut upload = Upload::new(&store, size, 21);
            let (from, version) = upload.arrive(&store).await;
            let to = evidence(upload.file);
            let refused = store.promote(&from, &version, !upload.crc32(), &to).await;
            let told = matches!(&refused, Err(StoreError::Changed { path }) if *path == from.path());
            assert!(told, "{size} bytes, by parts {by_parts}: {refused:?}");
            assert_eq!(store.head(&to).await.unwrap(), None);
            assert_eq!(store.unfinished(10).await.unwrap(), Vec::<String>::new());
            let kept = store.promote(&from, &version, upload.crc32(), &to).await.unwrap();
            let found = store.bucket.head(&to.path()).await.unwrap().unwrap();
            assert_eq!((found.version, found.crc32), (kept, Some(upload.crc32())));
            store.delete(&from).await.unwrap();
            store.delete(&to).await.unwrap();
        }
    }
}

#[tokio::test]
async fn memory_comes_back_when_bytes_are_durable_or_dropped() {
    let store = store(&config());
    let all = store.budget.free();
    let staged = Staged { part_size: store.part_size(0), ..Staged::default() };
    let mut writer = store.resume(FileId::new(), 1, &staged).await.unwrap();
    writer.write(Bytes::from(vec![7; 200_000])).await.unwrap();
    assert_eq!(store.budget.free(), all - 4);
    writer.flush().await.unwrap();
    assert_eq!(store.budget.free(), all);
    writer.write(Bytes::from(vec![7; 200_000])).await.unwrap();
    drop(writer);
    assert_eq!(store.budget.free(), all);
}

#[tokio::test]
async fn what_the_store_copies_by_itself_waits_for_nobodys_turn() {
    let store = store(&config());
    let joined = Joined::of(&store, &[SMALLEST_INNER_PART as usize]).await;
    let small = Joined::of(&store, &[10]).await;
    let mut turns = Vec::new();
    for _ in 0..4 {
        turns.push(store.budget.assembly().await.unwrap());
    }
    let copied = tokio::time::timeout(Duration::from_secs(20), joined.step(&store)).await;
    assert_eq!(copied.unwrap().unwrap().offset, SMALLEST_INNER_PART);
    let waits = tokio::time::timeout(Duration::from_millis(300), small.step(&store)).await;
    assert!(waits.is_err(), "what flows through here waits for a turn");
    drop(turns);
    small.step(&store).await.unwrap();
}

#[tokio::test]
async fn with_an_evidence_object_goes_a_copy_that_was_broken_off() {
    let store = store(&config());
    let (to, other) = (evidence(FileId::new()), evidence(FileId::new()));
    for key in [&to, &other] {
        store.bucket.begin(&key.path(), Some("copy".to_owned())).await.unwrap();
    }
    store.delete(&to).await.unwrap();
    assert_eq!(store.unfinished(10).await.unwrap(), [other.path()]);
    store.delete(&other).await.unwrap();
}

#[tokio::test]
async fn a_segment_that_vanished_is_lost_and_not_retried_for_ever() {
    let store = store(&config());
    let file = FileId::new();
    let mut staged = Staged { part_size: store.part_size(0), ..Staged::default() };
    let mut writer = store.resume(file, 1, &staged).await.unwrap();
    writer.write(Bytes::from(vec![7; 1000])).await.unwrap();
    staged.advance(&writer.flush().await.unwrap());
    let tail = staged.tail[0].clone();
    store
        .delete(&ObjectKey::Tail { file, epoch: tail.epoch, start: tail.start, len: tail.len })
        .await
        .unwrap();
    let finished = store.resume(file, 2, &staged).await.unwrap().finish().await;
    assert!(matches!(finished, Err(StoreError::Lost { .. })), "{finished:?}");
}

#[tokio::test]
async fn a_segment_with_other_bytes_is_not_taken() {
    let store = store(&config());
    let file = FileId::new();
    let mut staged = Staged { part_size: store.part_size(0), ..Staged::default() };
    let mut writer = store.resume(file, 1, &staged).await.unwrap();
    writer.write(Bytes::from(vec![7; 1000])).await.unwrap();
    staged.advance(&writer.flush().await.unwrap());
    staged.tail[0].crc32 ^= 1;
    let finished = store.resume(file, 2, &staged).await.unwrap().finish().await;
    assert!(matches!(finished, Err(StoreError::Unavailable { .. })), "{finished:?}");
    assert_eq!(store.list("quarantine/", None, 10).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_ledger_that_no_store_should_accept_is_refused() {
    let store = store(&config());
    let small = Staged { part_size: SMALLEST_INNER_PART - 1, ..Staged::default() };
    assert!(matches!(store.resume(FileId::new(), 1, &small).await.err(), Some(StoreError::Refused { .. })));
    let part =
        |number| crate::object_store::StagedPart { number, etag: "e".to_owned(), checksum: None, size: MIB };
    let short = Staged {
        multipart: Some("id".to_owned()),
        parts: vec![part(1), part(2)],
        offset: 2 * MIB,
        part_size: MIB,
        ..Staged::default()
    };
    let sealed = store.seal(FileId::new(), 1, &short, 2 * MIB).await;
    assert!(matches!(sealed, Err(StoreError::Refused { .. })), "{sealed:?}");
}

#[tokio::test]
async fn the_bucket_is_probed_and_trouble_is_told_apart() {
    let good = config();
    store(&good).probe().await.unwrap();
    let missing = S3Config { bucket: "no-such-bucket".to_owned(), ..good.clone() };
    let missing = store(&missing).probe().await;
    assert!(matches!(missing, Err(StoreError::Refused { .. })), "{missing:?}");
    let stranger = S3Config { secret_key: Some("wrong".to_owned().into()), ..good.clone() };
    let stranger = store(&stranger).probe().await;
    assert!(matches!(stranger, Err(StoreError::Refused { .. })), "{stranger:?}");
    let silent = S3Config { endpoint: Some("http://127.0.0.1:9".to_owned()), ..good };
    let silent = store(&silent).probe().await;
    assert!(matches!(&silent, Err(e) if e.is_transient()), "{silent:?}");
}

#[test]
fn parts_grow_so_that_their_number_does_not() {
    let config = S3Config { endpoint: None, ..offline() };
    let store = store(&config);
    for size in [0, 1, LEAST_PART, MOST_PARTS * LEAST_PART, MOST_PARTS * LEAST_PART + 1, 5 << 40] {
        let part = store.part_size(size);
        assert!(
            part >= LEAST_PART && part.is_multiple_of(MIB) && size.div_ceil(part) <= MOST_PARTS,
            "{size}"
        );
    }
}

fn offline() -> S3Config {
    S3Config {
        endpoint: None,
        region: "eu".to_owned(),
        bucket: "b".to_owned(),
        prefix: None,
        access_key: "a".to_owned(),
        secret_key: Some("s".to_owned().into()),
        secret_key_file: None,
        path_style: false,
        encryption: Encryption::None,
        memory_mib: 1,
    }
}
