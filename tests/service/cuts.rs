//! Lines are cut at random bytes, nodes are killed and stopped, and other connections and nodes take over: no offset
//! that was told goes back, nothing that was read is asked for again, and every file comes out as it went in.
//!
//! Chance is told as a seed. It fixes what each upload does; how uploads meet each other is the machine's affair.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::line::{Append, Dialect, Door, Framing, Line, Reply};
use crate::support::{Installation, Process, is_board, seed};

const MIB: usize = 1 << 20;
/// Cuts of a run.
const CUTS: usize = 250;
/// Uploads at a time.
const LANES: usize = 5;
/// Every so many uploads one has its node killed, and one has it stopped.
const ENDS: usize = 7;
/// The longest anything may take but a take-over.
const PATIENCE: Duration = Duration::from_secs(60);
/// A holder that does not let go for so long is overridden: what it had read and not made durable comes again.
const OVERRIDDEN: Duration = Duration::from_millis(950);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_before_a_cut_is_never_asked_for_again() {
    let world = Arc::new(World::new(seed()).await);
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        let world = world.clone();
        lanes.spawn(async move { world.lane().await });
    }
    while let Some(ended) = lanes.join_next().await {
        if let Err(broke) = ended {
            std::panic::resume_unwind(broke.into_panic());
        }
    }
    let world = Arc::into_inner(world).unwrap();
    world.tally.lock().unwrap().judge(world.nodes.len());
    world.end().await;
}

/// Over HTTP/2 a request is broken off, or overtaken, and its connection goes on. Nobody sees from outside what of a
/// stream has been read, so a share may come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_a_stream_was_reset_is_kept() {
    let mut rng = StdRng::seed_from_u64(seed());
    let installation = Installation::new(Path::new("config/demo")).await;
    let teacher = installation.token("teacher.98765").await;
    let process = installation.serve(None).await;
    let door = process.door(&teacher);
    let place = format!("{}/1005/Evidence", process.sample(&teacher).await);
    let bytes = bytes::Bytes::from(text(20 * MIB, 0));
    let file = door.create(&place, "notes.txt", bytes.len()).await.unwrap().file().unwrap();
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = |method: reqwest::Method| {
        let asked = client.request(method, format!("{}/files/{file}", process.base));
        asked.bearer_auth(&teacher).header("tus-resumable", "1.0.0")
    };
    let (mut told, mut sent, mut again) = (0, 0, 0);
    for cut in 0..20 {
        let body = bytes.slice(told..told + rng.random_range(1..=MIB).min(bytes.len() - told - 1));
        let (length, from) = (body.len(), told);
        let pieces: Vec<_> = body.chunks(10_000).map(|piece| Ok::<_, io::Error>(piece.to_vec())).collect();
        let half = stream::iter(pieces).chain(stream::pending());
        let patch = request(reqwest::Method::PATCH)
            .header("upload-offset", told)
            .header("content-type", "application/offset+octet-stream")
            .body(reqwest::Body::wrap_stream(half));
        let mut sending = JoinSet::new();
        sending.spawn(patch.send());
        sleep(Duration::from_millis(200)).await;
        let reset = cut % 2 == 0;
        if reset {
            sending.shutdown().await;
        }
        let answer = request(reqwest::Method::HEAD).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        told = answer.headers()["upload-offset"].to_str().unwrap().parse().unwrap();
        assert!((from..=from + length).contains(&told), "{told} after {length} from {from}");
        if !reset {
            let evicted = timeout(PATIENCE, sending.join_next()).await.unwrap().unwrap().unwrap();
            let status = evicted.map(|answer| answer.status().as_u16());
            assert!(!matches!(status, Ok(200..300)), "the evicted stream is answered {status:?}");
        }
        sent += length;
        again += from + length - told;
    }
    println!("{sent} bytes in 20 streams, {again} sent again");
    assert!(again * 3 <= sent, "{again} of {sent} bytes come again");
    let (body, dialect, framing) = (&bytes[told..], Dialect::Tus, Framing::Length);
    let rest = Append { file: &file, offset: told, body, dialect, framing, proven: false, expects: true };
    assert_eq!(door.append_all(&rest).await.unwrap().status, 204);
    let reader = process.actor(&teacher);
    reader.wait_for(&file, "accepted").await;
    let content = reader.request(reqwest::Method::GET, &format!("/api/v1/files/{file}/content"));
    assert!(content.send().await.unwrap().bytes().await.unwrap() == bytes);
    process.stop().await;
    installation.clear().await;
}

