//! The trade's rules that need the whole service: waiting, dates, replacing, duplicates, races.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, CENTRE, OTHER, Strongroom, encode, send};

async fn patch(actor: &Actor, file: &str, offset: usize, body: impl Into<reqwest::Body>) -> Answer {
    send(
        actor
            .request(Method::PATCH, &format!("/files/{file}"))
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(body),
    )
    .await
}

async fn head(actor: &Actor, file: &str) -> (u16, usize) {
    let request = actor.request(Method::HEAD, &format!("/files/{file}")).header("tus-resumable", "1.0.0");
    let answer = send(request).await;
    let offset = answer.headers.get("upload-offset").and_then(|offset| offset.to_str().ok()?.parse().ok());
    (answer.status.as_u16(), offset.unwrap_or(usize::MAX))
}

fn id(created: &Answer) -> String {
    assert_eq!(created.status, 201, "{}", created.text);
    created.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// Creates an upload that replaces a file.
async fn replace(actor: &Actor, sample: &str, old: &str, body: &'static str) -> Answer {
    let metadata = format!("filename {},replaces {}", encode("new.txt"), encode(old));
    send(
        actor
            .request(Method::POST, &format!("/files/to/{sample}/1005/URS"))
            .header("tus-resumable", "1.0.0")
            .header("upload-length", body.len())
            .header("upload-metadata", metadata)
            .header("content-type", "application/offset+octet-stream")
            .body(body),
    )
    .await
}

#[tokio::test]
async fn without_a_scanner_files_wait_are_not_readable_and_then_reach_their_verdict() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    strongroom.verdicts.away(true);
    let file = officer.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    officer.wait_for(&file, "checking").await;
    assert_eq!(officer.get(&format!("/api/v1/files/{file}/content")).await.status, 404);
    let ready = strongroom.stranger().get("/health/ready").await;
    assert_eq!(ready.status, 503, "readiness tells the truth: {}", ready.text);
    let check = officer.get(&format!("/api/v1/samples/{sample}/check")).await.json();
    let blocks = check["blocking"].as_array().unwrap();
    assert!(blocks.iter().any(|block| block["file"] == json!(file)), "{check}");
    strongroom.verdicts.away(false);
    officer.wait_for(&file, "accepted").await;
    assert_eq!(officer.get(&format!("/api/v1/files/{file}/content")).await.text, "recording sheet");
    strongroom.stop().await;
}

async fn cancel(actor: &Actor, file: &str) -> u16 {
    let request = actor.request(Method::DELETE, &format!("/files/{file}"));
    send(request.header("tus-resumable", "1.0.0")).await.status.as_u16()
}

#[tokio::test]
async fn a_file_that_waits_for_its_check_can_be_withdrawn() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let stranger = strongroom.as_("officer.20461").await;
    strongroom.verdicts.away(true);
    for by_tus in [true, false] {
        let wrong = officer.upload(&sample, "1005", "URS", "urs.txt", b"not this one").await;
        officer.wait_for(&wrong, "checking").await;
        assert_eq!(cancel(&stranger, &wrong).await, 404);
        match by_tus {
            true => assert_eq!(cancel(&officer, &wrong).await, 204),
            false => assert_eq!(officer.delete(&format!("/api/v1/files/{wrong}")).await.status, 204),
        }
        assert_eq!(officer.get(&format!("/api/v1/files/{wrong}")).await.json()["state"], "cancelled");
        assert_eq!((head(&officer, &wrong).await.0, cancel(&officer, &wrong).await), (410, 410));
    }
    // Its place is free for the right one, and only that reaches a verdict.
    let right = officer.upload(&sample, "1005", "URS", "urs.txt", b"this one").await;
    strongroom.verdicts.away(false);
    officer.wait_for(&right, "accepted").await;
    let left =
        "SELECT COUNT(*) || '' FROM uploads u JOIN files f ON f.id = u.file_id WHERE f.state = 'cancelled'";
    while strongroom.texts(left).await != ["0"] {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = "SELECT action FROM audit \
                WHERE action IN ('file.cancelled', 'file.accepted', 'file.refused') ORDER BY at";
    assert_eq!(strongroom.texts(told).await, ["file.cancelled", "file.cancelled", "file.accepted"]);
    let staged = strongroom.service().store.list("quarantine/", None, 10).await.unwrap();
    assert!(staged.len() <= 1, "withdrawn work lies here still: {staged:?}");

    // What was accepted is deleted as elsewhere, and comes back.
    assert_eq!(cancel(&officer, &right).await, 204);
    assert_eq!(head(&officer, &right).await.0, 410);
    assert_eq!(officer.post(&format!("/api/v1/files/{right}/restore")).await.status, 204);
    assert_eq!(head(&officer, &right).await, (200, 8));
    officer.submit(&sample).await;
    assert_eq!(cancel(&officer, &right).await, 409);
    strongroom.stop().await;
}

