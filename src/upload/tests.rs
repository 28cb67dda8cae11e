//! The engine on SQLite and the filesystem, without a protocol: cuts, take-over, fences, and the last step.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::checksum::{Algorithm, Checksum, Proof};
use super::*;
use crate::actor::{Actor, Grant, Role};
use crate::database::uploads::{self, End};
use crate::evidence::{FileState, Place};
use crate::ids::FileId;
use crate::object_store::filesystem::FilesystemStore;

struct Engine {
    _folder: tempfile::TempDir,
    db: Database,
    store: Arc<dyn ObjectStore>,
    uploads: Uploads,
    officer: Actor,
    sample: crate::ids::SampleId,
}

async fn engine() -> Engine {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/t.db?mode=rwc", folder.path().display());
    let db = Database::connect(&url, 4).await.unwrap();
    db.migrate().await.unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo");
    crate::reference::import(&db, &demo, &Clock::system()).await.unwrap();
    let store: Arc<dyn ObjectStore> =
        Arc::new(FilesystemStore::open(&folder.path().join("objects")).await.unwrap());
    let limits = UploadLimits { idle: Duration::from_secs(2), ..UploadLimits::default() };
    let uploads = Uploads::new(db.clone(), store.clone(), Clock::system(), limits, CancellationToken::new());
    let sample: String = sqlx::query_scalar(
        "SELECT id FROM samples WHERE component_id = '01_3357_R085_01' AND centre_number = '98765'",
    )
    .fetch_one(db.reader())
    .await
    .unwrap();
    let grant = Grant {
        role: Role::Officer,
        organisation: None,
        centre: Some("98765".parse().unwrap()),
        component: None,
    };
    let officer = Actor {
        person: "officer.98765".parse().unwrap(),
        name: "Officer".into(),
        grants: vec![grant],
        allocations: vec![],
    };
    Engine { _folder: folder, db, store, uploads, officer, sample: sample.parse().unwrap() }
}

impl Engine {
    fn creation(&self, section: &str, name: &str, length: u64) -> Creation {
        let place = Place::Section { candidate: "1005".parse().unwrap(), section: section.parse().unwrap() };
        Creation {
            sample: self.sample,
            wanted: Wanted::Place(place),
            name: name.parse().unwrap(),
            path: Default::default(),
            declared_type: None,
            modified: None,
            length: Some(length),
            sha256: None,
            replaces: None,
            shared_with: Vec::new(),
            planned: None,
            metadata: "filename YQ==".into(),
            concatenation: None,
            dialect: "test",
        }
    }

    async fn create(&self, section: &str, length: u64) -> FileId {
        let creation = self.creation(section, "work.pdf", length);
        self.uploads.create(&self.officer, &creation, "").await.unwrap().file
    }

    async fn lease(&self, file: FileId) -> Box<Lease> {
        match self.uploads.claim(&self.officer, file).await.unwrap() {
            Claimed::Open(lease) => lease,
            Claimed::Finished(_) => panic!("finished"),
        }
    }

