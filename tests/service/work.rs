//! A section through its life: files, counters, Missing, delete and undo.

use serde_json::json;

use crate::support::{CENTRE, Strongroom};

#[tokio::test]
async fn two_sections_with_a_file_each_are_complete_and_deleting_one_is_not() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let candidate = async || teacher.get(&format!("/api/v1/samples/{sample}/candidates/1005")).await.json();
    assert_eq!(candidate().await["state"], "not_started");
    let urs = teacher.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    let evidence = teacher.upload(&sample, "1005", "Evidence", "essay.txt", b"an essay").await;
    teacher.wait_for(&urs, "accepted").await;
    let file = teacher.wait_for(&evidence, "accepted").await;
    assert_eq!((file["section"].as_str(), file["candidate"].as_str()), (Some("Evidence"), Some("1005")));
    assert!(file["unique_name"].as_str().unwrap().starts_with("01_3357_R085_01_98765_1005_Evidence_"));
    let whole = candidate().await;
    assert_eq!(
        (&whole["state"], &whole["provided"], &whole["required"]),
        (&json!("complete"), &json!(2), &json!(2))
    );
    assert_eq!(teacher.delete(&format!("/api/v1/files/{evidence}")).await.status, 204);
    assert_eq!(candidate().await["state"], "in_progress");
    assert_eq!(teacher.post(&format!("/api/v1/files/{evidence}/restore")).await.status, 204);
    assert_eq!(candidate().await["state"], "complete");
    let counts = teacher.get(&format!("/api/v1/samples/{sample}")).await.json()["counts"].clone();
    assert_eq!((&counts["complete"], &counts["files"]), (&json!(1), &json!(2)));
    strongroom.stop().await;
}

#[tokio::test]
async fn missing_is_for_a_required_section_without_files_and_clears_by_itself() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let missing =
        |section: &str| format!("/api/v1/samples/{sample}/candidates/1005/sections/{section}/missing");
    let lost = || json!({ "reason": "lost" });
    let not = (409, "missing_not_allowed".to_owned());

    let created = teacher.begin(&sample, "1005", "URS", "urs.txt", 10).await;
    let open = created.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let refused = teacher.put(&missing("URS"), lost()).await;
    assert_eq!(refused.code(), not);
    assert_eq!(refused.json()["files"], json!([open]));
    assert_eq!(teacher.delete(&format!("/api/v1/files/{open}")).await.status, 204);

    assert_eq!(teacher.put(&missing("Film"), lost()).await.code(), not);
    assert_eq!(teacher.put(&missing("Nothing"), lost()).await.status, 404);
    let noteless = teacher.put(&missing("URS"), json!({ "reason": "other" })).await;
    assert_eq!((noteless.code().0, &noteless.json()["field"]), (400, &json!("note")));
    let unknown = teacher.put(&missing("URS"), json!({ "reason": "lost", "by": "me" })).await;
    assert_eq!(unknown.code(), (400, "invalid_request".into()));
    let absent = format!("/api/v1/samples/{sample}/candidates/1011/sections/URS/missing");
    assert!(
        [(409, "absent".to_owned()), (409, "not_in_sample".to_owned())]
            .contains(&teacher.put(&absent, lost()).await.code())
    );

    assert_eq!(teacher.put(&missing("URS"), lost()).await.status, 204);
    let section = async || {
        let candidate = teacher.get(&format!("/api/v1/samples/{sample}/candidates/1005")).await.json();
        candidate["sections"][0].clone()
    };
    assert_eq!(section().await["missing"]["reason"], "lost");
    strongroom.verdicts.infected(true);
    let bad = teacher.upload(&sample, "1005", "URS", "urs.txt", b"a virus").await;
    teacher.wait_for(&bad, "infected").await;
    assert_eq!(section().await["state"], "missing");
    strongroom.verdicts.infected(false);
    let good = teacher.upload(&sample, "1005", "URS", "urs.txt", b"the work").await;
    teacher.wait_for(&good, "accepted").await;
    let now = section().await;
    assert_eq!((&now["state"], &now["missing"]), (&json!("provided"), &json!(null)));
    assert_eq!(teacher.put(&missing("URS"), lost()).await.code(), not);
    strongroom.stop().await;
}

#[tokio::test]
async fn the_board_and_auditors_see_the_work_and_change_nothing() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let file = teacher.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    teacher.wait_for(&file, "accepted").await;
    for person in ["board", "auditor"] {
        let actor = strongroom.as_(person).await;
        assert_eq!(actor.get(&format!("/api/v1/files/{file}")).await.status, 200, "{person}");
        assert_eq!(actor.delete(&format!("/api/v1/files/{file}")).await.code(), (403, "forbidden".into()));
        let path = format!("/api/v1/samples/{sample}/candidates/1005/sections/Evidence/missing");
        assert_eq!(actor.put(&path, json!({ "reason": "lost" })).await.code(), (403, "forbidden".into()));
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn a_submitted_sample_is_locked() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let file = teacher.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    teacher.wait_for(&file, "accepted").await;
    strongroom.sql("UPDATE samples SET state = 'submitted', revision = 1").await;
    let locked = (409, "submitted".to_owned());
    assert_eq!(teacher.delete(&format!("/api/v1/files/{file}")).await.code(), locked);
    let path = format!("/api/v1/samples/{sample}/candidates/1005/sections/Evidence/missing");
    assert_eq!(teacher.put(&path, json!({ "reason": "lost" })).await.code(), locked);
    strongroom.stop().await;
}
