//! A service with the demo data, and the actors who use it.

mod backend;
pub mod clamd;
pub mod line;
pub mod postgres;
mod process;
mod scanner;
pub mod signatures;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use strongroom::actor::PersonId;
use strongroom::clock::Clock;
use strongroom::config::{Config, Overrides, ServerOverrides};
use strongroom::database::sessions;
use strongroom::http::secret::Secret;
use strongroom::reference;
use strongroom::running::{Given, Role, Running};
use strongroom::service::Service;

pub use backend::{bucket, is_board, seed};
pub use process::{Installation, Process};
pub use scanner::Verdicts;

/// The component most tests use.
pub const COMPONENT: &str = "01_3357_R085_01";
/// The centre of `teacher.98765` and `officer.98765`.
pub const CENTRE: &str = "98765";
/// Another centre.
pub const OTHER: &str = "20461";

/// A service of one test's own.
pub struct Strongroom {
    running: Option<Running>,
    pub address: SocketAddr,
    pub verdicts: Verdicts,
    backend: backend::Backend,
}

impl Strongroom {
    /// Started, with the demo data.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Started with settings changed.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let verdicts = Verdicts::default();
        let given = Given { scanner: Some(verdicts.scanner()), ..Given::default() };
        Self::on(change, given, verdicts).await
    }

    /// Started on a clock of the test's own.
    pub async fn at(clock: Clock) -> Self {
        let verdicts = Verdicts::default();
        let given = Given { clock, scanner: Some(verdicts.scanner()), ..Given::default() };
        Self::on(|_| {}, given, verdicts).await
    }

    /// Started with settings changed, over the scanner that they say.
    pub async fn scanned(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(change, Given::default(), Verdicts::default()).await
    }

    async fn on(change: impl FnOnce(&mut Config), given: Given, verdicts: Verdicts) -> Self {
        let backend = backend::Backend::new().await;
        let bind = "127.0.0.1:0".parse().unwrap();
        let data = Some(backend.data().to_owned());
        let mut config =
            Config::load(None, Overrides { data, server: Some(ServerOverrides { bind }) }).unwrap();
        backend.configure(&mut config);
        config.worker.poll = "50ms".parse().unwrap();
        change(&mut config);
        let running = Running::start(config, Role::All, given).await.unwrap();
        reference::import(&running.service.db, Path::new("config/demo"), &Clock::system()).await.unwrap();
        let address = running.address.unwrap();
        Self { running: Some(running), address, verdicts, backend }
    }

    pub fn service(&self) -> &Service {
        &self.running.as_ref().unwrap().service
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// An actor with a token of their own.
    pub async fn as_(&self, person: &str) -> Actor {
        let (secret, now) = (Secret::new(), Timestamp::now_for_tests());
        let person: PersonId = person.parse().unwrap();
        let mut tx = self.service().db.begin().await.unwrap();
        let end = now + jiff::SignedDuration::from_hours(1);
        sessions::keep_token(&mut tx, secret.digest(), &person, now, end).await.unwrap();
        tx.commit().await.unwrap();
        Actor { base: self.url(""), token: Some(secret.expose().to_owned()), client: client() }
    }

    /// Someone without credentials.
    pub fn stranger(&self) -> Actor {
        Actor { base: self.url(""), token: None, client: client() }
    }

    /// Runs one statement, for what only a board or time itself would do.
    pub async fn sql(&self, statement: &'static str) {
        self.backend.sql(self.service(), statement).await;
    }

    /// The first column of what a query finds, as text: what no answer tells.
    pub async fn texts(&self, query: &'static str) -> Vec<String> {
        self.backend.texts(self.service(), query).await
    }

    /// The id of a centre's sample of the component most tests use.
    pub async fn sample(&self, centre: &str) -> String {
        self.sample_of(COMPONENT, centre).await
    }

    /// The id of a centre's sample of a component.
    pub async fn sample_of(&self, component: &str, centre: &str) -> String {
        let board = self.as_("board").await;
        let list = board.get(&format!("/api/v1/samples?component={component}&centre={centre}")).await.json();
        list["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Ends it in order and removes what it stood on.
    pub async fn stop(mut self) {
        let running = self.running.take().unwrap();
        tokio::time::timeout(Duration::from_secs(60), running.stop()).await.unwrap();
        self.backend.remove().await;
    }
}

/// The tests' own reading of the clock.
pub trait Now {
    fn now_for_tests() -> Timestamp;
}

impl Now for Timestamp {
    fn now_for_tests() -> Timestamp {
        Clock::system().now()
    }
}

fn client() -> reqwest::Client {
    // How long a body may stand still is the service's to say: a busy disk can take longer than this client's 30 s.
    let builder = reqwest::Client::builder().tcp_user_timeout(None);
    builder.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Someone who asks.
pub struct Actor {
    base: String,
    token: Option<String>,
    client: reqwest::Client,
}

/// What was answered, body and all.
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The status, and the code of a problem.
    pub fn code(&self) -> (u16, String) {
        let code = serde_json::from_str::<Value>(&self.text)
            .ok()
            .and_then(|body| body["code"].as_str().map(ToOwned::to_owned));
        (self.status.as_u16(), code.unwrap_or_default())
    }
}

impl Actor {
    /// A request, to be sent by [`send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The same person at another node.
    pub fn at(self, address: SocketAddr) -> Self {
        Self { base: format!("http://{address}"), ..self }
    }

    /// The bearer token, for requests that are written byte for byte.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str) -> Answer {
        send(self.request(Method::POST, path)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    /// Uploads a file in one request; its id.
    pub async fn upload(
        &self,
        sample: &str,
        candidate: &str,
        section: &str,
        name: &str,
        bytes: &[u8],
    ) -> String {
        let answer = send(
            self.request(Method::POST, &format!("/files/to/{sample}/{candidate}/{section}"))
                .header("tus-resumable", "1.0.0")
                .header("upload-length", bytes.len())
                .header("upload-metadata", format!("filename {}", encode(name)))
                .header("content-type", "application/offset+octet-stream")
                .body(bytes.to_vec()),
        )
        .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let location = answer.headers["location"].to_str().unwrap();
        location.rsplit('/').next().unwrap().to_owned()
    }

    /// Begins an upload without a byte; its id.
    pub async fn begin(
        &self,
        sample: &str,
        candidate: &str,
        section: &str,
        name: &str,
        length: u64,
    ) -> Answer {
        send(
            self.request(Method::POST, &format!("/files/to/{sample}/{candidate}/{section}"))
                .header("tus-resumable", "1.0.0")
                .header("upload-length", length)
                .header("upload-metadata", format!("filename {}", encode(name))),
        )
        .await
    }

    /// Marks everything that is not there as Missing.
    pub async fn mark_the_rest(&self, sample: &str) {
        let path = format!("/api/v1/samples/{sample}");
        let candidates = self.get(&format!("{path}/candidates?filter=incomplete")).await.json();
        for candidate in candidates["items"].as_array().unwrap() {
            if candidate["in_sample"] != true {
                continue;
            }
            let candidate = format!("{path}/candidates/{}", candidate["number"].as_str().unwrap());
            let sections = self.get(&candidate).await.json()["sections"].clone();
            for section in sections.as_array().unwrap() {
                if section["required"] == true && section["state"] == "empty" {
                    let missing =
                        format!("{candidate}/sections/{}/missing", section["code"].as_str().unwrap());
                    let answer = self.put(&missing, serde_json::json!({ "reason": "lost" })).await;
                    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
                }
            }
        }
    }

    /// Marks everything that is not there as Missing, and submits.
    pub async fn submit(&self, sample: &str) {
        self.mark_the_rest(sample).await;
        let path = format!("/api/v1/samples/{sample}");
        let check = self.get(&format!("{path}/check")).await.json();
        let answers =
            check["declarations"].as_array().unwrap().iter().map(
                |one| serde_json::json!({ "id": one["id"], "version": one["version"], "accepted": true }),
            );
        let body = serde_json::json!({ "declarations": answers.collect::<Vec<_>>() });
        let request = self.request(Method::POST, &format!("{path}/submissions")).json(&body);
        let answer = send(request).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    }

    /// Waits until a file is in `state`; what is known of it then.
    pub async fn wait_for(&self, file: &str, state: &str) -> Value {
        self.wait_long_for(file, state, Duration::from_secs(30)).await
    }

    /// The same for a file that takes its time.
    pub async fn wait_long_for(&self, file: &str, state: &str, limit: Duration) -> Value {
        let wait = async {
            loop {
                let answer = self.get(&format!("/api/v1/files/{file}")).await;
                let known = answer.json();
                if known["state"] == state {
                    return known;
                }
                assert!(
                    matches!(
                        known["state"].as_str(),
                        Some("created" | "receiving" | "received" | "checking")
                    ),
                    "waiting for {state}: {known}"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(limit, wait).await.unwrap()
    }
}

/// Sends a request and reads its answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let response: Response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// A value of `Upload-Metadata`.
pub fn encode(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Every source file under a folder.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
