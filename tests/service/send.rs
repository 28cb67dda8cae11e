//! Files sent by a form, as a browser without script does.

use reqwest::Method;
use serde_json::Value;

use crate::identity::{cookie, with_cookie};
use crate::support::{Answer, CENTRE, Strongroom, send};

const BOUNDARY: &str = "----FormBoundaryOfATest";

/// One part of a form: the head of a browser's, and its bytes.
fn part(head: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

fn file(name: &str, bytes: &[u8]) -> Vec<u8> {
    part(&format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream"), bytes)
}

/// A person at a browser.
struct Browser<'a> {
    strongroom: &'a Strongroom,
    cookie: String,
    token: String,
}

impl<'a> Browser<'a> {
    async fn of(strongroom: &'a Strongroom, person: &str) -> Self {
        let cookie = cookie(strongroom, person).await;
        let me = send(with_cookie(strongroom, Method::GET, "/api/v1/me", &cookie)).await.json();
        Self { strongroom, token: me["csrf"].as_str().unwrap().to_owned(), cookie }
    }

    async fn submit(&self, path: &str, body: Vec<u8>) -> Answer {
        let request = with_cookie(self.strongroom, Method::POST, path, &self.cookie)
            .header("origin", self.strongroom.url(""))
            .header("accept", "text/html")
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body);
        send(request).await
    }

    /// A form as our page makes it.
    async fn send(&self, path: &str, files: &[Vec<u8>]) -> Answer {
        let end = format!("--{BOUNDARY}--\r\n").into_bytes();
        let body = [vec![part("name=\"csrf\"", self.token.as_bytes())], files.to_vec(), vec![end]].concat();
        self.submit(path, body.concat()).await
    }
}

/// States by name of a candidate's section.
async fn states(strongroom: &Strongroom, sample: &str, section: &str) -> Vec<(String, String)> {
    let officer = strongroom.as_("officer.98765").await;
    let work = officer.get(&format!("/api/v1/samples/{sample}/candidates/1005")).await.json();
    let sections = work["sections"].as_array().unwrap();
    let found = sections.iter().find(|one| one["code"] == section).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = found["files"].as_array().unwrap().iter();
    files.map(|file| (text(&file["original_name"]), text(&file["state"]))).collect()
}

#[tokio::test]
async fn a_form_sends_files_as_uploads_do() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = Browser::of(&strongroom, "teacher.98765").await;
    let path = format!("/samples/{sample}/candidates/1005/sections/Evidence/send");
    // More than one border of the store.
    let large: Vec<u8> = (0..200_000)
        .flat_map(|line| format!("line {line} of an essay of some length, no two alike\n").into_bytes())
        .collect();
    let names = ["essay.txt", "na\u{ef}ve %22quoted%22 \u{674e}.txt"];
    let answer = teacher.send(&path, &[file(names[0], &large), file(names[1], b"words")]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let there = answer.headers["location"].to_str().unwrap();
    assert!(there.starts_with(&format!("/samples/{sample}?open=1005")), "{there}");
    let officer = strongroom.as_("officer.98765").await;
    let work = officer.get(&format!("/api/v1/samples/{sample}/candidates/1005")).await.json();
    let sections = work["sections"].as_array().unwrap();
    let files = sections.iter().find(|one| one["code"] == "Evidence").unwrap()["files"].as_array().unwrap();
    for one in files {
        officer.wait_for(one["id"].as_str().unwrap(), "accepted").await;
    }
    let mut known = states(&strongroom, &sample, "Evidence").await;
    known.sort();
    let quoted = "na\u{ef}ve \"quoted\" \u{674e}.txt".to_owned();
    assert_eq!(known, [("essay.txt".to_owned(), "accepted".to_owned()), (quoted, "accepted".to_owned())]);
    let essay = files.iter().find(|one| one["original_name"] == "essay.txt").unwrap();
    let content = format!("/api/v1/files/{}/content", essay["id"].as_str().unwrap());
    let content = officer.request(Method::GET, &content).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(content, large);
    strongroom.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_told_on_the_page_and_holds_no_place() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = Browser::of(&strongroom, "teacher.98765").await;
    let path = format!("/samples/{sample}/candidates/1005/sections/URS/send");
    let nothing = teacher.send(&path, &[file("", b"")]).await;
    assert_eq!(nothing.status, 422);
    assert!(nothing.text.contains("Choose a file"), "{}", nothing.text);
    let answer = teacher
        .send(&path, &[file("run.exe", b"MZ"), file("urs.txt", b"a recording sheet"), file("two.txt", b"x")])
        .await;
    assert_eq!(answer.status, 422);
    for told in ["run.exe", "urs.txt", "two.txt", "These are with us", "These were not taken"] {
        assert!(answer.text.contains(told), "{told}: {}", answer.text);
    }
    let known = states(&strongroom, &sample, "URS").await;
    assert_eq!(known.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["urs.txt"]);
    // Cut in the middle of a file.
    let cut = [part("name=\"csrf\"", teacher.token.as_bytes()), file("cut.txt", &[b'a'; 100_000])].concat();
    let path = format!("/samples/{sample}/candidates/1005/sections/Evidence/send");
    let answer = teacher.submit(&path, cut[..50_000].to_vec()).await;
    assert!(answer.status.is_client_error(), "{}", answer.text);
    let known = states(&strongroom, &sample, "Evidence").await;
    assert!(known.iter().all(|(_, state)| state == "cancelled"), "{known:?}");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_form_with_files_proves_itself_before_anything_of_it_is_taken() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = Browser::of(&strongroom, "teacher.98765").await;
    let path = format!("/samples/{sample}/candidates/1005/sections/Evidence/send");
    let token = part("name=\"csrf\"", teacher.token.as_bytes());
    let guessed = part("name=\"csrf\"", "x".repeat(teacher.token.len()).as_bytes());
    let essay = file("essay.txt", b"words");
    for body in [essay.clone(), [&essay[..], &token].concat(), [guessed, essay.clone()].concat(), Vec::new()]
    {
        assert_eq!(teacher.submit(&path, body).await.status, 403);
    }
    assert_eq!(states(&strongroom, &sample, "Evidence").await, []);
    // Whose work it is not.
    let other = Browser::of(&strongroom, "officer.20461").await;
    assert_eq!(other.send(&path, &[essay]).await.status, 404);
    assert_eq!(states(&strongroom, &sample, "Evidence").await, []);
    strongroom.stop().await;
}
