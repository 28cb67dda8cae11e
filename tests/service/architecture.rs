//! The table of directions in `src/ARCHITECTURE.md`, held by reading the code.

use std::path::Path;

use crate::support::sources;

/// A word that may stand only below these paths.
const ONLY: &[(&str, &[&str])] = &[
    ("axum::", &["src/http", "src/web"]),
    ("sqlx::", &["src/database", "src/upload/tests.rs", "src/reference/tests.rs", "src/submission/tests.rs"]),
    ("aws_sdk_s3", &["src/object_store/s3"]),
    ("clamav_client", &["src/check/scan"]),
    ("env::var", &["src/config.rs", "src/main.rs", "src/object_store"]),
    ("Verdict::Clean", &["src/check", "src/worker/check.rs"]),
    ("crate::http", &["src/http", "src/web", "src/running.rs", "src/cli.rs"]),
    ("crate::web", &["src/http", "src/web"]),
    ("crate::worker", &["src/worker", "src/running.rs", "src/config.rs"]),
    ("crate::running", &["src/cli.rs"]),
    ("crate::service", &["src/http", "src/web", "src/running.rs"]),
];

/// The vocabulary: pure, so none of it names what stands below or above it.
const VOCABULARY: &[&str] = &[
    "actor",
    "bulk",
    "candidate",
    "centre",
    "clock",
    "completeness",
    "component",
    "evidence",
    "ids",
    "organisation",
    "sample",
    "sampling",
];
const NOT_VOCABULARY: &[&str] =
    &["crate::database", "crate::object_store", "crate::upload", "crate::check", "crate::http", "tokio"];

/// The code of a file: no comments, and not its tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let before = |text: &str, tests: &str| text.split(tests).next().unwrap_or_default().to_owned();
    let text = before(&text, "#[cfg(test)]\nmod tests {");
    let text = before(&text, "#[cfg(test)]\npub(crate) mod tests {");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_may_stand_where() {
    let found = sources(Path::new("src"));
    assert!(found.len() > 100, "the sources were not found");
    let mut wrong = Vec::new();
    for path in &found {
        let (name, code) = (path.display().to_string(), code(path));
        for (word, places) in ONLY {
            if code.contains(word) && !places.iter().any(|place| name.starts_with(place)) && !is_test(&name) {
                wrong.push(format!("{name} names {word}"));
            }
        }
        let first = name.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
        if VOCABULARY.contains(&first) && !is_test(&name) {
            wrong.extend(
                NOT_VOCABULARY
                    .iter()
                    .filter(|word| code.contains(*word))
                    .map(|word| format!("{name} names {word}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_test(name: &str) -> bool {
    let fuzz = name.ends_with("/fuzz.rs") || name.contains("/fuzz/");
    fuzz || name.ends_with("tests.rs") || name.contains("/tests/")
}

#[test]
fn every_settings_file_can_be_read() {
    let config =
        strongroom::config::Config::load(Some(Path::new("config/development.toml")), Default::default());
    assert!(config.is_ok(), "{config:?}");
    // With the components it refers to.
    let demo = strongroom::reference::load(Path::new("config/demo"));
    assert!(demo.is_ok(), "{:?}", demo.err());
}
