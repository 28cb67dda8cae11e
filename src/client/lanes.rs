//! Many files on their way: lanes side by side, smallest first so that candidates are complete early, and one lane for
//! the largest so that it is not left to the end. A digest is taken in the lane, just before its file is begun.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::Remote;
use super::plan::{Job, Outcome};
use super::show::Show;
use super::transfer::{Errand, Open, Sent, Share, Transfer, file};

/// How often verdicts are asked for.
const ASK: Duration = Duration::from_secs(1);
/// Verdicts asked for in one go, the oldest first.
const ASKED: usize = 50;

/// How long things are waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the line, while no byte arrives.
    pub line: Duration,
    /// For verdicts, once all is sent.
    pub verdict: Duration,
}

/// Sends all of them. The outcomes stand in the order of the jobs.
pub(super) async fn send(
    remote: &Remote,
    jobs: &[Job],
    known: &[Open],
    lanes: usize,
    patience: Patience,
    show: &Show,
) -> Vec<Outcome> {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|&at| jobs[at].local.size);
    let queue = RefCell::new(VecDeque::from(order));
    let outcomes = RefCell::new(vec![None; jobs.len()]);
    let checked = RefCell::new(VecDeque::new());
    let sending = RefCell::new(lanes);
    let settle = |at: usize, outcome: Outcome| {
        show.file(&jobs[at], &outcome);
        outcomes.borrow_mut()[at] = Some(outcome);
    };
    let lane = async |number: usize| {
        loop {
            let next = match (number, lanes) {
                (0, 2..) => queue.borrow_mut().pop_back(),
                _ => queue.borrow_mut().pop_front(),
            };
            let Some(at) = next else { break };
            match one(remote, &jobs[at], known, patience.line, show).await {
                (Sent::Whole(file), sha256) => checked.borrow_mut().push_back((at, file, sha256)),
                (Sent::Refused(problem), _) => {
                    let (why, code) = (problem.said(), problem.code);
                    settle(at, Outcome::Refused { file: None, code, why });
                }
                (Sent::Changed, _) => {
                    let why = "It was changed while it was sent; run the command again.".into();
                    settle(at, Outcome::Unsent { why });
                }
                (Sent::GaveUp(why), _) => settle(at, Outcome::Unsent { why }),
            }
        }
        *sending.borrow_mut() -= 1;
    };
    let verdicts = async {
        let mut quiet = Instant::now();
        loop {
            let mut some = false;
            let asked = checked.borrow().len().min(ASKED);
            for _ in 0..asked {
                let Some((at, id, sha256)) = checked.borrow_mut().pop_front() else { break };
                match verdict(remote, &id, &sha256).await {
                    Some(outcome) => {
                        settle(at, outcome);
                        some = true;
                    }
                    None => checked.borrow_mut().push_back((at, id, sha256)),
                }
            }
            if some || *sending.borrow() > 0 {
                quiet = Instant::now();
            }
            if *sending.borrow() == 0 && (checked.borrow().is_empty() || quiet.elapsed() >= patience.verdict)
            {
                break;
            }
            sleep(ASK).await;
        }
    };
    let (_, ()) = tokio::join!(join_all((0..lanes).map(lane)), verdicts);
    for (at, file, _) in checked.take() {
        settle(at, Outcome::Checking { file });
    }
    let nothing = || Outcome::Unsent { why: "It was not begun.".into() };
    outcomes.take().into_iter().map(|outcome| outcome.unwrap_or_else(nothing)).collect()
}

/// Takes the digest of a file and sends it.
async fn one(remote: &Remote, job: &Job, known: &[Open], patience: Duration, show: &Show) -> (Sent, String) {
    let meter = show.begin(&job.local);
    let local = job.local.clone();
    match tokio::task::spawn_blocking(move || local.digest()).await {
        Ok(Ok(sha256)) => {
            let errand = Errand {
                local: job.local.clone(),
                target: job.target.clone(),
                folder: job.folder.clone(),
                sha256: sha256.to_string(),
                planned: job.planned.clone(),
                replaces: job.replaces.clone(),
            };
            meter.own.set_message("");
            let own = meter.own.clone();
            let sent = Transfer::new(remote, &errand, known, meter, patience).run().await;
            own.finish_and_clear();
            (sent, errand.sha256)
        }
        Ok(Err(error)) => (Sent::GaveUp(format!("it cannot be read: {error}")), String::new()),
        Err(broken) => (Sent::GaveUp(broken.to_string()), String::new()),
    }
}

/// `None`: not yet.
async fn verdict(remote: &Remote, id: &str, sha256: &str) -> Option<Outcome> {
    // A question that fails is asked again.
    let file = file(remote, id).await.ok().filter(|file| file.is_final() && !file.is_shared_still())?;
    let id = id.to_owned();
    Some(match file.state.as_str() {
        "accepted" if file.sha256.as_deref() == Some(sha256) => {
            let unique_name = file.unique_name.unwrap_or_default();
            let (made, refused): (Vec<Share>, Vec<Share>) =
                file.shared_with.into_iter().partition(|share| share.state == "made");
            Outcome::Accepted {
                file: id,
                sha256: sha256.to_owned(),
                unique_name,
                shared_with: made.into_iter().map(|share| share.candidate).collect(),
                not_shared: refused.into_iter().map(|share| share.message).collect(),
            }
        }
        "accepted" => {
            let why = "The service holds other bytes than these. Tell the awarding organisation.".into();
            Outcome::Refused { file: Some(id), code: "other_bytes".into(), why }
        }
        state => {
            let code = file.reason.unwrap_or_else(|| state.to_owned());
            Outcome::Refused { file: Some(id), code, why: file.message }
        }
    })
}
