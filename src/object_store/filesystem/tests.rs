use super::*;
use crate::ids::SampleId;
use crate::object_store::StoreError;
use crate::object_store::conformance::conformance;

async fn fresh() -> (Box<dyn ObjectStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Box::new(FilesystemStore::open(folder.path()).await.unwrap()), folder)
}

conformance!(fresh);

mod in_small_steps {
    use super::*;

    async fn stepping() -> (Box<dyn ObjectStore>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FilesystemStore::open(folder.path()).await.unwrap();
        store.step = 700_001;
        (Box::new(store), folder)
    }

    conformance!(stepping:
        objects_are_put_together_in_any_sizes,
        putting_together_may_be_cut_short_anywhere,
    );
}

fn evidence(file: FileId) -> ObjectKey {
    let name = "01_3357_R085_01_98765_1005_Supporting_14_01_2021_12_14_11.pdf".parse().unwrap();
    ObjectKey::Evidence { sample: SampleId::new(), file, name }
}

async fn small(store: &dyn ObjectStore) -> (ObjectKey, ObjectVersion, FileId) {
    let file = FileId::new();
    let mut staged = Staged::default();
    let mut writer = store.resume(file, 1, &staged).await.unwrap();
    writer.write(Bytes::from_static(b"evidence")).await.unwrap();
    staged.advance(&writer.finish().await.unwrap());
    let (key, version) = store.seal(file, 1, &staged, 8).await.unwrap();
    (key, version, file)
}

#[tokio::test]
async fn promotion_copies_nothing_and_keeps_the_version() {
    let (store, folder) = fresh().await;
    let (from, version, file) = small(&*store).await;
    let to = evidence(file);
    assert_eq!(store.promote(&from, &version, 0, &to).await.unwrap(), version);
    let inode = |key: &ObjectKey| std::fs::metadata(folder.path().join(key.path())).unwrap().ino();
    assert_eq!(inode(&from), inode(&to));
}

#[tokio::test]
async fn empty_folders_go_with_their_last_file() {
    let (store, folder) = fresh().await;
    let (from, version, file) = small(&*store).await;
    let to = evidence(file);
    store.promote(&from, &version, 0, &to).await.unwrap();
    store.delete(&from).await.unwrap();
    store.delete(&to).await.unwrap();
    for class in ["quarantine", "evidence"] {
        assert_eq!(std::fs::read_dir(folder.path().join(class)).unwrap().count(), 0, "{class}");
    }
}

#[tokio::test]
async fn a_file_that_was_changed_behind_our_back_is_not_read() {
    let (store, folder) = fresh().await;
    let (key, version, _) = small(&*store).await;
    std::fs::write(folder.path().join(key.path()), b"EVIDENCE").unwrap();
    assert!(matches!(store.read(&key, &version, 0..8).await.err(), Some(StoreError::Changed { .. })));
}

#[tokio::test]
async fn evidence_that_was_restored_with_its_times_is_read() {
    let (store, folder) = fresh().await;
    let (from, version, file) = small(&*store).await;
    let to = evidence(file);
    let version = store.promote(&from, &version, 0, &to).await.unwrap();
    let place = folder.path().join(to.path());
    let modified = std::fs::metadata(&place).unwrap().modified().unwrap();
    let copy = folder.path().join("copy");
    std::fs::copy(&place, &copy).unwrap();
    std::fs::rename(&copy, &place).unwrap();
    let restored = std::fs::File::options().write(true).open(&place).unwrap();
    for (read, time) in [(true, modified), (false, modified + Duration::from_secs(2))] {
        restored.set_modified(time).unwrap();
        assert_eq!(store.read(&to, &version, 0..8).await.is_ok(), read);
        // What is moved to another place is linked from here.
        assert_eq!(store.promote(&to, &version, 0, &evidence(file)).await.is_ok(), read);
    }
}

#[tokio::test]
async fn a_file_shorter_than_what_was_acknowledged_is_lost() {
    let (store, folder) = fresh().await;
    let file = FileId::new();
    let mut staged = Staged::default();
    let mut writer = store.resume(file, 1, &staged).await.unwrap();
    writer.write(Bytes::from_static(b"evidence")).await.unwrap();
    staged.advance(&writer.flush().await.unwrap());
    drop(writer);
    let place = folder.path().join(format!("quarantine/{file}/1"));
    std::fs::File::options().write(true).open(place).unwrap().set_len(7).unwrap();
    let resumed = store.resume(file, 2, &staged).await;
    assert!(matches!(resumed.err(), Some(StoreError::Lost { .. })));
    let sealed = store.seal(file, 2, &staged, 8).await;
    assert!(matches!(sealed.err(), Some(StoreError::Lost { .. })));
}

#[tokio::test]
async fn a_lease_that_comes_late_leaves_its_successors_file_alone() {
    let (store, _folder) = fresh().await;
    let (file, mut staged) = (FileId::new(), Staged::default());
    let mut writer = store.resume(file, 2, &staged).await.unwrap();
    writer.write(Bytes::from_static(b"evidence")).await.unwrap();
    let late = store.resume(file, 1, &staged).await;
    assert!(matches!(late.err(), Some(StoreError::Changed { .. })));
    staged.advance(&writer.finish().await.unwrap());
    assert_eq!(store.seal(file, 2, &staged, 8).await.unwrap().1.size, 8);
}

#[tokio::test]
async fn nobody_waits_for_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = FilesystemStore::open(folder.path()).await.unwrap();
    let all = store.gather.clone().acquire_many_owned(GATHER_PERMITS as u32).await.unwrap();
    let (key, version, _) = small(&store).await;
    assert_eq!(store.head(&key).await.unwrap(), Some(version));
    drop(all);
    assert_eq!(store.gather.available_permits(), GATHER_PERMITS);
}

#[tokio::test]
async fn what_is_gathered_gives_its_memory_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = FilesystemStore::open(folder.path()).await.unwrap();
    let staged = Staged { part_size: store.part_size(0), ..Staged::default() };
    let mut writer = store.resume(FileId::new(), 1, &staged).await.unwrap();
    for _ in 0..100 {
        writer.write(Bytes::from(vec![1; 10_000])).await.unwrap();
    }
    assert!(store.gather.available_permits() < GATHER_PERMITS);
    writer.flush().await.unwrap();
    assert_eq!(store.gather.available_permits(), GATHER_PERMITS);
    assert!(store.probe().await.unwrap().is_some_and(|free| free > 0));
}

#[test]
fn no_room_is_told_apart() {
    let full = trouble("write", "x", io::Error::from(io::ErrorKind::StorageFull));
    assert!(matches!(full, StoreError::Full { .. }) && full.is_transient());
    let denied = trouble("write", "x", io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(matches!(denied, StoreError::Refused { .. }) && !denied.is_transient());
}
