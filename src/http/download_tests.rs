//! Files and zips over a real connection, from a real folder, with their rows on the audit trail.

use std::fs::File;
use std::io::{Cursor, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Method, Response, StatusCode};
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::secret::digest_of;
use crate::check::scan::{ScanError, ScanOutcome, Scanner, ScannerReadiness};
use crate::clock::Clock;
use crate::config::{Config, Overrides, ServerOverrides};
use crate::database::archive::tests::{ESSAY, SAMPLE, World};
use crate::database::sessions::keep_token;
use crate::evidence::Sha256Digest;
use crate::object_store::{ObjectKey, Staged};
use crate::running::{Given, Role, Running};

/// Nothing is uploaded here, so nothing is scanned.
#[derive(Debug)]
struct Idle;

#[async_trait]
impl Scanner for Idle {
    async fn scan(&self, _: &File, _: u64) -> Result<ScanOutcome, ScanError> {
        panic!("nothing is scanned here")
    }

    async fn readiness(&self) -> ScannerReadiness {
        ScannerReadiness {
            ready: true,
            detail: String::new(),
            engine: None,
            signatures_at: None,
            test_signatures: false,
        }
    }
}

struct Site {
    world: World,
    running: Running,
    client: reqwest::Client,
    essay: Vec<u8>,
}

impl Site {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides {
            data: Some(folder.path().join("data")),
            server: Some(ServerOverrides { bind: "127.0.0.1:0".parse().unwrap() }),
        };
        let config = Config::load(None, overrides).unwrap();
        let given = Given { clock: Clock::system(), store: None, scanner: Some(Arc::new(Idle)) };
        let running = Running::start(config, Role::Web, given).await.unwrap();
        let world = World::of(running.service.db.clone(), folder).await;
        let essay: Vec<u8> = (0..700_000u32).map(|i| (i / 3 % 256) as u8).collect();
        let site = Self { world, running, client: reqwest::Client::new(), essay };
        site.store_essay().await;
        let mut tx = site.running.service.db.begin().await.unwrap();
        let now = site.running.service.clock.now();
        for person in ["mod", "teacher", "foreign", "idle"] {
            let id = digest_of(person);
            let until = now + jiff::SignedDuration::from_hours(1);
            keep_token(&mut tx, id, &person.parse().unwrap(), now, until).await.unwrap();
        }
        tx.commit().await.unwrap();
        site
    }

    /// Puts the essay's bytes where its row says they are.
    async fn store_essay(&self) {
        let store = &self.running.service.store;
        let (file, mut staged) = (ESSAY.parse().unwrap(), Staged::default());
        let mut writer = store.resume(file, 1, &staged).await.unwrap();
        writer.write(Bytes::from(self.essay.clone())).await.unwrap();
        staged.advance(&writer.finish().await.unwrap());
        let (from, version) = store.seal(file, 1, &staged, self.essay.len() as u64).await.unwrap();
        let name = "R085_98765_1005_URS_14_01_2021_12_14_11.pdf".parse().unwrap();
        let key = ObjectKey::Evidence { sample: SAMPLE.parse().unwrap(), file, name };
        let version = store.promote(&from, &version, crc32fast::hash(&self.essay), &key).await.unwrap();
        self.world
            .run(&format!(
                "UPDATE files SET original_name = 'Ünit 1.pdf', size = {}, sha256 = '{}', crc32 = {}, \
                 evidence_key = '{key}', evidence_version = '{}' WHERE id = '{ESSAY}'",
                version.size,
                self.digest(),
                crc32fast::hash(&self.essay),
                serde_json::to_string(&version).unwrap(),
            ))
            .await;
    }

    fn digest(&self) -> Sha256Digest {
        Sha256Digest(Sha256::digest(&self.essay).into())
    }

    async fn ask(&self, method: Method, person: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let url = format!("http://{}{path}", self.running.address.unwrap());
        let mut request = self.client.request(method, url).bearer_auth(person);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, person: &str, path: &str) -> Response {
        self.ask(Method::GET, person, path, &[]).await
    }

    /// Actions and details on the trail, once there are `count` rows.
    async fn trail(&self, count: usize) -> Vec<(String, String)> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let rows = sqlx::query("SELECT action, detail FROM audit ORDER BY id")
                .fetch_all(self.running.service.db.reader())
                .await
                .unwrap();
            if rows.len() >= count {
                return rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            }
            assert!(Instant::now() < until, "{} of {count} rows", rows.len());
            tokio::task::yield_now().await;
        }
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn file_path() -> String {
    format!("/api/v1/files/{ESSAY}/content")
}

fn zip_path(query: &str) -> String {
    format!("/api/v1/samples/{SAMPLE}/archive{query}")
}

