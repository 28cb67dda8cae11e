//! Several nodes on one PostgreSQL and one bucket are one service.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use strongroom::running::{Given, Role, Running};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::kill::{Scene, TUS};
use crate::support::clamd::hours_ago;
use crate::support::{Actor, CENTRE, Installation, Strongroom, is_board};

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

/// What later signatures know.
const MARKER: &str = "KNOWN-ONLY-LATER";
/// More than all buffers on the way hold together.
const LONG: usize = 32 << 20;
/// Less than a minute, after which a download asks by itself.
const PATIENCE: Duration = Duration::from_secs(45);

/// Reads a download, a piece now and then until it `may` go on; its bytes, and whether it ended well.
async fn slowly(actor: &Actor, path: &str, mut may: watch::Receiver<bool>) -> (usize, bool) {
    let answer = actor.request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (mut body, mut read) = (answer.bytes_stream(), 0);
    loop {
        match body.next().await {
            Some(Ok(piece)) => read += piece.len(),
            Some(Err(_)) => return (read, false),
            None => return (read, true),
        }
        if !*may.borrow() {
            let _either = timeout(Duration::from_millis(300), may.wait_for(|may| *may)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_at_one_node_are_cut_when_another_withdraws_their_file() {
    if !is_board() {
        println!("of a board alone");
        return;
    }
    // The first checks and scans; the second has nothing but requests, and its own word of withdrawals.
    let first = Strongroom::with(|config| {
        config.rescan.after = "0s".parse().unwrap();
        config.rescan.files_per_minute = 60_000;
        config.worker.poll = "10ms".parse().unwrap();
    })
    .await;
    first.verdicts.knows(b"", hours_ago(3));
    let mut config = first.service().config.clone();
    config.data = config.data.join("second");
    let given = Given { scanner: Some(first.verdicts.scanner()), ..Given::default() };
    let second = Running::start(config, Role::Web, given).await.unwrap();
    let there = second.address.unwrap();

    let sample = first.sample(CENTRE).await;
    let officer = first.as_("officer.98765").await;
    let mut text = MARKER.to_owned();
    while text.len() < LONG {
        text.push_str(&format!("{:012} what the candidate saw and heard\n", text.len()));
    }
    let file = officer.upload(&sample, "1005", "Evidence", "essay.txt", text.as_bytes()).await;
    officer.wait_for(&file, "accepted").await;
    officer.submit(&sample).await;

    let (go_on, may) = watch::channel(false);
    let (reader, moderator) =
        (first.as_("officer.98765").await.at(there), first.as_("moderator.1").await.at(there));
    let (content, archive) =
        (format!("/api/v1/files/{file}/content"), format!("/api/v1/samples/{sample}/archive"));
    let withdrawal = async {
        // Both are on their way.
        while first.texts("SELECT action FROM audit WHERE action LIKE '%download_started'").await.len() < 2 {
            sleep(Duration::from_millis(20)).await;
        }
        first.verdicts.knows(MARKER.as_bytes(), hours_ago(1));
        while officer.get(&format!("/api/v1/files/{file}")).await.json()["state"] != "quarantined" {
            sleep(Duration::from_millis(20)).await;
        }
        // The word is on its way, too.
        sleep(Duration::from_millis(300)).await;
        go_on.send(true).unwrap();
    };
    let all = async {
        tokio::join!(
            slowly(&reader, &content, may.clone()),
            slowly(&moderator, &archive, may.clone()),
            withdrawal
        )
    };
    let (file_read, zip_read, ()) =
        timeout(PATIENCE, all).await.expect("nothing is withdrawn, or a download never ends");
    println!("of {} bytes {} left as a file and {} in a zip", text.len(), file_read.0, zip_read.0);
    for (read, whole) in [file_read, zip_read] {
        assert!(!whole && (1..text.len()).contains(&read), "{read} bytes left, and it looks whole: {whole}");
    }
    // Because it was withdrawn, and not because its object was gone.
    let ended = "SELECT detail FROM audit WHERE action LIKE '%download_finished'";
    let told = async {
        while first.texts(ended).await.len() < 2 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, told).await.expect("their ends are on the trail");
    for row in first.texts(ended).await {
        assert!(row.contains("\"broken\":\"withdrawn\""), "{row}");
    }
    second.stop().await;
    let store = first.service().store.clone();
    for path in store.list("", None, 10).await.unwrap() {
        store.delete(&path.parse().unwrap()).await.unwrap();
    }
    first.stop().await;
}
