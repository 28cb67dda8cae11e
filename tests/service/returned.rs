//! A sample that is sent back opens what was sent back, and nothing else.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Actor, CENTRE, Strongroom, send};

async fn give_back(board: &Actor, sample: &str, candidates: Value) {
    let body =
        json!({ "candidates": candidates, "reason": "Again, please.", "due_at": "2099-01-01T00:00:00Z" });
    let request = board.request(Method::POST, &format!("/api/v1/samples/{sample}/returns")).json(&body);
    let answer = send(request).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

#[tokio::test]
async fn the_documents_of_a_partly_returned_sample_stay_locked() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let board = strongroom.as_("board").await;
    let sheet = officer.upload(&sample, "Documents", "Coversheet", "cover.txt", b"cover sheet").await;
    officer.wait_for(&sheet, "accepted").await;
    let sheet = format!("/api/v1/files/{sheet}");
    officer.submit(&sample).await;
    let submitted = (409, "submitted".to_owned());
    assert_eq!(officer.delete(&sheet).await.code(), submitted);

    give_back(&board, &sample, json!(["1005"])).await;
    let locked = (409, "locked".to_owned());
    assert_eq!(officer.begin(&sample, "Documents", "Coversheet", "new.txt", 4).await.code(), locked);
    assert_eq!(officer.delete(&sheet).await.code(), locked);
    assert_eq!(officer.post(&format!("{sheet}/restore")).await.code(), locked);
    let other = format!("/api/v1/samples/{sample}/candidates/1007/sections/URS/missing");
    assert_eq!(officer.delete(&other).await.code(), locked);
    assert_eq!(officer.begin(&sample, "1007", "URS", "urs.txt", 4).await.code(), locked);
    let own = format!("/api/v1/samples/{sample}/candidates/1005/sections/URS/missing");
    assert_eq!(officer.delete(&own).await.status, 204);
    assert_eq!(officer.begin(&sample, "1005", "URS", "urs.txt", 4).await.status, 201);

    give_back(&board, &sample, Value::Null).await;
    assert_eq!(officer.delete(&sheet).await.status, 204);
    assert_eq!(officer.begin(&sample, "Documents", "Coversheet", "new.txt", 4).await.status, 201);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_moderator_does_not_see_what_the_centre_does_with_returned_work() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let moderator = strongroom.as_("moderator.1").await;
    officer.submit(&sample).await;
    let urs = async || {
        let candidate = moderator.get(&format!("/api/v1/samples/{sample}/candidates/1005")).await.json();
        candidate["sections"].as_array().unwrap().iter().find(|one| one["code"] == "URS").unwrap().clone()
    };
    assert_eq!(urs().await["state"], "missing");
    give_back(&strongroom.as_("board").await, &sample, json!(["1005"])).await;
    let path = format!("/api/v1/samples/{sample}/candidates/1005/sections/URS/missing");
    assert_eq!(officer.delete(&path).await.status, 204);
    let note = json!({ "reason": "other", "note": "not for others yet" });
    assert_eq!(officer.put(&path, note).await.status, 204);
    assert_eq!(urs().await["missing"], Value::Null);
    strongroom.stop().await;
}
