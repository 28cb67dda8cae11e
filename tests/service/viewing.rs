//! Files as a browser shows them: on a host of their own, to one session, for a while, and only as long as they may be
//! downloaded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use strongroom::clock::Clock;
use strongroom::config::Environment;

use crate::identity::{cookie, with_cookie};
use crate::support::{Answer, CENTRE, Strongroom, send};

/// A picture of one dot.
fn png() -> Vec<u8> {
    let text =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    STANDARD.decode(text).unwrap()
}

/// A zip of one stored file.
fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    use std::io::{Cursor, Write};
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A submitted sample with a file of candidate 1005; both ids, and its moderator's cookie.
async fn submitted(strongroom: &Strongroom, name: &str, bytes: &[u8]) -> (String, String, String) {
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let file = officer.upload(&sample, "1005", "Evidence", name, bytes).await;
    officer.wait_for(&file, "accepted").await;
    officer.submit(&sample).await;
    (sample, file, cookie(strongroom, "moderator.1").await)
}

fn page(strongroom: &Strongroom, cookie: &str, path: &str) -> RequestBuilder {
    with_cookie(strongroom, Method::GET, path, cookie).header("accept", "text/html")
}

/// Path and query of the address where a page shows a file.
fn address(strongroom: &Strongroom, page: &Answer) -> String {
    let origin = format!("src=\"http://localhost:{}/", strongroom.address.port());
    let (_, rest) =
        page.text.split_once(&origin).unwrap_or_else(|| panic!("nothing is shown: {}", page.text));
    format!("/{}", rest.split('"').next().unwrap())
}

async fn looked_at(strongroom: &Strongroom, cookie: &str, sample: &str, file: &str) -> String {
    let answer = send(page(strongroom, cookie, &format!("/moderation/{sample}?file={file}"))).await;
    address(strongroom, &answer)
}

/// A request to the files' host.
fn on_files(strongroom: &Strongroom, method: Method, path: &str) -> RequestBuilder {
    let host = format!("localhost:{}", strongroom.address.port());
    strongroom.stranger().request(method, path).header("host", host)
}

async fn shown(strongroom: &Strongroom, path: &str) -> u16 {
    send(on_files(strongroom, Method::GET, path)).await.status.as_u16()
}