#[tokio::test]
async fn a_file_leaves_whole_or_in_part_with_every_header_and_both_rows() {
    let site = Site::open().await;
    let whole = site.get("mod", &file_path()).await;
    assert_eq!(whole.status(), StatusCode::OK);
    let etag = format!("\"{}\"", site.digest());
    let digest = format!(
        "sha-256=:{}:",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, site.digest().0)
    );
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-length", "700000"),
        ("accept-ranges", "bytes"),
        ("etag", etag.as_str()),
        ("repr-digest", digest.as_str()),
        ("content-disposition", "attachment; filename=\"_nit 1.pdf\"; filename*=UTF-8''%C3%9Cnit%201.pdf"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "private, no-store"),
        ("x-robots-tag", "noindex"),
    ] {
        assert_eq!(header(&whole, name), value, "{name}");
    }
    assert!(whole.bytes().await.unwrap() == site.essay);
    let rows = site.trail(2).await;
    assert_eq!(rows[0].0, "file.download_started");
    assert_eq!(rows[1].0, "file.download_finished");
    assert!(rows[1].1.contains("\"sent\":700000") && rows[1].1.contains("\"broken\":null"), "{}", rows[1].1);

    let part =
        site.ask(Method::GET, "teacher", &file_path(), &[("range", "bytes=5-9"), ("if-range", &etag)]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&part, "content-range"), "bytes 5-9/700000");
    assert_eq!(header(&part, "content-length"), "5");
    assert_eq!(part.bytes().await.unwrap(), site.essay[5..10]);
    site.trail(4).await;

    let outside = site.ask(Method::GET, "mod", &file_path(), &[("range", "bytes=700000-")]).await;
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&outside, "content-range"), "bytes */700000");
    let head = site.ask(Method::HEAD, "mod", &file_path(), &[]).await;
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, "700000"));
    assert_eq!(site.trail(4).await.len(), 4, "no bytes, no rows");
    site.running.stop().await;
}

#[tokio::test]
async fn a_zip_is_what_was_submitted_and_can_be_resumed() {
    let site = Site::open().await;
    let whole = site.get("mod", &zip_path("")).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(header(&whole, "content-type"), "application/zip");
    assert!(header(&whole, "content-disposition").contains("filename=\"R085_98765_1.zip\""));
    // The register of this sample has no bytes in the store: the connection breaks, however much has left.
    assert!(whole.bytes().await.is_err());

    let path = zip_path("?candidates=1005");
    let whole = site.get("mod", &path).await;
    let (length, etag) = (whole.content_length().unwrap(), header(&whole, "etag").to_owned());
    let bytes = whole.bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, length);
    let mut zip = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let mut essay = Vec::new();
    zip.by_name("98765/1005/URS/Week 1/Ünit 1.pdf").unwrap().read_to_end(&mut essay).unwrap();
    assert!(essay == site.essay);
    assert!(zip.by_name("98765/1005/URS/Week 1/bad.pdf - withheld.txt").is_ok());

    let rest = [("range", "bytes=300000-"), ("if-range", etag.as_str())];
    let rest = site.ask(Method::GET, "teacher", &path, &rest).await;
    assert_eq!((rest.status(), header(&rest, "etag")), (StatusCode::PARTIAL_CONTENT, etag.as_str()));
    assert!(rest.bytes().await.unwrap() == bytes[300_000..]);

    // Another zip, so what was begun cannot be taken on.
    site.world.run(&format!("UPDATE files SET state = 'quarantined' WHERE id = '{ESSAY}'")).await;
    let other = site.ask(Method::GET, "mod", &path, &[("range", "bytes=300-"), ("if-range", &etag)]).await;
    assert_eq!(other.status(), StatusCode::OK);
    assert_ne!(header(&other, "etag"), etag);
    site.running.stop().await;
}

#[tokio::test]
async fn what_is_not_theirs_does_not_exist() {
    let site = Site::open().await;
    let unknown = "0190aaaabbbb7ccc8dddeeeeffff0099";
    let mut answers = Vec::new();
    for (person, path) in [
        ("mod", format!("/api/v1/files/{unknown}/content")),
        ("mod", "/api/v1/files/..%2f..%2fetc/content".to_owned()),
        ("foreign", file_path()),
        ("idle", file_path()),
        ("foreign", zip_path("")),
        ("idle", zip_path("?revision=1")),
        ("mod", zip_path("?revision=2")),
        ("mod", zip_path("?candidates=1007")),
    ] {
        let answer = site.get(person, &path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{person} {path}");
        let mut problem: serde_json::Value = answer.json().await.unwrap();
        problem.as_object_mut().unwrap().remove("request_id");
        answers.push(problem);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(site.get("mod", &zip_path("?candidates=10x5")).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(site.get("nobody", &file_path()).await.status(), StatusCode::UNAUTHORIZED);
    site.world.run("DELETE FROM allocations").await;
    assert_eq!(site.get("mod", &file_path()).await.status(), StatusCode::NOT_FOUND);
    // Nothing was opened; what was there and not theirs left its row.
    let trail = site.trail(1).await;
    assert!(trail.iter().all(|(action, _)| action == "access.denied"), "{trail:?}");
    site.running.stop().await;
}

#[tokio::test]
async fn without_a_row_there_are_no_bytes() {
    let site = Site::open().await;
    site.world.run("ALTER TABLE audit RENAME TO elsewhere").await;
    for path in [file_path(), zip_path("?candidates=1005")] {
        let answer = site.get("mod", &path).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
    }
    site.running.stop().await;
}
