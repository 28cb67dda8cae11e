//! From a file's last byte to its verdict: the service beside a bare clamd, in one run.
//!
//! `cargo bench --bench verdict [-- RATE SECONDS ROUNDS [BINARY | SETTING=VALUE]...]`; 50 uploads a second for 10 s,
//! three times. Each round puts PDFs of 2 MB, no two alike, on each of these in turn: the clamd of the service, asked by
//! descriptor, one file after the other and then at the rate; the release build of Strongroom on SQLite and the
//! filesystem store, with a clamd of its own; each other build that is named, and the same build with a setting
//! (`STRONGROOM__WORKER__CHECKS=8`). The time of a verdict runs from the last byte the client hands over to the moment
//! the database has it. What each step took is what the service tells at `/metrics`.
//!
//! Official signatures are used where `freshclam` has put them, else test signatures; what is printed says which. An
//! absolute time is no claim; the ratio within a run is.
#![expect(clippy::unwrap_used, reason = "a benchmark stops where it breaks")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use futures_util::stream;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use strongroom::check::scan::{Clamd, Finding, ScanLimits, Scanner, SignaturePolicy};
use strongroom::clock::Clock;

const SIZE: usize = 2_000_000;
const PLACES: u64 = 64;
const FRAME: usize = 64 << 10;
/// A verdict that takes longer breaks the run.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the database is asked.
const LOOK: Duration = Duration::from_millis(2);
const STEPS: [&str; 8] = ["wait", "open", "sums", "structure", "thread", "scan", "promote", "commit"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let number = |at: usize, otherwise| numbers.get(at).copied().unwrap_or(otherwise);
    let load = Load { rate: number(0, 50), count: number(0, 50) * number(1, 10) };
    let mut builds = vec!["strongroom".to_owned()];
    builds.extend(words.into_iter().filter(|word| word.parse::<u64>().is_err()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(load, number(2, 3), &builds));
}

#[derive(Clone, Copy)]
struct Load {
    /// Files a second.
    rate: u64,
    count: u64,
}

async fn measure(load: Load, rounds: u64, builds: &[String]) {
    sqlx::any::install_default_drivers();
    let mut sites = Vec::new();
    for build in builds {
        sites.push(Site::start(build).await);
    }
    let (mut table, mut next) = (Table::default(), 0);
    for round in 0..rounds {
        // Each round begins with another.
        for turn in 0..=sites.len() {
            let at = (turn + round as usize) % (sites.len() + 1);
            // Like no other: clamd remembers what it has seen.
            let mut fresh = |count| {
                next += count;
                (next - count..next).map(document).collect::<Vec<Bytes>>()
            };
            if let Some(site) = sites.get(at) {
                table.put(&site.name, site.verdicts(&fresh(load.count), load.rate).await);
            } else {
                table.put("clamd, one at a time", sites[0].clamd_alone(&fresh(100), None).await);
                let seen = sites[0].clamd_alone(&fresh(load.count), Some(load.rate)).await;
                table.put("clamd", seen);
            }
        }
        println!("round {} of {rounds} is done", round + 1);
    }
    println!("\n{} PDFs of {SIZE} bytes, {} a second; {}", load.count, load.rate, sites[0].scanner);
    table.print(rounds);
    for site in &mut sites {
        site.stop();
    }
}

/// What one turn showed: milliseconds, and CPU seconds of the service and of its clamd.
struct Seen {
    verdicts: Vec<f64>,
    /// Mean milliseconds of each step, by the service's own account.
    steps: BTreeMap<&'static str, f64>,
    cpu: Vec<(&'static str, f64)>,
}

struct Site {
    name: String,
    scanner: String,
    child: Child,
    address: String,
    token: String,
    sample: String,
    client: reqwest::Client,
    data: PathBuf,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn start(build: &str) -> Self {
        let own = env!("CARGO_BIN_EXE_strongroom");
        let setting = build.split_once('=');
        let program = if build == "strongroom" || setting.is_some() { own } else { build };
        let folder = tempfile::Builder::new().prefix("sr").tempdir().unwrap();
        let (data, board) = (folder.path().join("d"), folder.path().join("board"));
        write_board(&board);
        let run = |arguments: &[&str]| {
            let output = Command::new(program)
                .args(arguments)
                .args(["--data", data.to_str().unwrap()])
                .env("STRONGROOM__LOG__FILTER", "warn")
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        run(&["import", board.join("demo").to_str().unwrap()]);
        let token = run(&["token", "create", "--user", "officer.98765", "--expires-in", "24h"]);
        let token = token.trim().lines().last().unwrap().to_owned();
        let mut child = Command::new(program)
            .args(["serve", "--bind", "127.0.0.1:0", "--data", data.to_str().unwrap()])
            .env("STRONGROOM__LOG__FILTER", "warn")
            .env("STRONGROOM__SCANNER__SIGNATURES__ACCEPT_UNDATED", "true")
            .envs(setting)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ready = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = ready.strip_prefix("ready ").unwrap().to_owned();
        let client = reqwest::Client::new();
        let mut site = Self {
            name: build.to_owned(),
            scanner: String::new(),
            child,
            address,
            token,
            sample: String::new(),
            client,
            data,
            _folder: folder,
        };
        let list = site.get("/api/v1/samples?component=01_3357_R085_01&centre=98765").await;
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        site.sample = list["items"][0]["id"].as_str().unwrap().to_owned();
        let parts: serde_json::Value = serde_json::from_str(&site.get("/health/ready").await).unwrap();
        let scanner =
            parts["parts"].as_array().unwrap().iter().find(|part| part["name"] == "scanner").unwrap();
        assert_eq!(scanner["ready"], true, "{scanner}");
        site.scanner = scanner["detail"].as_str().unwrap().to_owned();
        site
    }

    fn stop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }

    async fn get(&self, path: &str) -> String {
        let url = format!("{}{path}", self.address);
        self.client.get(url).bearer_auth(&self.token).send().await.unwrap().text().await.unwrap()
    }

    /// The same clamd, asked for nothing but these: one after the other, or so many a second.
    async fn clamd_alone(&self, files: &[Bytes], rate: Option<u64>) -> Seen {
        let socket = self.data.join("clamd/clamd.sock");
        let policy =
            SignaturePolicy { accept_undated: true, hold_hours: u32::MAX, ..SignaturePolicy::default() };
        let clamd = Arc::new(Clamd::unix(socket, ScanLimits::default(), policy, Clock::system()));
        assert!(clamd.probe().await.ready);
        let files: Vec<_> = files.iter().map(|bytes| on_disk(bytes, &self.data)).collect();
        let (began, cpu) = (Instant::now(), self.cpu());
        let times = Arc::new(Mutex::new(Vec::new()));
        let mut scans = tokio::task::JoinSet::new();
        for (index, file) in files.into_iter().enumerate() {
            if let Some(rate) = rate {
                tokio::time::sleep_until(
                    (began + Duration::from_secs(1) * index as u32 / rate as u32).into(),
                )
                .await;
            }
            let (clamd, times) = (clamd.clone(), times.clone());
            scans.spawn(async move {
                let asked = Instant::now();
                let outcome = clamd.scan(&file, SIZE as u64).await.unwrap();
                assert_eq!(outcome.finding, Finding::Clean);
                times.lock().unwrap().push(asked.elapsed().as_secs_f64() * 1e3);
            });
            if rate.is_none() {
                scans.join_next().await.unwrap().unwrap();
            }
        }
        scans.join_all().await;
        let verdicts = times.lock().unwrap().clone();
        let cpu = self.cpu_since(&cpu, verdicts.len());
        Seen { verdicts, steps: BTreeMap::new(), cpu }
    }

    /// Uploads these, so many a second, and waits for their verdicts.
    async fn verdicts(&self, files: &[Bytes], rate: u64) -> Seen {
        let (steps, cpu) = (self.steps().await, self.cpu());
        let pending = Arc::new(Mutex::new(BTreeMap::new()));
        let began = Instant::now();
        let mut uploads = tokio::task::JoinSet::new();
        let (known, data, count) = (pending.clone(), self.data.clone(), files.len());
        let mut watching = tokio::task::JoinSet::new();
        watching.spawn(async move { watch(&data, &known, count).await });
        for (index, bytes) in files.iter().enumerate() {
            tokio::time::sleep_until((began + Duration::from_secs(1) * index as u32 / rate as u32).into())
                .await;
            let place = 5001 + index as u64 % PLACES;
            let url = format!("{}/files/to/{}/{place}/Anything", self.address, self.sample);
            let (bytes, pending) = (bytes.clone(), pending.clone());
            let request = self.client.post(url).bearer_auth(&self.token);
            uploads.spawn(async move {
                let (file, last_byte) = upload(request, bytes, index).await;
                pending.lock().unwrap().insert(file, last_byte);
            });
        }
        uploads.join_all().await;
        let verdicts = watching.join_next().await.unwrap().unwrap();
        let cpu = self.cpu_since(&cpu, files.len());
        let after = self.steps().await;
        let mean = |step: &&'static str| {
            let [(sum, count), (before, known)] =
                [&after, &steps].map(|all| all.get(*step).copied().unwrap_or_default());
            (*step, (sum - before) * 1e3 / f64::max(count - known, 1.0))
        };
        Seen { verdicts, steps: STEPS.iter().map(mean).collect(), cpu }
    }

    /// Seconds and how often, of each step so far.
    async fn steps(&self) -> BTreeMap<String, (f64, f64)> {
        let mut steps: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for line in self.get("/metrics").await.lines() {
            let Some(rest) = line.strip_prefix("strongroom_check_step_seconds_") else { continue };
            let Some((kind, rest)) = rest.split_once("{step=\"") else { continue };
            let Some((step, value)) = rest.split_once("\"} ") else { continue };
            let entry = steps.entry(step.to_owned()).or_default();
            match kind {
                "sum" => entry.0 = value.parse().unwrap(),
                "count" => entry.1 = value.parse().unwrap(),
                _ => {}
            }
        }
        steps
    }

    /// CPU seconds so far of the service and of its clamd.
    fn cpu(&self) -> [f64; 2] {
        let clamd = std::fs::read_to_string(self.data.join("clamd/clamd.pid")).unwrap();
        [self.child.id().to_string(), clamd.trim().to_owned()].map(|process| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
            // A tick is 10 ms on every Linux.
            ticks / 100.0
        })
    }

    fn cpu_since(&self, before: &[f64; 2], files: usize) -> Vec<(&'static str, f64)> {
        let now = self.cpu();
        let each = |at: usize| (now[at] - before[at]) * 1e3 / files as f64;
        vec![("its CPU", each(0)), ("clamd's CPU", each(1))]
    }
}

