//! A file that was accepted without a virus check is called so wherever it is seen.

use std::io::{Cursor, Read};

use reqwest::Method;
use serde_json::json;

use crate::identity::{cookie, with_cookie};
use crate::support::{CENTRE, Strongroom, send};

#[tokio::test]
async fn what_was_not_virus_checked_is_called_so_everywhere() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let moderator = strongroom.as_("moderator.1").await;
    let film = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2\0\0\0\x10moov\0\0\0\x08trak\0\0\0\x0cmdatfilm";
    let file = officer.upload(&sample, "1005", "Film", "film.mp4", film).await;
    let sheet = officer.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    officer.wait_for(&file, "accepted").await;
    officer.wait_for(&sheet, "accepted").await;
    // As if it were beyond two gigabytes.
    strongroom.sql("UPDATE files SET unscanned = 1 WHERE section = 'Film'").await;

    let known = officer.get(&format!("/api/v1/files/{file}")).await.json();
    assert_eq!(known["unscanned"], true);
    assert!(known["message"].as_str().unwrap().contains("virus check"), "{known}");
    let check = officer.get(&format!("/api/v1/samples/{sample}/check")).await.json();
    let doubtful = check["doubtful"].as_array().unwrap();
    assert!(doubtful.iter().any(|one| one["code"] == "not_virus_checked" && one["file"] == json!(file)));
    officer.submit(&sample).await;

    let (staff, moderates) =
        (cookie(&strongroom, "officer.98765").await, cookie(&strongroom, "moderator.1").await);
    for (who, path, words) in [
        (&staff, format!("/samples/{sample}?open=1005"), "Accepted, not virus checked"),
        (&staff, format!("/samples/{sample}/files/{file}"), "Accepted, not virus checked"),
        (&staff, format!("/samples/{sample}/submissions/1"), "Not virus checked"),
        (&moderates, format!("/moderation/{sample}"), "Not virus checked"),
        (&moderates, format!("/samples/{sample}/submissions/1"), "Not virus checked"),
    ] {
        let page = with_cookie(&strongroom, Method::GET, &path, who).header("accept", "text/html");
        let page = send(page).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.text.matches(words).count(), 1, "{path} says it of one file: {}", page.text);
    }
    let submission = format!("/api/v1/samples/{sample}/submissions/1");
    for actor in [&officer, &moderator] {
        assert_eq!(actor.get(&submission).await.json()["unscanned"], 1);
        let manifest = actor.get(&format!("{submission}/manifest.json")).await.json();
        let verdicts = manifest["files"].as_array().unwrap().iter().map(|one| one["verdict"].clone());
        assert_eq!(verdicts.collect::<Vec<_>>(), ["not virus checked", "clean"]);
        let table = actor.get(&format!("{submission}/manifest.csv")).await.text;
        assert_eq!(table.matches(",not virus checked,").count(), 1, "{table}");
    }
    let zip = moderator.request(Method::GET, &format!("/api/v1/samples/{sample}/archive"));
    let zip = zip.send().await.unwrap().bytes().await.unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut table = String::new();
    zip.by_name("manifest.csv").unwrap().read_to_string(&mut table).unwrap();
    assert_eq!(table.matches(",not virus checked,").count(), 1, "{table}");
    strongroom.stop().await;
}
