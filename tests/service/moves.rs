//! A file in the wrong place is moved to the right one, and is then as if it had been sent there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, CENTRE, Strongroom, encode, send};

async fn shift(actor: &Actor, file: &str, candidate: &str, section: &str) -> Answer {
    let body = json!({ "candidate": candidate, "section": section });
    send(actor.request(Method::POST, &format!("/api/v1/files/{file}/move")).json(&body)).await
}

async fn accepted(actor: &Actor, sample: &str, section: &str, name: &str, bytes: &[u8]) -> String {
    let file = actor.upload(sample, "1005", section, name, bytes).await;
    actor.wait_for(&file, "accepted").await;
    file
}

#[tokio::test]
async fn a_moved_file_has_the_name_of_its_new_place_and_its_own_bytes() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let file = accepted(&teacher, &sample, "URS", "essay.txt", b"an essay").await;
    let before = teacher.get(&format!("/api/v1/files/{file}")).await.json();
    let missing = format!("/api/v1/samples/{sample}/candidates/1007/sections/Evidence/missing");
    assert_eq!(teacher.put(&missing, json!({ "reason": "lost" })).await.status, 204);

    let moved = shift(&teacher, &file, "1007", "Evidence").await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let moved = moved.json();
    assert_eq!((&moved["candidate"], &moved["section"]), (&json!("1007"), &json!("Evidence")));
    let name = |view: &Value| view["unique_name"].as_str().unwrap().to_owned();
    assert_eq!(name(&moved), name(&before).replace("_1005_URS_", "_1007_Evidence_"), "the stamp stays");
    let content = teacher.get(&format!("/api/v1/files/{file}/content")).await;
    assert_eq!((content.status.as_u16(), content.text.as_str()), (200, "an essay"));
    let section = async |number: &str, at: usize| {
        let candidate = teacher.get(&format!("/api/v1/samples/{sample}/candidates/{number}")).await.json();
        candidate["sections"][at].clone()
    };
    assert_eq!(section("1005", 0).await["state"], "empty");
    let target = section("1007", 1).await;
    assert_eq!((&target["state"], &target["missing"]), (&json!("provided"), &json!(null)));

    // Back again: the name was given out once, so it has a number now.
    let back = shift(&teacher, &file, "1005", "URS").await.json();
    assert_eq!(name(&back), name(&before).replace(".txt", "_2.txt"));
    let supporting = shift(&teacher, &file, "1005", "Supporting").await.json();
    assert_eq!(supporting["section"], "Supporting");
    assert!(name(&supporting).contains("_1005_Supporting_"), "{supporting}");
    assert_eq!(shift(&teacher, &file, "1005", "Supporting").await.json(), supporting, "it is there already");

    let rows = strongroom
        .texts(
            "SELECT action FROM audit WHERE action IN ('file.moved', 'section.missing_cleared') ORDER BY id",
        )
        .await;
    assert_eq!(rows, ["file.moved", "section.missing_cleared", "file.moved", "file.moved"]);
    let keys = strongroom.texts("SELECT evidence_key FROM files").await;
    assert!(keys[0].ends_with(&name(&supporting)), "{keys:?}");
    let left = strongroom.texts("SELECT path FROM discards WHERE path LIKE 'evidence/%' ORDER BY path").await;
    assert_eq!(left.len(), 3, "the objects under the names before, until downloads are over: {left:?}");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_move_is_held_to_the_rules_of_the_new_place() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let file = accepted(&officer, &sample, "Evidence", "essay.txt", b"an essay").await;
    let sheet = accepted(&officer, &sample, "URS", "sheet.txt", b"recording sheet").await;

    let full = shift(&officer, &file, "1005", "URS").await;
    assert_eq!(full.code(), (409, "section_full".into()));
    assert_eq!(full.json()["files"], json!([sheet]));
    assert_eq!(shift(&officer, &file, "1005", "Film").await.code(), (422, "type_not_allowed".into()));
    assert_eq!(shift(&officer, &file, "1005", "Nothing").await.status, 404);
    assert_eq!(shift(&officer, &file, "4444", "URS").await.status, 404);
    assert_eq!(shift(&officer, &file, "1005", "Documents").await.status, 404);
    let twin = accepted(&officer, &sample, "Witness", "same.txt", b"an essay").await;
    assert_eq!(shift(&officer, &twin, "1005", "Evidence").await.code(), (422, "duplicate".into()));

    let unfinished = officer.begin(&sample, "1007", "URS", "open.txt", 4).await;
    let unfinished = unfinished.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(shift(&officer, &unfinished, "1007", "Evidence").await.code(), (409, "wrong_state".into()));
    assert_eq!(shift(&officer, &file, "1007", "URS").await.code(), (409, "section_full".into()));
    strongroom.sql("UPDATE uploads SET last_byte_at = 1").await;
    assert_eq!(shift(&officer, &file, "1007", "URS").await.status, 200, "a silent upload gives way");
    let given_way = officer.get(&format!("/api/v1/files/{unfinished}")).await.json();
    assert_eq!(given_way["state"], "cancelled");

    let replacement = send(
        officer
            .request(Method::POST, &format!("/files/to/{sample}/1005/URS"))
            .header("tus-resumable", "1.0.0")
            .header("upload-length", 4)
            .header("upload-metadata", format!("filename {},replaces {}", encode("new.txt"), encode(&sheet))),
    )
    .await;
    assert_eq!(replacement.status, 201, "{}", replacement.text);
    assert_eq!(shift(&officer, &sheet, "1003", "URS").await.code(), (409, "running_files".into()));

    let absent = format!("/api/v1/samples/{sample}/candidates/1003/absent");
    assert_eq!(officer.put(&absent, json!({})).await.status, 204);
    assert_eq!(shift(&officer, &twin, "1003", "Witness").await.code(), (409, "absent".into()));

    // Between due and cut-off nothing becomes late by being moved; after cut-off nothing moves.
    let on_time = shift(&officer, &twin, "1007", "Witness").await.json();
    assert_eq!(on_time["late"], false);
    strongroom.sql("UPDATE candidates SET due_at = 1 WHERE number = '1008'").await;
    let late = shift(&officer, &twin, "1008", "Witness").await.json();
    assert_eq!(late["late"], true, "an extension is the candidate's, and so is a date that has passed");
    strongroom.sql("UPDATE samples SET due_at = 1, cut_off_at = due_at - 40 * 86400000000, grace_seconds = 86400 * 40").await;
    assert_eq!(shift(&officer, &twin, "1007", "Witness").await.code(), (409, "closed".into()));
    strongroom.stop().await;
}

