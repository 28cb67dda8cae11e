//! What every store must do, whichever it is. Each case is given a store of its own, empty.

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

use super::{Durable, ObjectKey, ObjectStore, ObjectVersion, Staged, StagedWriter, StoreError};
use crate::ids::{FileId, SampleId};

/// Makes a test of each case for the store that `$open` makes (`async fn() -> (impl Deref<Target = dyn ObjectStore>,
/// guard)`).
macro_rules! conformance {
    ($open:path) => {
        $crate::object_store::conformance::conformance!($open:
            every_size_is_kept_and_sealed_twice_alike,
            a_cut_upload_goes_on_at_any_offset,
            what_was_not_committed_is_dropped,
            a_last_step_that_was_never_committed_is_taken_again,
            what_lies_in_pieces_alone_becomes_an_object,
            a_writer_that_was_taken_over_spoils_nothing,
            staged_bytes_that_vanish_are_lost,
            promotion_may_be_repeated_and_overwrites_nothing,
            objects_are_put_together_in_any_sizes,
            putting_together_may_be_cut_short_anywhere,
            what_is_put_together_needs_all_its_pieces_as_they_were,
            a_read_is_exactly_its_range_of_its_version,
            deletion_may_be_repeated,
            discarding_leaves_nothing,
            lists_come_in_pages_and_in_order,
            random_splits_give_the_same_digest,
        );
    };
    ($open:path: $($case:ident),* $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (store, _guard) = $open().await;
            $crate::object_store::conformance::$case(&*store).await;
        })*
    };
}
pub(super) use conformance;

/// A crash between the sealed object and the row that says so: the ledger of before still holds.
pub(super) async fn a_last_step_that_was_never_committed_is_taken_again(store: &dyn ObjectStore) {
    let mut upload = Upload::new(store, 300_000, 31);
    let mut writer = upload.resume(store).await;
    upload.write(store, &mut *writer, 0..100_000, 50_000).await;
    upload.flush(store, &mut *writer).await;
    let mut writer = upload.resume(store).await;
    upload.write(store, &mut *writer, 100_000..300_000, 50_000).await;
    let mut after = upload.staged.clone();
    after.advance(&writer.finish().await.unwrap());
    store.seal(upload.file, upload.epoch, &after, upload.size()).await.unwrap();

    let mut writer = upload.resume(store).await;
    upload.write(store, &mut *writer, 100_000..300_000, 50_000).await;
    let kept = upload.finish(store, &mut *writer).await;
    assert_kept(store, &upload, &kept).await;
}

/// The length is told after the last byte.
pub(super) async fn what_lies_in_pieces_alone_becomes_an_object(store: &dyn ObjectStore) {
    let mut upload = Upload::new(store, 100_000, 32);
    let mut writer = upload.resume(store).await;
    upload.write(store, &mut *writer, 0..100_000, 50_000).await;
    upload.flush(store, &mut *writer).await;
    let mut writer = upload.resume(store).await;
    let kept = upload.finish(store, &mut *writer).await;
    assert_kept(store, &upload, &kept).await;
}

/// An upload under test: its bytes, and the ledger a database would hold.
pub(super) struct Upload {
    pub(super) file: FileId,
    pub(super) bytes: Bytes,
    pub(super) staged: Staged,
    pub(super) epoch: i64,
}

impl Upload {
    pub(super) fn new(store: &dyn ObjectStore, size: usize, seed: u64) -> Self {
        let mut bytes = vec![0; size];
        StdRng::seed_from_u64(seed).fill(&mut bytes[..]);
        let staged = Staged { part_size: store.part_size(size as u64), ..Staged::default() };
        Self { file: FileId::new(), bytes: bytes.into(), staged, epoch: 0 }
    }

    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn crc32(&self) -> u32 {
        crc32fast::hash(&self.bytes)
    }

