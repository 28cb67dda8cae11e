//! Tokens, sessions, and changes that a foreign page may have caused.

use http::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder};
use strongroom::config::Environment;
use strongroom::http::identity::{COOKIE, sign_in};
use strongroom::http::layers::RequestId;

use crate::support::{Strongroom, send};

/// Signs in as the page does; the cookie's name and value.
pub async fn cookie(strongroom: &Strongroom, person: &str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    let set =
        sign_in(strongroom.service(), &headers, &person.parse().unwrap(), &RequestId::new()).await.unwrap();
    let set = set.to_str().unwrap();
    for needed in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(needed), "{set}");
    }
    assert!(set.starts_with(&format!("{COOKIE}=")));
    set.split(';').next().unwrap().to_owned()
}

pub fn with_cookie(strongroom: &Strongroom, method: Method, path: &str, cookie: &str) -> RequestBuilder {
    strongroom.stranger().request(method, path).header("cookie", cookie)
}

#[tokio::test]
async fn a_token_is_good_until_it_expires_or_its_person_is_disabled() {
    let strongroom = Strongroom::start().await;
    let officer = strongroom.as_("officer.98765").await;
    let me = officer.get("/api/v1/me").await.json();
    assert_eq!((me["id"].as_str(), me["centres"][0].as_str()), (Some("officer.98765"), Some("98765")));
    let forged = strongroom.stranger().request(Method::GET, "/api/v1/me").bearer_auth("not-a-token");
    assert_eq!(send(forged).await.code(), (401, "signed_out".into()));
    strongroom.sql("UPDATE people SET disabled = 1 WHERE id = 'officer.98765'").await;
    assert_eq!(officer.get("/api/v1/me").await.code(), (401, "signed_out".into()));
    let teacher = strongroom.as_("teacher.98765").await;
    strongroom.sql("UPDATE tokens SET expires_at = 1 WHERE person_id = 'teacher.98765'").await;
    assert_eq!(teacher.get("/api/v1/me").await.code(), (401, "signed_out".into()));
    strongroom.stop().await;
}

#[tokio::test]
async fn a_session_needs_proof_that_our_own_page_asked_for_a_change() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample("98765").await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let me = send(with_cookie(&strongroom, Method::GET, "/api/v1/me", &cookie)).await.json();
    let csrf = me["csrf"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/samples/{sample}/candidates/1005/sections/URS/missing");
    let origin = strongroom.url("");
    let put = |origin: Option<&str>, csrf: Option<&str>| {
        let mut request = with_cookie(&strongroom, Method::PUT, &path, &cookie)
            .json(&serde_json::json!({ "reason": "lost" }));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        send(request)
    };
    let refused = (403, "cross_site".to_owned());
    assert_eq!(put(None, Some(&csrf)).await.code(), refused);
    assert_eq!(put(Some("null"), Some(&csrf)).await.code(), refused);
    assert_eq!(put(Some("https://evil.example"), Some(&csrf)).await.code(), refused);
    assert_eq!(put(Some(&origin), None).await.code(), refused);
    assert_eq!(put(Some(&origin), Some("guessed")).await.code(), refused);
    assert_eq!(put(Some(&origin), Some(&csrf)).await.status, 204);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_session_ends_when_unused_and_at_its_end() {
    let strongroom = Strongroom::start().await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let me = || send(with_cookie(&strongroom, Method::GET, "/api/v1/me", &cookie));
    assert_eq!(me().await.status, 200);
    strongroom.sql("UPDATE sessions SET seen_at = 1").await;
    assert_eq!(me().await.status, 401);
    strongroom.stop().await;
}

#[tokio::test]
async fn the_sign_in_without_a_secret_is_not_there_in_production() {
    let strongroom = Strongroom::with(|config| config.environment = Environment::Production).await;
    let mut headers = HeaderMap::new();
    headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    let person = "officer.98765".parse().unwrap();
    assert!(sign_in(strongroom.service(), &headers, &person, &RequestId::new()).await.is_err());
    strongroom.stop().await;
}
