//! The pages as a browser asks for them: what is wrong with an address, what counts as somebody being there, lists.

use reqwest::{Method, RequestBuilder};

use crate::identity::{cookie, with_cookie};
use crate::support::{Answer, CENTRE, Strongroom, send};

const PROBE: &str = "SELECT CAST(seen_at AS TEXT) FROM sessions";

fn page(strongroom: &Strongroom, cookie: &str, path: &str) -> RequestBuilder {
    with_cookie(strongroom, Method::GET, path, cookie).header("accept", "text/html")
}

#[tokio::test]
async fn a_wrong_address_is_answered_by_a_page_of_ours() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    for (path, status) in [
        ("/samples/garbage".to_owned(), 404),
        ("/assessments/%ff".to_owned(), 404),
        (format!("/samples/{sample}/submissions/99999999999999"), 404),
        (format!("/samples/{sample}?open=abc"), 400),
        (format!("/samples/{sample}?utm=1"), 200),
        (format!("/samples/{sample}?from=18446744073709551615"), 200),
    ] {
        let answer: Answer = send(page(&strongroom, &cookie, &path)).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert!(answer.text.contains("id=\"main\""), "{path}");
        assert!(!answer.text.contains("deserialize"), "{path}: a parser's words are for programs");
    }
    let long = strongroom.stranger().request(Method::POST, "/sign-in");
    let long = long.header("content-type", "application/x-www-form-urlencoded");
    let answer = send(long.body(format!("person={}", "x".repeat(300 << 10)))).await;
    assert_eq!(answer.code(), (413, "too_large".into()), "a form is read as every small body is");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_page_that_looks_by_itself_does_not_keep_its_session_alive() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    strongroom.sql("UPDATE sessions SET seen_at = seen_at - 600000000").await;
    let before = strongroom.texts(PROBE).await;
    let look = page(&strongroom, &cookie, &format!("/samples/{sample}")).header("x-background", "1");
    assert_eq!(send(look).await.status, 200);
    let listen = with_cookie(&strongroom, Method::GET, &format!("/api/v1/events?samples={sample}"), &cookie)
        .header("accept", "text/event-stream");
    assert_eq!(listen.send().await.unwrap().status(), 200);
    assert_eq!(strongroom.texts(PROBE).await, before, "nobody was there");
    assert_eq!(send(page(&strongroom, &cookie, &format!("/samples/{sample}"))).await.status, 200);
    assert_ne!(strongroom.texts(PROBE).await, before);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_refusal_is_shown_until_it_is_made_up_for() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let upload = async |name: &str, bytes: &[u8], state: &str| {
        let file = officer.upload(&sample, "1005", "Evidence", name, bytes).await;
        officer.wait_for(&file, state).await;
    };
    let shown = async |query: &str| {
        send(page(&strongroom, &cookie, &format!("/samples/{sample}?open=1005{query}"))).await.text
    };
    let problem = |text: &str| text.contains("id=\"row-1005\"");
    upload("bad.txt", b"MZ\x90\0\x03\0\0\0\x04\0 no words", "rejected").await;
    upload("good.txt", b"Some words of a candidate.", "accepted").await;
    assert!(shown("").await.contains(">bad.txt<"), "another file does not make up for it");
    assert!(problem(&shown("&filter=problem").await));
    upload("bad.txt", b"What was meant.", "accepted").await;
    assert!(!problem(&shown("&filter=problem").await), "the file of that name is here now");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_list_of_samples_goes_on_where_its_page_ended() {
    let strongroom = Strongroom::start().await;
    let cookie = cookie(&strongroom, "board").await;
    let home = send(page(&strongroom, &cookie, "/organisations/ocr")).await.text;
    let (_, rest) = home.split_once("href=\"/assessments/").unwrap();
    let assessment = rest.split('"').next().unwrap();
    let cards = |text: &str| -> Vec<String> {
        let parts = text.split("class=\"cover\" href=\"/samples/").skip(1);
        parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
    };
    let path = format!("/assessments/{assessment}");
    let all = cards(&send(page(&strongroom, &cookie, &path)).await.text);
    assert!(all.len() > 2, "{all:?}");
    let rest = cards(&send(page(&strongroom, &cookie, &format!("{path}?after={}", all[0]))).await.text);
    assert_eq!(rest, all[1..]);
    strongroom.stop().await;
}