/// How a request ends before its body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Fin,
    Reset,
    /// The connection stays open and silent.
    Hang,
    /// Its node is killed.
    Kill,
    /// Its node is stopped in order.
    Stop,
}

/// What happened, for the sums at the end.
#[derive(Debug, Default)]
struct Tally {
    cuts: usize,
    /// Take-overs on the same node, and by another one.
    same: Vec<Duration>,
    other: Vec<Duration>,
    /// From a node that was killed or stopped.
    dead: Vec<Duration>,
    overridden: usize,
    /// Bytes of all files, and bytes that were sent and came again.
    bytes: usize,
    again: usize,
    /// Of those, what nobody could have kept: a node was killed, the rest of a proof never came, or the line was cut
    /// before its bytes had been read.
    unread: usize,
    busy: usize,
}

impl Tally {
    fn judge(&mut self, nodes: usize) {
        let told = |name: &str, times: &mut Vec<Duration>| {
            times.sort();
            let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
            let ms = |time: Option<&Duration>| time.map_or(0, Duration::as_millis);
            let all = times.len();
            println!(
                "take-over {name}: p50 {} ms, p95 {} ms, max {} ms of {all}",
                ms(at(50)),
                ms(at(95)),
                ms(at(100))
            );
            at(95).copied().unwrap_or_default()
        };
        let same = told("on the same node", &mut self.same);
        let other = told("by another node", &mut self.other);
        told("from a node that ended", &mut self.dead);
        let Self { cuts, overridden, bytes, again, unread, busy, .. } = *self;
        println!(
            "{cuts} cuts, {overridden} overridden; {bytes} bytes in files, {again} sent again, {unread} of them \
             never read or not to be kept; {busy} times busy"
        );
        assert!(cuts >= CUTS, "the run was cut {cuts} times only");
        assert!(same < Duration::from_secs(1), "a take-over on the same node takes {same:?}");
        assert!(nodes == 1 || other < Duration::from_secs(2), "a take-over by another node takes {other:?}");
        assert!(overridden * 10 <= cuts, "{overridden} of {cuts} holders did not let go in time");
    }
}

/// One process after the other, under one name.
struct Node {
    name: Option<&'static str>,
    process: tokio::sync::Mutex<Option<Process>>,
    address: Mutex<String>,
    /// Raised when it begins to end and when it serves again.
    age: AtomicU64,
}

impl Node {
    fn address(&self) -> String {
        self.address.lock().unwrap().clone()
    }
}

