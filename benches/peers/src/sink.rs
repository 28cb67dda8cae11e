//! Bare sinks: what hyper and the disk allow to a server that does next to nothing. They speak as much of tus as the
//! generator needs, authenticate nobody, and forget everything when they end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use clap::ValueEnum;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Throws every byte away
    Null,
    /// Writes it
    Disk,
    /// Writes it, and syncs each request's file before it answers
    Fsync,
}

#[derive(Debug)]
struct Sink {
    mode: Mode,
    dir: PathBuf,
    next: AtomicU64,
    uploads: Mutex<HashMap<u64, Arc<Upload>>>,
}

#[derive(Debug)]
struct Upload {
    length: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    offset: u64,
    /// Raised by whoever asks for the offset or brings bytes: the one before writes no more.
    epoch: u64,
    file: Option<Arc<File>>,
}

type Answer = Response<Empty<Bytes>>;

pub async fn serve(mode: Mode, dir: PathBuf) {
    std::fs::create_dir_all(&dir).unwrap();
    let sink = Arc::new(Sink { mode, dir, next: AtomicU64::new(1), uploads: Mutex::default() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    println!("ready http://{}", listener.local_addr().unwrap());
    let mut builder = Builder::new(TokioExecutor::new());
    // As the design asks of every server here, so that the line is the only limit.
    builder.http2().initial_stream_window_size(4 << 20).initial_connection_window_size(16 << 20);
    let (builder, mut tasks) = (Arc::new(builder), JoinSet::new());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (builder, sink) = (builder.clone(), sink.clone());
        tasks.spawn(async move {
            let service = service_fn(move |request| {
                let sink = sink.clone();
                async move { Ok::<_, Infallible>(sink.answer(request).await) }
            });
            // A connection that ends badly is the client's affair.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
        while tasks.try_join_next().is_some() {}
    }
}

impl Sink {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        if *request.method() == Method::POST {
            return self.create(request).await;
        }
        let id = request.uri().path().rsplit('/').next().and_then(|id| id.parse().ok());
        let upload = id.and_then(|id: u64| self.uploads.lock().unwrap().get(&id).cloned());
        let Some(upload) = upload else { return told(StatusCode::NOT_FOUND, None) };
        match *request.method() {
            Method::HEAD => {
                let (offset, file) = {
                    let mut state = upload.state.lock().unwrap();
                    state.epoch += 1;
                    (state.offset, state.file.clone())
                };
                self.keep(file).await;
                told(StatusCode::OK, Some(offset))
            }
            Method::PATCH => self.append(&upload, request).await,
            _ => told(StatusCode::METHOD_NOT_ALLOWED, None),
        }
    }

    async fn create(&self, request: Request<Incoming>) -> Answer {
        let Some(length) = number(request.headers(), "upload-length") else {
            return told(StatusCode::BAD_REQUEST, None);
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(id.to_string());
        let file = (self.mode != Mode::Null).then(|| Arc::new(File::create_new(path).unwrap()));
        let state = Mutex::new(State { offset: 0, epoch: 0, file });
        let upload = Arc::new(Upload { length, state });
        self.uploads.lock().unwrap().insert(id, upload.clone());
        let mut answer = match number(request.headers(), "content-length") {
            Some(1..) => self.append(&upload, request).await,
            _ => told(StatusCode::CREATED, None),
        };
        if answer.status() == StatusCode::NO_CONTENT {
            *answer.status_mut() = StatusCode::CREATED;
        }
        answer.headers_mut().insert("location", format!("/files/{id}").parse().unwrap());
        answer
    }

    async fn append(&self, upload: &Upload, request: Request<Incoming>) -> Answer {
        let from = number(request.headers(), "upload-offset").unwrap_or(0);
        let (epoch, file) = {
            let mut state = upload.state.lock().unwrap();
            if state.offset != from {
                return told(StatusCode::CONFLICT, Some(state.offset));
            }
            state.epoch += 1;
            (state.epoch, state.file.clone())
        };
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame.map(|frame| frame.into_data().unwrap_or_default()) else { break };
            let mut state = upload.state.lock().unwrap();
            if state.epoch != epoch {
                return told(StatusCode::CONFLICT, None);
            }
            if let Some(file) = &file {
                file.write_all_at(&bytes, state.offset).unwrap();
            }
            state.offset += bytes.len() as u64;
        }
        self.keep(file).await;
        let offset = {
            let mut state = upload.state.lock().unwrap();
            if state.offset == upload.length {
                state.file = None;
            }
            state.offset
        };
        told(StatusCode::NO_CONTENT, Some(offset))
    }

    async fn keep(&self, file: Option<Arc<File>>) {
        if let Some(file) = file.filter(|_| self.mode == Mode::Fsync) {
            spawn_blocking(move || file.sync_data().unwrap()).await.unwrap();
        }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn told(status: StatusCode, offset: Option<u64>) -> Answer {
    let mut answer = Response::new(Empty::new());
    *answer.status_mut() = status;
    answer.headers_mut().insert("tus-resumable", "1.0.0".parse().unwrap());
    if let Some(offset) = offset {
        answer.headers_mut().insert("upload-offset", offset.into());
    }
    answer
}