    async fn text(&self, file: FileId, column: &str) -> String {
        let sql = format!("SELECT {column} FROM files WHERE id = $1");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(file.to_string())
            .fetch_one(self.db.reader())
            .await
            .unwrap()
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn body(
    frames: Vec<Vec<u8>>,
    broken: bool,
) -> impl futures_util::Stream<Item = Result<Piece, BodyError>> + Unpin {
    let mut items: Vec<_> = frames.into_iter().map(|frame| Ok(Bytes::from(frame).into())).collect();
    if broken {
        items.push(Err(BodyError("cut".into())));
    }
    stream::iter(items)
}

fn at(offset: u64) -> Append {
    Append { offset, ..Append::default() }
}

#[tokio::test]
async fn a_cut_keeps_every_byte_and_the_rest_makes_it_whole() {
    let engine = engine().await;
    let all = bytes(3_000_000);
    let file = engine.create("Evidence", all.len() as u64).await;
    let frames = all[..1_234_567].chunks(40_000).map(<[u8]>::to_vec).collect();
    let cut = engine.uploads.append(engine.lease(file).await, Append::default(), body(frames, true)).await;
    assert!(matches!(cut, Err(UploadError::Cut { committed: 1_234_567 })), "{cut:?}");

    let lease = engine.lease(file).await;
    assert_eq!(lease.offset(), 1_234_567);
    let wrong = engine.uploads.append(lease, at(5), body(vec![], false)).await;
    assert!(matches!(wrong, Err(UploadError::WrongOffset { committed: 1_234_567 })));

    let rest = body(vec![all[1_234_567..].to_vec()], false);
    let done = engine.uploads.append(engine.lease(file).await, at(1_234_567), rest).await.unwrap();
    assert!(done.whole.is_some());
    assert_eq!(engine.text(file, "state").await, FileState::Received.as_str());
    let digest = crate::evidence::Sha256Digest(Sha256::digest(&all).into());
    assert_eq!(engine.text(file, "sha256").await, digest.to_string());
    let name: crate::evidence::UniqueName = engine.text(file, "unique_name").await.parse().unwrap();
    assert_eq!(name.parts().unwrap().candidate.unwrap().1, "Evidence");
    let version = serde_json::from_str(&engine.text(file, "quarantine_version").await).unwrap();
    let key = engine.text(file, "quarantine_key").await.parse().unwrap();
    let stored = engine.store.local(&key, &version).await.unwrap().unwrap();
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut { stored }, &mut read).unwrap();
    assert_eq!(read, all);
    assert!(matches!(engine.uploads.claim(&engine.officer, file).await.unwrap(), Claimed::Finished(_)));
}

#[tokio::test]
async fn what_became_durable_on_the_way_counts_with_the_digest_of_its_border() {
    let engine = engine().await;
    let part = engine.store.part_size(0);
    let all = bytes(2 * part as usize + 1_234_567);
    let file = engine.create("Evidence", all.len() as u64).await;
    let frames: Vec<_> = all[..all.len() - 1].chunks(300_000).map(Bytes::copy_from_slice).collect();
    // Brings all but a byte, then stays silent.
    let silent = stream::iter(frames).map(|frame| Ok(frame.into())).chain(stream::pending());
    let (uploads, lease) = (engine.uploads.clone(), engine.lease(file).await);
    let mut held = tokio::task::JoinSet::new();
    held.spawn(async move { uploads.append(lease, Append::default(), silent).await });
    let offset = async {
        loop {
            let row = uploads::find(&engine.db, &engine.officer.person, file).await.unwrap().unwrap();
            if row.staged.offset > 0 {
                return row.staged.offset;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let early = tokio::time::timeout(Duration::from_secs(20), offset).await.unwrap();
    assert!(early.is_multiple_of(part), "{early}");
    // The process is gone in the middle of it.
    held.abort_all();
    while held.join_next().await.is_some() {}

    let lease = engine.lease(file).await;
    let offset = lease.offset();
    assert!(offset >= early && offset < all.len() as u64);
    let rest = body(vec![all[offset as usize..].to_vec()], false);
    let done = engine.uploads.append(lease, at(offset), rest).await.unwrap();
    let digest = crate::evidence::Sha256Digest(Sha256::digest(&all).into());
    assert_eq!(done.whole, Some(Whole { sha256: digest, agrees: true }));
}

#[tokio::test]
async fn a_body_with_more_than_the_file_leaves_no_byte_of_itself() {
    let engine = engine().await;
    let file = engine.create("Evidence", 1000).await;
    let first = body(vec![bytes(400)], false);
    engine.uploads.append(engine.lease(file).await, Append::default(), first).await.unwrap();
    // The last byte of the file ends a frame, or lies within one; more follows.
    for frames in [vec![bytes(600), vec![], bytes(1)], vec![bytes(100), bytes(501)], vec![bytes(601)]] {
        let over = engine.uploads.append(engine.lease(file).await, at(400), body(frames, false)).await;
        assert!(matches!(over, Err(UploadError::TooLong { limit: 1000 })), "{over:?}");
        engine.uploads.sweep().await.unwrap();
        assert_eq!(engine.lease(file).await.offset(), 400);
    }
    // A line that breaks after the last byte has brought the file, and nothing speaks for more.
    let all = [bytes(400), bytes(600)].concat();
    let cut = engine.uploads.append(engine.lease(file).await, at(400), body(vec![bytes(600)], true)).await;
    assert!(cut.is_ok_and(|appended| appended.whole.is_some()));
    let digest = crate::evidence::Sha256Digest(Sha256::digest(&all).into());
    assert_eq!(engine.text(file, "sha256").await, digest.to_string());
}

#[tokio::test]
async fn an_upload_lives_from_its_last_byte_but_not_for_ever_from_its_first() {
    let engine = engine().await;
    let day = jiff::SignedDuration::from_hours(24);
    let start = Clock::system().now();
    let clock = Clock::fixed(start);
    let ten_days = Duration::from_secs(10 * 24 * 3600);
    let limits = UploadLimits { keep_at_most: ten_days, ..UploadLimits::default() };
    let (db, store) = (engine.db.clone(), engine.store.clone());
    let uploads = Uploads::new(db, store, clock.clone(), limits, CancellationToken::new());
    sqlx::query("UPDATE samples SET due_at = $1, cut_off_at = $1")
        .bind((start + day * 6).as_microsecond())
        .execute(engine.db.reader())
        .await
        .unwrap();
    let creation = engine.creation("Evidence", "a.pdf", 100);
    let file = uploads.create(&engine.officer, &creation, "").await.unwrap().file;
    for (byte, today, last_day) in [(0, 0, 7), (1, 2, 9), (2, 5, 10)] {
        clock.set(start + day * today);
        let Claimed::Open(lease) = uploads.claim(&engine.officer, file).await.unwrap() else {
            panic!("finished")
        };
        let appended = uploads.append(lease, at(byte), body(vec![bytes(1)], false)).await.unwrap();
        assert_eq!(appended.expires_at.as_millisecond(), (start + day * last_day).as_millisecond());
    }
}

#[tokio::test]
async fn one_that_only_drips_is_ended_and_keeps_what_it_brought() {
    let engine = engine().await;
    let limits = UploadLimits { pace: 100, pace_over: Duration::from_millis(200), ..UploadLimits::default() };
    let (db, store) = (engine.db.clone(), engine.store.clone());
    let uploads = Uploads::new(db, store, Clock::system(), limits, CancellationToken::new());
    let file = engine.create("Evidence", 1000).await;
    let Claimed::Open(lease) = uploads.claim(&engine.officer, file).await.unwrap() else {
        panic!("finished")
    };
    let drip = stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok(Bytes::from_static(b".").into()), ()))
    });
    let ended = uploads.append(lease, Append::default(), Box::pin(drip)).await;
    assert!(matches!(ended, Err(UploadError::Cut { committed: 1.. })), "{ended:?}");
}

#[tokio::test]
async fn one_body_too_many_waits_without_a_byte_read() {
    let engine = engine().await;
    let limits = UploadLimits { streams: 1, ..UploadLimits::default() };
    let (db, store) = (engine.db.clone(), engine.store.clone());
    let uploads = Uploads::new(db, store, Clock::system(), limits, CancellationToken::new());
    let creation = engine.creation("Evidence", "a.pdf", 1000);
    let (_, first) = uploads.create_held(&engine.officer, &creation, "").await.unwrap();
    let second = uploads.create_held(&engine.officer, &engine.creation("URS", "b.pdf", 10), "").await;
    assert!(matches!(second, Err(CreateError::Crowded)), "{second:?}");
    let piece = NewPartial { place: None, length: Some(10), metadata: String::new(), dialect: "test" };
    let refused = uploads.create_partial_held(&engine.officer, &piece, "").await;
    assert!(matches!(refused, Err(CreateError::Crowded)), "{refused:?}");
    assert_eq!(engine.number("SELECT COUNT(*) FROM partials").await, 0, "nobody would learn its address");
    let second =
        uploads.create(&engine.officer, &engine.creation("URS", "b.pdf", 10), "").await.unwrap().file;
    let lease = async || match uploads.claim(&engine.officer, second).await.unwrap() {
        Claimed::Open(lease) => lease,
        Claimed::Finished(_) => panic!("finished"),
    };
    let unread = stream::poll_fn(|_| panic!("polled"));
    let crowded = uploads.append(lease().await, Append::default(), unread).await;
    assert!(matches!(crowded, Err(UploadError::Crowded)), "{crowded:?}");
    drop(first);
    let appended = uploads.append(lease().await, Append::default(), body(vec![bytes(10)], false)).await;
    assert!(appended.is_ok_and(|appended| appended.whole.is_some()));
}

