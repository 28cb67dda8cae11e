//! A writing call that is sent again under its key is done once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, CENTRE, Strongroom, send};

async fn keyed(actor: &Actor, (method, path): (Method, &str), key: &str, body: &Value) -> Answer {
    send(actor.request(method, path).header("idempotency-key", key).json(body)).await
}

fn replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

#[tokio::test]
async fn the_same_call_again_gets_the_first_answer_and_another_is_refused() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let board = strongroom.as_("board").await;
    let holds = format!("/api/v1/samples/{sample}/holds");
    let post = (Method::POST, holds.as_str());
    let hold = json!({ "kind": "review", "reference": "R/1" });
    let first = keyed(&board, post.clone(), "a-key", &hold).await;
    assert_eq!((first.status.as_u16(), replayed(&first)), (201, false), "{}", first.text);
    let again = keyed(&board, post.clone(), "a-key", &hold).await;
    assert_eq!((again.status.as_u16(), replayed(&again)), (201, true));
    assert_eq!((&again.text, &again.headers["content-type"]), (&first.text, &first.headers["content-type"]));
    assert_eq!(strongroom.texts("SELECT id FROM holds").await.len(), 1);

    let reused = (422, "idempotency_key_reused".to_owned());
    let other = json!({ "kind": "review", "reference": "R/2" });
    assert_eq!(keyed(&board, post.clone(), "a-key", &other).await.code(), reused);
    let elsewhere = format!("/api/v1/samples/{sample}/extensions");
    assert_eq!(keyed(&board, (Method::POST, &elsewhere), "a-key", &hold).await.code(), reused);
    assert_eq!(keyed(&board, post.clone(), "another-key", &hold).await.status, 201);
    assert_eq!(strongroom.texts("SELECT id FROM holds").await.len(), 2);
    // A key is its person's own.
    let officer = strongroom.as_("officer.98765").await;
    for _ in 0..2 {
        let refused = keyed(&officer, post.clone(), "a-key", &hold).await;
        assert_eq!((refused.code(), replayed(&refused)), ((403, "forbidden".into()), false));
    }
    let denied = strongroom.texts("SELECT id FROM audit WHERE action = 'access.denied'").await;
    assert_eq!(denied.len(), 2, "who asks again is looked at again");
    for bad in ["", "two words", &"k".repeat(256)] {
        let refused = keyed(&board, post.clone(), bad, &hold).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (400, &json!("Idempotency-Key")));
    }

    // A day later the key is new.
    strongroom.sql("UPDATE idempotency_keys SET begun_at = begun_at - 86400000000").await;
    assert_eq!(keyed(&board, post, "a-key", &other).await.status, 201);
    assert_eq!(strongroom.texts("SELECT key FROM idempotency_keys").await, ["a-key"]);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_submission_whose_answer_was_lost_gives_its_receipt_again() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let path = format!("/api/v1/samples/{sample}/submissions");
    let nothing = json!({ "declarations": [] });
    let refused = keyed(&officer, (Method::POST, &path), "k1", &nothing).await;
    assert_eq!(refused.code(), (409, "blocked".into()));
    let again = keyed(&officer, (Method::POST, &path), "k1", &nothing).await;
    assert_eq!((again.code(), replayed(&again)), ((409, "blocked".into()), true));
    assert_eq!(again.text, refused.text);

    let missing = format!("/api/v1/samples/{sample}/candidates/1005/sections/URS/missing");
    let lost = json!({ "reason": "lost" });
    assert_eq!(keyed(&officer, (Method::PUT, &missing), "k2", &lost).await.status, 204);
    assert_eq!(officer.delete(&missing).await.status, 204);
    let again = keyed(&officer, (Method::PUT, &missing), "k2", &lost).await;
    assert_eq!((again.status.as_u16(), replayed(&again), again.text.as_str()), (204, true, ""));
    let candidate = officer.get(&format!("/api/v1/samples/{sample}/candidates/1005")).await.json();
    assert_eq!(candidate["sections"][0]["missing"], Value::Null, "it was not done again");
    strongroom.stop().await;
}

#[tokio::test]
async fn of_many_at_once_one_is_done_and_a_dead_one_is_taken_over() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let board = strongroom.as_("board").await;
    let holds = format!("/api/v1/samples/{sample}/holds");
    let hold = json!({ "kind": "appeal", "reference": "A/1" });
    let calls = (0..8).map(|_| keyed(&board, (Method::POST, &holds), "k", &hold));
    let answers = futures_util::future::join_all(calls).await;
    let running = (409, "idempotency_key_running".to_owned());
    assert!(answers.iter().all(|answer| answer.status == 201 || answer.code() == running));
    assert_eq!(answers.iter().filter(|answer| answer.status == 201 && !replayed(answer)).count(), 1);
    assert_eq!(strongroom.texts("SELECT id FROM holds").await.len(), 1);

    strongroom.sql("UPDATE idempotency_keys SET status = NULL").await;
    let waiting = keyed(&board, (Method::POST, &holds), "k", &hold).await;
    assert_eq!(waiting.code(), running);
    assert!(waiting.headers.contains_key("retry-after"));
    strongroom.sql("UPDATE idempotency_keys SET begun_at = begun_at - 600000000").await;
    assert_eq!(keyed(&board, (Method::POST, &holds), "k", &hold).await.status, 201);
    strongroom.stop().await;
}
