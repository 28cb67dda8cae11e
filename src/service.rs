//! What every handler has: the parts of a running service, put together by [`crate::running`].

use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::actor::PersonId;
use crate::archive::Downloads;
use crate::check::scan::Scanner;
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::object_store::ObjectStore;
use crate::shares::Shares;
use crate::submission::Submissions;
use crate::tasks::Tasks;
use crate::upload::Uploads;

/// What every handler and worker has: the router's state.
#[derive(Debug)]
pub struct Service {
    pub config: Config,
    pub db: Database,
    pub store: Arc<dyn ObjectStore>,
    pub scanner: Arc<dyn Scanner>,
    pub uploads: Uploads,
    /// Places for streams of events.
    pub streams: Shares<PersonId>,
    pub submissions: Submissions,
    /// Files and zips on their way out.
    pub downloads: Downloads,
    /// What addresses of shown files are signed with.
    pub view_key: SecretString,
    /// Rung when accepted files were put at the head of the queue of rescans.
    pub rescans: Arc<Notify>,
    pub clock: Clock,
    /// Background work.
    pub tasks: Tasks,
    /// Cancelled when no new request is accepted: long bodies and streams end at once, keeping what they have.
    pub shutdown: CancellationToken,
}

impl Service {
    /// The address people use, for absolute links: as configured, or as this request came.
    pub fn public_url(&self, headers: &http::HeaderMap) -> String {
        if let Some(url) = &self.config.server.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        format!("http://{}", host.map_or_else(|| self.config.server.bind.to_string(), str::to_owned))
    }
}
