//! Files in pieces (tus 1.0.0, concatenation): partial uploads, and the file that is made of them.

use reqwest::{Method, RequestBuilder};
use sha2::{Digest, Sha256};

use crate::support::{Actor, Answer, CENTRE, Strongroom, encode, send};

const MIB: usize = 1 << 20;

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text);
    header(answer, "location").rsplit('/').next().unwrap().to_owned()
}

/// Text of which no two megabytes are alike.
fn text(size: usize) -> Vec<u8> {
    (0..).flat_map(|line: usize| format!("{line:031}\n").into_bytes()).take(size).collect()
}

fn tus(person: &Actor, method: Method, path: &str) -> RequestBuilder {
    person.request(method, path).header("tus-resumable", "1.0.0")
}

async fn partial(person: &Actor, path: &str, length: usize) -> Answer {
    let request = tus(person, Method::POST, path).header("upload-concat", "partial");
    send(request.header("upload-length", length)).await
}

async fn patch(person: &Actor, upload: &str, offset: usize, bytes: &[u8]) -> Answer {
    let request = tus(person, Method::PATCH, &format!("/files/{upload}"))
        .header("upload-offset", offset)
        .header("upload-concat", "partial")
        .header("content-type", "application/offset+octet-stream")
        .body(bytes.to_vec());
    send(request).await
}

async fn head(person: &Actor, upload: &str) -> Answer {
    send(tus(person, Method::HEAD, &format!("/files/{upload}"))).await
}

/// A partial with these bytes.
async fn sent(person: &Actor, bytes: &[u8]) -> String {
    let id = id_of(&partial(person, "/files", bytes.len()).await);
    let kept = patch(person, &id, 0, bytes).await;
    assert_eq!((kept.status.as_u16(), header(&kept, "upload-offset")), (204, &*bytes.len().to_string()));
    assert!(!header(&kept, "upload-expires").is_empty());
    id
}

fn made_of(person: &Actor, path: &str, name: &str, partials: &[&str]) -> RequestBuilder {
    let addresses: Vec<_> = partials.iter().map(|id| format!("/files/{id}")).collect();
    tus(person, Method::POST, path)
        .header("upload-concat", format!("final;{}", addresses.join(" ")))
        .header("upload-metadata", format!("filename {}", encode(name)))
}