struct World {
    installation: Installation,
    nodes: Vec<Node>,
    seed: u64,
    teacher: String,
    officer: String,
    sample: String,
    /// The next upload's number.
    next: AtomicUsize,
    arrived: AtomicUsize,
    tally: Mutex<Tally>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut installation = Installation::new(Path::new("config/demo")).await;
        // Lines that hang keep their places.
        installation.set("STRONGROOM__SERVER__CONNECTIONS_PER_ADDRESS", 1000);
        let teacher = installation.token("teacher.98765").await;
        let officer = installation.token("officer.98765").await;
        let names = if is_board() { &[None, Some("second")][..] } else { &[None] };
        let mut nodes = Vec::new();
        for name in names {
            let process = begin(&installation, *name).await;
            let address = Mutex::new(process.door("").address);
            let process = tokio::sync::Mutex::new(Some(process));
            nodes.push(Node { name: *name, process, address, age: AtomicU64::new(0) });
        }
        let sample = nodes[0].process.lock().await.as_ref().unwrap().sample(&teacher).await;
        let (next, arrived, tally) = Default::default();
        Self { installation, nodes, seed, teacher, officer, sample, next, arrived, tally }
    }

    /// One upload after the other, until there were cuts enough.
    async fn lane(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if self.tally.lock().unwrap().cuts >= CUTS {
                return;
            }
            let upload = Upload::begin(self, number).await;
            let file = upload.send().await;
            self.arrives(&file.0, file.1).await;
        }
    }

    fn door(&self, node: usize) -> Door {
        Door { address: self.nodes[node].address(), token: self.teacher.clone() }
    }

    /// Changes whenever a node ends or begins.
    fn age(&self) -> u64 {
        self.nodes.iter().map(|node| node.age.load(Ordering::SeqCst)).sum()
    }

    /// Every node has served since then.
    fn calm_since(&self, age: u64) -> bool {
        self.age() == age && self.nodes.iter().all(|node| node.age.load(Ordering::SeqCst).is_multiple_of(2))
    }

    /// Ends a node by that signal, and begins it anew.
    async fn end_node(&self, node: usize, signal: Signal) {
        let node = &self.nodes[node];
        let mut process = node.process.lock().await;
        node.age.fetch_add(1, Ordering::SeqCst);
        let running = process.take().unwrap();
        if signal == Signal::KILL {
            running.signal(signal);
            running.killed().await;
        } else {
            running.stop().await;
        }
        let running = begin(&self.installation, node.name).await;
        *node.address.lock().unwrap() = running.door("").address;
        *process = Some(running);
        node.age.fetch_add(1, Ordering::SeqCst);
    }

    /// Asks until a node answers; what, and by which node. Trouble that passes is 423, or a line that breaks.
    async fn ask(&self, first: usize, file: &str, dialect: Dialect) -> (Reply, usize) {
        let until = Instant::now() + PATIENCE;
        for node in (0..self.nodes.len()).cycle().skip(first) {
            match self.door(node).ask(file, dialect).await {
                Ok(reply) if reply.is_success() => return (reply, node),
                Ok(reply) => {
                    assert_eq!(reply.status, 423, "HEAD is answered {reply:?}");
                    assert!(reply.header("retry-after").is_some());
                    self.tally.lock().unwrap().busy += 1;
                }
                Err(_) => {}
            }
            assert!(Instant::now() < until, "no node answers");
            sleep(Duration::from_millis(20)).await;
        }
        unreachable!()
    }

    /// It is accepted, and its bytes are these.
    async fn arrives(&self, file: &str, sum: [u8; 32]) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let (until, path) = (Instant::now() + PATIENCE, format!("/api/v1/files/{file}"));
        let client = reqwest::Client::new();
        // A node may end in the middle of an answer.
        let state = async |node: usize, path: &str| -> reqwest::Result<Vec<u8>> {
            let Door { address, .. } = self.door(node);
            let asked = client.get(format!("http://{address}{path}")).bearer_auth(&self.officer);
            Ok(asked.send().await?.error_for_status()?.bytes().await?.to_vec())
        };
        for node in (0..self.nodes.len()).cycle() {
            if let Ok(known) = state(node, &path).await {
                let known: serde_json::Value = serde_json::from_slice(&known).unwrap();
                let on_its_way = matches!(known["state"].as_str(), Some("received" | "checking"));
                assert!(on_its_way || known["state"] == "accepted", "{known}");
                if !on_its_way && let Ok(content) = state(node, &format!("{path}/content")).await {
                    assert!(Sha256::digest(&content)[..] == sum, "{file} comes out other than it went in");
                    return;
                }
            }
            assert!(Instant::now() < until, "{file} is never accepted");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Nothing is left but the evidence.
    async fn end(self) {
        let swept = async {
            for query in ["SELECT count(*) FROM discards", "SELECT count(*) FROM upload_parts"] {
                while self.installation.count(query).await > 0 {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        };
        timeout(PATIENCE, swept).await.expect("something is never cleared away");
        for node in self.nodes {
            node.process.into_inner().unwrap().stop().await;
        }
        let store = self.installation.store().await;
        let objects = store.list("", None, 1000).await.unwrap();
        let over: Vec<_> = objects.iter().filter(|path| !path.starts_with("evidence/")).collect();
        assert!(over.is_empty(), "left over: {over:?}");
        assert_eq!(objects.len(), self.arrived.into_inner());
        assert_eq!(store.unfinished(100).await.unwrap(), Vec::<String>::new());
        self.installation.clear().await;
    }
}

async fn begin(installation: &Installation, name: Option<&str>) -> Process {
    match name {
        None => installation.serve(None).await,
        Some(name) => installation.serve_beside(name).await,
    }
}

/// One file on its way.
struct Upload<'a> {
    world: &'a World,
    rng: StdRng,
    number: usize,
    file: String,
    bytes: Arc<[u8]>,
    /// The highest offset a client was told.
    told: usize,
    /// Cuts it will have.
    cuts: usize,
    /// The cut that ends a node.
    ends: Option<(usize, Cut)>,
    /// An earlier request may still be heard.
    haunted: bool,
}

/// What is to happen to one request.
#[derive(Clone, Copy, Debug)]
struct Plan {
    cut: Cut,
    node: usize,
    /// Who is asked afterwards.
    heir: usize,
    dialect: Dialect,
    framing: Framing,
    proven: bool,
    /// Bytes that are sent of the body.
    sent: usize,
    /// They are sent once they are asked for, and the cut comes when all of them have been read. Otherwise the request
    /// may even be heard later than the one that comes after it, and go on where that one has found the upload.
    read: bool,
    /// The next request is a PATCH, not a HEAD.
    blind: bool,
}

impl<'a> Upload<'a> {
    async fn begin(world: &'a World, number: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(world.seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bytes: Arc<[u8]> = text(size(&mut rng), number).into();
        let cuts = if bytes.len() < 100 { 2 } else { rng.random_range(5..=12) };
        let ends = match number % ENDS {
            3 => Some((rng.random_range(0..cuts), Cut::Kill)),
            5 => Some((rng.random_range(0..cuts), Cut::Stop)),
            _ => None,
        };
        // Ten candidates' sections take ten files each.
        let place = format!("{}/10{:02}/Evidence", world.sample, number % 10 + 1);
        let (until, mut node) = (Instant::now() + PATIENCE, number % world.nodes.len());
        let file = loop {
            match world.door(node).create(&place, "notes.txt", bytes.len()).await {
                Ok(reply) if reply.status == 201 => break reply.file().unwrap(),
                Ok(reply) => assert_eq!(reply.status, 503, "POST is answered {reply:?}"),
                Err(_) => {}
            }
            assert!(Instant::now() < until, "no node takes an upload");
            sleep(Duration::from_millis(20)).await;
            node = (node + 1) % world.nodes.len();
        };
        Self { world, rng, number, file, bytes, told: 0, cuts, ends, haunted: false }
    }

    /// Sends all of it, cut again and again; its id and digest.
    async fn send(mut self) -> (String, [u8; 32]) {
        for cut in 0..self.cuts {
            if self.told == self.bytes.len() {
                break;
            }
            let plan = self.plan(cut);
            self.cut(plan).await;
        }
        let until = Instant::now() + PATIENCE;
        while self.told < self.bytes.len() {
            let plan = self.plan(self.cuts);
            let whole = self.append(&plan, self.told);
            let age = self.world.age();
            match self.world.door(plan.node).append_all(&whole).await {
                Ok(reply) if reply.is_success() => assert_eq!(reply.offset(), Some(self.bytes.len())),
                _ if self.haunted || !self.world.calm_since(age) => {}
                other => panic!("upload {} is answered {other:?} to {plan:?}", self.number),
            }
            let (reply, _) = self.world.ask(plan.heir, &self.file, plan.dialect).await;
            self.told(&reply, self.told..=self.bytes.len(), &plan);
            assert!(Instant::now() < until, "{plan:?} never ends");
        }
        self.world.tally.lock().unwrap().bytes += self.bytes.len();
        (self.file, Sha256::digest(&self.bytes).into())
    }

    fn plan(&mut self, number: usize) -> Plan {
        let nodes = self.world.nodes.len();
        let rng = &mut self.rng;
        let cut = match (self.ends, rng.random_range(0..3)) {
            (Some((at, end)), _) if at == number => end,
            (_, 0) => Cut::Fin,
            (_, 1) => Cut::Reset,
            _ => Cut::Hang,
        };
        let framing = if rng.random_bool(0.6) { Framing::Length } else { Framing::Chunked };
        let rest = self.bytes.len() - self.told;
        let scale = rng.random_range(0.0..=(12.0 * MIB as f64).ln());
        // All of it, now and then: then the cut is what comes before the answer.
        let sent = if rng.random_bool(0.1) { rest } else { rest.min(scale.exp() as usize) };
        let node = rng.random_range(0..nodes);
        Plan {
            cut,
            node,
            heir: rng.random_range(0..nodes),
            dialect: if rng.random_bool(0.8) { Dialect::Tus } else { Dialect::Rufh },
            framing,
            proven: rng.random_bool(0.1),
            sent,
            read: rng.random_bool(0.85) || matches!(cut, Cut::Kill | Cut::Stop),
            blind: rng.random_bool(0.15),
        }
    }

    fn append(&self, plan: &Plan, offset: usize) -> Append<'_> {
        let Plan { dialect, framing, proven, .. } = *plan;
        let body = &self.bytes[offset..];
        Append { file: &self.file, offset, body, dialect, framing, proven, expects: plan.read }
    }

    /// One request that is cut, and the one after it.
    async fn cut(&mut self, mut plan: Plan) {
        let world = self.world;
        let (age, before) = (world.age(), self.told);
        let line = self.half(&mut plan).await;
        let whole = before + plan.sent == self.bytes.len();
        let (line, ended) = match (plan.cut, line) {
            (Cut::Kill, line) => {
                let ((), ended) = tokio::join!(world.end_node(plan.node, Signal::KILL), self.after(&plan));
                (line, ended)
            }
            (Cut::Stop, line) => {
                let ((), ended) = tokio::join!(world.end_node(plan.node, Signal::TERM), self.after(&plan));
                (line, ended)
            }
            (Cut::Reset, line) => {
                line.map(Line::reset).unwrap_or_default();
                (None, self.after(&plan).await)
            }
            (Cut::Fin, Some(mut line)) => {
                let _gone = line.half_close().await;
                (Some(line), self.after(&plan).await)
            }
            (_, line) => (line, self.after(&plan).await),
        };
        let After { reply, took, by } = ended;
        let alone = world.calm_since(age);
        let stopped = plan.cut == Cut::Stop && world.age() <= age + 2;
        let overridden = took >= OVERRIDDEN && alone;
        // What must be there: all that was read, unless its proof never came.
        let (least, most) = match plan {
            _ if self.haunted => (before, self.bytes.len()),
            // What says its length needs no other end.
            Plan { proven: true, framing, .. } if !whole || framing == Framing::Chunked => (before, before),
            Plan { read: true, sent, .. } if (alone && !overridden) || stopped => {
                (before + sent, before + sent)
            }
            Plan { sent, .. } => (before, before + sent),
        };
        self.told(&reply, least..=most, &plan);
        if let Some(line) = line {
            let status = line.last_words().await;
            let late = status == Some(409) && !plan.read;
            let fits = late || whole || matches!(status, None | Some(408 | 423 | 503));
            assert!(fits, "{plan:?}: the request that was cut is answered {status:?}");
        }
        self.haunted = !plan.read;
        let mut tally = world.tally.lock().unwrap();
        tally.cuts += 1;
        let again = before + plan.sent - self.told.min(before + plan.sent);
        tally.again += again;
        if plan.proven || !plan.read || !alone {
            tally.unread += again;
        }
        tally.overridden += usize::from(overridden);
        match (alone, by == plan.node) {
            (true, true) => tally.same.push(took),
            (true, false) => tally.other.push(took),
            (false, _) if matches!(plan.cut, Cut::Kill | Cut::Stop) => tally.dead.push(took),
            (false, _) => {}
        }
    }

    /// Sends a request's first bytes; `None`: the line broke, which it may when a node ends.
    async fn half(&self, plan: &mut Plan) -> Option<Line> {
        let (age, offset) = (self.world.age(), self.told);
        let sending = async {
            let mut line = self.world.door(plan.node).append(&self.append(plan, offset)).await?;
            line.send(&self.bytes[offset..offset + plan.sent]).await?;
            let read = !plan.read || line.is_read().await;
            if read { Ok(line) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        };
        match sending.await {
            Ok(line) => Some(line),
            Err(broken) => {
                let (broken, number): (io::Error, _) = (broken, self.number);
                let may = self.haunted || !self.world.calm_since(age);
                assert!(may, "upload {number} breaks before it is cut by {plan:?}: {broken}");
                plan.read = false;
                None
            }
        }
    }

    /// The request after a cut: where the upload stands now.
    async fn after(&self, plan: &Plan) -> After {
        let world = self.world;
        let began = Instant::now();
        let goes_on = self.told + plan.sent;
        if plan.blind && !plan.proven && plan.read && goes_on < self.bytes.len() {
            let one = Append { body: &self.bytes[goes_on..goes_on + 1], ..self.append(plan, goes_on) };
            if let Ok(reply) = world.door(plan.heir).append_all(&one).await
                && (reply.is_success() || reply.status == 409)
            {
                let took = began.elapsed();
                // One byte further, which is no matter of the cut.
                if reply.is_success() {
                    assert_eq!(reply.offset(), Some(goes_on + 1), "{plan:?}");
                }
                let (asked, _) = world.ask(plan.heir, &self.file, plan.dialect).await;
                return After { reply: asked, took, by: plan.heir };
            }
        }
        let (reply, by) = world.ask(plan.heir, &self.file, plan.dialect).await;
        After { reply, took: began.elapsed(), by }
    }

    /// Takes note of an offset that was told.
    fn told(&mut self, reply: &Reply, expected: std::ops::RangeInclusive<usize>, plan: &Plan) {
        let offset = reply.offset().expect("an answer that tells where the upload stands");
        let (told, number) = (self.told, self.number);
        assert!(offset >= told, "upload {number} went back from {told} to {offset} after {plan:?}");
        let one_more = usize::from(plan.blind);
        let fits = (*expected.start()..=expected.end() + one_more).contains(&offset);
        assert!(fits, "upload {number} stands at {offset}, not within {expected:?}, after {plan:?}");
        self.told = offset;
    }
}

struct After {
    reply: Reply,
    took: Duration,
    /// The node that answered.
    by: usize,
}

/// Of a byte, of a page, around a part's end, and more.
fn size(rng: &mut StdRng) -> usize {
    match rng.random_range(0..10) {
        0 => rng.random_range(1..=40),
        1 => rng.random_range(41..=100_000),
        2 | 3 => 8 * MIB * rng.random_range(1..=3) + rng.random_range(0..=4) - 2,
        4..=6 => rng.random_range(MIB..=12 * MIB),
        _ => rng.random_range(12 * MIB..=36 * MIB),
    }
}

/// Text of which no two blocks are alike, in no other file either.
fn text(size: usize, number: usize) -> Vec<u8> {
    let filling = "The candidate measured, wrote down, and measured again. ".repeat(18);
    let mut text = Vec::with_capacity(size + 1024);
    while text.len() < size {
        let at = text.len();
        text.extend_from_slice(format!("{number:04} {at:012} ").as_bytes());
        text.extend_from_slice(&filling.as_bytes()[..1023 - 18]);
        text.push(b'\n');
    }
    text.truncate(size);
    text
}
