//! Every route is in the table, and who has no credentials gets nowhere.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use strongroom::http::routes::{Access, ROUTES};

use crate::support::{Strongroom, send};

/// A path of the table with something in each of its variables.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{number}" => "1005",
        "{section}" => "URS",
        "{candidate}" => "1005",
        part if part.starts_with('{') => "0123456789abcdef0123456789abcdef",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn without_credentials_only_public_routes_answer() {
    let strongroom = Strongroom::start().await;
    let stranger = strongroom.stranger();
    for route in ROUTES {
        let method: Method = route.method.parse().unwrap();
        let answer = send(stranger.request(method, &filled(route.path))).await;
        let status = answer.status.as_u16();
        assert!(
            ![404, 405].contains(&status) || route.path.contains("static"),
            "{} {}",
            route.method,
            route.path
        );
        match route.access {
            Access::Public => assert!(![401, 403].contains(&status), "{} {}", route.method, route.path),
            // A page asks for a sign-in, a program is told.
            _ => {
                let to = answer.headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
                let asked = status == 303 && to.starts_with("/sign-in");
                assert!(status == 401 || asked, "{} {}: {status} {to}", route.method, route.path);
            }
        }
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_served() {
    let strongroom = Strongroom::start().await;
    let board = strongroom.as_("board").await;
    let paths: BTreeSet<&str> = ROUTES.iter().map(|route| route.path).collect();
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let listed = ROUTES.iter().any(|route| route.path == path && route.method == method);
            if !listed {
                let answer = send(board.request(method.parse().unwrap(), &filled(path))).await;
                // tus asks for its version before it looks at the method.
                let refused = [404, 405, 412].contains(&answer.status.as_u16());
                assert!(refused, "{method} {path}: {}", answer.status);
            }
        }
    }
    strongroom.stop().await;
}

/// The literal paths that the source gives to `.route(`.
fn in_source(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            in_source(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for call in text.split(".route(").skip(1) {
                let literal = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
                found.extend(literal.map(|(path, _)| path.to_owned()));
            }
        }
    }
}

#[test]
fn every_path_of_the_source_is_in_the_table() {
    let mut found = BTreeSet::new();
    in_source(Path::new("src"), &mut found);
    assert!(found.len() > 20, "{found:?}");
    let listed: BTreeSet<String> = ROUTES.iter().map(|route| route.path.to_owned()).collect();
    let left_out: Vec<_> = found.difference(&listed).collect();
    assert!(left_out.is_empty(), "not in http::routes::ROUTES: {left_out:?}");
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "in http::routes::ROUTES and nowhere else: {gone:?}");
}

#[tokio::test]
async fn every_answer_carries_the_headers_even_a_refusal() {
    let strongroom = Strongroom::start().await;
    let stranger = strongroom.stranger();
    for path in ["/health/live", "/api/v1/me", "/no/such/thing"] {
        let answer = stranger.get(path).await;
        for name in ["x-content-type-options", "content-security-policy", "referrer-policy", "x-request-id"] {
            assert!(answer.headers.contains_key(name), "{path} has no {name}");
        }
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let strange = send(stranger.request("TRACE".parse().unwrap(), "/health/live")).await;
    assert_eq!(strange.code(), (405, "method_not_allowed".into()));
    let foreign = send(stranger.request(Method::GET, "/health/live").header("host", "evil.example")).await;
    assert_eq!(foreign.code(), (400, "invalid_request".into()));
    let host = strongroom.address.to_string();
    for (name, first) in [("host", &*host), ("authorization", "Bearer one"), ("origin", "http://one")] {
        let two =
            stranger.request(Method::GET, "/health/live").header(name, first).header(name, "Bearer two");
        let two = send(two).await;
        assert_eq!((two.code().0, &two.json()["field"]), (400, &serde_json::json!(name)));
    }
    strongroom.stop().await;
}
