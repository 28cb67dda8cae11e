//! What a page says when things are no longer as its person last saw them: another person was faster, a file arrived, a
//! check takes long.

use reqwest::Method;

use crate::roles::Person;
use crate::support::{Answer, CENTRE, Strongroom, encode, send};

/// A page, after what a form of it did; and where that led.
async fn form(strongroom: &Strongroom, person: &Person, path: &str, fields: &str) -> (String, Answer) {
    let request = person.request(strongroom, "POST", path);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = send(request.body(format!("csrf={fields}"))).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let to = answer.headers["location"].to_str().unwrap().to_owned();
    let page = send(person.request(strongroom, "GET", to.split('#').next().unwrap())).await;
    (to, page)
}

#[tokio::test]
async fn a_file_that_was_replaced_meanwhile_is_not_deleted_and_the_page_says_why() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let (teacher, officer) =
        (strongroom.as_("teacher.98765").await, Person::new(&strongroom, "officer.98765").await);
    let first = teacher.upload(&sample, "1005", "URS", "first.txt", b"the first sheet").await;
    teacher.wait_for(&first, "accepted").await;
    let request = teacher.request(Method::POST, &format!("/files/to/{sample}/1005/URS"));
    let request = request.header("tus-resumable", "1.0.0").header("upload-length", 16);
    let metadata = format!("filename {},replaces {}", encode("second.txt"), encode(&first));
    let request = request.header("upload-metadata", metadata);
    let answer =
        send(request.header("content-type", "application/offset+octet-stream").body("the second sheet"))
            .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let second = answer.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    teacher.wait_for(&second, "accepted").await;

    let path = format!("/samples/{sample}/files/{first}/delete");
    let (to, page) = form(&strongroom, &officer, &path, "").await;
    assert!(to.contains("open=1005") && to.ends_with("#section-URS"), "{to}");
    let said =
        "first.txt was not deleted, as it has changed meanwhile. Replaced: A newer file took its place.";
    assert!(page.text.contains(said), "{}", page.text);
    assert_eq!(teacher.get(&format!("/api/v1/files/{second}")).await.json()["state"], "accepted");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_file_that_ends_missing_says_so() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let person = Person::new(&strongroom, "teacher.98765").await;
    let missing = format!("/api/v1/samples/{sample}/candidates/1005/sections/URS/missing");
    assert_eq!(teacher.put(&missing, serde_json::json!({ "reason": "lost" })).await.status, 204);
    let shown = async || {
        let path = format!("/samples/{sample}?open=1005");
        send(person.request(&strongroom, "GET", &path)).await.text
    };
    let told = "took the place of Missing";
    assert!(shown().await.contains("Missing: lost.") && !shown().await.contains(told));
    let other = teacher.upload(&sample, "1005", "Evidence", "essay.txt", b"the essay").await;
    teacher.wait_for(&other, "accepted").await;
    assert!(shown().await.contains("Missing: lost.") && !shown().await.contains(told), "another section");
    let sheet = teacher.upload(&sample, "1005", "URS", "sheet.txt", b"the sheet").await;
    teacher.wait_for(&sheet, "accepted").await;
    let now = shown().await;
    assert!(!now.contains("Missing: lost.") && now.matches(told).count() == 1, "{now}");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_check_that_takes_long_says_so() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let person = Person::new(&strongroom, "teacher.98765").await;
    strongroom.verdicts.hold(true);
    let file = teacher.upload(&sample, "1005", "URS", "sheet.txt", b"the sheet").await;
    let known = async || teacher.get(&format!("/api/v1/files/{file}")).await.json();
    let checking = async {
        while known().await["state"] != "checking" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), checking).await.unwrap();
    let shown = async || {
        let path = format!("/samples/{sample}?open=1005");
        send(person.request(&strongroom, "GET", &path)).await.text
    };
    assert!(!shown().await.contains("Still checking"));
    strongroom.sql("UPDATE files SET received_at = received_at - 60000000").await;
    assert!(shown().await.contains("Still checking"));
    assert!(known().await["message"].as_str().unwrap().starts_with("It takes longer than usual."));
    strongroom.verdicts.hold(false);
    teacher.wait_for(&file, "accepted").await;
    strongroom.stop().await;
}

#[tokio::test]
async fn a_sample_that_was_changed_before_it_was_submitted_is_not_and_says_why() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let officer = Person::new(&strongroom, "officer.98765").await;
    let sheet = teacher.upload(&sample, "1005", "URS", "sheet.txt", b"the sheet").await;
    teacher.wait_for(&sheet, "accepted").await;
    teacher.mark_the_rest(&sample).await;
    let check = format!("/samples/{sample}/check");
    let read = async |path: &str| send(officer.request(&strongroom, "GET", path)).await.text;
    let said = "The sample is not submitted";
    assert!(!read(&check).await.contains(said));
    let declared = strongroom.as_("officer.98765").await.get(&format!("/api/v1{check}")).await.json();
    let declarations = declared["declarations"].as_array().unwrap();
    let mut to = String::new();
    for one in declarations {
        let path = format!("/samples/{sample}/declarations/{}", one["id"].as_str().unwrap());
        let fields = format!("&version={}&accepted=yes", one["version"]);
        (to, _) = form(&strongroom, &officer, &path, &fields).await;
    }
    assert_eq!(to, format!("/samples/{sample}/submit"));

    // Somebody deletes what was there.
    assert_eq!(teacher.delete(&format!("/api/v1/files/{sheet}")).await.status, 204);
    let (_, page) = form(&strongroom, &officer, &to, "").await;
    assert!(page.text.contains(said) && page.text.contains("role=\"alert\""), "{}", page.text);
    assert!(page.text.contains("open=1005"), "it leads to what is in the way: {}", page.text);
    let again = format!("/samples/{sample}/declarations/{}", declarations[0]["id"].as_str().unwrap());
    assert!(read(&again).await.contains(said));
    assert!(!read(&check).await.contains(said), "who only looks has submitted nothing");

    assert_eq!(teacher.post(&format!("/api/v1/files/{sheet}/restore")).await.status, 204);
    let (to, _) = form(&strongroom, &officer, &to, "").await;
    assert_eq!(to, format!("/samples/{sample}/submissions/1"));
    strongroom.stop().await;
}