#[tokio::test]
async fn a_silent_holder_gives_way_with_all_it_has_and_is_fenced() {
    let engine = engine().await;
    let file = engine.create("Evidence", 1000).await;
    let (send, receive) = tokio::sync::mpsc::channel::<Result<Piece, BodyError>>(4);
    send.send(Ok(Bytes::from(bytes(400)).into())).await.unwrap();
    let frames =
        Box::pin(stream::unfold(receive, async |mut receive| Some((receive.recv().await?, receive))));
    let lease = engine.lease(file).await;
    let uploads = engine.uploads.clone();
    let mut held = tokio::task::JoinSet::new();
    held.spawn(async move { uploads.append(lease, Append::default(), frames).await });
    tokio::task::yield_now().await;

    let lease = engine.lease(file).await;
    assert_eq!(lease.offset(), 400, "what had arrived is kept");
    assert!(matches!(held.join_next().await.unwrap().unwrap(), Err(UploadError::Evicted)));
    drop(send);
}

#[tokio::test]
async fn a_lease_that_was_overtaken_writes_nothing() {
    let engine = engine().await;
    let file = engine.create("Evidence", 1000).await;
    let stale = engine.lease(file).await;
    // Another node takes it: only the row knows.
    sqlx::query("UPDATE uploads SET epoch = epoch + 1").execute(engine.db.reader()).await.unwrap();
    let outcome = engine.uploads.append(stale, Append::default(), body(vec![bytes(1000)], false)).await;
    assert!(matches!(outcome, Err(UploadError::Evicted)), "{outcome:?}");
    assert_eq!(engine.lease(file).await.offset(), 0);
    assert_eq!(engine.text(file, "state").await, "created");
}

#[tokio::test]
async fn an_overtaken_request_is_told_so_whatever_its_store_finds() {
    let engine = engine().await;
    let file = engine.create("Evidence", 1000).await;
    let (send, receive) = tokio::sync::mpsc::channel::<Result<Piece, BodyError>>(4);
    let frames =
        Box::pin(stream::unfold(receive, async |mut receive| Some((receive.recv().await?, receive))));
    let (lease, uploads) = (engine.lease(file).await, engine.uploads.clone());
    let mut overtaken = tokio::task::JoinSet::new();
    overtaken.spawn(async move { uploads.append(lease, Append::default(), frames).await });
    send.send(Ok(Bytes::from(bytes(400)).into())).await.unwrap();
    // Another node takes it from the start, and its store removes what counts for nothing.
    tokio::time::sleep(Duration::from_millis(50)).await;
    sqlx::query("UPDATE uploads SET epoch = 9").execute(engine.db.reader()).await.unwrap();
    engine.store.discard(file, 9, &crate::object_store::Staged::default()).await.unwrap();
    send.send(Ok(Bytes::from(bytes(600)).into())).await.unwrap();
    drop(send);
    let outcome = overtaken.join_next().await.unwrap().unwrap();
    assert!(matches!(outcome, Err(UploadError::Evicted)), "{outcome:?}");
    assert!(engine.lease(file).await.offset() == 0);
}

#[tokio::test]
async fn a_file_of_no_bytes_is_whole_at_once_whoever_finds_it() {
    let engine = engine().await;
    let claimed = engine.create("Evidence", 0).await;
    let found = engine.uploads.claim(&engine.officer, claimed).await.unwrap();
    assert!(matches!(found, Claimed::Finished(Finished { length: 0, .. })), "{found:?}");
    let swept = engine.create("Evidence", 0).await;
    engine.uploads.sweep().await.unwrap();
    let digest = crate::evidence::Sha256Digest(Sha256::digest(b"").into());
    for file in [claimed, swept] {
        assert_eq!(engine.text(file, "state").await, "received");
        assert_eq!(engine.text(file, "sha256").await, digest.to_string());
    }
}

#[tokio::test]
async fn a_length_told_after_the_last_byte_makes_it_whole() {
    let engine = engine().await;
    let creation = Creation { length: None, ..engine.creation("Evidence", "a.pdf", 0) };
    let file = engine.uploads.create(&engine.officer, &creation, "").await.unwrap().file;
    let some = body(vec![bytes(1000)], false);
    assert!(
        engine
            .uploads
            .append(engine.lease(file).await, Append::default(), some)
            .await
            .unwrap()
            .whole
            .is_none()
    );
    let mut lease = engine.lease(file).await;
    engine.uploads.set_length(&mut lease, 1000).await.unwrap();
    // The node ends here.
    drop(lease);
    let found = engine.uploads.claim(&engine.officer, file).await.unwrap();
    assert!(matches!(found, Claimed::Finished(Finished { length: 1000, .. })), "{found:?}");
    assert_eq!(engine.text(file, "state").await, "received");
}

