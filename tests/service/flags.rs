//! What a centre says where work is not there, or not all: *incomplete*, by other means, absent.

use std::path::Path;

use serde_json::{Value, json};
use strongroom::clock::Clock;
use strongroom::reference;

use crate::support::{Actor, CENTRE, Strongroom};

/// A component with a section that asks for two files, and that takes work by other means.
const GAME: &str = "01_3357_R091_01";

/// Someone whose work counts.
async fn sampled(actor: &Actor, sample: &str) -> String {
    let list = actor.get(&format!("/api/v1/samples/{sample}/candidates")).await.json();
    let mut found = list["items"].as_array().unwrap().iter();
    let found = found.find(|one| one["in_sample"] == true && one["status"] == "entered").unwrap();
    found["number"].as_str().unwrap().to_owned()
}

async fn section(actor: &Actor, candidate: &str, code: &str) -> Value {
    let whole = actor.get(candidate).await.json();
    let mut sections = whole["sections"].as_array().unwrap().iter();
    sections.find(|section| section["code"] == code).unwrap().clone()
}

#[tokio::test]
async fn a_shortfall_is_noted_with_a_reason_until_the_work_is_there() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample_of(GAME, CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let number = sampled(&officer, &sample).await;
    let candidate = format!("/api/v1/samples/{sample}/candidates/{number}");
    let research = format!("{candidate}/sections/Research");
    let incomplete = format!("{research}/incomplete");
    let why = || json!({ "reason": "The second source burnt." });
    let not = (409, "incomplete_not_allowed".to_owned());

    assert_eq!(officer.put(&incomplete, why()).await.code(), not, "there is nothing at all");
    let first = officer.upload(&sample, &number, "Research", "one.txt", b"first source").await;
    officer.wait_for(&first, "accepted").await;
    let silent = officer.put(&incomplete, json!({ "reason": " " })).await;
    assert_eq!((silent.code().0, &silent.json()["field"]), (400, &json!("reason")));
    assert_eq!(section(&officer, &candidate, "Research").await["state"], "in_progress");
    assert_eq!(officer.put(&incomplete, why()).await.status, 204);
    let noted = section(&officer, &candidate, "Research").await;
    assert_eq!((&noted["state"], &noted["incomplete"]), (&json!("incomplete"), &why()["reason"]));
    let check = officer.get(&format!("/api/v1/samples/{sample}/check")).await.json();
    let of_research = |list: &str| {
        let mut list = check[list].as_array().unwrap().iter();
        list.any(|one| one["candidate"] == json!(number) && one["section"] == "Research")
    };
    assert!(of_research("doubtful") && !of_research("blocking"), "{check}");

    let second = officer.upload(&sample, &number, "Research", "two.txt", b"second source").await;
    officer.wait_for(&second, "accepted").await;
    let provided = section(&officer, &candidate, "Research").await;
    assert_eq!((&provided["state"], &provided["incomplete"]), (&json!("provided"), &json!(null)));
    assert_eq!(officer.put(&incomplete, why()).await.code(), not, "nothing is short");
    assert_eq!(officer.delete(&format!("/api/v1/files/{second}")).await.status, 204);
    assert_eq!(
        section(&officer, &candidate, "Research").await["state"],
        "in_progress",
        "it does not come back"
    );
    assert_eq!(officer.put(&incomplete, why()).await.status, 204);
    assert_eq!(officer.delete(&incomplete).await.status, 204);
    assert_eq!(officer.delete(&incomplete).await.status, 204, "twice is once");
    assert_eq!(section(&officer, &candidate, "Research").await["state"], "in_progress");

    let rows = strongroom
        .texts("SELECT action FROM audit WHERE action LIKE 'section.%' AND outcome = 'done' ORDER BY id")
        .await;
    let (set, cleared) = ("section.incomplete_set", "section.incomplete_cleared");
    assert_eq!(rows, [set, cleared, set, cleared]);
    strongroom.stop().await;
}

