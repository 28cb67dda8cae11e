//! The pages of whoever answers incidents: whose they are, and that nothing is taken out without a word on the trail.

use crate::board::filled;
use crate::roles::{PEOPLE, Person};
use jiff::Timestamp;

use crate::support::{CENTRE, Now as _, Strongroom, send};

/// A file that the tests' scanner finds something in.
const BAD: &[u8] = b"words with MALWARE in them";

#[tokio::test]
async fn an_infected_original_is_taken_out_after_a_warning_and_a_reason() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    strongroom.verdicts.knows(b"MALWARE", Timestamp::now_for_tests());
    let bad = teacher.upload(&sample, "1005", "Evidence", "<i>essay.txt", BAD).await;
    teacher.wait_for(&bad, "infected").await;
    let moved = async {
        while strongroom.texts("SELECT file_id FROM incidents WHERE moved = 1").await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), moved).await.unwrap();
    let one = format!("/incidents/{bad}");
    for name in PEOPLE {
        let person = Person::new(&strongroom, name).await;
        let expected = if name == "incident" { 200 } else { 404 };
        for path in ["/incidents", &one] {
            let answer = send(person.request(&strongroom, "GET", path).header("accept", "text/html")).await;
            assert_eq!(answer.status, expected, "{path} by {name}");
        }
        if name != "incident" {
            let form = [("accepted", "yes"), ("reason", "x")];
            let answer = send(filled(person.request(&strongroom, "POST", &one), &form)).await;
            assert_eq!(answer.status, 404, "{name}");
        }
    }
    let person = Person::new(&strongroom, "incident").await;
    let ask =
        |method: &str, path: &str| person.request(&strongroom, method, path).header("accept", "text/html");
    let way_in = send(ask("GET", "/")).await;
    assert_eq!(way_in.headers["location"], "/incidents");
    let list = send(ask("GET", "/incidents")).await.text;
    assert!(list.contains("&#60;i&#62;essay") && list.contains("Kept until"), "{list}");
    assert!(list.contains("Candidate 1005, Evidence") && list.contains("Centre 98765"), "{list}");
    for (form, says) in [
        (vec![("reason", "Case 7")], "Tick the box"),
        (vec![("accepted", "yes"), ("reason", " ")], "Say why"),
    ] {
        let answer = send(filled(ask("POST", &one), &form)).await;
        assert!(answer.status == 422 && answer.text.contains(says), "{says}: {}", answer.text);
    }
    let trail =
        "SELECT action FROM audit WHERE actor = 'incident' AND action LIKE 'incident.download%' ORDER BY id";
    assert!(strongroom.texts(trail).await.is_empty());
    let form = [("accepted", "yes"), ("reason", "Case 7, for the analyst.")];
    let taken = send(filled(ask("POST", &one), &form)).await;
    assert_eq!(taken.status, 303);
    let content = taken.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(strongroom.texts(trail).await, ["incident.download_confirmed"], "told before any byte");
    let bytes = send(ask("GET", &content)).await;
    assert_eq!((bytes.status.as_u16(), bytes.text.as_bytes()), (200, BAD));
    let said = "SELECT detail FROM audit WHERE action = 'incident.download_confirmed'";
    assert!(strongroom.texts(said).await[0].contains("Case 7, for the analyst."));
    // Its time is over.
    strongroom.sql("UPDATE incidents SET expires_at = 0").await;
    let gone = send(filled(ask("POST", &one), &form)).await;
    assert!(gone.status == 422 && gone.text.contains("not kept any more"), "{}", gone.text);
    assert!(!send(ask("GET", &one)).await.text.contains("id=\"take\""));
    // No role, no page.
    strongroom.sql("UPDATE roles SET centre_number = '20461' WHERE person_id = 'incident'").await;
    assert_eq!(send(ask("GET", &one)).await.status, 404);
    assert!(!send(ask("GET", "/incidents")).await.text.contains("essay"));
    strongroom.stop().await;
}
