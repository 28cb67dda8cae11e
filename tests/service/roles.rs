//! Who may do what: every route that names a sample or a file, asked by everyone, before and after submitting.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use strongroom::http::identity::sign_in;
use strongroom::http::layers::RequestId;
use strongroom::http::routes::{Access, ROUTES};

use crate::support::{Answer, CENTRE, Strongroom, send};

/// The columns: the sample's teacher and officer, those of another centre, its moderator, another, board, auditor, who
/// answers incidents.
pub const PEOPLE: [&str; 9] = [
    "teacher.98765",
    "officer.98765",
    "teacher.20461",
    "officer.20461",
    "moderator.1",
    "moderator.2",
    "board",
    "auditor",
    "incident",
];

/// A route, then who may while the sample is open with an accepted file, then when both are submitted. `y`: may (the
/// probe changes nothing, so a conflict is a yes); `f`: 403; `.`: 404, as for an unknown id; `m`: sent on to what was
/// submitted. Of what is not there yet even its own people hear 404.
const TABLE: &str = "
GET    /api/v1/samples/{sample}/check                                               yy....yy. yy..f.yy.
POST   /api/v1/samples/{sample}/submissions                                         fy....ff. fy..f.ff.
GET    /api/v1/samples/{sample}/submissions/{revision}                              ......... yy..y.yy.
GET    /api/v1/samples/{sample}/submissions/{revision}/manifest.json                ......... yy..y.yy.
GET    /api/v1/samples/{sample}/submissions/{revision}/manifest.csv                 ......... yy..y.yy.
GET    /api/v1/samples/{sample}/submissions/{revision}/receipt.pdf                  ......... yy..y.yy.
POST   /api/v1/samples/{sample}/returns                                             ff....yf. ff..y.yf.
GET    /api/v1/samples/{sample}                                                     yy....yy. yy..y.yy.
GET    /api/v1/samples/{sample}/candidates                                          yy....yy. yy..y.yy.
GET    /api/v1/samples/{sample}/candidates/{number}                                 yy....yy. yy..y.yy.
PUT    /api/v1/samples/{sample}/candidates/{number}/sections/{section}/missing      yy....ff. yy..f.ff.
DELETE /api/v1/samples/{sample}/candidates/{number}/sections/{section}/missing      yy....ff. yy..f.ff.
PUT    /api/v1/samples/{sample}/candidates/{number}/sections/{section}/incomplete   yy....ff. yy..f.ff.
DELETE /api/v1/samples/{sample}/candidates/{number}/sections/{section}/incomplete   yy....ff. yy..f.ff.
PUT    /api/v1/samples/{sample}/candidates/{number}/sections/{section}/other_means  fy....ff. fy..f.ff.
DELETE /api/v1/samples/{sample}/candidates/{number}/sections/{section}/other_means  fy....ff. fy..f.ff.
PUT    /api/v1/samples/{sample}/candidates/{number}/absent                          yy....ff. yy..f.ff.
DELETE /api/v1/samples/{sample}/candidates/{number}/absent                          yy....ff. yy..f.ff.
POST   /api/v1/samples/{sample}/extensions                                          ff....yf. ff..f.yf.
GET    /api/v1/samples/{sample}/holds                                               ff....yy. ff..f.yy.
POST   /api/v1/samples/{sample}/holds                                               ff....yf. ff..f.yf.
DELETE /api/v1/samples/{sample}/holds/{hold}                                        ff.....f. ff..f..f.
GET    /api/v1/samples/{sample}/bulk_plans                                          yy....ff. yy..f.ff.
POST   /api/v1/samples/{sample}/bulk_plans                                          yy....ff. yy..f.ff.
GET    /api/v1/files/{file}                                                         yy....yy. yy..y.yy.
DELETE /api/v1/files/{file}                                                         yy....ff. yy..f.ff.
POST   /api/v1/files/{file}/restore                                                 yy....ff. yy..f.ff.
POST   /api/v1/files/{file}/move                                                    yy....ff. yy..f.ff.
GET    /api/v1/audit                                                                ffffffyyf ffffffyyf
POST   /files/to/{sample}/Documents                                                 yy....... yy.......
POST   /files/to/{sample}/Documents/{document}                                      yy....... yy.......
POST   /files/to/{sample}/{candidate}/{section}                                     yy....... yy.......
GET    /files/{file}                                                                yy....... yy.......
HEAD   /files/{file}                                                                yy....... yy.......
PATCH  /files/{file}                                                                yy....... yy.......
DELETE /files/{file}                                                                yy....... yy.......
GET    /api/v1/samples/{sample}/archive                                             ......... yy..y....
GET    /api/v1/files/{file}/content                                                 yy....... yy..y....
GET    /api/v1/incidents                                                            ffffffffy ffffffffy
GET    /api/v1/incidents/{file}/content                                             ......... .........
GET    /samples/{sample}                                                            yy....yy. yy..m.yy.
GET    /samples/{sample}/documents                                                  yy....yy. yy..m.yy.
GET    /samples/{sample}/candidates/{number}/filing                                 yy....ff. yy..f.ff.
GET    /samples/{sample}/help                                                       yy....yy. yy..y.yy.
POST   /samples/{sample}/help                                                       yy....ff. yy..f.ff.
GET    /samples/{sample}/upload-many                                                yy....ff. yy..f.ff.
GET    /samples/{sample}/plans/{plan}                                               ......... .........
POST   /samples/{sample}/plans/{plan}                                               ......... .........
POST   /samples/{sample}/plans/{plan}/discard                                       ......... .........
GET    /samples/{sample}/files/{file}                                               yy....yy. yy..f.yy.
POST   /samples/{sample}/files/{file}/delete                                        yy....ff. yy..f.ff.
POST   /samples/{sample}/files/{file}/restore                                       yy....ff. yy..f.ff.
GET    /samples/{sample}/files/{file}/move                                          yy....ff. yy..f.ff.
POST   /samples/{sample}/files/{file}/move                                          yy....ff. yy..f.ff.
GET    /samples/{sample}/candidates/{number}/sections/{section}/send                yy....ff. yy..f.ff.
POST   /samples/{sample}/candidates/{number}/sections/{section}/send                yy....ff. yy..f.ff.
GET    /samples/{sample}/documents/{document}/send                                  yy....ff. yy..f.ff.
POST   /samples/{sample}/documents/{document}/send                                  yy....ff. yy..f.ff.
GET    /samples/{sample}/candidates/{number}/sections/{section}/missing             yy....ff. yy..f.ff.
POST   /samples/{sample}/candidates/{number}/sections/{section}/missing             yy....ff. yy..f.ff.
POST   /samples/{sample}/candidates/{number}/sections/{section}/missing/clear       yy....ff. yy..f.ff.
GET    /samples/{sample}/candidates/{number}/sections/{section}/other               fy....ff. fy..f.ff.
POST   /samples/{sample}/candidates/{number}/sections/{section}/other               fy....ff. fy..f.ff.
POST   /samples/{sample}/candidates/{number}/sections/{section}/other/clear         fy....ff. fy..f.ff.
GET    /samples/{sample}/candidates/{number}/sections/{section}/fewer               yy....ff. yy..f.ff.
POST   /samples/{sample}/candidates/{number}/sections/{section}/fewer               yy....ff. yy..f.ff.
POST   /samples/{sample}/candidates/{number}/sections/{section}/fewer/clear         yy....ff. yy..f.ff.
GET    /samples/{sample}/candidates/{number}/absent                                 yy....ff. yy..f.ff.
POST   /samples/{sample}/candidates/{number}/absent                                 yy....ff. yy..f.ff.
POST   /samples/{sample}/candidates/{number}/absent/clear                           yy....ff. yy..f.ff.
GET    /samples/{sample}/missing                                                    yy....ff. yy..f.ff.
POST   /samples/{sample}/missing                                                    yy....ff. yy..f.ff.
GET    /samples/{sample}/check                                                      yy....yy. yy..f.yy.
GET    /samples/{sample}/declarations/{declaration}                                 fy....ff. fy..f.ff.
POST   /samples/{sample}/declarations/{declaration}                                 fy....ff. fy..f.ff.
GET    /samples/{sample}/submit                                                     fy....ff. fy..f.ff.
POST   /samples/{sample}/submit                                                     fy....ff. fy..f.ff.
GET    /samples/{sample}/submissions/{revision}                                     ......... yy..y.yy.
GET    /moderation/{sample}                                                         ......... ....y....
GET    /moderation/{sample}/download                                                ......... ....y....
GET    /moderation/{sample}/return                                                  ......... ....y....
POST   /moderation/{sample}/return                                                  ......... ....y....
GET    /incidents                                                                   ........y ........y
GET    /incidents/{file}                                                            ......... .........
POST   /incidents/{file}                                                            ......... .........
";

