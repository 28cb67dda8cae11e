//! Connections as they are on the line: HTTP/2 frame by frame, its windows, and one that asks for nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::support::{CENTRE, Strongroom, send};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// Kinds of frames (RFC 9113, 6) and their flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The header timeout, and what may come on top of it.
const LONG: Duration = Duration::from_secs(10);
const LEEWAY: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// A peer that answers settings and pings, as all do.
struct Peer {
    line: TcpStream,
}

impl Peer {
    async fn of(strongroom: &Strongroom) -> Self {
        let mut line = TcpStream::connect(strongroom.address).await.unwrap();
        line.write_all(PREFACE).await.unwrap();
        let mut peer = Self { line };
        peer.send(SETTINGS, 0, 0, &[]).await;
        peer
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.line.write_all(&frame).await.unwrap();
    }

    /// A request's head, every field written out (RFC 7541, 6.2.2).
    async fn ask(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) {
        let mut block = Vec::new();
        for text in fields {
            block.push(0);
            for text in [text.0, text.1] {
                // Longer ones are written otherwise.
                assert!(text.len() < 127);
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
        self.send(HEADERS, flags | END_HEADERS, stream, &block).await;
    }

    /// The next frame; `None` at the end of the line.
    async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.line.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.line.read_exact(&mut payload).await.ok()?;
        let (kind, flags) = (head[3], head[4]);
        if flags & ACK == 0 && (kind == SETTINGS || kind == PING) {
            let echo = if kind == PING { payload.clone() } else { Vec::new() };
            self.send(kind, ACK, 0, &echo).await;
        }
        Some(Frame { kind, flags, stream, payload })
    }

    /// The first octet of the answer's head: an index where the status is a common one (RFC 7541, appendix A).
    async fn status(&mut self, stream: u32) -> u8 {
        loop {
            let frame = self.next().await.unwrap();
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
            if (frame.kind, frame.stream) == (HEADERS, stream) {
                return frame.payload[0];
            }
        }
    }

    /// When the connection was ended in order.
    async fn ended(&mut self) -> Instant {
        let mut warned = false;
        let end = async {
            while let Some(frame) = self.next().await {
                warned |= frame.kind == GOAWAY;
            }
        };
        timeout(LONG + LEEWAY, end).await.unwrap();
        assert!(warned, "the line was cut without a word");
        Instant::now()
    }
}

const OK: u8 = 0x88;
const NO_CONTENT: u8 = 0x89;

fn live(host: &str) -> [(&str, &str); 4] {
    [(":method", "GET"), (":scheme", "http"), (":authority", host), (":path", "/health/live")]
}

#[tokio::test]
async fn http2_has_room_for_a_long_line_and_for_few_streams() {
    let strongroom = Strongroom::start().await;
    let mut peer = Peer::of(&strongroom).await;
    let (mut settings, mut window) = (Vec::new(), 65_535);
    while settings.is_empty() || window == 65_535 {
        let frame = timeout(LEEWAY, peer.next()).await.unwrap().unwrap();
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => settings = frame.payload,
            WINDOW_UPDATE if frame.stream == 0 => {
                window += u32::from_be_bytes(frame.payload.try_into().unwrap());
            }
            _ => {}
        }
    }
    let setting = |wanted: u16| {
        settings.chunks(6).find_map(|pair| {
            let (id, value) = pair.split_at(2);
            (id == wanted.to_be_bytes()).then(|| u32::from_be_bytes(value.try_into().unwrap()))
        })
    };
    let (streams, stream_window, header_list) = (setting(3), setting(4), setting(6));
    assert_eq!((streams, stream_window, header_list), (Some(32), Some(4 << 20), Some(16 << 10)));
    assert_eq!(window, 16 << 20);
    strongroom.stop().await;
}