#[tokio::test]
async fn a_file_is_shown_on_the_files_host_and_nothing_else_is() {
    let strongroom = Strongroom::start().await;
    let (sample, file, cookie) = submitted(&strongroom, "Übung 1.png", &png()).await;
    let path = looked_at(&strongroom, &cookie, &sample, &file).await;
    let answer = on_files(&strongroom, Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let pages = format!("http://{}", strongroom.address);
    let policy = format!("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {pages}");
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-disposition", "inline; filename=\"_bung 1.png\"; filename*=UTF-8''%C3%9Cbung%201.png"),
        ("content-security-policy", &*policy),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("cache-control", "private, no-store"),
        ("referrer-policy", "no-referrer"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(answer.headers()[name], value, "{name}");
    }
    for name in ["set-cookie", "x-frame-options"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    let etag = answer.headers()["etag"].clone();
    assert!(etag.to_str().unwrap().starts_with('"'), "a strong tag: {etag:?}");
    assert_eq!(answer.bytes().await.unwrap(), png());
    for (range, if_range, status, bytes) in [
        ("bytes=0-3", Some(etag.to_str().unwrap()), 206, &png()[..4]),
        ("bytes=4-", None, 206, &png()[4..]),
        ("bytes=0-3", Some("\"other\""), 200, &png()[..]),
    ] {
        let mut request = on_files(&strongroom, Method::GET, &path).header("range", range);
        if let Some(tag) = if_range {
            request = request.header("if-range", tag);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{range}");
        assert_eq!(answer.bytes().await.unwrap(), bytes);
    }
    let beyond = on_files(&strongroom, Method::GET, &path).header("range", "bytes=9999-");
    assert_eq!(send(beyond).await.status, 416);
    let head = send(on_files(&strongroom, Method::HEAD, &path)).await;
    assert_eq!((head.status.as_u16(), head.headers["content-length"].to_str().unwrap()), (200, "70"));
    assert_eq!(send(on_files(&strongroom, Method::POST, &path)).await.status, 405);
    // The pages' host shows nothing, and the files' host has no pages, for whoever comes.
    assert_eq!(send(page(&strongroom, &cookie, &path)).await.status, 404);
    for path in
        ["/", "/sign-in", "/health/live", "/api/openapi.json", "/files", "/api/v1/me", &*format!("/{file}")]
    {
        let answer = send(on_files(&strongroom, Method::GET, path).header("cookie", &cookie)).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains(&pages), "{path} says where the pages are: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    // A view is one row, whatever the ranges; the pass is on no row.
    let rows = strongroom.texts("SELECT detail FROM audit WHERE action = 'file.viewed'").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].contains("\"revision\":1") && !rows[0].contains("pass"), "{rows:?}");
    assert_eq!(strongroom.texts("SELECT id FROM audit WHERE action LIKE 'file.download%'").await, [""; 0]);
    strongroom.stop().await;
}

#[tokio::test]
async fn every_page_lets_files_in_from_the_files_host_alone() {
    let strongroom = Strongroom::start().await;
    let answer =
        send(strongroom.stranger().request(Method::GET, "/sign-in").header("accept", "text/html")).await;
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    let files = format!("http://localhost:{}", strongroom.address.port());
    for part in [
        format!("img-src 'self' {files};"),
        format!("media-src {files};"),
        format!("frame-src {files};"),
        "script-src 'self';".into(),
        "connect-src 'self';".into(),
        "frame-ancestors 'none';".into(),
    ] {
        assert!(policy.contains(&part), "{part} is not in {policy}");
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn the_settings_name_the_files_host() {
    let (pages, files) = ("https://evidence.example", "https://evidence-files.example");
    let strongroom = Strongroom::with(|config| {
        config.environment = Environment::Production;
        config.server.public_url = Some(pages.into());
        config.server.files_url = Some(files.into());
    })
    .await;
    let get = async |host: &str, path: &str| {
        let request = strongroom.stranger().request(Method::GET, path);
        send(request.header("host", host).header("accept", "text/html")).await
    };
    let answer = get("evidence.example", "/help").await;
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(answer.status == 200 && policy.contains(&format!("frame-src {files};")), "{policy}");
    let answer = get("evidence-files.example", "/help").await;
    assert!(answer.status == 404 && answer.text.contains(pages), "{}", answer.text);
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.ends_with(&format!("frame-ancestors {pages}")), "{policy}");
    // What looks after the service asks this machine.
    let local = format!("localhost:{}", strongroom.address.port());
    assert_eq!(get(&local, "/health/live").await.status, 200);
    assert_eq!(get("other.example", "/help").await.status, 400);
    strongroom.stop().await;
}

#[tokio::test]
async fn an_address_is_good_for_one_file_and_one_session_for_a_while() {
    let clock = Clock::fixed(Clock::system().now());
    let strongroom = Strongroom::at(clock.clone()).await;
    let (sample, file, cookie) = submitted(&strongroom, "one.png", &png()).await;
    let path = looked_at(&strongroom, &cookie, &sample, &file).await;
    assert_eq!(shown(&strongroom, &path).await, 200);
    // Another file's id, a changed pass, no pass, more than a pass.
    let (_, pass) = path.split_once("?pass=").unwrap();
    let other = "0123456789abcdef0123456789abcdef";
    let (first, rest) = pass.split_at(60);
    let changed = if rest.starts_with('A') { "B" } else { "A" };
    for path in [
        format!("/{other}?pass={pass}"),
        format!("/{file}?pass={first}{changed}{}", &rest[1..]),
        format!("/{file}?pass={}", &pass[..pass.len() - 1]),
        format!("/{file}?pass="),
        format!("/{file}?pass={pass}&x=1"),
        format!("/{file}/x?pass={pass}"),
    ] {
        assert_eq!(shown(&strongroom, &path).await, 404, "{path}");
    }
    // A range asks all that again.
    let range = |path: &str| send(on_files(&strongroom, Method::GET, path).header("range", "bytes=0-3"));
    assert_eq!(range(&path).await.status, 206);
    clock.set(clock.now() + SignedDuration::from_mins(181));
    strongroom.sql("UPDATE sessions SET seen_at = seen_at + 10860000000").await;
    let fresh = looked_at(&strongroom, &cookie, &sample, &file).await;
    assert_eq!(range(&path).await.status, 404, "its time is over");
    assert_eq!(range(&fresh).await.status, 206, "and not that of the session");
    // To whom the sample is not allocated, there is no address at all.
    let stranger = crate::identity::cookie(&strongroom, "moderator.2").await;
    let answer = send(page(&strongroom, &stranger, &format!("/moderation/{sample}?file={file}"))).await;
    assert_eq!(answer.status, 404);
    // It goes with its session.
    let me = send(with_cookie(&strongroom, Method::GET, "/api/v1/me", &cookie)).await.json();
    let out = with_cookie(&strongroom, Method::POST, "/sign-out", &cookie)
        .header("origin", strongroom.url(""))
        .header("x-csrf-token", me["csrf"].as_str().unwrap());
    let out = send(out).await;
    assert_eq!(out.status, 303);
    // No more than that: other tabs keep their locks.
    assert_eq!(out.headers["clear-site-data"], "\"cache\"");
    assert_eq!(range(&fresh).await.status, 404, "signed out");
    strongroom.stop().await;
}

#[tokio::test]
async fn what_may_not_be_downloaded_any_more_is_not_shown_either() {
    let strongroom = Strongroom::start().await;
    let (sample, file, cookie) = submitted(&strongroom, "one.png", &png()).await;
    let path = looked_at(&strongroom, &cookie, &sample, &file).await;
    for (away, back) in [
        ("UPDATE files SET state = 'quarantined'", "UPDATE files SET state = 'accepted'"),
        ("UPDATE files SET withheld = 'changed'", "UPDATE files SET withheld = NULL"),
        ("UPDATE people SET disabled = 1", "UPDATE people SET disabled = 0"),
        (
            "UPDATE roles SET role = 'auditor' WHERE person_id = 'moderator.1'",
            "UPDATE roles SET role = 'moderator' WHERE person_id = 'moderator.1'",
        ),
        (
            "UPDATE allocations SET centre_number = '20461' WHERE person_id = 'moderator.1' AND centre_number = '98765' AND component_id = '01_3357_R085_01'",
            "UPDATE allocations SET centre_number = '98765' WHERE person_id = 'moderator.1' AND centre_number = '20461' AND component_id = '01_3357_R085_01'",
        ),
        ("UPDATE samples SET revision = 2", "UPDATE samples SET revision = 1 WHERE state = 'submitted'"),
    ] {
        assert_eq!(shown(&strongroom, &path).await, 200, "before {away}");
        strongroom.sql(away).await;
        assert_eq!(shown(&strongroom, &path).await, 404, "after {away}");
        strongroom.sql(back).await;
    }
    // What is withdrawn is on its page in words.
    strongroom.sql("UPDATE files SET state = 'quarantined'").await;
    let answer = send(page(&strongroom, &cookie, &format!("/moderation/{sample}?file={file}"))).await;
    assert!(answer.text.contains("a later virus scan found something in it"), "{}", answer.text);
    assert!(!answer.text.contains("pass="));
    strongroom.stop().await;
}

#[tokio::test]
async fn text_and_what_a_zip_holds_stand_in_the_page_as_text() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let text = b"<script>alert(1)</script> caf\xe9 and more words than a few";
    let (words, hostile) = ("notes.txt", "site/<img src=x onerror=alert(1)>.html");
    let text = officer.upload(&sample, "1005", "Evidence", words, text).await;
    let bytes = zip(hostile, b"<h1>Sean</h1>");
    let zip = officer.upload(&sample, "1005", "Evidence", "site.zip", &bytes).await;
    officer.wait_for(&text, "accepted").await;
    officer.wait_for(&zip, "accepted").await;
    // Its own centre looks at it before it submits.
    let own = crate::identity::cookie(&strongroom, "officer.98765").await;
    let answer = send(page(&strongroom, &own, &format!("/samples/{sample}/files/{text}"))).await;
    assert!(
        answer.text.contains("Shown as text (Latin-1)") && answer.text.contains("café"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
    let news =
        page(&strongroom, &own, &format!("/samples/{sample}/files/{text}")).header("x-background", "1");
    assert!(!send(news).await.text.contains("Shown as text"), "a page that looks by itself looks at no file");
    officer.submit(&sample).await;
    let cookie = cookie(&strongroom, "moderator.1").await;
    let answer = send(page(&strongroom, &cookie, &format!("/moderation/{sample}?file={zip}"))).await;
    assert!(
        answer.text.contains("1 file, 13 bytes unpacked") && answer.text.contains("site/"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("<img"), "a name is a name: {}", answer.text);
    let member = format!("/moderation/{sample}?file={zip}&member=0");
    assert!(answer.text.contains(&member.replace('&', "&#38;")), "{}", answer.text);
    let answer = send(page(&strongroom, &cookie, &member)).await;
    assert!(answer.text.contains("&#60;h1&#62;Sean&#60;/h1&#62;"), "a page is its words: {}", answer.text);
    let answer = send(page(&strongroom, &cookie, &member.replace("member=0", "member=1"))).await;
    assert_eq!(answer.status, 404);
    let rows = strongroom.texts("SELECT actor FROM audit WHERE action = 'file.viewed' ORDER BY id").await;
    assert_eq!(rows, ["officer.98765", "moderator.1", "moderator.1", "moderator.1"]);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_moderator_finds_samples_takes_them_and_sends_them_back() {
    let strongroom = Strongroom::start().await;
    let (sample, _, cookie) = submitted(&strongroom, "one.png", &png()).await;
    let get = async |path: &str| send(page(&strongroom, &cookie, path)).await;
    let card = format!("href=\"/moderation/{sample}\"");
    for (query, there) in [
        ("", true),
        ("?find=r085&show=todo&sort=received", true),
        ("?find=98765&sort=centre", true),
        ("?find=%25", false),
        ("?find=nowhere", false),
        ("?show=returned", false),
        ("?from=1", false),
    ] {
        let answer = get(&format!("/moderation{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.text.contains(&card)), (200, there), "{query}");
    }
    let download = format!("/moderation/{sample}/download");
    let answer = get(&download).await;
    assert!(
        answer.text.contains("value=\"1005\"") && !answer.text.contains("id=\"problem\""),
        "{}",
        answer.text
    );
    assert!(get(&format!("{download}?chosen=1")).await.text.contains("Choose at least one candidate"));
    let answer = get(&format!("{download}?chosen=1&candidate=1005&candidate=1007")).await;
    let to = answer.headers["location"].to_str().unwrap();
    assert_eq!(to, format!("/api/v1/samples/{sample}/archive?candidates=1005,1007"));
    assert_eq!(get(to).await.headers["content-type"], "application/zip");

    let path = format!("/moderation/{sample}/return");
    let me = send(with_cookie(&strongroom, Method::GET, "/api/v1/me", &cookie)).await.json();
    let post = async |fields: &[(&str, &str)]| {
        let request = with_cookie(&strongroom, Method::POST, &path, &cookie)
            .header("accept", "text/html")
            .header("origin", strongroom.url(""))
            .header("x-csrf-token", me["csrf"].as_str().unwrap());
        let coded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", coded(value))).collect();
        let form = request.header("content-type", "application/x-www-form-urlencoded");
        send(form.body(fields.join("&"))).await
    };
    let (who, why, when) =
        (("candidate", "1005"), ("reason", "Page 2 is <b>missing</b>."), ("due", "2099-06-12T23:59"));
    for (fields, problem) in [
        (&[why, when][..], "Choose at least one candidate"),
        (&[who, when], "Say why"),
        (&[who, why, ("due", "soon")], "Give a date and a time"),
        (&[who, why, ("due", "2001-01-01T00:00")], "still ahead"),
        (&[("candidate", "9999"), why, when, ("confirmed", "1")], "not in the sample"),
    ] {
        let answer = post(fields).await;
        assert_eq!(answer.status, 422, "{problem}");
        assert!(answer.text.contains(problem) && answer.text.contains("id=\"problem\""), "{}", answer.text);
    }
    let preview = post(&[who, why, when]).await;
    assert!(
        preview.text.contains("Page 2 is &#60;b&#62;missing") && preview.text.contains("12 Jun 2099"),
        "{}",
        preview.text
    );
    assert_eq!(
        get(&format!("/moderation/{sample}")).await.text.matches("Returned to the centre on").count(),
        0
    );
    assert_eq!(post(&[who, why, when, ("confirmed", "1")]).await.status, 303);
    assert!(get(&format!("/moderation/{sample}")).await.text.contains("Returned to the centre on"));
    let officer = strongroom.as_("officer.98765").await;
    let known = officer.get(&format!("/api/v1/samples/{sample}")).await.json();
    assert_eq!(known["state"], json!("returned"));
    assert_eq!(
        strongroom.texts("SELECT actor FROM audit WHERE action = 'sample.returned'").await,
        ["moderator.1"]
    );
    strongroom.stop().await;
}