struct Row {
    method: &'static str,
    path: &'static str,
    open: &'static str,
    submitted: &'static str,
}

fn table() -> Vec<Row> {
    let row = |line: &'static str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [method, path, open, submitted] => Row { method, path, open, submitted },
        _ => panic!("not a row: {line}"),
    };
    TABLE.trim().lines().map(row).collect()
}

/// A person at a browser: pages ask for a session, and the rest takes one as well.
pub struct Person {
    cookie: String,
    csrf: String,
    origin: String,
}

impl Person {
    pub async fn new(strongroom: &Strongroom, person: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        let id = person.parse().unwrap();
        let set = sign_in(strongroom.service(), &headers, &id, &RequestId::new()).await.unwrap();
        let cookie = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        let me = strongroom.stranger().request(Method::GET, "/api/v1/me").header("cookie", &cookie);
        let csrf = send(me).await.json()["csrf"].as_str().unwrap().to_owned();
        Self { cookie, csrf, origin: strongroom.url("") }
    }

    pub fn request(&self, strongroom: &Strongroom, method: &str, path: &str) -> RequestBuilder {
        let request = strongroom.stranger().request(method.parse().unwrap(), path);
        request
            .header("cookie", &self.cookie)
            .header("x-csrf-token", &self.csrf)
            .header("origin", &self.origin)
    }
}

