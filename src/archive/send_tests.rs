//! Downloads from a real folder: whole, in parts, stopped, and stalled.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::*;
use crate::evidence::Sha256Digest;
use crate::ids::{FileId, SampleId};
use crate::object_store::filesystem::FilesystemStore;
use crate::object_store::{ObjectKey, ObjectStore, Staged};
use crate::shares::Crowded;

struct World {
    folder: tempfile::TempDir,
    store: Arc<FilesystemStore>,
    downloads: Downloads,
    refused: Arc<Mutex<BTreeSet<FileId>>>,
    finished: Arc<Mutex<Vec<Finished>>>,
}

impl World {
    async fn new(patience: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(FilesystemStore::open(folder.path()).await.unwrap());
        let limits = Limits { all: 3, each: 2, patience: Patience { store: patience, receiver: patience } };
        let downloads = Downloads::new(store.clone(), limits);
        Self { folder, store, downloads, refused: Arc::default(), finished: Arc::default() }
    }

    /// An accepted file of these bytes.
    async fn accept(&self, bytes: &[u8]) -> StoredObject {
        let (file, mut staged) = (FileId::new(), Staged::default());
        let mut writer = self.store.resume(file, 1, &staged).await.unwrap();
        writer.write(Bytes::copy_from_slice(bytes)).await.unwrap();
        staged.advance(&writer.finish().await.unwrap());
        let (from, version) = self.store.seal(file, 1, &staged, bytes.len() as u64).await.unwrap();
        let name = "01_3357_R085_01_98765_1005_URS_14_01_2021_12_14_11.mp4".parse().unwrap();
        let key = ObjectKey::Evidence { sample: SampleId::new(), file, name };
        let version = self.store.promote(&from, &version, crc32fast::hash(bytes), &key).await.unwrap();
        StoredObject::new(file, key, version, Sha256Digest(Sha256::digest(bytes).into())).unwrap()
    }

    fn start(&self, parcel: &Parcel, range: std::ops::Range<u64>) -> Download {
        let place = self.downloads.place(&"mod.1".parse().unwrap()).unwrap();
        let (refused, finished) = (self.refused.clone(), self.finished.clone());
        let gate: Gate = Arc::new(move |file| {
            let allowed = !refused.lock().unwrap().contains(&file);
            Box::pin(async move { Ok(allowed) })
        });
        let note: OnFinished =
            Box::new(move |how| Box::pin(async move { finished.lock().unwrap().push(how) }));
        self.downloads.start(place, parcel.clone(), range, gate, note)
    }

    /// How the downloads ended, once all have.
    async fn ends(self) -> Vec<Finished> {
        self.downloads.close().await;
        self.finished.lock().unwrap().clone()
    }

    async fn wait_for_ends(&self, count: usize) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.finished.lock().unwrap().len() < count {
            assert!(Instant::now() < until, "a download did not end");
            tokio::task::yield_now().await;
        }
    }
}

const PATIENT: Duration = Duration::from_secs(30);

async fn read(mut download: Download) -> (Vec<u8>, Option<SendError>) {
    let mut all = Vec::new();
    while let Some(piece) = download.next().await {
        match piece {
            Ok(piece) => all.extend_from_slice(&piece),
            Err(why) => return (all, Some(why)),
        }
    }
    (all, None)
}

fn noise(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| (i / 7 % 256) as u8 ^ (i % 13) as u8 ^ seed).collect()
}

fn zip_of(objects: &[(&str, &StoredObject, &[u8])]) -> Parcel {
    let member = |(path, object, bytes): &(&str, &StoredObject, &[u8])| {
        Member::stored((*path).into(), (*object).clone(), crc32fast::hash(bytes))
    };
    let mut members: Vec<Member> = objects.iter().map(member).collect();
    members.push(Member::inline("SHA256SUMS".into(), Bytes::from_static(b"sums")));
    Parcel::Zip(Arc::new(Layout::new(members).unwrap()))
}

#[tokio::test]
async fn a_zip_arrives_whole_and_any_part_of_it_is_the_same_bytes() {
    let world = World::new(PATIENT).await;
    let (one, two) = (noise(700_000, 1), noise(13, 2));
    let (a, b) = (world.accept(&one).await, world.accept(&two).await);
    let parcel = zip_of(&[("c/1005/a.mp4", &a, &one), ("c/1005/b.mp4", &b, &two)]);
    let (whole, end) = read(world.start(&parcel, 0..parcel.len())).await;
    assert!(end.is_none(), "{end:?}");
    let mut zip = zip::ZipArchive::new(Cursor::new(&whole)).unwrap();
    for (name, bytes) in [("c/1005/a.mp4", &one), ("c/1005/b.mp4", &two)] {
        let mut found = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut found).unwrap();
        assert_eq!(&found, bytes);
    }
    for range in [0..1, 40..100, 65..700_200, 699_990..parcel.len(), 5..5] {
        let (part, end) = read(world.start(&parcel, range.clone())).await;
        assert!(end.is_none(), "{end:?}");
        assert_eq!(part, whole[range.start as usize..range.end as usize]);
    }
    assert!(world.ends().await.iter().all(|end| end.broken.is_none()));
}

