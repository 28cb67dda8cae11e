//! Holds: while one stands, nothing of the sample is deleted.

use reqwest::Method;
use serde_json::json;

use crate::support::{CENTRE, OTHER, Strongroom, send};

#[tokio::test]
async fn nothing_of_a_held_sample_is_deleted_until_every_hold_is_lifted() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let board = strongroom.as_("board").await;
    let file = officer.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    officer.wait_for(&file, "accepted").await;
    let holds = format!("/api/v1/samples/{sample}/holds");
    let place = async |kind: &str, reference: &str| {
        let body = json!({ "kind": kind, "reference": reference });
        send(board.request(Method::POST, &holds).json(&body)).await
    };
    assert_eq!(place("grudge", "1").await.code(), (400, "invalid_request".into()));
    let nameless = place("review", " ").await;
    assert_eq!((nameless.status.as_u16(), &nameless.json()["field"]), (400, &json!("reference")));
    let first = place("malpractice", "M/17").await;
    assert_eq!(first.status, 201, "{}", first.text);
    let second = place("review", "R/4").await;
    let path = format!("/api/v1/files/{file}");
    let held = (409, "held".to_owned());
    assert_eq!(officer.delete(&path).await.code(), held);

    let lift = |hold: &serde_json::Value| format!("{holds}/{}", hold["id"].as_str().unwrap());
    let (first, second) = (first.json(), second.json());
    assert_eq!(officer.delete(&lift(&first)).await.code(), (403, "forbidden".into()));
    let elsewhere =
        format!("/api/v1/samples/{}/holds/{}", strongroom.sample(OTHER).await, first["id"].as_str().unwrap());
    assert_eq!(board.delete(&elsewhere).await.status, 404, "it is another sample's");
    assert_eq!(board.delete(&lift(&first)).await.status, 204);
    assert_eq!(board.delete(&lift(&first)).await.status, 204, "twice is once");
    assert_eq!(officer.delete(&path).await.code(), held);
    assert_eq!(board.delete(&lift(&second)).await.status, 204);
    assert_eq!(officer.delete(&path).await.status, 204);

    let list = strongroom.as_("auditor").await.get(&holds).await.json();
    let told: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["kind"], &told[0]["reference"]), (&json!("malpractice"), &json!("M/17")));
    assert!(told.iter().all(|hold| hold["placed_by"] == "board" && hold["lifted_by"] == "board"), "{list}");
    let rows = strongroom
        .texts("SELECT action FROM audit WHERE action IN ('sample.held', 'sample.hold_lifted') ORDER BY id")
        .await;
    assert_eq!(rows, ["sample.held", "sample.held", "sample.hold_lifted", "sample.hold_lifted"]);
    strongroom.stop().await;
}
