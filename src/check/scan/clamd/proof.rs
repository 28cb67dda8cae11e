//! What the `OK` of one clamd is worth. It is known by what clamd answers to files whose verdicts are known:
//!
//! - each round (and after every trouble) the canaries: a test virus, the same in an archive, a harmless text, something
//!   beyond the limits. While they fail nothing is scanned.
//! - once in each life of clamd, told by its [`Line`], how large a file it looks at to its end: 4 MiB at once, then
//!   64 MiB, then all of [`LARGEST_SCAN`] (16 s), each of zeros that end in the test virus. Larger files than were
//!   proven wait for the proof. It is made in the background; for a clamd of ours, whose settings we wrote, when a file
//!   asks for it or a round has passed, and for others at once. One that fails it is not trusted with any file. A node
//!   that scans nothing asks for none.
//! - after each `OK` the test virus in an archive. A clamd that cannot make a folder for a scan (its temporary folder is
//!   gone, not its own, or without an inode or a block) says `OK` to everything, in a millisecond, and until the next
//!   round nobody would know.
//!
//! A proof goes by what this clamd said of the 4 MiB. Where signatures know the test virus only as a file of its own,
//! that was `OK`, and so it must be of more: then the limits are proven, and that all was read is not.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::super::canary::{Canary, ending_in_a_virus};
use super::super::line::{Line, Trouble};
use super::super::reply::ReplyError;
use super::super::version::ClamdVersion;
use super::super::{Finding, LARGEST_SCAN, ScanError, ScannerIdentity, ScannerReadiness};
use super::{Clamd, Command, not_ready, sentence};

/// Sizes that are proven one after the other, bytes. The first costs 30 ms and is a part of the round.
const PROOFS: [u64; 3] = [4 << 20, 64 << 20, LARGEST_SCAN];
/// Between two looks at a clamd that is not trusted.
const AGAIN: Duration = Duration::from_secs(1);

impl Clamd {
    /// Runs the canaries now and keeps the result.
    pub async fn probe(&self) -> ScannerReadiness {
        let (readiness, identity) = match self.ask_canaries().await {
            Ok(version) => self.judge_age(&version),
            Err(error) => {
                metrics::counter!("strongroom_canary_failures_total", "clamd" => self.number.to_string())
                    .increment(1);
                (not_ready(&sentence(&error)), None)
            }
        };
        self.change(|state| (state.readiness, state.identity) = (readiness, identity));
        self.state.borrow().readiness.clone()
    }