/// The address of a row, about this sample and file.
fn address(path: &str, sample: &str, file: &str, declaration: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{sample}" => sample,
        "{file}" => file,
        "{number}" | "{candidate}" => "1005",
        "{section}" => "URS",
        "{hold}" | "{plan}" => "0123456789abcdef0123456789abcdef",
        "{document}" => "Coversheet",
        "{revision}" => "1",
        "{declaration}" => declaration,
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A request that gets as far as the question who may, and changes nothing (a delete is undone by the test).
fn probe(request: RequestBuilder, row: &Row) -> RequestBuilder {
    if row.path.starts_with("/files") && row.method == "GET" {
        // tus has no GET.
        return request.header("upload-draft-interop-version", 9);
    }
    if row.path.starts_with("/files") {
        return request
            .header("tus-resumable", "1.0.0")
            .header("upload-length", 1)
            .header("upload-offset", 999)
            .header("content-type", "application/offset+octet-stream")
            // No section takes it.
            .header("upload-metadata", "filename eC5leGU=");
    }
    match (row.method, row.path.rsplit('/').next().unwrap()) {
        // A plan of nothing is refused.
        ("POST", "bulk_plans") => request.json(&json!({ "files": [] })),
        ("POST", "submissions") => request.json(&json!({ "declarations": [] })),
        // Where it is already.
        ("POST", "move") if row.path.starts_with("/api/") => {
            request.json(&json!({ "candidate": "1005", "section": "URS" }))
        }
        ("POST", "holds") => request.json(&json!({ "kind": "review", "reference": "" })),
        ("POST", "returns" | "extensions") => {
            request.json(&json!({ "reason": "", "due_at": "2099-01-01T00:00:00Z" }))
        }
        // A form with nothing in it.
        ("POST", "send") => {
            request.header("content-type", "multipart/form-data; boundary=end").body("--end--\r\n")
        }
        ("PUT", "other_means") => request.json(&json!({ "means": "posted" })),
        ("PUT", _) => request.json(&json!({ "reason": "lost" })),
        ("POST", _) if !row.path.starts_with("/api/") => request
            .header("content-type", "application/x-www-form-urlencoded")
            .body("reason=lost&note=&version=0&accepted=on&candidate=1005&section=URS"),
        _ => request,
    }
}

fn class(row: &Row, answer: &Answer) -> Result<char, u16> {
    let to = answer.headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
    match answer.status.as_u16() {
        303 if to.starts_with("/moderation/") => Ok('m'),
        303 if to.starts_with("/sign-in") => Err(303),
        200..=299 | 303 | 409 | 422 => Ok('y'),
        // What is empty is looked at after the person.
        400 if ["/returns", "/extensions", "/holds", "/bulk_plans"]
            .iter()
            .any(|end| row.path.ends_with(end)) =>
        {
            Ok('y')
        }
        403 if answer.code().1 == "forbidden" => Ok('f'),
        404 => Ok('.'),
        other => Err(other),
    }
}

fn without_id(answer: &Answer) -> Value {
    let mut body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
    }
    body
}