async fn content(person: &Actor, file: &str) -> Vec<u8> {
    let content = person.request(Method::GET, &format!("/api/v1/files/{file}/content")).send().await.unwrap();
    content.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn pieces_sent_side_by_side_become_a_file() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let all = text(13 * MIB + 777);
    let begun = id_of(&partial(&teacher, "/files/", 6 * MIB).await);
    let told = head(&teacher, &begun).await;
    assert_eq!((header(&told, "upload-concat"), header(&told, "upload-offset")), ("partial", "0"));
    assert!(!header(&told, "upload-expires").is_empty());
    assert_eq!(patch(&teacher, &begun, 0, &all[..2 * MIB]).await.status, 204);
    assert_eq!(patch(&teacher, &begun, 2 * MIB, &all[2 * MIB..6 * MIB]).await.status, 204);
    let second = sent(&teacher, &all[6 * MIB..7 * MIB]).await;
    let third = sent(&teacher, &all[7 * MIB..]).await;

    // Nobody sees a partial as a file, not even its sender.
    assert_eq!(teacher.get("/api/v1/uploads").await.json()["items"].as_array().unwrap().len(), 0);
    assert_eq!(teacher.get(&format!("/api/v1/files/{begun}")).await.status, 404);

    let sha256 = Sha256::digest(&all).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let addresses = format!("final;{} /files/{second} {third}", strongroom.url(&format!("/files/{begun}")));
    let request = || {
        tus(&teacher, Method::POST, "/files/").header("upload-concat", &addresses).header(
            "upload-metadata",
            format!(
                "filename {},sample {},candidate {},section {},sha256 {}",
                encode("Notes.txt"),
                encode(&sample),
                encode("1005"),
                encode("Evidence"),
                encode(&sha256)
            ),
        )
    };
    let file = id_of(&send(request()).await);
    let told = head(&teacher, &file).await;
    let length = all.len().to_string();
    assert_eq!(header(&told, "upload-concat"), addresses);
    assert_eq!((header(&told, "upload-offset"), header(&told, "upload-length")), (&*length, &*length));
    assert_eq!(patch(&teacher, &file, 0, b"more").await.code(), (403, "final_upload".into()));
    assert_eq!(patch(&teacher, &file, all.len(), b"").await.code(), (403, "final_upload".into()));
    // The answer was lost, and is asked for again.
    assert_eq!(id_of(&send(request()).await), file);

    let accepted = teacher.wait_for(&file, "accepted").await;
    assert_eq!(accepted["sha256"], sha256);
    assert!(content(&teacher, &file).await == all);
    let told = head(&teacher, &file).await;
    assert_eq!((header(&told, "upload-concat"), header(&told, "upload-offset")), (&*addresses, &*length));
    // The pieces' own bytes go, and they still say that all of them came.
    let waits = "SELECT COUNT(*) || '' FROM partials WHERE object_key IS NOT NULL";
    while strongroom.texts(waits).await != ["0"] {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(head(&teacher, &third).await.status, 200);
    let again = send(made_of(&teacher, &format!("/files/to/{sample}/1005/Evidence"), "b.txt", &[&third]));
    assert_eq!(again.await.code(), (409, "partial_taken".into()));
    strongroom.stop().await;
}

#[tokio::test]
async fn what_is_not_what_its_sender_said_is_refused_by_its_check() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let piece = sent(&teacher, b"some notes").await;
    let other = Sha256::digest(b"other notes").iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let request = tus(&teacher, Method::POST, &format!("/files/to/{sample}/1005/Evidence"))
        .header("upload-concat", format!("final;/files/{piece}"))
        .header("upload-metadata", format!("filename {},sha256 {}", encode("a.txt"), encode(&other)));
    let file = id_of(&send(request).await);
    let refused = teacher.wait_for(&file, "rejected").await;
    assert_eq!(refused["reason"], "digest_mismatch");
    assert!(refused["sha256"].as_str().is_some_and(|sha256| sha256 != other));
    strongroom.stop().await;
}

