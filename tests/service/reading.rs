//! What each role sees, and that foreign is unknown.

use crate::support::{CENTRE, OTHER, Strongroom};

#[tokio::test]
async fn foreign_and_unknown_are_the_same_answer() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(OTHER).await;
    let file = strongroom.as_("teacher.20461").await.upload(&sample, "2002", "URS", "urs.txt", b"work").await;
    let strip = |text: &str, id: &str| {
        let mut body: serde_json::Value = serde_json::from_str(text).unwrap();
        body["request_id"] = id.into();
        body
    };
    let unknown = "0123456789abcdef0123456789abcdef";
    // A moderator who is not allocated, a moderator before submission, another centre's people.
    for person in ["teacher.98765", "officer.98765", "moderator.1", "moderator.2"] {
        let actor = strongroom.as_(person).await;
        for path in
            ["/api/v1/samples/{}", "/api/v1/samples/{}/candidates", "/api/v1/samples/{}/candidates/2002"]
        {
            let foreign = actor.get(&path.replace("{}", &sample)).await;
            let missing = actor.get(&path.replace("{}", unknown)).await;
            assert_eq!(foreign.status, 404, "{person} {path}");
            assert_eq!(strip(&foreign.text, ""), strip(&missing.text, ""), "{person} {path}");
        }
        let foreign = actor.get(&format!("/api/v1/files/{file}")).await;
        let missing = actor.get(&format!("/api/v1/files/{unknown}")).await;
        assert_eq!(strip(&foreign.text, ""), strip(&missing.text, ""), "{person}");
        assert_eq!(actor.delete(&format!("/api/v1/files/{file}")).await.status, 404, "{person}");
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn a_centre_sees_its_own_samples_and_the_board_all() {
    let strongroom = Strongroom::start().await;
    let centres = async |person: &str| -> Vec<String> {
        let list = strongroom.as_(person).await.get("/api/v1/samples").await.json();
        let items = list["items"].as_array().unwrap().clone();
        let mut centres: Vec<_> =
            items.iter().map(|item| item["centre"].as_str().unwrap().to_owned()).collect();
        centres.sort();
        centres
    };
    assert_eq!(centres("officer.98765").await, [CENTRE; 5]);
    assert_eq!(centres("board").await.len(), 9);
    assert_eq!(centres("auditor").await.len(), 9);
    assert!(centres("moderator.1").await.is_empty());
    let officer = strongroom.as_("officer.98765").await;
    assert_eq!(officer.get("/api/v1/organisations").await.json()["items"][0]["id"], "ocr");
    let assessments = officer.get("/api/v1/assessments").await.json();
    let id = assessments["items"][0]["id"].as_str().unwrap();
    let cards = officer.get(&format!("/api/v1/assessments/{id}/components")).await.json();
    assert_eq!(cards["items"].as_array().unwrap().len(), 5);
    strongroom.sql("DELETE FROM roles WHERE person_id = 'officer.98765'").await;
    assert!(officer.get("/api/v1/samples").await.json()["items"].as_array().unwrap().is_empty());
    strongroom.stop().await;
}

#[tokio::test]
async fn candidates_are_listed_by_mark_and_paged_searched_and_filtered() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let numbers = async |query: &str| -> Vec<String> {
        let list = teacher.get(&format!("/api/v1/samples/{sample}/candidates{query}")).await.json();
        let items = list["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["number"].as_str().unwrap().to_owned()).collect()
    };
    let all = numbers("").await;
    assert_eq!(all[..5], ["1005", "1007", "1003", "1001", "1002"]);
    assert_eq!(all[all.len() - 3..], ["1008", "1011", "1012"]);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/samples/{sample}/candidates?limit=4&cursor={cursor}");
        let page = teacher.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        paged.extend(items.iter().map(|item| item["number"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(paged, all);
    assert_eq!(numbers("?search=o%27neill").await, ["1003"]);
    assert_eq!(numbers("?search=0042").await, ["0042"]);
    assert!(numbers("?filter=with_files").await.is_empty());
    let bad = teacher.get(&format!("/api/v1/samples/{sample}/candidates?sorted=mark")).await;
    assert_eq!(bad.code(), (400, "invalid_request".into()));
    strongroom.stop().await;
}

#[tokio::test]
async fn a_control_character_is_refused_wherever_text_is_taken() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let candidates = format!("/api/v1/samples/{sample}/candidates");
    let missing = format!("{candidates}/1005/sections/URS/missing");
    for note in ["a\0b", "\u{1b}[31mred", "\u{7f}"] {
        let answer = officer.put(&missing, serde_json::json!({ "reason": "other", "note": note })).await;
        assert_eq!(answer.code(), (400, "invalid_request".to_owned()), "{note:?}");
    }
    let lines = serde_json::json!({ "reason": "other", "note": "two\nlines" });
    assert_eq!(officer.put(&missing, lines).await.status, 204);
    assert_eq!(officer.get(&format!("{candidates}?search=a%00b")).await.status, 400);
    assert_eq!(officer.get(&format!("{candidates}/10%0005")).await.status, 404);
    strongroom.stop().await;
}
