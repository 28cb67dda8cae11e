//! The OpenAPI document tells of every route of the interface, and of nothing else.

use std::collections::BTreeSet;

use strongroom::http::routes::ROUTES;

use crate::support::Strongroom;

#[tokio::test]
async fn the_document_and_the_table_of_routes_are_the_same() {
    let strongroom = Strongroom::start().await;
    let document = strongroom.stranger().get("/api/openapi.json").await.json();
    let mut told = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            told.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let listed: BTreeSet<String> = ROUTES
        .iter()
        // A page for people to read.
        .filter(|route| route.path != "/api/docs")
        .filter(|route| ["/api/", "/files", "/health/"].iter().any(|start| route.path.starts_with(start)))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert!(listed.len() > 30, "{listed:?}");
    assert_eq!(told, listed);
    // Every variable of an address is told, too.
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let of_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
            let told: BTreeSet<&str> = of_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
            let variables = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')));
            assert_eq!(told, variables.collect(), "{method} {path}");
        }
    }
    strongroom.stop().await;
}