#[tokio::test]
async fn a_file_arrives_whole_and_in_part() {
    let world = World::new(PATIENT).await;
    let bytes = noise(600_001, 3);
    let parcel = Parcel::File(world.accept(&bytes).await);
    assert_eq!(read(world.start(&parcel, 0..600_001)).await.0, bytes);
    assert_eq!(read(world.start(&parcel, 10..20)).await.0, bytes[10..20]);
    let ends = world.ends().await;
    assert_eq!(ends.iter().map(|end| end.bytes).sum::<u64>(), 600_011);
}

#[tokio::test]
async fn a_member_that_may_not_leave_any_more_breaks_the_zip() {
    let world = World::new(PATIENT).await;
    let (one, two) = (noise(50_000, 1), noise(50_000, 2));
    let (a, b) = (world.accept(&one).await, world.accept(&two).await);
    let parcel = zip_of(&[("a", &a, &one), ("b", &b, &two)]);
    world.refused.lock().unwrap().insert(b.file());
    let (part, end) = read(world.start(&parcel, 0..parcel.len())).await;
    assert!(matches!(end, Some(SendError::Withdrawn { file }) if file == b.file()), "{end:?}");
    assert!(part.len() > 50_000 && part.len() < 51_000);
    assert!(zip::ZipArchive::new(Cursor::new(part)).is_err());
    // What cannot begin is known before an answer is begun.
    let mut none = world.start(&Parcel::File(b), 0..50_000);
    assert!(matches!(none.begin().await, Err(SendError::Withdrawn { .. })));
    assert!(world.ends().await.iter().all(|end| end.broken == Some("withdrawn")));
}

#[tokio::test]
async fn bytes_that_are_not_those_that_were_judged_never_arrive_whole() {
    let world = World::new(PATIENT).await;
    let bytes = noise(400_000, 1);
    let object = world.accept(&bytes).await;
    // One bit, with size and time as they were: the store cannot tell.
    let place = world.folder.path().join(object.key().path());
    let modified = std::fs::metadata(&place).unwrap().modified().unwrap();
    let mut changed = bytes.clone();
    changed[399_999] ^= 1;
    std::fs::write(&place, changed).unwrap();
    std::fs::File::options().append(true).open(&place).unwrap().set_modified(modified).unwrap();
    let (part, end) = read(world.start(&Parcel::File(object), 0..400_000)).await;
    assert!(matches!(end, Some(SendError::Mismatch { .. })), "{end:?}");
    assert!(part.len() < bytes.len());
    assert_eq!(world.ends().await[0].broken, Some("digest_mismatch"));
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_is_let_go_and_one_that_goes_is_noticed() {
    let world = World::new(Duration::from_millis(50)).await;
    let parcel = Parcel::File(world.accept(&noise(4 << 20, 1)).await);
    let stalled = world.start(&parcel, 0..4 << 20);
    world.wait_for_ends(1).await;
    // It comes back too late: what it gets is an error and not an end.
    let (part, end) = read(stalled).await;
    assert!(end.is_some() && part.len() < 4 << 20);
    drop(world.start(&parcel, 0..4 << 20));
    world.wait_for_ends(2).await;
    let ends = world.ends().await;
    assert_eq!(ends[0].broken, Some("receiver_stalled"));
    assert_eq!(ends[1].broken, Some("receiver_gone"));
}

#[tokio::test]
async fn one_person_does_not_take_every_place_and_places_come_back() {
    let world = World::new(PATIENT).await;
    let (one, two) = ("mod.1".parse().unwrap(), "mod.2".parse().unwrap());
    let first = world.downloads.place(&one).unwrap();
    let second = world.downloads.place(&one).unwrap();
    assert_eq!(world.downloads.place(&one).unwrap_err(), Crowded::Each);
    let third = world.downloads.place(&two).unwrap();
    assert_eq!(world.downloads.place(&two).unwrap_err(), Crowded::All);
    drop((first, second, third));
    assert!(world.downloads.place(&one).is_ok());
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_gibibyte_is_sent_to_its_end() {
    const SIZE: u64 = 1 << 30;
    let world = World::new(PATIENT).await;
    let seed = world.accept(b"x").await;
    // A hole of a gibibyte; its last byte is left out, so that its digest does not matter here.
    let place = world.folder.path().join(seed.key().path());
    std::fs::File::options().write(true).open(&place).unwrap().set_len(SIZE).unwrap();
    let version = world.store.head(seed.key()).await.unwrap().unwrap();
    let object = StoredObject::new(seed.file(), seed.key().clone(), version, seed.sha256()).unwrap();
    let mut download = world.start(&Parcel::File(object), 0..SIZE - 1);
    let (before, mut most, mut taken) = (resident(), 0, 0);
    while let Some(piece) = download.next().await {
        taken += piece.unwrap().len() as u64;
        if taken.is_multiple_of(64 << 20) {
            most = most.max(resident());
        }
    }
    assert_eq!(taken, SIZE - 1);
    assert!(most > 0);
    println!("grew by {}", most.saturating_sub(before));
}

/// In a process where nothing else runs.
#[test]
fn memory_does_not_grow_with_what_is_sent() {
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--exact", "archive::send_tests::a_gibibyte_is_sent_to_its_end", "--nocapture"]);
    let output = alone.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let grown =
        text.lines().find_map(|line| line.split_once("grew by ")).map(|(_, bytes)| bytes.parse::<u64>());
    assert!(output.status.success() && matches!(grown, Some(Ok(grown)) if grown < 96 << 20), "{text}");
}