/// Sends one file in one request. Its id, and when its last piece was taken.
async fn upload(request: reqwest::RequestBuilder, bytes: Bytes, index: usize) -> (String, Instant) {
    let last_byte = Arc::new(Mutex::new(None));
    let taken = last_byte.clone();
    let length = bytes.len();
    let pieces = (0..length.div_ceil(FRAME)).map(move |at| {
        let piece = bytes.slice(at * FRAME..((at + 1) * FRAME).min(length));
        *taken.lock().unwrap() = Some(Instant::now());
        Ok::<_, std::io::Error>(piece)
    });
    let answer = request
        .header("tus-resumable", "1.0.0")
        .header("upload-length", length)
        .header("content-length", length)
        .header("content-type", "application/offset+octet-stream")
        .header("content-disposition", format!("attachment; filename=\"essay {index}.pdf\""))
        .body(reqwest::Body::wrap_stream(stream::iter(pieces)))
        .send()
        .await
        .unwrap();
    let (status, location) = (answer.status(), answer.headers().get("location").cloned());
    assert_eq!(status, 201, "{}", answer.text().await.unwrap());
    let location = location.unwrap();
    let file = location.to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let last_byte = last_byte.lock().unwrap().unwrap();
    (file, last_byte)
}

/// Looks into the database until all files have their verdicts: milliseconds from each one's last byte.
async fn watch(data: &Path, pending: &Mutex<BTreeMap<String, Instant>>, count: usize) -> Vec<f64> {
    let url = format!("sqlite://{}/strongroom.db?mode=ro", data.display());
    let mut db = AnyConnection::connect(&url).await.unwrap();
    let (mut verdicts, until) = (Vec::new(), Instant::now() + PATIENCE);
    while verdicts.len() < count {
        assert!(Instant::now() < until, "{} of {count} files have no verdict", count - verdicts.len());
        tokio::time::sleep(LOOK).await;
        let ids: Vec<String> = pending.lock().unwrap().keys().map(|id| format!("'{id}'")).collect();
        let sql =
            format!("SELECT id, state FROM files WHERE id IN ({}) AND checked_at IS NOT NULL", ids.join(","));
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap() {
            let (id, state): (String, String) = (row.get(0), row.get(1));
            assert_eq!(state, "accepted");
            let last_byte = pending.lock().unwrap().remove(&id).unwrap();
            verdicts.push(last_byte.elapsed().as_secs_f64() * 1e3);
        }
    }
    verdicts
}