#[tokio::test]
async fn http2_without_a_request_is_ended_and_with_one_is_not() {
    let strongroom = Strongroom::start().await;
    let host = strongroom.address.to_string();
    let began = Instant::now();

    let silent = async {
        let took = Peer::of(&strongroom).await.ended().await - began;
        assert!(took > LONG - LEEWAY / 10, "{took:?}");
    };
    let between = async {
        let mut peer = Peer::of(&strongroom).await;
        peer.ask(1, END_STREAM, &live(&host)).await;
        assert_eq!(peer.status(1).await, OK);
        sleep(LONG / 2).await;
        peer.ask(3, END_STREAM, &live(&host)).await;
        assert_eq!(peer.status(3).await, OK);
        let answered = Instant::now();
        let took = peer.ended().await - answered;
        assert!(took > LONG - LEEWAY / 10, "{took:?}");
    };
    let slow = async {
        let sample = strongroom.sample(CENTRE).await;
        let teacher = strongroom.as_("teacher.98765").await;
        let begun = teacher.begin(&sample, "1005", "URS", "urs.txt", 13).await;
        let path = begun.headers["location"].to_str().unwrap().split_once(&host).unwrap().1.to_owned();
        let token = format!("Bearer {}", teacher.token());
        let mut peer = Peer::of(&strongroom).await;
        let fields = [
            (":method", "PATCH"),
            (":scheme", "http"),
            (":authority", &*host),
            (":path", &*path),
            ("authorization", &*token),
            ("tus-resumable", "1.0.0"),
            ("upload-offset", "0"),
            ("content-type", "application/offset+octet-stream"),
        ];
        peer.ask(1, 0, &fields).await;
        for second in 1..=13 {
            sleep(Duration::from_secs(1)).await;
            peer.send(DATA, if second == 13 { END_STREAM } else { 0 }, 1, b"x").await;
        }
        assert_eq!(peer.status(1).await, NO_CONTENT);
    };
    let late = async {
        // More than the window that every peer begins with, and little enough to be one piece of an answer.
        let text = "evidence\n".repeat(11_000).into_bytes();
        let sample = strongroom.sample(CENTRE).await;
        let teacher = strongroom.as_("teacher.98765").await;
        let file = teacher.upload(&sample, "1005", "Evidence", "long.txt", &text).await;
        teacher.wait_for(&file, "accepted").await;
        let (path, token) = (format!("/api/v1/files/{file}/content"), format!("Bearer {}", teacher.token()));
        let mut peer = Peer::of(&strongroom).await;
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", &*host),
            (":path", &*path),
            ("authorization", &*token),
        ];
        peer.ask(1, END_STREAM, &fields).await;
        let (mut taken, mut opened) = (0, false);
        let shut = Instant::now() + 2 * LONG + LEEWAY;
        while taken < text.len() {
            let frame = if opened { Ok(peer.next().await) } else { timeout_at(shut, peer.next()).await };
            let Ok(frame) = frame else {
                opened = true;
                peer.send(WINDOW_UPDATE, 0, 1, &(1_u32 << 20).to_be_bytes()).await;
                peer.send(WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes()).await;
                continue;
            };
            let frame = frame.unwrap();
            assert_ne!(frame.kind, RST_STREAM, "{frame:?}");
            taken += if frame.kind == DATA { frame.payload.len() } else { 0 };
        }
        assert!(opened && taken == text.len(), "{opened} {taken}");
    };
    tokio::join!(silent, between, slow, late);
    strongroom.stop().await;
}

#[tokio::test]
async fn http2_that_says_two_lengths_is_refused() {
    let strongroom = Strongroom::start().await;
    let host = strongroom.address.to_string();
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let begun = teacher.begin(&sample, "1005", "URS", "urs.txt", 9).await;
    let path = begun.headers["location"].to_str().unwrap().split_once(&host).unwrap().1.to_owned();
    let token = format!("Bearer {}", teacher.token());
    let mut peer = Peer::of(&strongroom).await;
    let fields = [
        (":method", "PATCH"),
        (":scheme", "http"),
        (":authority", &*host),
        (":path", &*path),
        ("authorization", &*token),
        ("tus-resumable", "1.0.0"),
        ("upload-offset", "0"),
        ("content-length", "9"),
        ("content-length", "5"),
        ("content-type", "application/offset+octet-stream"),
    ];
    peer.ask(1, 0, &fields).await;
    peer.send(DATA, END_STREAM, 1, b"123456789").await;
    // 400, or the stream is none.
    let refused = async {
        loop {
            let frame = peer.next().await.unwrap();
            if frame.stream == 1 && frame.kind != WINDOW_UPDATE {
                return frame;
            }
        }
    };
    let frame = timeout(LEEWAY, refused).await.unwrap();
    assert!(frame.kind == RST_STREAM || (frame.kind, frame.payload[0]) == (HEADERS, 0x8c), "{frame:?}");
    let head = teacher.request(reqwest::Method::HEAD, &path).header("tus-resumable", "1.0.0");
    assert_eq!(send(head).await.headers["upload-offset"], "0");
    strongroom.stop().await;
}