#[tokio::test]
async fn what_a_submission_holds_stays_where_it_is() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let list = officer.get(&format!("/api/v1/samples/{sample}/candidates")).await.json();
    let counted = list["items"].as_array().unwrap().iter().find(|one| one["in_sample"] == true).unwrap();
    let number = counted["number"].as_str().unwrap();
    let file = officer.upload(&sample, number, "Evidence", "essay.txt", b"an essay").await;
    officer.wait_for(&file, "accepted").await;
    officer.submit(&sample).await;
    assert_eq!(shift(&officer, &file, number, "Witness").await.code(), (409, "submitted".into()));
    let board = strongroom.as_("board").await;
    let body = json!({ "reason": "Again, please.", "due_at": "2099-01-01T00:00:00Z" });
    let back = board.request(Method::POST, &format!("/api/v1/samples/{sample}/returns")).json(&body);
    assert_eq!(send(back).await.status, 201);
    assert_eq!(shift(&officer, &file, number, "Witness").await.code(), (409, "file_submitted".into()));
    let new = officer.upload(&sample, number, "Evidence", "more.txt", b"more").await;
    officer.wait_for(&new, "accepted").await;
    assert_eq!(shift(&officer, &new, number, "Witness").await.status, 200);
    strongroom.stop().await;
}

#[tokio::test]
async fn of_many_moves_at_once_one_gets_the_only_place() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let mut files = Vec::new();
    for n in 0..6 {
        let text = format!("essay {n}");
        files.push(accepted(&officer, &sample, "Evidence", &format!("{n}.txt"), text.as_bytes()).await);
    }
    let moves = files.iter().map(|file| shift(&officer, file, "1005", "URS"));
    let answers = futures_util::future::join_all(moves).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{:?}", answers.iter().map(Answer::code).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.code().1 == "section_full"));
    let content = officer.get(&format!("/api/v1/samples/{sample}/candidates/1005")).await.json();
    assert_eq!(content["sections"][0]["files"].as_array().unwrap().len(), 1);
    strongroom.stop().await;
}