#[tokio::test]
async fn an_upload_that_moved_on_is_not_ended_by_others() {
    let engine = engine().await;
    let file = engine.create("URS", 10).await;
    let now = Clock::system().now();
    let early = now - jiff::SignedDuration::from_hours(1);
    for why in [End::SilentSince(early), End::Expired(now)] {
        let mut tx = engine.db.begin().await.unwrap();
        assert!(!uploads::end(&mut tx, file, why, now).await.unwrap(), "{why:?}");
        tx.commit().await.unwrap();
    }
    // All its bytes are here, and only the last step is missing: whatever the time, it is not ended.
    sqlx::query("UPDATE uploads SET offset_bytes = 10, last_byte_at = 0, expires_at = 0")
        .execute(engine.db.reader())
        .await
        .unwrap();
    for why in [End::Asked, End::SilentSince(now), End::Expired(now)] {
        let mut tx = engine.db.begin().await.unwrap();
        assert!(!uploads::end(&mut tx, file, why, now).await.unwrap(), "{why:?}");
    }
    let refused = engine.uploads.create(&engine.officer, &engine.creation("URS", "b.pdf", 10), "").await;
    assert!(matches!(refused, Err(CreateError::SectionFull { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_disk_that_would_fill_takes_no_new_file() {
    let engine = engine().await;
    let free = engine.store.free().await.unwrap().unwrap();
    let quotas = Quotas { floor: free - (300 << 20), ..Quotas::default() };
    let limits = UploadLimits { quotas, ..UploadLimits::default() };
    let (db, store) = (engine.db.clone(), engine.store.clone());
    let uploads = Uploads::new(db, store, Clock::system(), limits, CancellationToken::new());
    let film = async |name| {
        let creation = engine.creation("Film", name, 200 << 20);
        uploads.create(&engine.officer, &creation, "").await
    };
    film("a.mp4").await.unwrap();
    // Not one byte of the first is here, and yet there is no room for both.
    let refused = film("b.mp4").await;
    assert!(matches!(refused, Err(CreateError::NoRoom)), "{refused:?}");
}

#[tokio::test]
async fn a_full_section_refuses_and_a_silent_upload_gives_up_its_place() {
    let engine = engine().await;
    let first = engine.create("URS", 10).await;
    let refused = engine.uploads.create(&engine.officer, &engine.creation("URS", "b.pdf", 10), "").await;
    assert!(matches!(refused, Err(CreateError::SectionFull { max: 1, .. })), "{refused:?}");
    sqlx::query("UPDATE uploads SET last_byte_at = 0").execute(engine.db.reader()).await.unwrap();
    engine.uploads.create(&engine.officer, &engine.creation("URS", "b.pdf", 10), "").await.unwrap();
    assert!(matches!(engine.uploads.claim(&engine.officer, first).await, Err(UploadError::Gone)));
}

#[tokio::test]
async fn what_the_section_does_not_take_is_refused_before_a_byte() {
    let engine = engine().await;
    for (name, length) in [("a.exe", 10), ("a.mp4.exe", 10), ("a.url", 10), ("a.pdf", u64::MAX >> 1)] {
        let refused = engine.uploads.create(&engine.officer, &engine.creation("URS", name, length), "").await;
        let named = matches!(&refused, Err(CreateError::Refused { .. } | CreateError::TooLarge { .. }));
        assert!(named, "{name}: {refused:?}");
    }
    let mut elsewhere = engine.creation("URS", "a.pdf", 10);
    elsewhere.sample = Default::default();
    let unknown = engine.uploads.create(&engine.officer, &elsewhere, "").await;
    assert!(matches!(unknown, Err(CreateError::Unknown { .. })));
    let files: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM files").fetch_one(engine.db.reader()).await.unwrap();
    assert_eq!(files, 0);
}

#[tokio::test]
async fn a_cancelled_upload_is_gone_and_the_sweep_leaves_nothing_behind() {
    let engine = engine().await;
    let file = engine.create("Evidence", 1000).await;
    let cut = engine
        .uploads
        .append(engine.lease(file).await, Append::default(), body(vec![bytes(600)], true))
        .await;
    assert!(matches!(cut, Err(UploadError::Cut { committed: 600 })));
    assert_eq!(engine.store.list("quarantine/", None, 10).await.unwrap().len(), 1);
    engine.uploads.terminate(&engine.officer, file, "").await.unwrap();
    assert!(matches!(engine.uploads.claim(&engine.officer, file).await, Err(UploadError::Gone)));
    engine.uploads.sweep().await.unwrap();
    assert_eq!(engine.store.list("", None, 10).await.unwrap(), Vec::<String>::new());
    assert!(matches!(engine.uploads.claim(&engine.officer, file).await, Err(UploadError::Gone)));
    let rows: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM uploads").fetch_one(engine.db.reader()).await.unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn two_files_of_one_second_get_two_names() {
    let engine = engine().await;
    let clock = Clock::fixed("2026-10-25T01:30:00Z".parse().unwrap());
    let uploads = Uploads::new(
        engine.db.clone(),
        engine.store.clone(),
        clock.clone(),
        UploadLimits::default(),
        CancellationToken::new(),
    );
    let mut names = Vec::new();
    // The clock goes back an hour in London that night: 01:30 local comes twice.
    for at in ["2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        clock.set(at.parse().unwrap());
        let creation = engine.creation("Evidence", "a.pdf", 4);
        let file = uploads.create(&engine.officer, &creation, "").await.unwrap().file;
        let Claimed::Open(lease) = uploads.claim(&engine.officer, file).await.unwrap() else {
            panic!("finished")
        };
        uploads.append(lease, Append::default(), body(vec![b"%PDF".to_vec()], false)).await.unwrap();
        names.push(engine.text(file, "unique_name").await);
    }
    let stem = "01_3357_R085_01_98765_1005_Evidence_25_10_2026_01_30_00";
    assert_eq!(names, [format!("{stem}.pdf"), format!("{stem}_2.pdf"), format!("{stem}_3.pdf")]);
}

/// A request at `offset` that says what its bytes are: `of`.
fn proving(offset: u64, of: &[u8]) -> Append {
    let value = Sha256::digest(of).to_vec();
    let told = vec![Checksum { algorithm: Algorithm::Sha256, value }];
    Append { offset, proof: Proof { told, awaited: false }, ..Append::default() }
}

#[tokio::test]
async fn a_request_that_does_not_prove_itself_counts_for_nothing() {
    let engine = engine().await;
    let all = bytes(40 << 20);
    let file = engine.create("Evidence", all.len() as u64).await;
    let first = body(vec![all[..1000].to_vec()], false);
    let appended = engine.uploads.append(engine.lease(file).await, proving(0, &all[..1000]), first).await;
    assert_eq!(appended.unwrap().offset, 1000);
    // Much more than is flushed at a time, so steps are gathered; and to the end, so the file would be whole.
    let frames = || all[1000..].chunks(1 << 20).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let wrong =
        engine.uploads.append(engine.lease(file).await, proving(1000, &all), body(frames(), false)).await;
    assert!(matches!(wrong, Err(UploadError::Mismatch)), "{wrong:?}");
    assert_eq!(engine.lease(file).await.offset(), 1000);
    // A line that breaks after the last byte proves nothing.
    let right = proving(1000, &all[1000..]);
    let cut = engine.uploads.append(engine.lease(file).await, right.clone(), body(frames(), true)).await;
    assert!(matches!(cut, Err(UploadError::Cut { committed: 1000 })), "{cut:?}");
    assert_eq!(engine.lease(file).await.offset(), 1000);
    let mut long = frames();
    long.push(vec![0]);
    let over = engine.uploads.append(engine.lease(file).await, right.clone(), body(long, false)).await;
    assert!(matches!(over, Err(UploadError::TooLong { .. })), "{over:?}");
    assert_eq!(engine.lease(file).await.offset(), 1000);

    let done = engine.uploads.append(engine.lease(file).await, right, body(frames(), false)).await.unwrap();
    let sha256 = crate::evidence::Sha256Digest(Sha256::digest(&all).into());
    assert_eq!(done.whole, Some(Whole { sha256, agrees: true }));
    assert_eq!(engine.text(file, "sha256").await, sha256.to_string());
}

#[tokio::test]
async fn one_who_is_asked_to_stop_gives_up_what_is_not_proved() {
    let engine = engine().await;
    let file = engine.create("Evidence", 1000).await;
    let (send, receive) = tokio::sync::mpsc::channel::<Result<Piece, BodyError>>(4);
    let frames =
        Box::pin(stream::unfold(receive, async |mut receive| Some((receive.recv().await?, receive))));
    let (lease, uploads) = (engine.lease(file).await, engine.uploads.clone());
    let mut held = tokio::task::JoinSet::new();
    held.spawn(async move { uploads.append(lease, proving(0, b""), frames).await });
    send.send(Ok(Bytes::from(bytes(400)).into())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(engine.lease(file).await.offset(), 0);
    assert!(matches!(held.join_next().await.unwrap().unwrap(), Err(UploadError::Evicted)));
}

#[tokio::test]
async fn the_last_request_tells_the_length_that_nobody_has_told() {
    let engine = engine().await;
    let mut creation = engine.creation("Evidence", "work.pdf", 0);
    let sha256 = crate::evidence::Sha256Digest(Sha256::digest(bytes(900)).into());
    (creation.length, creation.sha256) = (None, Some(sha256));
    let file = engine.uploads.create(&engine.officer, &creation, "").await.unwrap().file;
    let first = Append { last: true, ..Append::default() };
    let cut = engine.uploads.append(engine.lease(file).await, first, body(vec![bytes(500)], true)).await;
    assert!(matches!(cut, Err(UploadError::Cut { committed: 500 })), "{cut:?}");
    assert_eq!(engine.lease(file).await.length(), None);
    let rest = Append { offset: 500, last: true, ..Append::default() };
    let rest =
        engine.uploads.append(engine.lease(file).await, rest, body(vec![bytes(900)[500..].to_vec()], false));
    let done = rest.await.unwrap();
    assert_eq!((done.offset, done.whole), (900, Some(Whole { sha256, agrees: true })));
    assert_eq!(engine.text(file, "state").await, "received");

    // Told before, it must be that; what came is kept.
    let file = engine.create("Evidence", 1000).await;
    let short = Append { last: true, ..Append::default() };
    let short = engine.uploads.append(engine.lease(file).await, short, body(vec![bytes(400)], false)).await;
    assert!(matches!(short, Err(UploadError::WrongLength)), "{short:?}");
    assert_eq!(engine.lease(file).await.offset(), 400);
}

impl Engine {
    async fn partial(&self, bytes: &[u8]) -> FileId {
        let new = NewPartial {
            place: None,
            length: Some(bytes.len() as u64),
            metadata: String::new(),
            dialect: "test",
        };
        let id = self.uploads.create_partial(&self.officer, &new, "").await.unwrap().file;
        if !bytes.is_empty() {
            let (half, rest) = bytes.split_at(bytes.len() / 2);
            let cut =
                self.uploads.append(self.lease(id).await, Append::default(), body(vec![half.to_vec()], true));
            assert!(matches!(cut.await, Err(UploadError::Cut { .. })));
            let lease = self.lease(id).await;
            assert_eq!((lease.offset(), lease.concat()), (half.len() as u64, Some("partial")));
            let rest = body(vec![rest.to_vec()], false);
            let done = self.uploads.append(lease, at(half.len() as u64), rest).await.unwrap();
            assert!(done.whole.is_some());
        }
        id
    }

    fn joined(&self, name: &str, partials: &[FileId]) -> Creation {
        let named: Vec<_> = partials.iter().map(|id| format!("/files/{id}")).collect();
        let concatenation =
            Concatenation { header: format!("final;{}", named.join(" ")), partials: partials.to_vec() };
        Creation { length: None, concatenation: Some(concatenation), ..self.creation("Evidence", name, 0) }
    }

    /// Puts together what waits for it, if there is anything.
    async fn join_next(&self) -> bool {
        let Some(lease) = self.uploads.next_unjoined().await.unwrap() else { return false };
        self.uploads.put_together(lease).await.unwrap();
        true
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db.reader()).await.unwrap()
    }
}

#[tokio::test]
async fn a_file_is_put_together_from_its_pieces_and_only_then_do_they_go() {
    let engine = engine().await;
    let all = bytes(3_000_000);
    let first = engine.partial(&all[..1_000_000]).await;
    let empty = engine.partial(&[]).await;
    assert!(matches!(
        engine.uploads.claim(&engine.officer, empty).await.unwrap(),
        Claimed::Finished(Finished { length: 0, expires_at: Some(_), .. })
    ));
    let second = engine.partial(&all[1_000_000..]).await;
    assert_eq!(engine.number("SELECT COUNT(*) FROM files").await, 0);
    let creation = engine.joined("work.pdf", &[first, empty, second, first]);
    let file = engine.uploads.create(&engine.officer, &creation, "").await.unwrap().file;
    // All of it is here, and nobody takes it from whoever puts it together.
    for _ in 0..2 {
        let Claimed::Finished(found) = engine.uploads.claim(&engine.officer, file).await.unwrap() else {
            panic!("open")
        };
        assert!(found.is_final() && found.whole.is_none());
        assert_eq!(found.length, 4_000_000);
        assert_eq!(found.concat.as_deref(), Some(&*creation.concatenation.as_ref().unwrap().header));
    }
    let cancelled = engine.uploads.terminate(&engine.officer, first, "").await;
    assert!(matches!(cancelled, Err(UploadError::Finished)), "{cancelled:?}");
    engine.uploads.sweep().await.unwrap();
    assert_eq!(engine.number("SELECT COUNT(*) FROM files WHERE state = 'created'").await, 1);
    assert_eq!(engine.store.list("quarantine/", None, 10).await.unwrap().len(), 3);

    assert!(engine.join_next().await);
    assert!(!engine.join_next().await);
    assert_eq!(engine.text(file, "state").await, "received");
    assert_eq!(engine.store.list("quarantine/", None, 10).await.unwrap().len(), 4);
    let cancelled = engine.uploads.terminate(&engine.officer, file, "").await;
    assert!(matches!(cancelled, Err(UploadError::Finished)), "{cancelled:?}");
    engine.uploads.sweep().await.unwrap();
    let left = engine.store.list("", None, 10).await.unwrap();
    assert!(left.len() == 1 && left[0].contains(&file.to_string()), "{left:?}");
    let version = serde_json::from_str(&engine.text(file, "quarantine_version").await).unwrap();
    let key = engine.text(file, "quarantine_key").await.parse().unwrap();
    let stored = engine.store.local(&key, &version).await.unwrap().unwrap();
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut { stored }, &mut read).unwrap();
    assert!(read == [&all[..], &all[..1_000_000]].concat());

    // Its answer was lost: asked again, word for word, it is the same file.
    let again = engine.uploads.create(&engine.officer, &creation, "").await.unwrap().file;
    assert_eq!(again, file);
    assert!(matches!(
        engine.uploads.claim(&engine.officer, second).await.unwrap(),
        Claimed::Finished(Finished { length: 2_000_000, .. })
    ));
    let other = engine.uploads.create(&engine.officer, &engine.joined("b.pdf", &[second]), "").await;
    assert!(matches!(other, Err(CreateError::PartialTaken)), "{other:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_put_together_ends_when_its_sender_asks_and_not_before() {
    let engine = engine().await;
    let pieces = [engine.partial(&bytes(700)).await, engine.partial(&bytes(300)).await];
    let creation = engine.joined("a.pdf", &pieces);
    let file = engine.uploads.create(&engine.officer, &creation, "").await.unwrap().file;
    let gone: String = sqlx::query_scalar("SELECT object_key FROM partials ORDER BY id DESC")
        .fetch_one(engine.db.reader())
        .await
        .unwrap();
    engine.store.delete(&gone.parse().unwrap()).await.unwrap();
    sqlx::query("UPDATE uploads SET multipart = 'kept' WHERE concat <> 'partial'")
        .execute(engine.db.reader())
        .await
        .unwrap();
    assert!(engine.join_next().await);
    assert_eq!(engine.text(file, "state").await, "created");
    assert_eq!(engine.number("SELECT COUNT(*) FROM uploads WHERE multipart = 'kept'").await, 1);
    sqlx::query("UPDATE uploads SET expires_at = 0, last_byte_at = 0, lease_until = 0")
        .execute(engine.db.reader())
        .await
        .unwrap();
    let now = Clock::system().now();
    for why in [End::SilentSince(now), End::Expired(now)] {
        let mut tx = engine.db.begin().await.unwrap();
        assert!(!uploads::end(&mut tx, file, why, now).await.unwrap(), "{why:?}");
    }
    engine.uploads.sweep().await.unwrap();
    assert_eq!(engine.text(file, "state").await, "created");

    // While somebody is at it, too: whoever that is commits no more.
    let mut tx = engine.db.begin().await.unwrap();
    let claimed = crate::database::partials::claim_unjoined(&mut tx, "another", 10_000_000).await.unwrap();
    tx.commit().await.unwrap();
    engine.uploads.terminate(&engine.officer, file, "").await.unwrap();
    let now = uploads::epoch(&engine.db, file).await.unwrap();
    assert!(now.is_some_and(|now| now > claimed.unwrap().epoch));
    assert!(matches!(engine.uploads.claim(&engine.officer, file).await, Err(UploadError::Gone)));
    assert_eq!(engine.text(file, "state").await, "cancelled");
    assert!(!engine.join_next().await);
    engine.uploads.sweep().await.unwrap();
    assert_eq!(engine.store.list("", None, 10).await.unwrap(), Vec::<String>::new());
    let again = engine.uploads.terminate(&engine.officer, file, "").await;
    assert!(matches!(again, Err(UploadError::Gone)), "{again:?}");
    // Nor does the same request make it anew, or another make use of its pieces.
    for creation in [creation, engine.joined("b.pdf", &pieces[..1])] {
        let gone = engine.uploads.create(&engine.officer, &creation, "").await;
        assert!(matches!(gone, Err(CreateError::PartialGone)), "{gone:?}");
    }
}

#[tokio::test]
async fn of_requests_alike_and_at_once_one_makes_the_file_and_all_are_told() {
    let engine = engine().await;
    let piece = engine.partial(&bytes(700)).await;
    let creation = engine.joined("a.pdf", &[piece]);
    // All wait for the database together, so that each looks for the file before one has made it.
    let held = engine.db.begin().await.unwrap();
    let create = || engine.uploads.create(&engine.officer, &creation, "");
    let freed = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(held);
    };
    let (one, two, three, ()) = tokio::join!(create(), create(), create(), freed);
    let file = one.unwrap().file;
    assert_eq!([two.unwrap().file, three.unwrap().file], [file; 2]);
    assert_eq!(engine.number("SELECT COUNT(*) FROM files").await, 1);
}

#[tokio::test]
async fn a_file_of_empty_pieces_is_empty() {
    let engine = engine().await;
    // It is whole when its creation is answered.
    let empty = engine.partial(&[]).await;
    let creation = engine.joined("a.pdf", &[empty]);
    let file = engine.uploads.create(&engine.officer, &creation, "").await.unwrap().file;
    assert!(engine.join_next().await);
    assert_eq!(engine.text(file, "state").await, "received");
}

#[tokio::test]
async fn a_partial_is_its_persons_alone_and_must_be_finished() {
    let engine = engine().await;
    let whole = engine.partial(&bytes(1000)).await;
    let stranger = Actor { person: "teacher.98765".parse().unwrap(), ..engine.officer.clone() };
    let found = engine.uploads.claim(&stranger, whole).await;
    assert!(matches!(found, Err(UploadError::Unknown)), "{found:?}");
    let cancelled = engine.uploads.terminate(&stranger, whole, "").await;
    assert!(matches!(cancelled, Err(UploadError::Unknown)), "{cancelled:?}");
    let creation = engine.joined("a.pdf", &[whole]);
    let refused = engine.uploads.create(&stranger, &creation, "").await;
    assert!(matches!(refused, Err(CreateError::Unknown { .. })), "{refused:?}");

    let new = NewPartial { place: None, length: Some(10), metadata: String::new(), dialect: "test" };
    let open = engine.uploads.create_partial(&engine.officer, &new, "").await.unwrap().file;
    let refused = engine.uploads.create(&engine.officer, &engine.joined("a.pdf", &[whole, open]), "").await;
    assert!(matches!(refused, Err(CreateError::PartialUnfinished)), "{refused:?}");
    let refused = engine.uploads.create(&engine.officer, &engine.joined("a.exe", &[whole]), "").await;
    assert!(matches!(refused, Err(CreateError::Refused { .. })), "{refused:?}");
    // The refusals took nothing.
    engine.uploads.create(&engine.officer, &creation, "").await.unwrap();

    let large = NewPartial { length: Some(u64::MAX >> 1), ..new };
    let refused = engine.uploads.create_partial(&engine.officer, &large, "").await;
    assert!(matches!(refused, Err(CreateError::TooLarge { .. })), "{refused:?}");
    let nobody = Actor { person: "moderator.1".parse().unwrap(), grants: vec![], ..engine.officer.clone() };
    let small = NewPartial { length: Some(1), ..large };
    let refused = engine.uploads.create_partial(&nobody, &small, "").await;
    assert!(matches!(refused, Err(CreateError::Forbidden)), "{refused:?}");
}

#[tokio::test]
async fn a_partial_is_nobodys_who_no_longer_works_where_it_was_begun() {
    let engine = engine().await;
    let place = Place::Section { candidate: "1005".parse().unwrap(), section: "Evidence".parse().unwrap() };
    let new = |place| NewPartial { place, length: Some(10), metadata: String::new(), dialect: "test" };
    let mut partials = Vec::new();
    for place in [None, Some((engine.sample, Wanted::Place(place)))] {
        for ended in [false, true] {
            let made = engine.uploads.create_partial(&engine.officer, &new(place.clone()), "").await.unwrap();
            if ended {
                engine.uploads.terminate(&engine.officer, made.file, "").await.unwrap();
            } else {
                engine.lease(made.file).await;
            }
            partials.push(made.file);
        }
    }
    engine.uploads.sweep().await.unwrap();
    sqlx::query("UPDATE roles SET centre_number = '20461' WHERE person_id = 'officer.98765'")
        .execute(engine.db.reader())
        .await
        .unwrap();
    for partial in partials {
        let found = engine.uploads.claim(&engine.officer, partial).await;
        assert!(matches!(found, Err(UploadError::Unknown)), "{found:?}");
    }
}

#[tokio::test]
async fn a_partial_begun_for_a_place_goes_nowhere_else() {
    let engine = engine().await;
    let place = |section: &str| {
        let place = Place::Section { candidate: "1005".parse().unwrap(), section: section.parse().unwrap() };
        Some((engine.sample, Wanted::Place(place)))
    };
    let new = |section| NewPartial {
        place: place(section),
        length: Some(0),
        metadata: String::new(),
        dialect: "test",
    };
    let there = engine.uploads.create_partial(&engine.officer, &new("Film"), "").await.unwrap().file;
    let here = engine.uploads.create_partial(&engine.officer, &new("Evidence"), "").await.unwrap().file;
    let refused = engine.uploads.create(&engine.officer, &engine.joined("a.pdf", &[here, there]), "").await;
    assert!(matches!(refused, Err(CreateError::PartialElsewhere)), "{refused:?}");
    engine.uploads.create(&engine.officer, &engine.joined("a.pdf", &[here]), "").await.unwrap();
    let unknown = engine.uploads.create_partial(&engine.officer, &new("Nothing"), "").await;
    assert!(matches!(unknown, Err(CreateError::Unknown { .. })), "{unknown:?}");
}

#[tokio::test]
async fn a_file_in_pieces_that_was_begun_in_time_is_made_after_cut_off() {
    let engine = engine().await;
    let place = Place::Section { candidate: "1005".parse().unwrap(), section: "Evidence".parse().unwrap() };
    let place = Some((engine.sample, Wanted::Place(place)));
    let new = |place| NewPartial { place, length: Some(0), metadata: String::new(), dialect: "test" };
    let create = async |place| engine.uploads.create_partial(&engine.officer, &new(place), "").await;
    let (here, last) = (create(place.clone()).await.unwrap().file, create(place.clone()).await.unwrap().file);
    let anywhere = create(None).await.unwrap().file;
    let open = NewPartial { length: Some(20), ..new(place.clone()) };
    let open = engine.uploads.create_partial(&engine.officer, &open, "").await.unwrap().file;
    let end = async |cut_off_ago: i64| {
        let cut_off = Clock::system().now() - jiff::SignedDuration::from_secs(cut_off_ago);
        sqlx::query("UPDATE samples SET due_at = $1, cut_off_at = $1, grace_seconds = 3600")
            .bind(cut_off.as_microsecond())
            .execute(engine.db.reader())
            .await
            .unwrap();
    };
    sqlx::query("UPDATE partials SET created_at = created_at - 60000000")
        .execute(engine.db.reader())
        .await
        .unwrap();
    end(30).await;
    let refused = create(place).await;
    assert!(matches!(refused, Err(CreateError::Closed { .. })), "{refused:?}");
    let some = body(vec![bytes(10)], false);
    engine.uploads.append(engine.lease(open).await, Append::default(), some).await.unwrap();
    for partials in [&[anywhere][..], &[here, anywhere]] {
        let refused = engine.uploads.create(&engine.officer, &engine.joined("a.pdf", partials), "").await;
        assert!(matches!(refused, Err(CreateError::Closed { .. })), "{refused:?}");
    }
    let made =
        engine.uploads.create(&engine.officer, &engine.joined("a.pdf", &[here]), "").await.unwrap().file;
    let late: i64 = sqlx::query_scalar("SELECT late FROM files WHERE id = $1")
        .bind(made.to_string())
        .fetch_one(engine.db.reader())
        .await
        .unwrap();
    assert_eq!(late, 0);

    end(3601).await;
    let refused = engine.uploads.create(&engine.officer, &engine.joined("b.pdf", &[last]), "").await;
    assert!(matches!(refused, Err(CreateError::Closed { .. })), "{refused:?}");
    let gone = engine.uploads.append(engine.lease(open).await, at(10), body(vec![bytes(10)], false)).await;
    assert!(matches!(gone, Err(UploadError::Gone)), "{gone:?}");
}

#[tokio::test]
async fn a_partial_is_kept_as_long_as_an_upload_of_its_own() {
    let engine = engine().await;
    let limits = UploadLimits::default();
    let begun = Clock::system().now();
    let half = engine.create_half().await;
    let kept = engine.lease(half).await.expires_at();
    assert!(kept >= begun + limits.keep && kept < begun + limits.keep + Duration::from_secs(60), "{kept}");
}

#[tokio::test]
async fn partials_that_nobody_takes_go_and_are_known_for_a_while() {
    let engine = engine().await;
    let (asked, whole, half) =
        (engine.partial(&bytes(10)).await, engine.partial(&bytes(10)).await, engine.create_half().await);
    engine.uploads.terminate(&engine.officer, asked, "").await.unwrap();
    sqlx::query("UPDATE uploads SET expires_at = 0").execute(engine.db.reader()).await.unwrap();
    engine.uploads.sweep().await.unwrap();
    assert_eq!(engine.store.list("", None, 10).await.unwrap(), Vec::<String>::new());
    assert_eq!(engine.number("SELECT COUNT(*) FROM uploads").await, 0);
    for partial in [asked, whole, half] {
        let gone = engine.uploads.claim(&engine.officer, partial).await;
        assert!(matches!(gone, Err(UploadError::Gone)), "{gone:?}");
        let creation = engine.joined("a.pdf", &[partial]);
        let gone = engine.uploads.create(&engine.officer, &creation, "").await;
        assert!(matches!(gone, Err(CreateError::PartialGone)), "{gone:?}");
    }
    assert_eq!(engine.number("SELECT COUNT(*) FROM audit WHERE action = 'partial.expired'").await, 2);
    sqlx::query("UPDATE partials SET ended_at = 0").execute(engine.db.reader()).await.unwrap();
    engine.uploads.sweep().await.unwrap();
    assert_eq!(engine.number("SELECT COUNT(*) FROM partials").await, 0);
    assert!(matches!(engine.uploads.claim(&engine.officer, half).await, Err(UploadError::Unknown)));
}

#[tokio::test]
async fn what_an_overridden_writer_of_a_partial_leaves_is_removed() {
    let engine = engine().await;
    let taken = engine.partial(&bytes(10)).await;
    engine.uploads.create(&engine.officer, &engine.joined("a.pdf", &[taken]), "").await.unwrap();
    let [whole, ended] = [engine.partial(&bytes(10)).await, engine.partial(&bytes(10)).await];
    engine.uploads.terminate(&engine.officer, ended, "").await.unwrap();
    assert!(engine.join_next().await);
    engine.uploads.sweep().await.unwrap();
    let (unknown, ancient) = (FileId::new(), "0123456789ab7def8123456789abcdef".parse().unwrap());
    for file in [taken, ended, unknown, ancient] {
        let mut late = engine.store.resume(file, 99, &Default::default()).await.unwrap();
        late.write(Bytes::from(bytes(10))).await.unwrap();
        late.finish().await.unwrap();
    }
    let next = engine.uploads.clear_left_behind(None).await.unwrap();
    engine.uploads.clear_left_behind(next).await.unwrap();
    let left = engine.store.list("quarantine/", None, 10).await.unwrap();
    let is_left = |file: FileId| left.iter().any(|path| path.contains(&file.to_string()));
    assert_eq!([whole, taken, ended, unknown, ancient].map(is_left), [true, false, false, true, false]);
}

impl Engine {
    async fn create_half(&self) -> FileId {
        let new = NewPartial { place: None, length: Some(20), metadata: String::new(), dialect: "test" };
        let half = self.uploads.create_partial(&self.officer, &new, "").await.unwrap().file;
        let some = body(vec![bytes(10)], false);
        self.uploads.append(self.lease(half).await, Append::default(), some).await.unwrap();
        half
    }
}

#[tokio::test]
async fn what_was_put_together_and_vanished_is_put_together_again() {
    let engine = engine().await;
    let all = bytes(2000);
    let partials = [engine.partial(&all[..700]).await, engine.partial(&all[700..]).await];
    let creation = engine.joined("a.pdf", &partials);
    let file = engine.uploads.create(&engine.officer, &creation, "").await.unwrap().file;
    // Its ledger says that all is there; something else is.
    sqlx::query("UPDATE uploads SET object_epoch = 7, offset_bytes = 2000 WHERE concat <> 'partial'")
        .execute(engine.db.reader())
        .await
        .unwrap();
    let mut other = engine.store.resume(file, 1, &Default::default()).await.unwrap();
    other.write(Bytes::from(bytes(10))).await.unwrap();
    other.finish().await.unwrap();
    assert!(engine.join_next().await);
    assert_eq!(engine.text(file, "state").await, "created");
    let left = engine.store.list(&format!("quarantine/{file}/"), None, 10).await.unwrap();
    assert_eq!(left, Vec::<String>::new(), "what is forgotten is removed first");
    assert!(!engine.join_next().await, "it is left alone for a while");
    sqlx::query("UPDATE uploads SET lease_until = 0").execute(engine.db.reader()).await.unwrap();
    assert!(engine.join_next().await);
    assert_eq!(engine.text(file, "state").await, "received");
}

#[tokio::test]
async fn one_person_may_have_so_many_partials_and_they_count_for_the_centre() {
    let engine = engine().await;
    let quotas = Quotas { open: 2, ..Quotas::default() };
    let limits = UploadLimits { quotas, ..UploadLimits::default() };
    let (db, store) = (engine.db.clone(), engine.store.clone());
    let uploads = Uploads::new(db, store, Clock::system(), limits, CancellationToken::new());
    let new = NewPartial { place: None, length: Some(20), metadata: String::new(), dialect: "test" };
    for _ in 0..2 {
        uploads.create_partial(&engine.officer, &new, "").await.unwrap();
    }
    let refused = uploads.create_partial(&engine.officer, &new, "").await;
    assert!(matches!(refused, Err(CreateError::Quota { limit: 2, .. })), "{refused:?}");
    sqlx::query(
        "INSERT INTO partials (id, state, person_id, centre_number, candidate_id, kind, section, created_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 510) \
         SELECT i, 'open', 'officer.98765', 'elsewhere', '', '', '', 0 FROM n",
    )
    .execute(engine.db.reader())
    .await
    .unwrap();
    let refused = engine.uploads.create_partial(&engine.officer, &new, "").await;
    assert!(matches!(refused, Err(CreateError::Quota { limit: 512, .. })), "{refused:?}");
}
