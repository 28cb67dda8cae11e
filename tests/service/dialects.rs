//! Uploads as tus 1.0.0 and as the IETF's resumable uploads: checksums, digests, lengths, offsets, and which is which.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Actor, Answer, CENTRE, Strongroom, send};

/// Of "123456789".
const SUMS: [&str; 4] = [
    "sha1 98O8HYCOBHMq32eZZczDTKeuNEE=",
    "sha256 FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
    "md5 JfnnlDI7RTiF9RgfG2JNCw==",
    "crc32c 4waSgw==",
];
const NINE: &[u8] = b"123456789";
const PROBLEM: &str = "https://iana.org/assignments/http-problem-types#";

fn sha256(bytes: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(bytes))
}

fn file_of(answer: &Answer) -> String {
    answer.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Text of which no two megabytes are alike.
fn text(size: usize) -> Vec<u8> {
    (0..).flat_map(|line: usize| format!("{line:031}\n").into_bytes()).take(size).collect()
}

/// A service, a teacher, and where one candidate's evidence goes.
struct Scene {
    strongroom: Strongroom,
    teacher: Actor,
    token: String,
    sample: String,
}

impl Scene {
    async fn new() -> Self {
        let strongroom = Strongroom::start().await;
        let sample = strongroom.sample(CENTRE).await;
        let teacher = strongroom.as_("teacher.98765").await;
        let token = teacher.token().to_owned();
        Self { strongroom, teacher, token, sample }
    }

    fn place(&self, section: &str) -> String {
        format!("/files/to/{}/1005/{section}", self.sample)
    }

    async fn begin(&self, length: usize) -> String {
        let begun = self.teacher.begin(&self.sample, "1005", "Evidence", "notes.txt", length as u64).await;
        assert_eq!(begun.status, 201, "{}", begun.text);
        file_of(&begun)
    }

    fn tus(&self, file: &str, offset: usize, bytes: &[u8]) -> RequestBuilder {
        self.teacher
            .request(Method::PATCH, &format!("/files/{file}"))
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(bytes.to_vec())
    }

    fn create(&self, section: &str, complete: &str, bytes: &[u8]) -> RequestBuilder {
        self.teacher
            .request(Method::POST, &self.place(section))
            .header("upload-complete", complete)
            .header("content-disposition", "inline; filename*=UTF-8''n%C3%B6tes.txt")
            .body(bytes.to_vec())
    }

    fn append(&self, file: &str, offset: usize, complete: &str, bytes: &[u8]) -> RequestBuilder {
        self.teacher
            .request(Method::PATCH, &format!("/files/{file}"))
            .header("upload-complete", complete)
            .header("upload-offset", offset)
            .header("content-type", "application/partial-upload")
            .body(bytes.to_vec())
    }

    /// A bare HEAD.
    async fn head(&self, file: &str) -> Answer {
        send(self.teacher.request(Method::HEAD, &format!("/files/{file}"))).await
    }

    async fn offset(&self, file: &str) -> usize {
        let request = self.teacher.request(Method::HEAD, &format!("/files/{file}"));
        let answer = send(request.header("tus-resumable", "1.0.0")).await;
        assert_eq!(answer.status, 200);
        header(&answer, "upload-offset").parse().unwrap()
    }

    /// It is accepted and is these bytes, and nothing waits to be removed.
    async fn arrives(&self, file: &str, bytes: &[u8]) {
        self.teacher.wait_for(file, "accepted").await;
        let path = format!("/api/v1/files/{file}/content");
        let content = self.teacher.request(Method::GET, &path).send().await.unwrap();
        assert!(content.bytes().await.unwrap() == bytes);
        let swept = async {
            while !self.strongroom.texts("SELECT path FROM discards").await.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), swept).await.unwrap();
    }

    /// Sends a request byte for byte; the status of its answer. `half`: the line is cut behind it.
    async fn raw(&self, head: &str, body: &[u8], half: bool) -> u16 {
        let mut line = TcpStream::connect(self.strongroom.address).await.unwrap();
        let head = format!(
            "{head}\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            self.strongroom.address, self.token
        );
        line.write_all(head.as_bytes()).await.unwrap();
        line.write_all(body).await.unwrap();
        if half {
            line.shutdown().await.unwrap();
        }
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }
}

