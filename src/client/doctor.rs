//! `strongroom doctor`: whether what stands between clients and the service lets uploads and news through.
//!
//! The worst thing a proxy can do to resumable uploads is to hold a request back until it is whole: a cut then loses
//! everything that was sent, and nobody sees why. So the doctor does what a bad line does. It begins a file, sends half
//! of it, cuts the connection, and asks how much arrived. It also looks whether addresses come back as they went out,
//! and whether events arrive while their answer is still open. It leaves nothing behind: the file is cancelled.
//!
//! It talks as any program does, with a token of somebody who may upload, and writes to a section that has room.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::{Remote, RemoteError, fine};

/// Bytes of the file, half of which is sent: more than a proxy keeps in memory for one request.
const SIZE: usize = 4 << 20;
/// How long the half may take before the line is cut.
const HALF: Duration = Duration::from_secs(10);
/// How long the half is asked for after the cut.
const ARRIVAL: Duration = Duration::from_secs(20);
/// How long an open stream of events may be silent: it has a heartbeat every 10 s.
const SILENCE: Duration = Duration::from_secs(25);

/// What could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(
        "this person has no open sample with room for one more file; take another's token, or make room in one"
    )]
    NoRoom,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub well: bool,
    pub sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.well { "ok " } else { "BAD" }, self.sentence)
    }
}

/// Looks at a service.
#[derive(Debug)]
pub struct Doctor {
    remote: Remote,
}

/// Where a file may go for a moment.
#[derive(Debug)]
struct Place {
    sample: String,
    candidate: String,
    section: String,
    extension: String,
}

impl Doctor {
    pub fn new(remote: Remote) -> Self {
        Self { remote }
    }

    /// Looks at everything, telling each finding as it comes. `true`: all is well.
    pub async fn examine(&self, mut tell: impl FnMut(&Finding)) -> Result<bool, DoctorError> {
        let mut well = true;
        let mut note = |finding: Finding| {
            well &= finding.well;
            tell(&finding);
        };
        note(self.ready().await?);
        let place = self.place().await?;
        let location = self.create(&place).await?;
        note(self.address_comes_back(&location));
        let path = location.path().to_owned();
        let cut = self.cut(&path).await;
        let cancelled = self.cancel(&path).await;
        note(cut?);
        cancelled?;
        note(self.events(&place).await?);
        Ok(well)
    }

    async fn ready(&self) -> Result<Finding, DoctorError> {
        let answer = self.remote.answer(self.remote.request(Method::GET, "/health/ready")).await?;
        let well = answer.status().is_success();
        let sentence = match well {
            true => "The service answers and is ready.".to_owned(),
            false => format!("The service is not ready ({}); see /health/ready.", answer.status()),
        };
        Ok(Finding { well, sentence })
    }

    /// A section with room for a file, and a kind of file it takes.
    async fn place(&self) -> Result<Place, DoctorError> {
        for state in ["open", "returned"] {
            let samples = self.remote.items::<Value>(&format!("/api/v1/samples?state={state}")).await?;
            for sample in samples.iter().filter_map(|sample| text(sample, "id")) {
                let list = format!("/api/v1/samples/{sample}/candidates");
                for candidate in self.remote.items::<Value>(&list).await? {
                    let Some(number) = text(&candidate, "number") else { continue };
                    if candidate["in_sample"] != true || candidate["status"] != "entered" {
                        continue;
                    }
                    let candidate = self.remote.get::<Value>(&format!("{list}/{number}")).await?;
                    for section in candidate["sections"].as_array().into_iter().flatten() {
                        let taken = section["files"].as_array().map_or(0, Vec::len) as u64;
                        // One that takes a single file is left to the people who want to send it.
                        let free = section["max"].as_u64().is_some_and(|max| max > 1 && taken < max);
                        let large = section["max_bytes"].as_u64().is_some_and(|most| most >= SIZE as u64);
                        let extension = section["accepts"].as_array().and_then(|accepts| accepts[0].as_str());
                        let (Some(code), Some(extension)) = (text(section, "code"), extension) else {
                            continue;
                        };
                        if free && large {
                            let extension = extension.to_owned();
                            return Ok(Place { sample, candidate: number, section: code, extension });
                        }
                    }
                }
            }
        }
        Err(DoctorError::NoRoom)
    }

    async fn create(&self, place: &Place) -> Result<Url, DoctorError> {
        let Place { sample, candidate, section, extension } = place;
        let path = format!("/files/to/{sample}/{candidate}/{section}");
        let request = self
            .remote
            .request(Method::POST, &path)
            .header("tus-resumable", "1.0.0")
            .header("upload-length", SIZE)
            .header("content-disposition", format!("attachment; filename=\"doctor.{extension}\""));
        let answer = fine("POST /files", self.remote.answer(request).await?).await?;
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
        let location = location.and_then(|location| self.remote.url.join(location).ok());
        Ok(location.ok_or_else(|| RemoteError::NotOurs { call: "POST /files".into() })?)
    }