#[tokio::test]
async fn what_comes_by_other_means_is_the_officers_to_say_and_stands_on_the_receipt() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample_of(GAME, CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let teacher = strongroom.as_("teacher.98765").await;
    let number = sampled(&officer, &sample).await;
    let candidate = format!("/api/v1/samples/{sample}/candidates/{number}");
    let pitch = format!("{candidate}/sections/Pitch");
    let other = format!("{pitch}/other_means");
    let visit = || json!({ "means": "seen_at_visit", "reference": "5 June" });

    assert_eq!(teacher.put(&other, visit()).await.code(), (403, "forbidden".into()));
    let vague = officer.put(&other, json!({ "means": "other" })).await;
    assert_eq!((vague.code().0, &vague.json()["field"]), (400, &json!("reference")));
    assert_eq!(officer.put(&other, visit()).await.status, 204);
    let noted = section(&officer, &candidate, "Pitch").await;
    assert_eq!((&noted["state"], &noted["other_means"]), (&json!("other_means"), &visit()));

    // One flag a section: Missing takes its place, and the other way round.
    assert_eq!(officer.put(&format!("{pitch}/missing"), json!({ "reason": "lost" })).await.status, 204);
    let missing = section(&officer, &candidate, "Pitch").await;
    assert_eq!((&missing["state"], &missing["other_means"]), (&json!("missing"), &json!(null)));
    assert_eq!(officer.delete(&other).await.status, 204, "it is not set, and nothing happens");
    assert_eq!(section(&officer, &candidate, "Pitch").await["state"], "missing");
    assert_eq!(officer.put(&other, visit()).await.status, 204);
    assert_eq!(section(&officer, &candidate, "Pitch").await["missing"], json!(null));

    let elsewhere = strongroom.sample(CENTRE).await;
    let closed = format!("/api/v1/samples/{elsewhere}/candidates/1005/sections/URS/other_means");
    assert_eq!(officer.put(&closed, visit()).await.code(), (409, "other_means_not_allowed".into()));

    let source = officer.upload(&sample, &number, "Research", "one.txt", b"first source").await;
    officer.wait_for(&source, "accepted").await;
    let incomplete = format!("{candidate}/sections/Research/incomplete");
    assert_eq!(officer.put(&incomplete, json!({ "reason": "=Burnt" })).await.status, 204);
    officer.submit(&sample).await;
    let revision = format!("/api/v1/samples/{sample}/submissions/1");
    let receipt = officer.get(&revision).await.json();
    let told =
        |section: &str, reason: &str| json!([{ "candidate": number, "section": section, "reason": reason }]);
    assert_eq!(receipt["other_means"], told("Pitch", "seen_at_visit"));
    assert_eq!(receipt["incomplete"], told("Research", "=Burnt"));
    let table = officer.get(&format!("{revision}/manifest.csv")).await.text;
    assert!(
        table.contains("By other means: seen_at_visit") && table.contains("Incomplete: =Burnt"),
        "{table}"
    );
    let submitted = (409, "submitted".to_owned());
    assert_eq!(officer.put(&other, visit()).await.code(), submitted);
    assert_eq!(officer.delete(&incomplete).await.code(), submitted);
    assert_eq!(officer.put(&format!("{candidate}/absent"), json!({})).await.code(), submitted);
    strongroom.stop().await;
}

#[tokio::test]
async fn an_absent_candidate_has_no_work_and_takes_none() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let candidate = format!("/api/v1/samples/{sample}/candidates/1005");
    let absent = format!("{candidate}/absent");
    let refused = (409, "absent".to_owned());
    let file = teacher.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    teacher.wait_for(&file, "accepted").await;
    let crossing = teacher.put(&absent, json!({ "reason": "Ill all year." })).await;
    assert_eq!(crossing.code(), (409, "absent_not_allowed".into()));
    assert_eq!(crossing.json()["files"], json!([file]));
    assert_eq!(teacher.delete(&format!("/api/v1/files/{file}")).await.status, 204);
    assert_eq!(teacher.put(&absent, json!({ "reason": "Ill all year." })).await.status, 204);
    let view = teacher.get(&candidate).await.json();
    assert_eq!((&view["status"], &view["absent"]["reason"]), (&json!("absent"), &json!("Ill all year.")));
    assert_eq!(teacher.begin(&sample, "1005", "URS", "urs.txt", 4).await.code(), refused);
    assert_eq!(teacher.post(&format!("/api/v1/files/{file}/restore")).await.code(), refused);
    let missing = format!("{candidate}/sections/URS/missing");
    assert_eq!(teacher.put(&missing, json!({ "reason": "lost" })).await.code(), refused);

    // The entry says "entered" still: reading it again takes nothing back.
    let db = &strongroom.service().db;
    reference::import(db, Path::new("config/demo"), &Clock::system()).await.unwrap();
    assert_eq!(teacher.get(&candidate).await.json()["status"], "absent");
    assert_eq!(teacher.delete(&absent).await.status, 204);
    assert_eq!(teacher.delete(&absent).await.status, 204, "twice is once");
    let view = teacher.get(&candidate).await.json();
    assert_eq!((&view["status"], &view["absent"]), (&json!("entered"), &json!(null)));
    assert_eq!(teacher.post(&format!("/api/v1/files/{file}/restore")).await.status, 204);
    let rows = strongroom.texts("SELECT action FROM audit WHERE action LIKE 'candidate.%' ORDER BY id").await;
    assert_eq!(rows, ["candidate.absent_set", "candidate.absent_cleared"]);
    strongroom.stop().await;
}

#[tokio::test]
async fn absent_and_an_upload_that_cross_never_both_stand() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let absent = format!("/api/v1/samples/{sample}/candidates/1005/absent");
    for round in 0..10 {
        let name = format!("{round}.txt");
        let (flag, begun) = tokio::join!(
            teacher.put(&absent, json!({})),
            teacher.begin(&sample, "1005", "Evidence", &name, 10),
        );
        if flag.status == 204 {
            assert_eq!(begun.code(), (409, "absent".into()));
            assert_eq!(teacher.delete(&absent).await.status, 204);
        } else {
            assert_eq!((flag.code().1.as_str(), begun.status.as_u16()), ("absent_not_allowed", 201));
            let opened = flag.json()["files"][0].as_str().unwrap().to_owned();
            assert_eq!(teacher.delete(&format!("/api/v1/files/{opened}")).await.status, 204);
        }
    }
    strongroom.stop().await;
}