    /// A new lease, and its writer.
    async fn resume(&mut self, store: &dyn ObjectStore) -> Box<dyn StagedWriter> {
        self.epoch += 1;
        store.resume(self.file, self.epoch, &self.staged).await.unwrap()
    }

    /// Commits a step, then drops what it made needless, as the engine does.
    async fn commit(&mut self, store: &dyn ObjectStore, step: Durable) {
        assert!(step.offset >= self.staged.offset, "the offset went back");
        self.staged.advance(&step);
        for key in step.obsolete {
            store.delete(&key).await.unwrap();
        }
    }

    /// Writes `range` of the bytes in frames of at most `frame`, committing what becomes durable by itself.
    async fn write(
        &mut self,
        store: &dyn ObjectStore,
        writer: &mut dyn StagedWriter,
        range: Range<usize>,
        frame: usize,
    ) {
        let mut at = range.start;
        let mut borders = vec![];
        while at < range.end {
            let border = usize::try_from(writer.until_border()).unwrap();
            let to = range.end.min(at + border.min(frame));
            writer.write(self.bytes.slice(at..to)).await.unwrap();
            if to - at == border {
                borders.push(to as u64);
            }
            at = to;
            if let Some(step) = writer.progress().await.unwrap() {
                let known = step.offset == at as u64 || borders.contains(&step.offset);
                assert!(known || step.offset <= range.start as u64, "{} is no border", step.offset);
                self.commit(store, step).await;
            }
        }
    }

    async fn flush(&mut self, store: &dyn ObjectStore, writer: &mut dyn StagedWriter) {
        let step = writer.flush().await.unwrap();
        assert_eq!(writer.pending(), 0);
        self.commit(store, step).await;
    }

    async fn finish(
        &mut self,
        store: &dyn ObjectStore,
        writer: &mut dyn StagedWriter,
    ) -> (ObjectKey, ObjectVersion) {
        let step = writer.finish().await.unwrap();
        assert_eq!(step.offset, self.size());
        self.commit(store, step).await;
        store.seal(self.file, self.epoch, &self.staged, self.size()).await.unwrap()
    }

    /// All of it, at once.
    pub(super) async fn arrive(&mut self, store: &dyn ObjectStore) -> (ObjectKey, ObjectVersion) {
        let mut writer = self.resume(store).await;
        self.write(store, &mut *writer, 0..self.bytes.len(), 100_000).await;
        self.finish(store, &mut *writer).await
    }
}

