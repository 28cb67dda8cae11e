//! What a real scanner finds in what came over HTTP.

use std::path::Path;

use reqwest::Method;

use crate::support::{Installation, send};

#[tokio::test]
async fn a_virus_with_the_border_of_two_requests_in_it_is_found() {
    let installation = Installation::new(Path::new("config/demo")).await;
    let token = installation.token("teacher.98765").await;
    let process = installation.serve(None).await;
    let sample = process.sample(&token).await;
    let teacher = process.actor(&token);

    // The EICAR test file, put together here so that no scanner mistakes this program for it.
    let halves = [r"words X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H* words"];
    let length = halves.concat().len() as u64;
    let begun = teacher.begin(&sample, "1005", "URS", "urs.txt", length).await;
    let file = begun.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let mut offset = 0;
    for half in halves {
        let request = teacher
            .request(Method::PATCH, &format!("/files/{file}"))
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(half);
        let answer = send(request).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        offset += half.len();
    }
    teacher.wait_for(&file, "infected").await;
    let content = teacher.get(&format!("/api/v1/files/{file}/content")).await;
    assert!(!content.status.is_success(), "{}", content.status);
    process.stop().await;
    installation.clear().await;
}
