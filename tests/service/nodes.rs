//! Several nodes on one PostgreSQL and one bucket are one service.

use std::path::Path;

use rustix::process::Signal;

use crate::kill::{Scene, TUS};
use crate::support::Installation;

/// Two parts of a multipart upload and some.
const LARGE: usize = 20 << 20;
/// What a request has brought when another node takes over: the end of a part and the beginning of the next.
const SENT: usize = 9 << 20;

async fn scene() -> Scene {
    Scene::on(Installation::of_several_nodes(Path::new("config/demo")).await, TUS.of(LARGE)).await
}

#[tokio::test]
async fn an_upload_goes_on_at_another_node_with_all_that_the_first_has_read() {
    let mut scene = scene().await;
    let first = scene.begin().await;
    let second = scene.installation.serve_beside("second").await;
    let before = scene.acknowledged;
    let line = scene.half_a_body(&first, SENT).await;
    // Nothing of the last seconds is committed yet; the first node is asked, and makes it so.
    assert_eq!(scene.offset(&second).await, before + SENT);
    let evicted = line.last_words().await;
    assert!(evicted.is_none_or(|status| status >= 300), "the evicted connection gets no 2xx: {evicted:?}");
    scene.acknowledged = before + SENT;
    assert!(scene.send(&second).await);
    first.stop().await;
    scene.end_on(second).await;
}

#[tokio::test]
async fn an_upload_survives_the_node_that_held_it() {
    let mut scene = scene().await;
    let first = scene.begin().await;
    let second = scene.installation.serve_beside("second").await;
    let before = scene.acknowledged;
    let _line = scene.half_a_body(&first, SENT).await;
    first.signal(Signal::KILL);
    first.killed().await;
    let offset = scene.offset(&second).await;
    assert!((before..=before + SENT).contains(&offset), "{offset}");
    scene.acknowledged = offset;
    assert!(scene.send(&second).await);
    // It comes back, and ends the scanner that it left.
    let first = scene.installation.serve(None).await;
    first.stop().await;
    scene.end_on(second).await;
}
