//! What changed at the scanner, for who waits for it.

use tokio::sync::watch;

use super::ScannerIdentity;

/// How many clamds are trusted, and what the newest signatures are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScannerNews {
    /// clamds that are trusted now.
    pub trusted: usize,
    /// The newest signatures a trusted clamd has had since the start, by their date. A scan may still be made by a
    /// clamd with older ones: its outcome tells.
    pub newest: Option<ScannerIdentity>,
}

/// Where clamds tell it.
#[derive(Debug, Default)]
pub(super) struct News(watch::Sender<ScannerNews>);

impl News {
    pub(super) fn subscribe(&self) -> watch::Receiver<ScannerNews> {
        self.0.subscribe()
    }

    /// One clamd was trusted as `before` and is as `now`.
    pub(super) fn tell(&self, before: Option<&ScannerIdentity>, now: Option<ScannerIdentity>) {
        self.0.send_modify(|news| {
            news.trusted =
                (news.trusted + usize::from(now.is_some())).saturating_sub(before.is_some().into());
            if let Some(now) = now
                && news.newest.as_ref().is_none_or(|newest| is_newer(&now, newest))
            {
                news.newest = Some(now);
            }
        });
    }
}

/// Whether files that `other` judged may be judged otherwise now.
fn is_newer(now: &ScannerIdentity, other: &ScannerIdentity) -> bool {
    let (at, before) = (now.signatures_at(), other.signatures_at());
    at > before || (at == before && now != other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(engine: &str, signatures: &str) -> ScannerIdentity {
        ScannerIdentity { engine: engine.into(), signatures: signatures.into() }
    }

    #[test]
    fn the_newest_signatures_stay_while_clamds_come_and_go() {
        let old = identity("ClamAV 1", "27000/2026-10-22T17:22:46Z");
        let new = identity("ClamAV 1", "27001/2026-10-23T17:22:46Z");
        let news = News::default();
        let heard = news.subscribe();
        let told = || heard.borrow().clone();
        news.tell(None, Some(identity("ClamAV 1", "test")));
        assert_eq!(told().newest.map(|newest| newest.signatures), Some("test".into()));
        news.tell(None, Some(new.clone()));
        news.tell(None, Some(old.clone()));
        assert_eq!(told(), ScannerNews { trusted: 3, newest: Some(new.clone()) });
        news.tell(Some(&new), None);
        news.tell(Some(&old), Some(identity("ClamAV 2", "27001/2026-10-23T17:22:46Z")));
        let newest = told();
        assert_eq!((newest.trusted, newest.newest.unwrap().engine), (2, "ClamAV 2".into()));
    }
}
