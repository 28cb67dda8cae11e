//! Asking for evidence that is somebody else's is on the audit trail.

use reqwest::Method;
use serde_json::Value;

use crate::support::{CENTRE, Strongroom, encode, send};

#[tokio::test]
async fn a_refusal_on_evidence_is_an_audit_row_and_nothing_else_is() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let file = teacher.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    teacher.wait_for(&file, "accepted").await;
    let foreign = strongroom.as_("teacher.20461").await;
    let content = format!("/api/v1/files/{file}/content");
    assert_eq!(foreign.get(&content).await.status, 404);
    let archive = format!("/api/v1/samples/{sample}/archive");
    assert_eq!(foreign.get(&archive).await.status, 404);
    let head = foreign.request(Method::HEAD, &format!("/files/{file}")).header("tus-resumable", "1.0.0");
    assert_eq!(send(head).await.status, 404);
    let metadata = format!(
        "filename {},sample {},candidate {},section {}",
        encode("a.txt"),
        encode(&sample),
        encode("1005"),
        encode("URS")
    );
    let create = foreign
        .request(Method::POST, "/files")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", 1)
        .header("upload-metadata", metadata);
    assert_eq!(send(create).await.status, 404);
    assert_eq!(foreign.begin(&sample, "1005", "URS", "a.txt", 1).await.status, 404);
    let board = strongroom.as_("board").await;
    assert_eq!(board.delete(&format!("/api/v1/files/{file}")).await.status, 403);
    assert_eq!(board.get(&content).await.status, 404);
    // Nobody's, and one's own that is not there: no refusal.
    let unknown = "0123456789abcdef0123456789abcdef";
    assert_eq!(foreign.get(&format!("/api/v1/files/{unknown}/content")).await.status, 404);
    assert_eq!(foreign.get(&format!("/api/v1/samples/{unknown}")).await.status, 404);
    assert_eq!(teacher.get(&archive).await.status, 404);
    assert_eq!(teacher.get(&format!("/api/v1/samples/{sample}/candidates/4444")).await.status, 404);

    let rows = strongroom
        .texts(
            "SELECT actor || ' ' || chain || ' ' || section || ' ' || file_id || ' ' || action || ' ' || detail \
             FROM audit WHERE outcome = 'denied' ORDER BY id",
        )
        .await;
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            let (who, detail) = row.split_once('{').unwrap();
            let detail: Value = serde_json::from_str(&format!("{{{detail}")).unwrap();
            let text = |key: &str| detail[key].as_str().unwrap().to_owned();
            format!("{who}{} {} {}", text("method"), text("route"), text("code"))
        })
        .collect();
    let of_file = format!("{sample} URS {file} access.denied");
    let of_sample = format!("{sample}   access.denied");
    assert_eq!(
        told,
        [
            format!("teacher.20461 {of_file} GET /api/v1/files/{{file}}/content not_found"),
            format!("teacher.20461 {of_sample} GET /api/v1/samples/{{sample}}/archive not_found"),
            format!("teacher.20461 {of_file} HEAD /files/{{file}} not_found"),
            format!("teacher.20461 {of_sample} POST /files not_found"),
            format!(
                "teacher.20461 {of_sample} POST /files/to/{{sample}}/{{candidate}}/{{section}} not_found"
            ),
            format!("board {of_file} DELETE /api/v1/files/{{file}} forbidden"),
            format!("board {of_file} GET /api/v1/files/{{file}}/content not_found"),
        ]
    );
    strongroom.stop().await;
}