#[tokio::test]
async fn what_was_begun_before_cut_off_may_finish_and_is_on_time() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let begun = id(&officer.begin(&sample, "1005", "URS", "urs.txt", 4).await);
    strongroom
        .sql(
            "UPDATE samples SET due_at = due_at - 40 * 86400000000, cut_off_at = due_at - 40 * 86400000000, \
             grace_seconds = 86400 * 40",
        )
        .await;
    let refused = officer.begin(&sample, "1005", "Evidence", "late.txt", 4).await;
    assert_eq!(refused.code(), (409, "closed".to_owned()));
    assert_eq!(patch(&officer, &begun, 0, "work").await.status, 204);
    assert_eq!(officer.wait_for(&begun, "accepted").await["late"], json!(false));

    // An extension of the candidate's own opens the place again, and its work is not late.
    strongroom
        .sql(
            "UPDATE candidates SET due_at = 4000000000000000, cut_off_at = 4000000000000000 \
             WHERE number = '1005'",
        )
        .await;
    let extended = officer.upload(&sample, "1005", "Evidence", "extended.txt", b"work").await;
    assert_eq!(officer.wait_for(&extended, "accepted").await["late"], json!(false));
    strongroom.stop().await;
}

#[tokio::test]
async fn work_created_after_due_is_late_and_still_taken() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    strongroom.sql("UPDATE samples SET due_at = 1").await;
    let file = officer.upload(&sample, "1005", "URS", "urs.txt", b"work").await;
    assert_eq!(officer.wait_for(&file, "accepted").await["late"], json!(true));
    strongroom.stop().await;
}

#[tokio::test]
async fn a_replacement_takes_over_when_it_is_accepted_and_not_before() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let old = officer.upload(&sample, "1005", "URS", "old.txt", b"first").await;
    officer.wait_for(&old, "accepted").await;
    let full = officer.begin(&sample, "1005", "URS", "new.txt", 6).await;
    assert_eq!(full.code(), (409, "section_full".to_owned()));
    assert_eq!(full.json()["files"], json!([old]));

    strongroom.verdicts.infected(true);
    let bad = id(&replace(&officer, &sample, &old, "a virus").await);
    officer.wait_for(&bad, "infected").await;
    let state = officer.get(&format!("/api/v1/files/{old}")).await.json();
    assert_eq!(state["state"], "accepted", "an infected replacement replaces nothing");

    strongroom.verdicts.infected(false);
    let good = id(&replace(&officer, &sample, &old, "second").await);
    officer.wait_for(&good, "accepted").await;
    let state = officer.get(&format!("/api/v1/files/{old}")).await.json();
    assert_eq!(state["state"], "superseded");
    assert_eq!(officer.get(&format!("/api/v1/files/{old}/content")).await.status, 404);
    strongroom.stop().await;
}