#[tokio::test]
async fn tus_a_checksum_holds_or_nothing_counts() {
    let scene = Scene::new().await;
    let file = scene.begin(SUMS.len() * NINE.len()).await;
    for (sum, offset) in SUMS.iter().zip((0..).step_by(NINE.len())) {
        let (name, value) = sum.split_once(' ').unwrap();
        let wrong = format!("{name} {}", value.replacen(|c: char| c.is_ascii_digit(), "A", 1));
        let refused = send(scene.tus(&file, offset, NINE).header("upload-checksum", wrong)).await;
        assert_eq!(refused.code(), (460, "checksum_mismatch".into()), "{sum}");
        assert_eq!(scene.offset(&file).await, offset);
        let kept = send(scene.tus(&file, offset, NINE).header("upload-checksum", *sum)).await;
        assert_eq!(kept.status, 204, "{sum}: {}", kept.text);
    }
    scene.arrives(&file, &NINE.repeat(SUMS.len())).await;

    let file = scene.begin(NINE.len()).await;
    for bad in ["sha512 AAAA", "SHA1 AAAA", "sha1", "sha1 =AAA"] {
        let refused = send(scene.tus(&file, 0, NINE).header("upload-checksum", bad)).await;
        assert_eq!(refused.code(), (400, "invalid_request".into()), "{bad}");
    }
    assert_eq!(scene.offset(&file).await, 0);
    assert_eq!(scene.teacher.delete(&format!("/api/v1/files/{file}")).await.status, 204);

    let place = scene.place("URS");
    let create = |sum: &str| {
        scene
            .teacher
            .request(Method::POST, &place)
            .header("tus-resumable", "1.0.0")
            .header("upload-length", NINE.len())
            .header("upload-metadata", "filename dXJzLnR4dA==")
            .header("content-type", "application/offset+octet-stream")
            .header("upload-checksum", sum)
            .body(NINE)
    };
    // The section takes one file: what nobody knows of may not hold its place.
    for refused in ["sha1 AAAA", "md5 AAAA"] {
        assert_eq!(send(create(refused)).await.status, 460);
    }
    let created = send(create(SUMS[0])).await;
    assert_eq!((created.status.as_u16(), header(&created, "upload-offset")), (201, "9"), "{}", created.text);
    scene.arrives(&file_of(&created), NINE).await;
    let told = send(scene.strongroom.stranger().request(Method::OPTIONS, &place)).await;
    assert_eq!(header(&told, "tus-checksum-algorithm"), "sha1,sha256,md5,crc32c");
    assert!(header(&told, "tus-extension").contains("checksum,checksum-trailer"));
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn tus_a_large_request_proves_itself_as_a_whole() {
    let scene = Scene::new().await;
    // More than two parts of a multipart upload, begun without a checksum inside a part.
    let all = text(20 << 20);
    let file = scene.begin(all.len()).await;
    let first = 1 << 20;
    assert_eq!(send(scene.tus(&file, 0, &all[..first])).await.status, 204);
    let middle = 19 << 20;
    let sum = |bytes: &[u8]| format!("sha256 {}", sha256(bytes));
    let piece = |from: usize, to: usize, sum: String| {
        send(scene.tus(&file, from, &all[from..to]).header("upload-checksum", sum))
    };
    assert_eq!(piece(first, middle, sum(&all)).await.status, 460);
    assert_eq!(scene.offset(&file).await, first);
    // Cut short, it proves nothing.
    let head = format!(
        "PATCH /files/{file} HTTP/1.1\r\ntus-resumable: 1.0.0\r\nupload-offset: {first}\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: {}\r\nupload-checksum: {}",
        middle - first,
        sum(&all[first..middle])
    );
    scene.raw(&head, &all[first..middle - 100], true).await;
    assert_eq!(scene.offset(&file).await, first);
    let kept = piece(first, middle, sum(&all[first..middle])).await;
    assert_eq!((kept.status.as_u16(), header(&kept, "upload-offset")), (204, &*middle.to_string()));
    assert_eq!(piece(middle, all.len(), sum(&all)).await.status, 460);
    assert_eq!(piece(middle, all.len(), sum(&all[middle..])).await.status, 204);
    scene.arrives(&file, &all).await;
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn what_a_slow_request_wrote_in_vain_is_removed() {
    let scene = Scene::new().await;
    let file = scene.begin(2 * NINE.len()).await;
    let head = format!(
        "PATCH /files/{file} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         upload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: 18\r\n\
         upload-checksum: {}\r\n\r\n",
        scene.strongroom.address, scene.token, SUMS[0]
    );
    let mut line = TcpStream::connect(scene.strongroom.address).await.unwrap();
    line.write_all(head.as_bytes()).await.unwrap();
    line.write_all(NINE).await.unwrap();
    // Longer than bytes of a slow stream wait to become durable.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    line.write_all(NINE).await.unwrap();
    let mut answer = [0; 12];
    line.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 460");
    assert_eq!(scene.offset(&file).await, 0);
    let store = &scene.strongroom.service().store;
    let removed = async {
        while !store.list("tail/", None, 10).await.unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), removed).await.unwrap();
    let all = NINE.repeat(2);
    let sum = format!("sha256 {}", sha256(&all));
    assert_eq!(send(scene.tus(&file, 0, &all).header("upload-checksum", sum)).await.status, 204);
    scene.arrives(&file, &all).await;
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn a_checksum_may_come_after_the_bytes() {
    let scene = Scene::new().await;
    let file = scene.begin(2 * NINE.len()).await;
    let head = |trailer: &str, offset: usize| {
        format!(
            "PATCH /files/{file} HTTP/1.1\r\ntus-resumable: 1.0.0\r\nupload-offset: {offset}\r\n\
             content-type: application/offset+octet-stream\r\ntransfer-encoding: chunked\r\ntrailer: {trailer}"
        )
    };
    let body = |trailer: &str| format!("4\r\n1234\r\n5\r\n56789\r\n0\r\n{trailer}\r\n").into_bytes();
    for (trailer, status) in
        [("", 400), ("upload-checksum: sha512 AAAA\r\n", 400), ("upload-checksum: sha1 AAAA\r\n", 460)]
    {
        assert_eq!(scene.raw(&head("Upload-Checksum", 0), &body(trailer), false).await, status, "{trailer}");
        assert_eq!(scene.offset(&file).await, 0);
    }
    let right = |sum: &str| body(&format!("Upload-Checksum: {sum}\r\n"));
    assert_eq!(scene.raw(&head("Upload-Checksum", 0), &right(SUMS[3]), false).await, 204);
    assert_eq!(scene.raw(&head("X-Other, upload-checksum", 9), &right(SUMS[2]), false).await, 204);
    scene.arrives(&file, &NINE.repeat(2)).await;

    let file = file_of(&send(scene.create("URS", "?0", b"")).await);
    let head = format!(
        "PATCH /files/{file} HTTP/1.1\r\nupload-complete: ?1\r\nupload-offset: 0\r\n\
         content-type: application/partial-upload\r\ntransfer-encoding: chunked\r\ntrailer: content-digest"
    );
    let digest = |sum: &str| body(&format!("content-digest: sha-256=:{sum}:\r\n"));
    assert_eq!(scene.raw(&head, &digest(&sha256(b"another")), false).await, 400);
    assert_eq!(header(&scene.head(&file).await, "upload-offset"), "0");
    assert_eq!(scene.raw(&head, &digest(&sha256(NINE)), false).await, 204);
    scene.arrives(&file, NINE).await;
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn rufh_a_file_arrives_in_every_version() {
    let scene = Scene::new().await;
    let all = text(5000);
    for (interop, appended, lifetime) in
        [("6", 201, "expires="), ("8", 204, "max-age="), ("9", 204, "max-age="), ("", 204, "max-age=")]
    {
        let say = |request: RequestBuilder| match interop {
            "" => request,
            interop => request.header("upload-draft-interop-version", interop),
        };
        let created =
            send(say(scene.create("Evidence", "?0", &all[..1000])).header("upload-length", 5000)).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let told = ["upload-complete", "upload-offset"].map(|name| header(&created, name));
        assert_eq!(told, ["?0", "1000"]);
        assert!(
            header(&created, "upload-limit").contains(lifetime),
            "{created:?}",
            created = created.headers
        );
        let file = file_of(&created);

        for method in [Method::HEAD, Method::GET] {
            let state = send(say(scene.teacher.request(method, &format!("/files/{file}")))).await;
            assert_eq!(state.status, 204);
            let names = ["upload-offset", "upload-length", "upload-complete", "cache-control"];
            assert_eq!(names.map(|name| header(&state, name)), ["1000", "5000", "?0", "no-store"]);
            assert!(header(&state, "upload-limit").contains(lifetime));
        }
        let kept = send(say(scene.append(&file, 1000, "?0", &all[1000..4000]))).await;
        assert_eq!((kept.status.as_u16(), header(&kept, "upload-complete")), (appended, "?0"));
        let done = send(say(scene.append(&file, 4000, "?1", &all[4000..]))).await;
        assert_eq!((done.status.as_u16(), header(&done, "upload-complete")), (appended, "?1"));
        let repr = format!("sha-256=:{}:", sha256(&all));
        assert_eq!(header(&done, "repr-digest"), repr);
        // Once more, as after a lost answer; and with more than there is.
        let again = send(say(scene.append(&file, 5000, "?1", b""))).await;
        assert_eq!((again.status.as_u16(), header(&again, "upload-complete")), (appended, "?1"));
        let more = send(say(scene.append(&file, 5000, "?0", b"more"))).await;
        let kind =
            if ["6", "8"].contains(&interop) { "completed-upload" } else { "inconsistent-upload-length" };
        assert_eq!((more.status.as_u16(), &more.json()["type"]), (400, &json!(format!("{PROBLEM}{kind}"))));
        let state = send(say(scene.teacher.request(Method::HEAD, &format!("/files/{file}")))).await;
        let names = ["upload-offset", "upload-length", "upload-complete", "repr-digest"];
        assert_eq!(names.map(|name| header(&state, name)), ["5000", "5000", "?1", &repr]);
        scene.arrives(&file, &all).await;
        let known = scene.teacher.get(&format!("/api/v1/files/{file}")).await.json();
        assert_eq!(known["original_name"], "nötes.txt", "{known}");
        assert_eq!(scene.teacher.delete(&format!("/api/v1/files/{file}")).await.status, 204);
    }
    let strange = scene.create("Evidence", "?0", b"").header("upload-draft-interop-version", 5);
    let strange = send(strange).await;
    assert_eq!((strange.code().0, &strange.json()["field"]), (400, &json!("upload-draft-interop-version")));
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn rufh_lengths_are_told_once_and_hold() {
    let scene = Scene::new().await;
    let inconsistent = json!(format!("{PROBLEM}inconsistent-upload-length"));
    // One request that is the whole; by its own length, and by none.
    let whole = send(scene.create("Evidence", "?1", NINE)).await;
    assert_eq!((whole.status.as_u16(), header(&whole, "upload-complete")), (201, "?1"), "{}", whole.text);
    scene.arrives(&file_of(&whole), NINE).await;
    let open = file_of(&send(scene.create("Evidence", "?0", NINE)).await);
    let state = scene.head(&open).await;
    assert_eq!((header(&state, "upload-offset"), header(&state, "upload-length")), ("9", ""));
    let head = format!(
        "PATCH /files/{open} HTTP/1.1\r\nupload-complete: ?1\r\nupload-offset: 9\r\n\
         content-type: application/partial-upload\r\ntransfer-encoding: chunked"
    );
    assert_eq!(scene.raw(&head, b"9\r\n123456789\r\n0\r\n\r\n", false).await, 204);
    assert_eq!(header(&scene.head(&open).await, "upload-length"), "18");
    scene.arrives(&open, &NINE.repeat(2)).await;
    let empty = send(scene.create("URS", "?1", b"")).await;
    assert_eq!((empty.status.as_u16(), header(&empty, "upload-complete")), (201, "?1"), "{}", empty.text);

    let two = send(scene.create("Evidence", "?1", NINE).header("upload-length", 100)).await;
    assert_eq!((two.status.as_u16(), &two.json()["type"]), (400, &inconsistent));
    assert_eq!(header(&two, "upload-complete"), "?0");
    let large = send(scene.create("Evidence", "?0", b"").header("upload-length", 1_u64 << 48)).await;
    assert_eq!(large.status, 413);
    assert!(header(&large, "upload-limit").starts_with("max-size="));

    let file = file_of(&send(scene.create("Evidence", "?0", b"").header("upload-length", 50)).await);
    let other = send(scene.append(&file, 0, "?0", NINE).header("upload-length", 60)).await;
    assert_eq!((other.status.as_u16(), &other.json()["type"]), (400, &inconsistent));
    let short = send(scene.append(&file, 0, "?1", NINE)).await;
    assert_eq!((short.status.as_u16(), &short.json()["type"]), (400, &inconsistent));
    assert_eq!(header(&scene.head(&file).await, "upload-offset"), "0");
    // Beyond its length it is an upload no more.
    let over = send(scene.append(&file, 0, "?0", &text(51))).await;
    assert_eq!((over.status.as_u16(), &over.json()["type"]), (400, &inconsistent));
    assert!([404, 410].contains(&scene.head(&file).await.status.as_u16()));

    for (request, field) in [
        (scene.create("Evidence", "true", b""), "upload-complete"),
        (scene.append(&file, 0, "maybe", b""), "upload-complete"),
    ] {
        let refused = send(request).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (400, &json!(field)));
    }
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn rufh_an_offset_elsewhere_is_told_where_and_a_cancelled_upload_is_gone() {
    let scene = Scene::new().await;
    let file = file_of(&send(scene.create("Evidence", "?0", NINE).header("upload-length", 100)).await);
    let elsewhere = send(scene.append(&file, 99, "?0", NINE)).await;
    assert_eq!(elsewhere.status, 409);
    let names = ["upload-offset", "upload-complete", "content-type"];
    assert_eq!(names.map(|name| header(&elsewhere, name)), ["9", "?0", "application/problem+json"]);
    let problem = elsewhere.json();
    assert_eq!(problem["type"], format!("{PROBLEM}mismatching-upload-offset"));
    assert_eq!((&problem["expected-offset"], &problem["provided-offset"]), (&json!(9), &json!(99)));
    for name in ["upload-offset", "upload-complete"] {
        let head = scene.teacher.request(Method::HEAD, &format!("/files/{file}"));
        assert_eq!(send(head.header(name, "?0")).await.status, 400);
    }
    let kind = scene.teacher.request(Method::PATCH, &format!("/files/{file}"));
    let kind =
        kind.header("upload-complete", "?0").header("upload-offset", 9).header("content-type", "text/plain");
    assert_eq!(send(kind.body(NINE)).await.status, 415);
    let path = format!("/files/{file}");
    assert_eq!(send(scene.teacher.request(Method::DELETE, &path)).await.status, 204);
    assert!([404, 410].contains(&scene.head(&file).await.status.as_u16()));
    let gone = send(scene.append(&file, 9, "?0", NINE)).await;
    assert!([404, 410].contains(&gone.status.as_u16()));
    let told = send(scene.strongroom.stranger().request(Method::OPTIONS, "/files")).await;
    assert!(header(&told, "upload-limit").starts_with("max-size="));
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn rufh_digests_hold_for_a_request_and_for_the_whole() {
    let scene = Scene::new().await;
    let field = |bytes: &[u8]| format!("sha-512=:AAAA:, sha-256=:{}:", sha256(bytes));
    let refused = send(scene.create("URS", "?1", NINE).header("content-digest", field(b"another"))).await;
    assert_eq!(refused.code(), (400, "content_digest_mismatch".into()));
    // It holds no place.
    let file = send(scene.create("URS", "?0", NINE).header("content-digest", field(NINE))).await;
    let file = file_of(&file);
    let wrong = scene.append(&file, 9, "?1", NINE).header("content-digest", field(b"another"));
    let wrong = send(wrong).await;
    assert_eq!((wrong.code().0, header(&wrong, "upload-offset")), (400, "9"));
    assert_eq!(header(&scene.head(&file).await, "upload-offset"), "9");
    let right = scene.append(&file, 9, "?1", NINE).header("content-digest", field(NINE));
    assert_eq!(send(right).await.status, 204);
    scene.arrives(&file, &NINE.repeat(2)).await;

    let all = text(3000);
    let good = scene.create("Evidence", "?0", &all[..1000]).header("repr-digest", field(&all));
    let good = file_of(&send(good.header("want-repr-digest", "sha-256=1")).await);
    let done = send(scene.append(&good, 1000, "?1", &all[1000..])).await;
    assert_eq!(header(&done, "repr-digest"), format!("sha-256=:{}:", sha256(&all)));
    scene.arrives(&good, &all).await;
    let bad = scene.create("Evidence", "?0", &all[..1000]).header("repr-digest", field(b"another"));
    let bad = file_of(&send(bad).await);
    let done = send(scene.append(&bad, 1000, "?1", &all[1000..])).await;
    assert_eq!(done.code(), (422, "digest_mismatch".into()));
    assert_eq!(header(&done, "upload-complete"), "?1");
    let known = scene.teacher.wait_for(&bad, "rejected").await;
    assert_eq!(known["reason"], "digest_mismatch", "{known}");
    let at_once = send(scene.create("Evidence", "?1", NINE).header("repr-digest", field(b"another"))).await;
    assert_eq!(at_once.code(), (422, "digest_mismatch".into()));
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn a_request_that_says_nothing_is_answered_as_the_upload_was_begun() {
    let scene = Scene::new().await;
    let tus = scene.begin(100).await;
    assert_eq!(scene.head(&tus).await.status, 412);
    let bare = scene.teacher.request(Method::PATCH, &format!("/files/{tus}"));
    assert_eq!(send(bare.header("upload-offset", 0)).await.code(), (412, "tus_version".into()));
    let rufh = file_of(&send(scene.create("Evidence", "?0", NINE)).await);
    assert_eq!(scene.head(&rufh).await.status, 204);
    // Either may go on with what the other has begun.
    assert_eq!(scene.offset(&rufh).await, 9);
    assert_eq!(send(scene.append(&tus, 0, "?0", NINE)).await.status, 204);
    assert_eq!(scene.offset(&tus).await, 9);
    let create = scene.teacher.request(Method::POST, &scene.place("Evidence"));
    assert_eq!(send(create).await.status, 412);
    let foreign = scene.strongroom.as_("teacher.20461").await;
    for file in [&tus, &rufh] {
        let answer = send(foreign.request(Method::HEAD, &format!("/files/{file}"))).await;
        assert_eq!(answer.status, 404);
    }
    scene.strongroom.stop().await;
}

#[tokio::test]
async fn a_header_that_says_two_things_is_refused() {
    let scene = Scene::new().await;
    let file = scene.begin(NINE.len()).await;
    let two = |answer: &Answer, name: &str| {
        assert_eq!((answer.code(), &answer.json()["field"]), ((400, "invalid_request".into()), &json!(name)));
    };
    for (name, first, second) in [
        ("upload-offset", "", "5"),
        ("content-type", "", "application/partial-upload"),
        ("tus-resumable", "", "0.2.2"),
        ("upload-length", "9", "8"),
        ("upload-checksum", SUMS[0], SUMS[1]),
        ("upload-concat", "partial", "final;/files/1"),
    ] {
        // Where none is given, the request has its own.
        let request = scene.tus(&file, 0, NINE).header(name, second);
        let request = if first.is_empty() { request } else { request.header(name, first) };
        two(&send(request).await, name);
    }
    for (name, value) in [("upload-offset", "5"), ("upload-complete", "?0")] {
        two(&send(scene.append(&file, 0, "?1", NINE).header(name, value)).await, name);
    }
    let override_ = scene.teacher.request(Method::POST, &format!("/files/{file}"));
    let override_ = override_.header("x-http-method-override", "HEAD");
    two(&send(override_.header("x-http-method-override", "DELETE")).await, "x-http-method-override");
    let head = format!(
        "PATCH /files/{file} HTTP/1.1\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-length: 9\r\n\
         content-length: 5\r\ncontent-type: application/offset+octet-stream"
    );
    assert_eq!(scene.raw(&head, NINE, false).await, 400);
    assert_eq!(scene.offset(&file).await, 0);

    for (name, first, second) in [
        ("upload-metadata", "filename dXJzLnR4dA==", "filename YS50eHQ="),
        ("upload-length", "9", "10"),
        ("upload-defer-length", "1", "0"),
        ("content-disposition", "inline; filename=a.txt", "inline; filename=b.txt"),
    ] {
        let begin = scene.teacher.request(Method::POST, &scene.place("URS")).header("tus-resumable", "1.0.0");
        two(&send(begin.header(name, first).header(name, second)).await, name);
    }
    let length = scene.create("URS", "?0", b"").header("upload-length", 9).header("upload-length", 10);
    two(&send(length).await, "upload-length");

    // Said twice and the same, it is said.
    let again = scene.tus(&file, 0, NINE).header("upload-offset", 0).header("upload-checksum", SUMS[0]);
    assert_eq!(send(again.header("upload-checksum", SUMS[0])).await.status, 204);
    scene.arrives(&file, NINE).await;
    scene.strongroom.stop().await;
}
