//! The database is begun anew, and then stands still for a while, while uploads run on two nodes: they pause, are
//! told so in words they understand, and go on; nothing is lost.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::line::{Append, Dialect, Door, Framing, Reply};
use crate::support::postgres::Postgres;
use crate::support::{Actor, Installation, is_board, seed};

const MIB: usize = 1 << 20;
/// Clients at a time.
const CLIENTS: usize = 6;
/// How long they run undisturbed, before and after each disturbance.
const CALM: Duration = Duration::from_secs(3);
/// Longer than a request waits for a connection.
const STILL: Duration = Duration::from_secs(12);
/// No answer may take longer: a wait for a connection, twice, and then some.
const ANSWER: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_for_a_while_costs_time_and_nothing_else() {
    if !is_board() {
        println!("of a board alone");
        return;
    }
    let mut postgres = Postgres::start().await;
    let installation = Installation::with_database_on(&postgres.url(), Path::new("config/demo")).await;
    let teacher = installation.token("teacher.98765").await;
    let nodes = [installation.serve(None).await, installation.serve_beside("second").await];
    let clients = Arc::new(Clients {
        doors: nodes.iter().map(|node| node.door(&teacher)).collect(),
        sample: nodes[0].sample(&teacher).await,
        seed: seed(),
        ended: AtomicBool::new(false),
        next: AtomicUsize::new(0),
        answers: Mutex::default(),
        longest: Mutex::default(),
    });
    let mut running = JoinSet::new();
    for node in 0..nodes.len() {
        let clients = clients.clone();
        running.spawn(async move { clients.look(node).await });
    }
    for _ in 0..CLIENTS {
        let clients = clients.clone();
        running.spawn(async move { clients.run().await });
    }

    sleep(CALM).await;
    postgres.restart().await;
    for node in &nodes {
        ready(&node.stranger(), true).await;
    }
    sleep(CALM).await;
    postgres.stand_still();
    let still = Instant::now();
    for node in &nodes {
        let asker = node.stranger();
        ready(&asker, false).await;
        assert_eq!(asker.get("/health/live").await.status, StatusCode::OK);
    }
    tokio::time::sleep_until(still + STILL).await;
    postgres.go_on();
    for node in &nodes {
        ready(&node.stranger(), true).await;
    }
    sleep(CALM).await;
    clients.ended.store(true, Ordering::SeqCst);
    let mut files = Vec::new();
    while let Some(of_one) = timeout(PATIENCE, running.join_next()).await.expect("a client never ends") {
        files.extend(of_one.unwrap_or_else(|broke| std::panic::resume_unwind(broke.into_panic())));
    }

    let (answers, longest) = (clients.answers.lock().unwrap().clone(), *clients.longest.lock().unwrap());
    println!("{} files; answers {answers:?}; the slowest took {longest:?}", files.len());
    let strange: Vec<_> = answers.keys().filter(|answer| !is_expected(answer)).collect();
    assert!(strange.is_empty(), "answers that no client understands: {strange:?}");
    assert!(longest < ANSWER);
    let reader = nodes[0].actor(&teacher);
    for (file, sum) in files {
        reader.wait_for(&file, "accepted").await;
        let content = reader.request(reqwest::Method::GET, &format!("/api/v1/files/{file}/content"));
        let content = content.send().await.unwrap().bytes().await.unwrap();
        assert!(Sha256::digest(&content)[..] == sum, "{file} comes out other than it went in");
    }
    clients.hand_over().await;
    for node in nodes {
        node.stop().await;
    }
    installation.clear().await;
    postgres.stop().await;
}