#[tokio::test]
async fn the_same_bytes_twice_in_a_section_are_a_notice_and_elsewhere_a_warning() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let first = officer.upload(&sample, "1005", "Evidence", "a.txt", b"the same").await;
    officer.wait_for(&first, "accepted").await;
    let again = officer.upload(&sample, "1005", "Evidence", "b.txt", b"the same").await;
    assert_eq!(officer.wait_for(&again, "rejected").await["reason"], "duplicate");
    let elsewhere = officer.upload(&sample, "1005", "Witness", "c.txt", b"the same").await;
    assert_eq!(officer.wait_for(&elsewhere, "accepted").await["duplicate_of"], json!(first));
    strongroom.stop().await;
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_only_place() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    for round in 0..5 {
        let names: Vec<_> = (0..8).map(|n| format!("{round}-{n}.txt")).collect();
        let begin = names.iter().map(|name| officer.begin(&sample, "1005", "URS", name, 10));
        let answers = futures_util::future::join_all(begin).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(won.len(), 1, "{:?}", answers.iter().map(|a| a.code()).collect::<Vec<_>>());
        let deleted = send(
            officer
                .request(Method::DELETE, &format!("/files/{}", id(won[0])))
                .header("tus-resumable", "1.0.0"),
        );
        assert_eq!(deleted.await.status, 204);
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn missing_and_an_upload_that_cross_never_both_stand() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let missing = format!("/api/v1/samples/{sample}/candidates/1005/sections/URS/missing");
    for round in 0..10 {
        let name = format!("{round}.txt");
        let (flag, begun) = tokio::join!(
            officer.put(&missing, json!({ "reason": "lost" })),
            officer.begin(&sample, "1005", "URS", &name, 10),
        );
        // The upload may begin after Missing was set (acceptance clears it), never the other way round.
        assert_eq!(begun.status, 201, "{}", begun.text);
        let opened = id(&begun);
        if flag.status == 409 {
            assert_eq!(flag.json()["files"], json!([opened]));
        } else {
            assert!(flag.status.is_success(), "{}", flag.text);
            assert!(officer.delete(&missing).await.status.is_success());
        }
        assert_eq!(officer.delete(&format!("/api/v1/files/{opened}")).await.status, 204);
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn a_hanging_upload_is_taken_over_with_every_byte_it_sent() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let text = "evidence ".repeat(100_000);
    let file = id(&officer.begin(&sample, "1005", "Evidence", "long.txt", text.len() as u64).await);
    let (mut feed, body) = tokio::io::duplex(1 << 20);
    let half = text.len() / 2;
    tokio::io::AsyncWriteExt::write_all(&mut feed, &text.as_bytes()[..half]).await.unwrap();
    let stream = futures_util::stream::unfold(body, async |mut body| {
        let mut piece = vec![0; 64 << 10];
        match tokio::io::AsyncReadExt::read(&mut body, &mut piece).await {
            Ok(0) | Err(_) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok::<_, std::io::Error>(piece), body))
            }
        }
    });
    let hanging = patch(&officer, &file, 0, reqwest::Body::wrap_stream(stream));
    let take_over = async {
        // The status takes nothing over: it says when the server has made the half durable.
        let arrived = async {
            while officer.get(&format!("/api/v1/files/{file}")).await.json()["offset"] != json!(half) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), arrived).await.unwrap();
        assert_eq!(head(&officer, &file).await, (200, half));
    };
    let (evicted, ()) = tokio::join!(hanging, take_over);
    assert!(!evicted.status.is_success(), "the evicted connection gets no 2xx");
    assert_eq!(patch(&officer, &file, half, text[half..].to_owned()).await.status, 204);
    let known: Value = officer.wait_for(&file, "accepted").await;
    assert_eq!(known["size"], json!(text.len()));
    drop(feed);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_creation_whose_body_is_longer_than_its_file_holds_no_place() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let create = |length: usize, body: reqwest::Body| {
        let metadata = format!("filename {}", encode("urs.txt"));
        send(
            officer
                .request(Method::POST, &format!("/files/to/{sample}/1005/URS"))
                .header("tus-resumable", "1.0.0")
                .header("upload-length", length)
                .header("upload-metadata", metadata)
                .header("content-type", "application/offset+octet-stream")
                .body(body),
        )
    };
    assert_eq!(create(5, "more than five".into()).await.status, 413);
    // One that does not say how long it is.
    let chunks = ["more ", "than ", "five"].map(Ok::<_, std::io::Error>);
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    assert_eq!(create(5, stream).await.status, 413);
    // URS takes one file: the place is free.
    let file = id(&create(15, "recording sheet".into()).await);
    officer.wait_for(&file, "accepted").await;
    strongroom.stop().await;
}

#[tokio::test]
async fn requests_that_fight_for_an_upload_are_asked_to_wait_and_it_comes_out_whole() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let text = "recording sheet ".repeat(4_000);
    for round in 0..40 {
        let name = format!("{round}.txt");
        let file = id(&officer.begin(&sample, "1003", "Evidence", &name, text.len() as u64).await);
        let both = async || patch(&officer, &file, 0, text.clone()).await.status.as_u16();
        let ((one, other, third), (looked, _)) =
            tokio::join!(async { tokio::join!(both(), both(), both()) }, head(&officer, &file));
        for status in [one, other, third] {
            assert!([204, 409, 423].contains(&status), "round {round}: {status}");
        }
        assert!([200, 423].contains(&looked), "round {round}: {looked}");
        let (_, offset) = head(&officer, &file).await;
        assert_eq!(patch(&officer, &file, offset, text[offset..].to_owned()).await.status, 204);
        let digest = officer.get(&format!("/api/v1/files/{file}")).await.json()["sha256"].clone();
        assert_eq!(digest, json!(sha256(text.as_bytes())), "round {round}");
        officer.delete(&format!("/api/v1/files/{file}")).await;
    }
    strongroom.stop().await;
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;

    let digest = <sha2::Sha256 as sha2::Digest>::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[tokio::test]
async fn a_centre_that_has_as_much_as_it_may_is_told_so_and_others_go_on() {
    let few = |config: &mut strongroom::config::Config| {
        (config.upload.centre_open, config.upload.centre_files) = (2, 3);
    };
    let strongroom = Strongroom::with(few).await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let first = id(&officer.begin(&sample, "1003", "Evidence", "a.pdf", 10).await);
    officer.begin(&sample, "1003", "Evidence", "b.pdf", 10).await;
    let refused = officer.begin(&sample, "1003", "Evidence", "c.pdf", 10).await;
    assert_eq!(refused.code(), (403, "quota".to_owned()));
    assert_eq!(refused.json()["limit"], 2);
    let other = strongroom.sample(OTHER).await;
    let others = strongroom.as_("officer.20461").await;
    assert_eq!(others.begin(&other, "2002", "Evidence", "c.pdf", 10).await.status, 201);
    // What has begun goes on, and makes room for the next at once.
    assert_eq!(patch(&officer, &first, 0, "0123456789").await.status, 204);
    assert_eq!(officer.begin(&sample, "1003", "Evidence", "c.pdf", 10).await.status, 201);
    strongroom.stop().await;
}
