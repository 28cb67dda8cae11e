//! How long the workspace of five hundred candidates takes to serve, and what it weighs on the wire.
//!
//! `cargo bench --bench page [-- ROUNDS]`. A service on SQLite with the demonstration data, all in this process, and
//! one client on loopback: the whole page, one candidate opened in it, a search. Milliseconds at the median and the
//! 95th of a hundred, from request to last byte, and bytes as a browser gets them. The goals: 50 ms and 25 kB.
#![expect(clippy::unwrap_used, reason = "a benchmark stops where it breaks")]

use std::path::Path;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use strongroom::clock::Clock;
use strongroom::config::{Config, Overrides, ServerOverrides};
use strongroom::http::identity::sign_in;
use strongroom::http::layers::RequestId;
use strongroom::running::{Given, Role, Running};

const COMPONENT: &str = "01_3357_R084_01";

fn main() {
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(200);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(rounds));
}

async fn measure(rounds: usize) {
    let folder = tempfile::tempdir().unwrap();
    let overrides = Overrides {
        data: Some(folder.path().to_owned()),
        server: Some(ServerOverrides { bind: "127.0.0.1:0".parse().unwrap() }),
    };
    let config = Config::load(Some(Path::new("config/development.toml")), overrides).unwrap();
    let running = Running::start(config, Role::Web, Given::default()).await.unwrap();
    strongroom::reference::import(&running.service.db, Path::new("config/demo"), &Clock::system())
        .await
        .unwrap();
    let mut ours = HeaderMap::new();
    ours.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    let officer = "officer.98765".parse().unwrap();
    let cookie = sign_in(&running.service, &ours, &officer, &RequestId::new()).await.unwrap();
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
    let client = reqwest::Client::new();
    let base = format!("http://{}", running.address.unwrap());
    let get = async |path: &str| {
        let asked =
            client.get(format!("{base}{path}")).header("cookie", &cookie).header("accept-encoding", "br");
        let answer = asked.header("sec-fetch-site", "same-origin").send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.bytes().await.unwrap()
    };
    let list = get(&format!("/api/v1/samples?component={COMPONENT}")).await;
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    let sample = list["items"][0]["id"].as_str().unwrap();
    for (what, query) in
        [("whole page", ""), ("one candidate", "?open=3200&rows=3051,3200"), ("search", "?search=an")]
    {
        let path = format!("/samples/{sample}{query}");
        let mut times = Vec::with_capacity(rounds);
        let mut bytes = 0;
        for _ in 0..rounds {
            let began = Instant::now();
            bytes = get(&path).await.len();
            times.push(began.elapsed());
        }
        times.sort_unstable();
        let at = |part: usize| ms(times[(times.len() * part / 100).min(times.len() - 1)]);
        println!("{what}: median {:.1} ms, 95 % within {:.1} ms, {bytes} bytes", at(50), at(95));
    }
    running.stop().await;
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
