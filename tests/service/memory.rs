//! A file of three gigabytes comes in, is checked, and goes out again, alone and inside a zip; the process never has
//! more than a little of it in memory.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::{Body, Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Actor, CENTRE, COMPONENT, Installation, encode, send};

/// The most the process may have had, of a debug build too.
const MOST: u64 = 200 << 20;
const BLOCK: usize = 1 << 20;
const BLOCKS: u64 = 3 << 10;
/// For each way through, on a busy machine: the file is read from end to end.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test]
async fn three_gigabytes_in_and_out_take_little_memory() {
    let installation = Installation::new(Path::new("config/demo")).await;
    let people = ["teacher.98765", "officer.98765", "moderator.1"];
    let tokens = [
        installation.token(people[0]).await,
        installation.token(people[1]).await,
        installation.token(people[2]).await,
    ];
    let process = installation.serve(None).await;
    let [teacher, officer, moderator] = tokens.map(|token| process.actor(&token));
    let list = format!("/api/v1/samples?component={COMPONENT}&centre={CENTRE}");
    let sample = teacher.get(&list).await.json()["items"][0]["id"].as_str().unwrap().to_owned();

    let (file, sent) = upload(&teacher, &sample).await;
    let known = teacher.wait_long_for(&file, "accepted", PATIENCE).await;
    assert_eq!(known["sha256"].as_str(), Some(hex(&sent).as_str()));
    // It is beyond the scanner, and its section takes it all the same: labelled, and audited.
    assert_eq!(known["unscanned"], true);
    assert!(known["message"].as_str().unwrap().contains("Too large for the virus check"), "{known}");
    let auditor = process.actor(&installation.token("auditor").await);
    let trail = auditor.get(&format!("/api/v1/audit?file={file}")).await.json();
    let accepted = trail["items"].as_array().unwrap().iter().find(|row| row["action"] == "file.accepted");
    assert_eq!(accepted.unwrap()["detail"]["scanned"], false, "{trail}");
    let after_check = process.peak_memory();

    let content = hashed(&officer, &format!("/api/v1/files/{file}/content"), &mut std::io::sink()).await;
    assert!(content == sent, "the file comes out other than it went in");
    submit(&teacher, &officer, &sample).await;
    let mut zip = tempfile::tempfile_in(installation.data()).unwrap();
    hashed(&moderator, &format!("/api/v1/samples/{sample}/archive"), &mut zip).await;
    assert!(in_zip(zip).await == sent, "the film is another inside the zip");

    let peak = process.peak_memory();
    println!("at most {} MiB in memory, {} MiB until the check was done", peak >> 20, after_check >> 20);
    assert!(peak < MOST);
    process.stop().await;
    let store = installation.store().await;
    for key in store.list("", None, 100).await.unwrap() {
        store.delete(&key.parse().unwrap()).await.unwrap();
    }
    installation.remove().await;
}

/// Type, an index of one track, and the head of a box of everything else with a long length.
fn head() -> Vec<u8> {
    let mut head = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2\0\0\0\x10moov\0\0\0\x08trak\0\0\0\x01mdat".to_vec();
    head.extend_from_slice(&(16 + BLOCKS * BLOCK as u64).to_be_bytes());
    head
}

/// Streams a film that is made as it goes; its id, and the digest of what was sent.
async fn upload(teacher: &Actor, sample: &str) -> (String, [u8; 32]) {
    let length = head().len() as u64 + BLOCKS * BLOCK as u64;
    let sum = Arc::new(Mutex::new(Sha256::new()));
    let running = sum.clone();
    let mut noise = vec![0_u8; BLOCK];
    let mut state = 1_u32;
    noise.fill_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let blocks = (0..BLOCKS).map(move |number| {
        let mut block = noise.clone();
        block[..8].copy_from_slice(&number.to_be_bytes());
        block
    });
    let film = std::iter::once(head()).chain(blocks).map(move |block| {
        running.lock().unwrap().update(&block);
        Ok::<_, std::io::Error>(block)
    });
    let answer = send(
        teacher
            .request(Method::POST, &format!("/files/to/{sample}/1005/Film"))
            .header("tus-resumable", "1.0.0")
            .header("upload-length", length)
            .header("upload-metadata", format!("filename {}", encode("film.mp4")))
            .header("content-type", "application/offset+octet-stream")
            .header("content-length", length)
            .timeout(PATIENCE)
            .body(Body::wrap_stream(stream::iter(film))),
    )
    .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.headers["upload-offset"], length.to_string().as_str());
    let file = answer.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let sum = sum.lock().unwrap().clone();
    (file, sum.finalize().into())
}

/// Downloads into `to`; the digest of what came.
async fn hashed(actor: &Actor, path: &str, to: &mut impl Write) -> [u8; 32] {
    let response = actor.request(Method::GET, path).timeout(PATIENCE).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (mut body, mut sum) = (response.bytes_stream(), Sha256::new());
    while let Some(bytes) = body.next().await {
        let bytes = bytes.unwrap();
        sum.update(&bytes);
        to.write_all(&bytes).unwrap();
    }
    sum.finalize().into()
}

/// The digest of the one film in a zip.
async fn in_zip(zip: std::fs::File) -> [u8; 32] {
    let read = tokio::task::spawn_blocking(move || {
        let mut zip = zip::ZipArchive::new(zip).unwrap();
        let names = zip.file_names().map(|name| name.unwrap().into_owned());
        let films: Vec<_> = names.filter(|name| name.ends_with(".mp4")).collect();
        let [film] = &films[..] else { panic!("not one film: {films:?}") };
        let mut film = zip.by_name(film).unwrap();
        let mut sum = Sha256::new();
        let mut block = vec![0; BLOCK];
        loop {
            let read = film.read(&mut block).unwrap();
            if read == 0 {
                break;
            }
            sum.update(&block[..read]);
        }
        sum.finalize().into()
    });
    read.await.unwrap()
}

/// Settles all that blocks, every section as Missing, and submits.
async fn submit(teacher: &Actor, officer: &Actor, sample: &str) {
    let asked = format!("/api/v1/samples/{sample}");
    let check = officer.get(&format!("{asked}/check")).await.json();
    for finding in check["blocking"].as_array().unwrap() {
        let code = finding["code"].as_str().unwrap();
        let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(code, "section_unresolved", "{finding}");
        let path = format!("{asked}/candidates/{}/sections/{}/missing", text("candidate"), text("section"));
        assert_eq!(teacher.put(&path, json!({ "reason": "lost" })).await.status, StatusCode::NO_CONTENT);
    }
    let all = check["declarations"].as_array().unwrap().iter();
    let answers: Vec<Value> =
        all.map(|d| json!({ "id": d["id"], "version": d["version"], "accepted": true })).collect();
    let submission = officer.request(Method::POST, &format!("{asked}/submissions"));
    let answer = send(submission.json(&json!({ "declarations": answers }))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
