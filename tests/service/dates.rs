//! Extensions: more time for a sample or a candidate, and what follows from it.

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, CENTRE, Strongroom, send};

async fn extend(actor: &Actor, sample: &str, body: Value) -> Answer {
    let path = format!("/api/v1/samples/{sample}/extensions");
    send(actor.request(Method::POST, &path).json(&body)).await
}

fn field(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json()["field"].clone())
}

#[tokio::test]
async fn an_extension_of_the_sample_opens_it_again_and_what_was_late_is_not() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let board = strongroom.as_("board").await;
    let open = officer.begin(&sample, "1005", "Evidence", "open.txt", 4).await;
    let open = open.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    strongroom.sql("UPDATE samples SET due_at = 1").await;
    let late = officer.upload(&sample, "1005", "URS", "urs.txt", b"work").await;
    assert_eq!(officer.wait_for(&late, "accepted").await["late"], true);
    strongroom.sql("UPDATE candidates SET due_at = 2, cut_off_at = 3 WHERE number = '1007'").await;
    strongroom.sql("UPDATE samples SET cut_off_at = 1 + 7 * 86400000000").await;
    assert_eq!(officer.begin(&sample, "1005", "Witness", "w.txt", 4).await.code(), (409, "closed".into()));

    let until = json!({ "reason": "The school was flooded.", "due_at": "2099-01-01T00:00:00Z" });
    assert_eq!(extend(&officer, &sample, until.clone()).await.code(), (403, "forbidden".into()));
    let made = extend(&board, &sample, until).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!(made["cut_off_at"], "2099-01-08T00:00:00Z", "as far after it as before");
    assert_eq!((&made["extended_by"], &made["candidates"]), (&json!("board"), &json!(null)));
    let known = officer.get(&format!("/api/v1/samples/{sample}")).await.json();
    assert_eq!((&known["due_at"], &known["cut_off_at"]), (&made["due_at"], &made["cut_off_at"]));
    assert_eq!(officer.get(&format!("/api/v1/files/{late}")).await.json()["late"], false);
    let kept = officer.get(&format!("/api/v1/files/{open}")).await.json();
    assert_eq!(
        kept["expires_at"], "2099-01-09T00:00:00Z",
        "an unfinished upload is kept to the end of the grace"
    );
    for number in ["1005", "1007"] {
        assert_eq!(officer.begin(&sample, number, "Witness", "w.txt", 4).await.status, 201, "{number}");
    }
    let told = strongroom.texts("SELECT reason FROM sample_extensions").await;
    assert_eq!(told, ["The school was flooded."]);
    let told =
        strongroom.texts("SELECT actor || ' ' || action FROM audit WHERE action = 'sample.extended'").await;
    assert_eq!(told, ["board sample.extended"]);
    strongroom.stop().await;
}

#[tokio::test]
async fn an_extension_of_a_candidate_is_that_candidates_alone() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let board = strongroom.as_("board").await;
    strongroom.sql("UPDATE samples SET due_at = 1, cut_off_at = 2").await;
    let more = json!({
        "candidates": ["1007", "1005", "1005"],
        "reason": "Ill for a month.",
        "due_at": "2098-12-01T00:00:00Z",
        "cut_off_at": "2099-01-01T00:00:00Z",
    });
    let made = extend(&board, &sample, more).await;
    assert_eq!((made.status.as_u16(), &made.json()["candidates"]), (201, &json!(["1005", "1007"])));
    let file = officer.upload(&sample, "1005", "URS", "urs.txt", b"work").await;
    assert_eq!(officer.wait_for(&file, "accepted").await["late"], false);
    assert_eq!(officer.begin(&sample, "1008", "URS", "urs.txt", 4).await.code(), (409, "closed".into()));
    strongroom.stop().await;
}

#[tokio::test]
async fn time_is_given_and_never_taken() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let board = strongroom.as_("board").await;
    let known = board.get(&format!("/api/v1/samples/{sample}")).await.json();
    let due: Timestamp = known["due_at"].as_str().unwrap().parse().unwrap();
    let at = |days: i64| (due + SignedDuration::from_hours(24 * days)).to_string();
    let body = |due_at: &str, more: Value| {
        let mut body = json!({ "reason": "Because.", "due_at": due_at });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let same = extend(&board, &sample, body(&at(0), json!({}))).await;
    assert_eq!(field(&same), (400, json!("due_at")));
    let shorter = extend(&board, &sample, body(&at(-1), json!({}))).await;
    assert_eq!(field(&shorter), (400, json!("due_at")));
    let far = at(90);
    let crossed = extend(&board, &sample, body(&far, json!({ "cut_off_at": at(0) }))).await;
    assert_eq!(field(&crossed), (400, json!("cut_off_at")));
    let unknown = extend(&board, &sample, body(&far, json!({ "candidates": ["4444"] }))).await;
    assert_eq!(field(&unknown), (400, json!("candidates")));
    let nobody = extend(&board, &sample, body(&far, json!({ "candidates": [] }))).await;
    assert_eq!(field(&nobody), (400, json!("candidates")));
    let silent = extend(&board, &sample, json!({ "reason": " ", "due_at": far })).await;
    assert_eq!(field(&silent), (400, json!("reason")));
    officer.submit(&sample).await;
    let closed = extend(&board, &sample, body(&far, json!({}))).await;
    assert_eq!(closed.code(), (409, "submitted".into()));
    strongroom.stop().await;
}