async fn read(
    store: &dyn ObjectStore,
    key: &ObjectKey,
    version: &ObjectVersion,
    range: Range<u64>,
) -> Vec<u8> {
    let pieces = store.read(key, version, range).await.unwrap();
    pieces
        .try_fold(Vec::new(), |mut all, piece| async move {
            assert!(piece.len() <= 4 << 20, "a piece of {} bytes", piece.len());
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
        .unwrap()
}

async fn assert_kept(store: &dyn ObjectStore, upload: &Upload, (key, version): &(ObjectKey, ObjectVersion)) {
    assert_eq!(version.size, upload.size());
    let stored = read(store, key, version, 0..upload.size()).await;
    assert_eq!(
        Sha256::digest(&stored),
        Sha256::digest(&upload.bytes),
        "{key} holds other bytes than were sent"
    );
}

/// The paths of everything that is stored for an upload before its verdict.
pub(super) async fn traces(store: &dyn ObjectStore, file: FileId) -> Vec<String> {
    let mut all = store.list(&format!("quarantine/{file}"), None, 100).await.unwrap();
    all.extend(store.list(&format!("tail/{file}"), None, 100).await.unwrap());
    all.extend(
        store.unfinished(1000).await.unwrap().into_iter().filter(|path| path.contains(&file.to_string())),
    );
    all
}

pub(super) fn evidence(file: FileId) -> ObjectKey {
    let name = "01_3357_R085_01_98765_1005_Supporting_14_01_2021_12_14_11.pdf".parse().unwrap();
    ObjectKey::Evidence { sample: SampleId::new(), file, name }
}

pub(super) async fn every_size_is_kept_and_sealed_twice_alike(store: &dyn ObjectStore) {
    let part = store.part_size(0) as usize;
    for (seed, size) in
        [1, 1000, part - 1, part, part + 1, 2 * part, 2 * part + 12_345].into_iter().enumerate()
    {
        let mut upload = Upload::new(store, size, seed as u64);
        let sealed = upload.arrive(store).await;
        assert_eq!(
            sealed,
            store.seal(upload.file, upload.epoch, &upload.staged, upload.size()).await.unwrap()
        );
        assert_eq!(store.head(&sealed.0).await.unwrap().as_ref(), Some(&sealed.1));
        assert_kept(store, &upload, &sealed).await;
        assert_eq!(
            traces(store, upload.file).await,
            [sealed.0.path()],
            "{size} bytes left more than the object"
        );
    }
}

pub(super) async fn a_cut_upload_goes_on_at_any_offset(store: &dyn ObjectStore) {
    let part = store.part_size(0) as usize;
    let mut upload = Upload::new(store, 2 * part + 777, 7);
    let mut from = 0;
    for to in [1, 13, 70_001, part - 1, part, part + 1, part + 300_000, 2 * part + 5] {
        let mut writer = upload.resume(store).await;
        upload.write(store, &mut *writer, from..to, 65_536).await;
        upload.flush(store, &mut *writer).await;
        assert_eq!(upload.staged.offset, to as u64);
        from = to;
    }
    let mut writer = upload.resume(store).await;
    upload.write(store, &mut *writer, from..2 * part + 777, 9_999).await;
    let sealed = upload.finish(store, &mut *writer).await;
    assert_kept(store, &upload, &sealed).await;
    assert_eq!(traces(store, upload.file).await, [sealed.0.path()]);
}

pub(super) async fn what_was_not_committed_is_dropped(store: &dyn ObjectStore) {
    let mut upload = Upload::new(store, 900_000, 3);
    let mut writer = upload.resume(store).await;
    upload.write(store, &mut *writer, 0..300_000, 50_000).await;
    upload.flush(store, &mut *writer).await;
    // Durable, but the commit never came; and then not even durable.
    writer.write(Bytes::from(vec![9; 400_000])).await.unwrap();
    writer.flush().await.unwrap();
    writer.write(Bytes::from(vec![8; 400_000])).await.unwrap();
    drop(writer);
    let mut writer = upload.resume(store).await;
    upload.write(store, &mut *writer, 300_000..900_000, 50_000).await;
    let sealed = upload.finish(store, &mut *writer).await;
    assert_kept(store, &upload, &sealed).await;
}

pub(super) async fn a_writer_that_was_taken_over_spoils_nothing(store: &dyn ObjectStore) {
    let mut upload = Upload::new(store, 900_000, 4);
    let mut stale = upload.resume(store).await;
    upload.write(store, &mut *stale, 0..300_000, 50_000).await;
    upload.flush(store, &mut *stale).await;
    stale.write(Bytes::from(vec![9; 300_000])).await.unwrap();
    let mut writer = upload.resume(store).await;
    upload.write(store, &mut *writer, 300_000..600_000, 50_000).await;
    upload.flush(store, &mut *writer).await;
    // Whether the stale writer is refused or writes beside: the successor's bytes stay.
    let _either = stale.flush().await;
    upload.write(store, &mut *writer, 600_000..900_000, 50_000).await;
    let sealed = upload.finish(store, &mut *writer).await;
    let _either = stale.finish().await;
    assert_kept(store, &upload, &sealed).await;
}

pub(super) async fn staged_bytes_that_vanish_are_lost(store: &dyn ObjectStore) {
    let part = store.part_size(0) as usize;
    for size in [500_000, part + 500_000] {
        let mut upload = Upload::new(store, size + 1, 5);
        let mut writer = upload.resume(store).await;
        upload.write(store, &mut *writer, 0..size, 100_000).await;
        upload.flush(store, &mut *writer).await;
        drop(writer);
        store.discard(upload.file, upload.epoch, &upload.staged).await.unwrap();
        let ended = async {
            let mut writer = store.resume(upload.file, 9, &upload.staged).await?;
            writer.write(upload.bytes.slice(size..)).await?;
            let step = writer.finish().await?;
            upload.staged.advance(&step);
            store.seal(upload.file, upload.epoch, &upload.staged, upload.size()).await
        };
        let ended = ended.await;
        assert!(matches!(ended, Err(StoreError::Lost { .. })), "{ended:?}");
    }
}

pub(super) async fn promotion_may_be_repeated_and_overwrites_nothing(store: &dyn ObjectStore) {
    let part = store.part_size(0) as usize;
    for size in [100_000, 2 * part + 1] {
        let mut upload = Upload::new(store, size, 6);
        let (from, version) = upload.arrive(store).await;
        let to = evidence(upload.file);
        let promoted = store.promote(&from, &version, upload.crc32(), &to).await.unwrap();
        assert_eq!(store.promote(&from, &version, upload.crc32(), &to).await.unwrap(), promoted);
        assert_eq!(store.head(&from).await.unwrap(), Some(version.clone()), "the source stays as it was");
        assert_kept(store, &upload, &(to.clone(), promoted.clone())).await;

        let mut other = Upload::new(store, size, 66);
        let (other_from, other_version) = other.arrive(store).await;
        let refused = store.promote(&other_from, &other_version, other.crc32(), &to).await;
        assert!(matches!(refused, Err(StoreError::Occupied { .. })), "{refused:?}");
        let stale = ObjectVersion { etag: "another".to_owned(), ..version.clone() };
        let refused = store.promote(&from, &stale, upload.crc32(), &evidence(upload.file)).await;
        assert!(matches!(refused, Err(StoreError::Changed { .. })), "{refused:?}");

        store.delete(&from).await.unwrap();
        assert_kept(store, &upload, &(to.clone(), promoted.clone())).await;
        assert_eq!(
            store.promote(&from, &version, upload.crc32(), &to).await.unwrap(),
            promoted,
            "done before, source gone"
        );
        let gone = store.promote(&from, &version, upload.crc32(), &evidence(upload.file)).await;
        assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    }
}

/// What is put together from other uploads' objects.
pub(super) struct Joined {
    pub(super) pieces: Vec<(ObjectKey, ObjectVersion)>,
    /// What it must be, and its ledger.
    pub(super) whole: Upload,
}

impl Joined {
    /// Uploads of these sizes, in this order.
    pub(super) async fn of(store: &dyn ObjectStore, sizes: &[usize]) -> Self {
        let (mut pieces, mut bytes) = (Vec::new(), Vec::new());
        for (seed, size) in (50..).zip(sizes) {
            let mut piece = Upload::new(store, *size, seed);
            pieces.push(piece.arrive(store).await);
            bytes.extend_from_slice(&piece.bytes);
        }
        let whole = Upload { file: FileId::new(), bytes: bytes.into(), staged: Staged::default(), epoch: 1 };
        Self { pieces, whole }
    }

    pub(super) async fn step(&self, store: &dyn ObjectStore) -> Result<Durable, StoreError> {
        let Upload { file, epoch, staged, .. } = &self.whole;
        store.concatenate(*file, *epoch, staged, &self.pieces).await
    }

    pub(super) fn begun(&self) -> bool {
        self.whole.staged.object_epoch > 0
    }

    pub(super) async fn seal(
        &self,
        store: &dyn ObjectStore,
    ) -> Result<(ObjectKey, ObjectVersion), StoreError> {
        let Upload { file, epoch, staged, .. } = &self.whole;
        store.seal(*file, *epoch, staged, self.whole.size()).await
    }

    /// It is whole, and its pieces are still what they were.
    async fn assert_kept(&self, store: &dyn ObjectStore) {
        let sealed = self.seal(store).await.unwrap();
        assert_eq!(sealed, self.seal(store).await.unwrap());
        assert_kept(store, &self.whole, &sealed).await;
        for (key, version) in &self.pieces {
            assert_eq!(store.head(key).await.unwrap().as_ref(), Some(version));
        }
    }
}

pub(super) async fn objects_are_put_together_in_any_sizes(store: &dyn ObjectStore) {
    const MIB: usize = 1 << 20;
    for sizes in [
        vec![0],
        vec![1],
        vec![700, 0, 300],
        vec![5 * MIB],
        vec![3 * MIB, 3 * MIB],
        vec![6 * MIB, 5 * MIB + 1, 9],
        vec![100, 12 * MIB, 2 * MIB, 200, 7 * MIB, 4 * MIB],
    ] {
        let mut joined = Joined::of(store, &sizes).await;
        while !joined.begun() || joined.whole.staged.offset < joined.whole.size() {
            let step = joined.step(store).await.unwrap();
            joined.whole.commit(store, step).await;
        }
        joined.assert_kept(store).await;
        let object = joined.seal(store).await.unwrap().0;
        assert_eq!(traces(store, joined.whole.file).await, [object.path()], "{sizes:?}");
    }
}

pub(super) async fn putting_together_may_be_cut_short_anywhere(store: &dyn ObjectStore) {
    const MIB: usize = 1 << 20;
    for sizes in [vec![300_000, 200_000], vec![6 * MIB, 1000, 11 * MIB, 500]] {
        let mut joined = Joined::of(store, &sizes).await;
        while !joined.begun() || joined.whole.staged.offset < joined.whole.size() {
            // A step nobody committed, then the same by the next lease.
            joined.step(store).await.unwrap();
            joined.whole.epoch += 1;
            let step = joined.step(store).await.unwrap();
            joined.whole.commit(store, step).await;
            joined.whole.epoch += 1;
        }
        joined.seal(store).await.unwrap();
        joined.whole.epoch += 1;
        joined.assert_kept(store).await;
        store.discard(joined.whole.file, joined.whole.epoch, &joined.whole.staged).await.unwrap();
        assert_eq!(traces(store, joined.whole.file).await, Vec::<String>::new());
    }
}

pub(super) async fn what_is_put_together_needs_all_its_pieces_as_they_were(store: &dyn ObjectStore) {
    const MIB: usize = 1 << 20;
    for sizes in [vec![300, 200], vec![6 * MIB, 6 * MIB]] {
        let mut joined = Joined::of(store, &sizes).await;
        let (key, version) = joined.pieces[0].clone();
        joined.pieces[0].1.etag = "another".to_owned();
        let changed = joined.step(store).await;
        assert!(matches!(changed, Err(StoreError::Changed { .. })), "{changed:?}");
        joined.pieces[0] = (key.clone(), version);
        store.delete(&key).await.unwrap();
        let gone = joined.step(store).await;
        assert!(matches!(&gone, Err(StoreError::NotFound { path }) if *path == key.path()), "{gone:?}");
        // Nor is what is no more taken for whole.
        joined.whole.staged.offset = joined.whole.size();
        joined.whole.staged.object_epoch = 1;
        let lost = joined.seal(store).await;
        assert!(matches!(lost, Err(StoreError::Lost { .. })), "{lost:?}");
    }
}

pub(super) async fn a_read_is_exactly_its_range_of_its_version(store: &dyn ObjectStore) {
    let mut upload = Upload::new(store, 1_000_000, 8);
    let (key, version) = upload.arrive(store).await;
    for range in [0..1, 0..1_000_000, 1..2, 262_143..262_145, 999_999..1_000_000, 5..5, 600_000..999_999] {
        let read = read(store, &key, &version, range.start..range.end).await;
        assert!(read == upload.bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    let other = ObjectVersion { etag: "another".to_owned(), ..version.clone() };
    assert!(matches!(store.read(&key, &other, 0..10).await.err(), Some(StoreError::Changed { .. })));
    let missing = store.read(&evidence(upload.file), &version, 0..10).await.err();
    assert!(matches!(missing, Some(StoreError::NotFound { .. })), "{missing:?}");
    if let Some(mut local) = store.local(&key, &version).await.unwrap() {
        let mut whole = Vec::new();
        std::io::Read::read_to_end(&mut local, &mut whole).unwrap();
        assert!(whole == upload.bytes);
        assert!(matches!(store.local(&key, &other).await, Err(StoreError::Changed { .. })));
    }
}

pub(super) async fn deletion_may_be_repeated(store: &dyn ObjectStore) {
    let mut upload = Upload::new(store, 1_000, 9);
    let (key, _) = upload.arrive(store).await;
    store.delete(&key).await.unwrap();
    store.delete(&key).await.unwrap();
    assert_eq!(store.head(&key).await.unwrap(), None);
    store.delete(&evidence(upload.file)).await.unwrap();
}

pub(super) async fn discarding_leaves_nothing(store: &dyn ObjectStore) {
    let part = store.part_size(0) as usize;
    for cut in [0, 1, 100_000, part, part + 100_000] {
        let mut upload = Upload::new(store, 2 * part, 10);
        let mut writer = upload.resume(store).await;
        upload.write(store, &mut *writer, 0..cut, 100_000).await;
        upload.flush(store, &mut *writer).await;
        // Written after the last commit: the ledger does not know of it.
        writer.write(upload.bytes.slice(cut..cut + 1000)).await.unwrap();
        writer.flush().await.unwrap();
        drop(writer);
        store.discard(upload.file, upload.epoch, &upload.staged).await.unwrap();
        assert_eq!(traces(store, upload.file).await, Vec::<String>::new(), "cut at {cut}");
        store.discard(upload.file, upload.epoch, &upload.staged).await.unwrap();
    }
}

pub(super) async fn lists_come_in_pages_and_in_order(store: &dyn ObjectStore) {
    let mut expected = Vec::new();
    for seed in 0..7 {
        let mut upload = Upload::new(store, 10, seed);
        let (from, version) = upload.arrive(store).await;
        let to = evidence(upload.file);
        store.promote(&from, &version, upload.crc32(), &to).await.unwrap();
        expected.extend([from.path(), to.path()]);
    }
    expected.sort();
    for (prefix, limit) in [("", 3), ("", 1), ("", 100), ("evidence/", 2), ("quarantine/", 7), ("tail/", 5)] {
        let mut listed: Vec<String> = Vec::new();
        loop {
            let page = store.list(prefix, listed.last().map(String::as_str), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        let wanted: Vec<_> = expected.iter().filter(|path| path.starts_with(prefix)).cloned().collect();
        assert_eq!(listed, wanted, "{prefix:?} by {limit}");
    }
}

pub(super) async fn random_splits_give_the_same_digest(store: &dyn ObjectStore) {
    let part = store.part_size(0) as usize;
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let size = random.random_range(1..3 * part);
        let mut upload = Upload::new(store, size, 100 + seed);
        let mut writer = upload.resume(store).await;
        let mut at = 0;
        while at < size {
            let to = size.min(at + random.random_range(1..part / 2));
            upload.write(store, &mut *writer, at..to, random.random_range(500..300_000)).await;
            at = to;
            match random.random_range(0..4) {
                0 => upload.flush(store, &mut *writer).await,
                1 => {
                    drop(writer);
                    writer = upload.resume(store).await;
                    at = upload.staged.offset as usize;
                }
                _ => {}
            }
        }
        let sealed = upload.finish(store, &mut *writer).await;
        assert_kept(store, &upload, &sealed).await;
        assert_eq!(traces(store, upload.file).await, [sealed.0.path()], "seed {seed}");
    }
}