/// Asks every row as everyone; what differs from the table.
async fn differences(
    strongroom: &Strongroom,
    (sample, file, declaration): (&str, &str, &str),
    expected: impl Fn(&Row) -> &'static str,
) -> Vec<String> {
    let officer = strongroom.as_("officer.98765").await;
    let restore = format!("/api/v1/files/{file}/restore");
    let unknown = "0123456789abcdef0123456789abcdef";
    let mut people = Vec::new();
    for name in PEOPLE {
        people.push((name, Person::new(strongroom, name).await));
    }
    let mut found = Vec::new();
    for row in table() {
        let path = address(row.path, sample, file, declaration);
        let nowhere = address(row.path, unknown, unknown, declaration);
        for ((name, person), cell) in people.iter().zip(expected(&row).chars()) {
            let answer = send(probe(person.request(strongroom, row.method, &path), &row)).await;
            let class = class(&row, &answer);
            let told =
                format!("{} {} by {name}: {cell} expected, {class:?}: {}", row.method, row.path, answer.text);
            if class != Ok(cell) {
                found.push(told.chars().take(400).collect());
            } else if cell == '.' {
                let other = send(probe(person.request(strongroom, row.method, &nowhere), &row)).await;
                let same = other.status == answer.status && without_id(&other) == without_id(&answer);
                if !same {
                    found.push(format!("{told}; of an unknown id: {}", other.text));
                }
            }
            let deletes = row.method == "DELETE" || row.path.ends_with("/delete");
            if deletes && row.path.contains("{file}") && answer.status.as_u16() < 400 {
                assert_eq!(officer.post(&restore).await.status, 204);
            }
        }
    }
    found
}

#[test]
fn every_route_that_names_a_sample_or_a_file_is_in_the_table() {
    let listed = ROUTES.iter().filter(|route| matches!(route.access, Access::See | Access::May(_)));
    let listed: BTreeSet<_> = listed.map(|route| (route.method, route.path)).collect();
    let rows: BTreeSet<_> = table().iter().map(|row| (row.method, row.path)).collect();
    assert_eq!(rows, listed);
    for row in table() {
        assert_eq!((row.open.len(), row.submitted.len()), (PEOPLE.len(), PEOPLE.len()), "{}", row.path);
    }
}

#[tokio::test]
async fn everyone_may_what_the_table_says_and_foreign_is_unknown() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let file = officer.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    officer.wait_for(&file, "accepted").await;
    let check = officer.get(&format!("/api/v1/samples/{sample}/check")).await.json();
    let declaration = check["declarations"][0]["id"].as_str().unwrap().to_owned();
    let about = (&*sample, &*file, &*declaration);
    let open = differences(&strongroom, about, |row| row.open).await;
    assert!(open.is_empty(), "while it is open:\n{}", open.join("\n"));
    officer.submit(&sample).await;
    let submitted = differences(&strongroom, about, |row| row.submitted).await;
    assert!(submitted.is_empty(), "when it is submitted:\n{}", submitted.join("\n"));
    strongroom.stop().await;
}
