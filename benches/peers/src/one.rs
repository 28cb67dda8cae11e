//! One file over one connection.

use std::path::Path;

use crate::content::Content;
use crate::record::Record;
use crate::target::{Target, id_of, path_of};
use crate::watch::Watch;
use crate::wire::Wire;

/// Sends `size` bytes by a POST and PATCHes of `piece` bytes; `files`: where they are looked at afterwards.
pub async fn run(
    target: &Target,
    size: u64,
    piece: Option<u64>,
    files: Option<&Path>,
    mut watch: Watch,
    record: &Record,
) {
    let content = Content::new(size);
    // The noise is made outside the time.
    assert!(!content.slice(64, 1).is_empty());
    let mut wire = Wire::open(target.port).await.unwrap();
    watch.now();
    let path = path_of(&wire.ask(&target.creation(&content, 0)).await.unwrap());
    let (piece, mut at) = (piece.unwrap_or(size), 0);
    while at < size {
        let next = size.min(at + piece);
        let answer = wire.put(&target.patch(&path, at, next - at), &content, at, next).await.unwrap();
        assert_eq!((answer.status, answer.offset()), (204, Some(next)), "{answer:?}");
        at = next;
    }
    record.put_seen(&watch.end(), size, 1);
    if let Some(files) = files {
        record.put("right", f64::from(content.lies_in(files, id_of(&path))));
    }
}