#[tokio::test]
async fn a_final_that_cannot_be_made_says_why_and_takes_nothing() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let officer = strongroom.as_("officer.98765").await;
    let place = format!("/files/to/{sample}/1005/Evidence");
    let whole = sent(&teacher, b"some notes").await;
    let open = id_of(&partial(&teacher, "/files", 5).await);
    let elsewhere = id_of(&partial(&teacher, &format!("/files/to/{sample}/1005/Film"), 0).await);
    let gone = id_of(&partial(&teacher, "/files", 5).await);
    let deleted = send(tus(&teacher, Method::DELETE, &format!("/files/{gone}"))).await;
    assert_eq!(deleted.status, 204);
    let file = teacher.upload(&sample, "1005", "URS", "urs.txt", b"sheet").await;
    let unknown = "0123456789abcdef0123456789abcdef";
    let answers = [
        (&*whole, &*open, (400, "invalid_request")),
        (&*whole, unknown, (404, "not_found")),
        (&*whole, &*file, (404, "not_found")),
        (&*whole, "nothing", (404, "not_found")),
        (&*whole, &*gone, (410, "gone")),
        (&*whole, &*elsewhere, (400, "invalid_request")),
    ];
    for (first, second, (status, code)) in answers {
        let answer = send(made_of(&teacher, &place, "a.txt", &[first, second])).await;
        assert_eq!(answer.code(), (status, code.to_owned()), "{second}: {}", answer.text);
    }
    // Another's partial is as one that is not there, to whoever asks for it and however.
    let foreign = send(made_of(&officer, &place, "a.txt", &[&whole])).await;
    let none = send(made_of(&officer, &place, "a.txt", &[unknown])).await;
    assert_eq!((foreign.code(), none.code()), ((404, "not_found".into()), (404, "not_found".into())));
    for name in ["officer.98765", "teacher.20461", "officer.20461", "moderator.1", "board", "auditor"] {
        let person = strongroom.as_(name).await;
        assert_eq!(head(&person, &whole).await.status, 404, "{name}");
        assert_eq!(patch(&person, &whole, 10, b"").await.status, 404, "{name}");
        let deleted = send(tus(&person, Method::DELETE, &format!("/files/{whole}"))).await;
        assert_eq!(deleted.status, 404, "{name}");
    }
    for name in ["moderator.1", "board", "auditor"] {
        let person = strongroom.as_(name).await;
        assert_eq!(partial(&person, "/files", 1).await.code(), (403, "forbidden".into()), "{name}");
        let there = partial(&person, &place, 1).await;
        assert!(matches!(there.status.as_u16(), 403 | 404), "{name}: {}", there.text);
    }

    let many = vec![&*whole; 65];
    assert_eq!(send(made_of(&teacher, &place, "a.txt", &many)).await.status, 400);
    let sized = made_of(&teacher, &place, "a.txt", &[&whole]).header("upload-length", 10);
    assert_eq!(send(sized).await.status, 400);
    let full = made_of(&teacher, &place, "a.txt", &[&whole])
        .header("content-type", "application/offset+octet-stream")
        .body("more");
    assert_eq!(send(full).await.status, 400);
    for wrong in ["", "whole", "final", "final;", "partial;"] {
        let request = tus(&teacher, Method::POST, &place).header("upload-length", 1);
        assert_eq!(send(request.header("upload-concat", wrong)).await.status, 400, "{wrong:?}");
    }
    assert_eq!(partial(&teacher, "/files", 1 << 50).await.code(), (413, "too_large".into()));
    let kind = send(made_of(&teacher, &place, "a.exe", &[&whole])).await;
    assert_eq!(kind.status, 422, "{}", kind.text);

    // The same piece may stand twice.
    let file = id_of(&send(made_of(&teacher, &place, "a.txt", &[&whole, &whole])).await);
    teacher.wait_for(&file, "accepted").await;
    assert_eq!(content(&teacher, &file).await, b"some notessome notes");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_put_together_can_be_deleted_by_every_door() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let place = format!("/files/to/{sample}/1005/Evidence");
    for door in ["tus", "api"] {
        let piece = sent(&teacher, b"some notes").await;
        strongroom.sql("UPDATE partials SET object_version = replace(object_version, '10', '11')").await;
        let file = id_of(&send(made_of(&teacher, &place, "a.txt", &[&piece])).await);
        let deleted = match door {
            "tus" => send(tus(&teacher, Method::DELETE, &format!("/files/{file}"))).await,
            _ => send(teacher.request(Method::DELETE, &format!("/api/v1/files/{file}"))).await,
        };
        assert_eq!(deleted.status, 204, "{door}: {}", deleted.text);
        assert_eq!(head(&teacher, &file).await.status, 410);
        assert_eq!(teacher.get("/api/v1/uploads").await.json()["items"].as_array().unwrap().len(), 0);
    }
    while strongroom.texts("SELECT COUNT(*) || '' FROM partials WHERE object_key IS NOT NULL").await != ["0"]
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn a_sum_that_no_section_takes_is_refused() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let pieces = [sent(&teacher, b"a").await, sent(&teacher, b"b").await];
    // Nobody has to send as much.
    strongroom.sql("UPDATE partials SET size = 2000000000000").await;
    let named: Vec<_> = pieces.iter().map(String::as_str).collect();
    let place = format!("/files/to/{sample}/1005/URS");
    let refused = send(made_of(&teacher, &place, "a.txt", &named)).await;
    assert_eq!(refused.code(), (413, "too_large".into()), "{}", refused.text);
    assert!(refused.json()["limit"].as_u64().is_some());
    strongroom.stop().await;
}

#[tokio::test]
async fn what_the_service_speaks_tells_of_it() {
    let strongroom = Strongroom::start().await;
    let spoken = send(strongroom.stranger().request(Method::OPTIONS, "/files")).await;
    let extensions: Vec<_> = header(&spoken, "tus-extension").split(',').collect();
    assert!(extensions.contains(&"concatenation") && !extensions.contains(&"concatenation-unfinished"));
    strongroom.stop().await;
}