fn on_disk(bytes: &[u8], folder: &Path) -> std::fs::File {
    let mut file = tempfile::tempfile_in(folder).unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// The demonstration's board with more candidates, and a section that takes documents without end.
fn write_board(board: &Path) {
    for folder in ["demo", "components"] {
        std::fs::create_dir_all(board.join(folder)).unwrap();
        for entry in std::fs::read_dir(Path::new("config").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, board.join(folder).join(path.file_name().unwrap())).unwrap();
        }
    }
    let add = |file: &str, text: &str| {
        let mut file = std::fs::OpenOptions::new().append(true).open(board.join(file)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    add(
        "components/01_3357_R085_01.toml",
        "\n[[section]]\ncode = \"Anything\"\ntitle = \"Anything\"\nmax = 10000000\naccepts = [\"documents\"]\n",
    );
    for number in 5001..5001 + PLACES {
        add(
            "demo/candidates.csv",
            &format!("june-2026,01_3357_R085_01,98765,{number},Candidate,50,entered\n"),
        );
    }
}

/// A stream of bytes nobody can pack, the same for the same number.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// An essay of forty pages with eight photographs, like no other.
fn document(number: u64) -> Bytes {
    const PAGES: usize = 40;
    const PHOTOS: usize = 8;
    let mut noise = Noise(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut bytes = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let (mut places, mut pages) = (Vec::new(), String::new());
    let mut object = |bytes: &mut Vec<u8>, text: &str, stream: Option<&[u8]>| {
        places.push(bytes.len());
        bytes.extend_from_slice(format!("{} 0 obj\n{text}\n", places.len()).as_bytes());
        if let Some(stream) = stream {
            bytes.extend_from_slice(b"stream\n");
            bytes.extend_from_slice(stream);
            bytes.extend_from_slice(b"\nendstream\n");
        }
        bytes.extend_from_slice(b"endobj\n");
    };
    object(&mut bytes, "<< /Type /Catalog /Pages 2 0 R >>", None);
    (0..PAGES).for_each(|page| pages.push_str(&format!("{} 0 R ", 4 + page * 2)));
    object(&mut bytes, &format!("<< /Type /Pages /Kids [{pages}] /Count {PAGES} >>"), None);
    object(&mut bytes, "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>", None);
    let photo = |index: usize| 4 + PAGES * 2 + index;
    for page in 0..PAGES {
        let picture = format!("/XObject << /P {} 0 R >> ", photo(page % PHOTOS));
        let dictionary = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F 3 0 R >> {picture}>> \
             /Contents {} 0 R >>",
            5 + page * 2
        );
        object(&mut bytes, &dictionary, None);
        let mut text = String::from("BT /F 11 Tf 14 TL 70 770 Td\n");
        for _ in 0..45 {
            let word = |noise: &mut Noise| {
                ["water", "colour", "perspective", "figure", "line", "the", "of", "study"]
                    [(noise.next() >> 33) as usize % 8]
            };
            let line: Vec<&str> = (0..12).map(|_| word(&mut noise)).collect();
            text.push_str(&format!("({}) Tj T*\n", line.join(" ")));
        }
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all((text + "ET").as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        object(&mut bytes, &format!("<< /Length {} /Filter /FlateDecode >>", packed.len()), Some(&packed));
    }
    let end = 4_000;
    for index in 0..PHOTOS {
        let length = (SIZE - end - bytes.len()) / (PHOTOS - index) / 8 * 8 - 200;
        let mut content = Vec::with_capacity(length);
        content.extend_from_slice(b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
        while content.len() < length {
            content.extend_from_slice(&noise.next().to_le_bytes());
        }
        let dictionary = format!(
            "<< /Type /XObject /Subtype /Image /Width 1600 /Height 1200 /ColorSpace /DeviceRGB /BitsPerComponent 8 \
             /Filter /DCTDecode /Length {} >>",
            content.len()
        );
        object(&mut bytes, &dictionary, Some(&content));
    }
    let start = bytes.len();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
    places.iter().for_each(|place| table.push_str(&format!("{place:010} 00000 n \n")));
    let trailer = format!("trailer\n<< /Size {} /Root 1 0 R >>\n", places.len() + 1);
    // To the byte: a comment fills what is left.
    let tail = format!("startxref\n{start}\n%%EOF\n");
    let left = SIZE - start - table.len() - trailer.len() - tail.len() - 2;
    for part in [table.as_str(), &trailer, "%", &" ".repeat(left), "\n", &tail] {
        bytes.extend_from_slice(part.as_bytes());
    }
    assert_eq!(bytes.len(), SIZE);
    bytes.into()
}

/// Figures by what they are of, one a round.
#[derive(Default)]
struct Table {
    rows: Vec<(String, Vec<Seen>)>,
}

impl Table {
    fn put(&mut self, name: &str, seen: Seen) {
        match self.rows.iter_mut().find(|(known, _)| known == name) {
            Some((_, all)) => all.push(seen),
            None => self.rows.push((name.to_owned(), vec![seen])),
        }
    }

    fn print(&self, rounds: u64) {
        let median_of =
            |all: &[Seen], part: f64| median(all.iter().map(|seen| quantile(&seen.verdicts, part)).collect());
        let clamd = self.rows.iter().find(|(name, _)| name == "clamd").map(|(_, all)| median_of(all, 0.5));
        println!(
            "Medians of {rounds} rounds, milliseconds.\n\n| | p50 | p95 | p50 / clamd's | its CPU | clamd's CPU |\n|---|---|---|---|---|---|"
        );
        for (name, all) in &self.rows {
            let (p50, p95) = (median_of(all, 0.5), median_of(all, 0.95));
            let cpu = |at: usize| median(all.iter().map(|seen| seen.cpu[at].1).collect());
            let ratio = clamd.map_or(0.0, |clamd| p50 / clamd);
            println!("| {name} | {p50:.1} | {p95:.1} | {ratio:.2} | {:.1} | {:.1} |", cpu(0), cpu(1));
        }
        println!("\n| step, mean | {} |\n|---|{}", STEPS.join(" | "), "---|".repeat(STEPS.len()));
        for (name, all) in self.rows.iter().filter(|(_, all)| !all[0].steps.is_empty()) {
            let mean = |step: &&str| median(all.iter().map(|seen| seen.steps[*step]).collect());
            let whole: f64 = STEPS.iter().map(&mean).sum();
            let cells: Vec<String> = STEPS
                .iter()
                .map(|step| format!("{:.1} ({:.0} %)", mean(step), 100.0 * mean(step) / whole))
                .collect();
            println!("| {name} | {} |", cells.join(" | "));
        }
    }
}

fn quantile(times: &[f64], part: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

fn median(figures: Vec<f64>) -> f64 {
    quantile(&figures, 0.5)
}