    /// Probes for as long as the service runs: every round, and at once when something broke.
    pub async fn keep_probing(&self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.keep_watch() => {}
        }
    }

    async fn keep_watch(&self) {
        let mut proven_life = None;
        loop {
            let trusted = self.probe().await.ready;
            let (life, flawed) = {
                let state = self.state.borrow();
                (state.life, state.flaw.is_some())
            };
            // Ours may have a round without files first. It costs a core 16 s: where nothing is scanned it shows nothing.
            let due = self.scans && (flawed || (trusted && (!self.ours || proven_life == Some(life))));
            proven_life = Some(life);
            if due {
                self.prove(LARGEST_SCAN).await;
            }
            self.wait_for_a_reason(trusted || flawed).await;
        }
    }

    /// Until the next round; less when something happens.
    async fn wait_for_a_reason(&self, settled: bool) {
        let every = self.limits.probe_every();
        let round = Instant::now() + if settled { every } else { every.min(AGAIN) };
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(round) => return,
                // A clamd that is gone must not be asked in a tight loop.
                () = self.probe_now.notified() => return sleep(Duration::from_millis(200)).await,
                trouble = self.trouble(true) => return self.in_trouble(&trouble).await,
                () = self.prove_now.notified() => self.prove(self.wanted.load(Ordering::Relaxed)).await,
            }
        }
    }

    /// Waits until the line breaks, or when `asking` is silent; for ever when there is none.
    async fn trouble(&self, asking: bool) -> Trouble {
        match &mut *self.line.lock().await {
            Some(line) => line.trouble(asking, self.limits.probe()).await,
            None => std::future::pending().await,
        }
    }

    async fn in_trouble(&self, trouble: &Trouble) {
        match trouble {
            Trouble::Silent(limit) => self.distrust(&format!("clamd does not answer within {limit:?}")),
            Trouble::Broken(error) => {
                *self.line.lock().await = None;
                self.begin_life(&format!("clamd ended, or was begun anew: {error}"));
                self.probe_now.notify_one();
            }
        }
    }

    async fn ask_canaries(&self) -> Result<ClamdVersion, ScanError> {
        let mut held = self.line.lock().await;
        let mut line = match held.take() {
            Some(line) => line,
            None => {
                self.begin_life("its canaries are on their way");
                self.open_line().await?
            }
        };
        let asked = match self.ask_along(&mut line).await {
            Ok(asked) => asked,
            Err(Trouble::Silent(limit)) => Err(ScanError::Deadline { step: "answer PING", limit }),
            Err(Trouble::Broken(error)) => {
                self.begin_life("clamd ended, or was begun anew");
                return Err(ScanError::Connection(error));
            }
        };
        *held = Some(line);
        asked
    }

    /// The canaries between two PINGs of one session: they were all of one life.
    async fn ask_along(&self, line: &mut Line) -> Result<Result<ClamdVersion, ScanError>, Trouble> {
        line.ping(self.limits.probe()).await?;
        let asked = self.ask_round().await;
        if asked.is_ok() {
            line.ping(self.limits.probe()).await?;
        }
        Ok(asked)
    }

    async fn ask_round(&self) -> Result<ClamdVersion, ScanError> {
        let answer = self.command("tell its version", Command::Version).await?;
        let version = ClamdVersion::parse(&answer, &self.zone).ok_or_else(|| {
            ReplyError::Unknown(String::from_utf8_lossy(&answer).chars().take(200).collect())
        })?;
        // Behind one address there may be several; what is proven of one is not proven of another.
        if self.state.borrow().engine.as_ref().is_some_and(|engine| *engine != version.engine) {
            self.begin_life("clamd became another");
        }
        self.change(|state| state.engine = Some(version.engine.clone()));
        for canary in Canary::all(self.handover()).map_err(ScanError::File)? {
            let finding = self.exchange(&canary.file, canary.size, self.limits.probe()).await?;
            if let Some(complaint) = canary.complaint(&finding) {
                return Err(ScanError::NotReady { detail: complaint.to_owned() });
            }
        }
        if self.state.borrow().proven == 0 {
            let first = PROOFS[0];
            let tail = ending_in_a_virus(first).map_err(ScanError::File)?;
            let finding = self.exchange(&tail, first, self.limits.probe()).await?;
            let finds_tails = matches!(finding, Finding::Infected { .. });
            if !finds_tails && finding != Finding::Clean {
                return Err(ScanError::NotReady { detail: too_little(first) });
            }
            self.finds_a_virus().await?;
            self.change(|state| (state.proven, state.finds_tails) = (first, finds_tails));
        }
        match &self.state.borrow().flaw {
            Some(flaw) => Err(ScanError::NotReady { detail: flaw.clone() }),
            None => Ok(version),
        }
    }

    /// Proves sizes up to `size`, as far as that goes.
    async fn prove(&self, size: u64) {
        loop {
            let state = self.state.borrow().clone();
            let Some(&next) = PROOFS.iter().find(|proof| **proof > state.proven) else { return };
            if state.proven == 0 || state.proven >= size {
                return;
            }
            let started = Instant::now();
            let asked = tokio::select! {
                asked = self.ask_to_the_end_of(next) => asked,
                // It has no thread for a PING while it has this, if all the others scan.
                trouble = self.trouble(false) => return self.in_trouble(&trouble).await,
                // A scan failed: whether it is to be trusted with any is asked first.
                () = self.probe_now.notified() => return self.probe_now.notify_one(),
            };
            let fits = match asked {
                Ok(Finding::Infected { .. }) => state.finds_tails,
                Ok(Finding::Clean) => match self.finds_a_virus().await {
                    Ok(()) => !state.finds_tails,
                    Err(error) => return self.distrust(&sentence(&error)),
                },
                Ok(_) => false,
                // It says nothing of its settings; larger files wait on, and the next round asks again.
                Err(error) => {
                    tracing::warn!(
                        clamd = self.number,
                        size = next,
                        error = &error as &dyn std::error::Error,
                        "what clamd looks at could not be proven"
                    );
                    return;
                }
            };
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(clamd = self.number, size = next, seconds, fits, "asked what clamd looks at");
            let mended = fits && state.flaw.is_some();
            self.change(|state| {
                if fits {
                    (state.proven, state.flaw) = (next, None);
                } else {
                    (state.identity, state.flaw) = (None, Some(too_little(next)));
                    state.readiness = not_ready(&too_little(next));
                }
            });
            if mended {
                self.probe_now.notify_one();
            }
            if !fits {
                return;
            }
        }
    }

    /// An error unless it finds the test virus now, whatever the reason.
    pub(super) async fn finds_a_virus(&self) -> Result<(), ScanError> {
        let canary = Canary::packed_virus().map_err(ScanError::File)?;
        let asked = self.exchange(&canary.file, canary.size, self.limits.probe()).await;
        let complaint = match &asked {
            Ok(finding) => canary.complaint(finding).map(str::to_owned),
            Err(error) => Some(sentence(error)),
        };
        complaint.map_or(Ok(()), |detail| Err(ScanError::NotReady { detail }))
    }

    async fn ask_to_the_end_of(&self, size: u64) -> Result<Finding, ScanError> {
        let file = ending_in_a_virus(size).map_err(ScanError::File)?;
        self.exchange(&file, size, self.limits.proof()).await
    }

    pub(super) fn judge_age(&self, version: &ClamdVersion) -> (ScannerReadiness, Option<ScannerIdentity>) {
        let policy = &self.signatures;
        let signatures_at = version.daily.as_ref().map(|(_, at)| *at);
        let (ready, detail) = match signatures_at {
            None if policy.accept_undated => {
                (true, "test signatures only: real malware is not recognised".to_owned())
            }
            None => (false, "its signatures carry no date; let freshclam load the daily database".to_owned()),
            Some(at) => {
                let age = self.clock.now().duration_since(at);
                metrics::gauge!("strongroom_signature_age_seconds", "clamd" => self.number.to_string())
                    .set(age.as_secs_f64());
                let hours = age.as_hours();
                let older = |limit: u32| age > SignedDuration::from_hours(i64::from(limit));
                if older(policy.hold_hours) {
                    (false, format!("its signatures are {hours} hours old; look after freshclam"))
                } else if older(policy.warn_hours) {
                    (true, format!("its signatures are {hours} hours old and should be renewed"))
                } else {
                    (true, "all canaries passed".to_owned())
                }
            }
        };
        let readiness = ScannerReadiness {
            ready,
            detail,
            engine: Some(version.engine.clone()),
            signatures_at,
            test_signatures: signatures_at.is_none(),
        };
        (readiness, ready.then(|| version.identity()))
    }
}

fn too_little(size: u64) -> String {
    format!(
        "clamd does not look at files of {size} bytes to their end; set `MaxFileSize 0`, `MaxScanSize 8000M` and \
         `MaxScanTime 900000`, and for streams `StreamMaxLength 2048M`"
    )
}