/// Waits until a node says that it is ready, or that it is not.
async fn ready(node: &Actor, wanted: bool) {
    let said = async {
        loop {
            let answer = node.get("/health/ready").await;
            let parts = answer.json()["parts"].clone();
            let part = parts.as_array().unwrap().iter().find(|part| part["name"] == "database").unwrap();
            assert_eq!(part["ready"] == true, answer.status == StatusCode::OK, "{}", answer.text);
            if part["ready"] == wanted {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let limit = if wanted { PATIENCE } else { STILL };
    timeout(limit, said).await.unwrap_or_else(|_| panic!("ready never turns {wanted}"));
}

/// What a client goes on after: success, or a wait it is told of. HEAD knows no trouble but 423.
fn is_expected(answer: &(&str, u16, bool)) -> bool {
    match answer {
        (_, 200..300, _) | ("PATCH", 409, _) => true,
        ("HEAD", status, waits) => *status == 423 && *waits,
        ("PATCH", status, waits) => [423, 503].contains(status) && *waits,
        (_, status, waits) => *status == 503 && *waits,
    }
}

/// Who send files, one after the other, each.
struct Clients {
    doors: Vec<Door>,
    sample: String,
    seed: u64,
    ended: AtomicBool,
    next: AtomicUsize,
    /// Method, status, whether it says when to come again; and how often.
    answers: Mutex<BTreeMap<(&'static str, u16, bool), usize>>,
    longest: Mutex<Duration>,
}

impl Clients {
    /// The files that were sent, and their digests.
    async fn run(&self) -> Vec<(String, [u8; 32])> {
        let mut files = Vec::new();
        while !self.ended.load(Ordering::SeqCst) {
            files.push(self.send_one(self.next.fetch_add(1, Ordering::SeqCst)).await);
        }
        files
    }

    /// Asks one node again and again where an upload stands, in every way there is.
    async fn look(&self, node: usize) -> Vec<(String, [u8; 32])> {
        let (door, bytes) = (&self.doors[node], format!("seen by node {node}"));
        let place = format!("{}/1001/Supporting", self.sample);
        let file = door.create(&place, "notes.txt", bytes.len()).await.unwrap().file().unwrap();
        while !self.ended.load(Ordering::SeqCst) {
            let asked = self.noted("HEAD", door.ask(&file, Dialect::Tus));
            let asked_too = self.noted("HEAD", door.ask(&file, Dialect::Rufh));
            tokio::join!(asked, asked_too);
            sleep(Duration::from_millis(20)).await;
        }
        let (body, dialect, framing) = (bytes.as_bytes(), Dialect::Tus, Framing::Chunked);
        let (file, offset) = (&*file, 0);
        let all = Append { file, offset, body, dialect, framing, proven: false, expects: false };
        assert_eq!(door.append_all(&all).await.unwrap().status, 204);
        vec![(file.to_owned(), Sha256::digest(body).into())]
    }

    /// Nodes hear each other again: the one that is asked makes durable what it has, and nothing is sent twice.
    async fn hand_over(&self) {
        let place = format!("{}/1002/Supporting", self.sample);
        let file = self.doors[0].create(&place, "notes.txt", MIB).await.unwrap().file().unwrap();
        let (body, dialect, framing) = (vec![b'.'; MIB], Dialect::Tus, Framing::Length);
        let (file, body, offset) = (&*file, &*body, 0);
        let append = Append { file, offset, body, dialect, framing, proven: false, expects: true };
        let mut line = self.doors[0].append(&append).await.unwrap();
        line.send(&body[..MIB / 2]).await.unwrap();
        assert!(line.is_read().await);
        let reply = self.doors[1].ask(file, dialect).await.unwrap();
        assert_eq!(reply.offset(), Some(MIB / 2), "{reply:?}");
    }

    /// Counts an answer; `None`: none came.
    async fn noted(
        &self,
        method: &'static str,
        asked: impl Future<Output = io::Result<Reply>>,
    ) -> Option<Reply> {
        let began = Instant::now();
        let reply = asked.await.ok();
        let key = match &reply {
            Some(reply) => (method, reply.status, reply.header("retry-after").is_some()),
            None => (method, 0, false),
        };
        // What breaks instead of being answered is a request that another took the upload from.
        if reply.is_some() || method != "PATCH" {
            *self.answers.lock().unwrap().entry(key).or_default() += 1;
        }
        let mut longest = self.longest.lock().unwrap();
        *longest = longest.max(began.elapsed());
        reply.filter(Reply::is_success)
    }

    async fn send_one(&self, number: usize) -> (String, [u8; 32]) {
        let mut rng = StdRng::seed_from_u64(self.seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let size = rng.random_range(MIB..=12 * MIB);
        let line = format!("{number:06} what the candidate saw, heard and wrote down\n");
        let mut bytes = line.repeat(size / line.len() + 1).into_bytes();
        bytes.truncate(size);
        let places = ["Evidence", "Witness", "Supporting"];
        let place = format!("{}/10{:02}/{}", self.sample, number % 10 + 1, places[number / 10 % 3]);
        let file = loop {
            let door = &self.doors[rng.random_range(0..2)];
            let created = self.noted("POST", door.create(&place, "notes.txt", size)).await;
            if let Some(created) = created {
                break created.file().unwrap();
            }
            sleep(Duration::from_millis(100)).await;
        };
        let mut told = 0;
        while told < size {
            let (door, end) =
                (&self.doors[rng.random_range(0..2)], size.min(told + rng.random_range(1..=4 * MIB)));
            let dialect = if rng.random_bool(0.5) { Dialect::Tus } else { Dialect::Rufh };
            let proven = rng.random_bool(0.2);
            let (file, body, framing) = (&*file, &bytes[told..end], Framing::Length);
            let append = Append { file, offset: told, body, dialect, framing, proven, expects: false };
            let reply = match self.noted("PATCH", door.append_all(&append)).await {
                Some(reply) => reply,
                None => loop {
                    sleep(Duration::from_millis(100)).await;
                    if let Some(reply) = self.noted("HEAD", door.ask(file, dialect)).await {
                        break reply;
                    }
                },
            };
            let offset = reply.offset().unwrap();
            assert!(offset >= told, "upload {number} went back from {told} to {offset}");
            told = offset;
        }
        (file, Sha256::digest(&bytes).into())
    }
}