    /// Clients send the file to the address they are told.
    fn address_comes_back(&self, location: &Url) -> Finding {
        let ours = |url: &Url| {
            (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default())
        };
        let well = ours(location) == ours(&self.remote.url);
        let sentence = match well {
            true => "Uploads get the address that clients use.".to_owned(),
            false => format!(
                "Uploads get the address {location}, and clients use {}. Set [server] public_url to what clients \
                 use, and let the proxy pass the Host header on.",
                self.remote.url
            ),
        };
        Finding { well, sentence }
    }

    /// Sends half of the file, cuts the line, and asks what arrived.
    async fn cut(&self, path: &str) -> Result<Finding, DoctorError> {
        let half = SIZE / 2;
        let (sent, all_sent) = tokio::sync::oneshot::channel::<()>();
        let pieces =
            (0..half).step_by(64 << 10).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 64 << 10])));
        let then = stream::once(async move {
            // The last piece was taken; the rest never comes.
            let _nobody_waits = sent.send(());
            std::future::pending().await
        });
        let request = self
            .remote
            .request(Method::PATCH, path)
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", 0)
            .header("content-type", "application/offset+octet-stream")
            .header("content-length", SIZE)
            .body(reqwest::Body::wrap_stream(stream::iter(pieces).chain(then)));
        tokio::select! {
            answer = request.send() => {
                let answer = answer.map_err(|source| self.remote.no_answer(path, source))?;
                return Ok(Finding {
                    well: false,
                    sentence: format!("A request was answered ({}) before it was whole.", answer.status()),
                });
            }
            () = async {
                let _late = timeout(HALF, all_sent).await;
                // What was taken from us has still to leave this machine.
                sleep(Duration::from_secs(1)).await;
            } => {}
        }
        let started = Instant::now();
        let mut arrived = 0;
        while started.elapsed() < ARRIVAL {
            arrived = self.offset(path).await?.unwrap_or(arrived);
            if arrived >= half as u64 {
                break;
            }
            sleep(Duration::from_millis(500)).await;
        }
        let sentence = match arrived {
            0 => format!(
                "The line was cut after {half} bytes, and none had arrived: something on the way holds requests back \
                 until they are whole (nginx: proxy_request_buffering off; a filter such as ModSecurity also does it, \
                 whatever nginx is told). Every cut costs people all they had sent."
            ),
            some if some < half as u64 => {
                format!(
                    "The line was cut after {half} bytes, and {some} had arrived: something on the way holds \
                         part of a request back."
                )
            }
            _ => format!("The line was cut after {half} bytes, and all of them had arrived."),
        };
        Ok(Finding { well: arrived >= half as u64, sentence })
    }

    /// What HEAD tells; `None` while the upload is busy.
    async fn offset(&self, path: &str) -> Result<Option<u64>, DoctorError> {
        let answer = self
            .remote
            .answer(self.remote.request(Method::HEAD, path).header("tus-resumable", "1.0.0"))
            .await?;
        if answer.status() == StatusCode::LOCKED {
            return Ok(None);
        }
        let answer = fine("HEAD of the upload", answer).await?;
        let offset =
            answer.headers().get("upload-offset").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Some(offset.ok_or_else(|| RemoteError::NotOurs { call: "HEAD of the upload".into() })?))
    }

    async fn cancel(&self, path: &str) -> Result<(), DoctorError> {
        let request = self.remote.request(Method::DELETE, path).header("tus-resumable", "1.0.0");
        fine("DELETE of the upload", self.remote.answer(request).await?).await?;
        Ok(())
    }

    /// Whether an answer that goes on arrives while it does.
    async fn events(&self, place: &Place) -> Result<Finding, DoctorError> {
        let path = format!("/api/v1/events?samples={}", place.sample);
        let well = |yes| Finding {
            well: yes,
            sentence: match yes {
                true => "News arrive as they happen.".to_owned(),
                false => format!(
                    "No event arrived within {} s: something on the way holds answers back (nginx: proxy_buffering \
                     off). Pages will ask again and again instead.",
                    SILENCE.as_secs()
                ),
            },
        };
        let Ok(answer) = timeout(SILENCE, self.remote.request(Method::GET, &path).send()).await else {
            return Ok(well(false));
        };
        let answer = answer.map_err(|source| self.remote.no_answer(&path, source))?;
        let mut events = fine("GET /api/v1/events", answer).await?.bytes_stream();
        let first = timeout(SILENCE, events.next()).await;
        Ok(well(matches!(first, Ok(Some(Ok(_))))))
    }
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}
