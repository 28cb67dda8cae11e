//! The audit trail as board staff and auditors read it: by sample, file and person, a page at a time, within reach.

use serde_json::{Value, json};

use crate::support::{Actor, CENTRE, OTHER, Strongroom};

async fn items(actor: &Actor, query: &str) -> Vec<Value> {
    let answer = actor.get(&format!("/api/v1/audit?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}

fn actions(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_trail_is_read_by_sample_file_and_person() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let elsewhere = strongroom.sample(OTHER).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let foreign = strongroom.as_("teacher.20461").await;
    let auditor = strongroom.as_("auditor").await;
    let file = teacher.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    teacher.wait_for(&file, "accepted").await;
    foreign.upload(&elsewhere, "0001", "URS", "urs.txt", b"another").await;
    assert_eq!(foreign.get(&format!("/api/v1/files/{file}")).await.status, 404);

    let of_file = items(&auditor, &format!("file={file}")).await;
    assert_eq!(actions(&of_file), ["file.created", "file.received", "file.accepted", "access.denied"]);
    let created = &of_file[0];
    assert_eq!((&created["actor"], &created["chain"]), (&json!("teacher.98765"), &json!(sample)));
    assert_eq!((&created["section"], &created["detail"]["size"]), (&json!("URS"), &json!(15)));
    assert_eq!((&created["seq"], &created["outcome"]), (&json!(null), &json!("done")));
    let of_foreign = items(&auditor, "user=teacher.20461").await;
    assert_eq!(actions(&of_foreign), ["file.created", "access.denied"]);
    let both = items(&auditor, &format!("user=teacher.20461&sample={sample}")).await;
    assert_eq!(actions(&both), ["access.denied"]);

    // Page by page, the same rows, and an end: a reading is told of once, not once a page.
    let whole: Vec<_> = items(&auditor, &format!("sample={sample}")).await;
    assert!(whole.iter().all(|item| item["chain"] == json!(sample)), "{whole:?}");
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            auditor.get(&format!("/api/v1/audit?sample={sample}&limit=1&cursor={cursor}")).await.json();
        read.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!(read[..whole.len()], whole);
    assert_eq!(actions(&read[whole.len()..]), ["audit.read", "audit.read"]);
    strongroom.stop().await;
}

#[tokio::test]
async fn who_does_not_oversee_reads_nothing_and_who_does_reads_within_reach() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let board = strongroom.as_("board").await;
    let file = officer.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    officer.wait_for(&file, "accepted").await;
    for stranger in ["officer.98765", "teacher.20461", "moderator.1"] {
        let stranger = strongroom.as_(stranger).await;
        for query in ["", &format!("?sample={sample}"), "?sample=0123456789abcdef0123456789abcdef"] {
            let answer = stranger.get(&format!("/api/v1/audit{query}")).await;
            assert_eq!(answer.code(), (403, "forbidden".into()));
        }
    }
    assert_eq!(board.get("/api/v1/audit?sample=0123456789abcdef0123456789abcdef").await.status, 404);
    assert_eq!(board.get("/api/v1/audit?user=no%20one").await.code(), (400, "invalid_request".into()));
    assert_eq!(board.get("/api/v1/audit?limit=0").await.code(), (400, "invalid_request".into()));
    assert!(!items(&board, &format!("file={file}")).await.is_empty());
    // The system's chain tells of its own organisation's people.
    assert!(!items(&board, "").await.is_empty());
    let own = items(&board, "user=board").await;
    assert!(own.iter().any(|item| item["chain"] == "system"), "{own:?}");

    strongroom
        .sql("INSERT INTO organisations (id, name, time_zone, accent) VALUES ('cie', 'CIE', 'UTC', '#000')")
        .await;
    strongroom.sql("UPDATE roles SET organisation_id = 'cie' WHERE person_id = 'auditor'").await;
    let auditor = strongroom.as_("auditor").await;
    for foreign in [format!("sample={sample}"), format!("file={file}")] {
        let answer = auditor.get(&format!("/api/v1/audit?{foreign}")).await;
        assert_eq!(answer.code(), (404, "not_found".into()));
    }
    let reach = items(&auditor, "").await;
    assert!(reach.iter().all(|item| item["chain"] == "system" && item["actor"] == "auditor"), "{reach:?}");
    assert!(items(&auditor, "user=officer.98765").await.is_empty());
    strongroom.stop().await;
}
