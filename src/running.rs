//! A service that runs: how it starts and how it ends.
//!
//! Start: data folder, with a lock on it → database and its schema → object store → scanner → workers → listener. End,
//! the other way round: stop accepting, give requests their time (uploads watch [`Service::shutdown`] and make durable
//! what they hold), stop workers, stop the scanner, close the database.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::archive::{Downloads, Limits};
use crate::check::scan::{self, RunningScanner, Scanner};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::{Database, DatabaseError, sessions, signing_keys};
use crate::http::secret::Secret;
use crate::http::{router, server};
use crate::object_store::config::OpenError;
use crate::object_store::{self, ObjectStore};
use crate::service::Service;
use crate::shares::Shares;
use crate::submission::{DeclarationError, Submissions};
use crate::tasks::{PATIENCE, Tasks};
use crate::telemetry;
use crate::upload::Uploads;
use crate::worker::{self, Workers};

/// How often ended sessions and tokens are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// Which half of the service this process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Requests and background work.
    #[default]
    All,
    /// Requests alone.
    Web,
    /// Background work alone.
    Worker,
}

/// What a test puts in place of what the settings say.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub clock: Clock,
    pub store: Option<Arc<dyn ObjectStore>>,
    pub scanner: Option<Arc<dyn Scanner>>,
}

/// A service that runs.
#[derive(Debug)]
pub struct Running {
    pub service: Arc<Service>,
    /// Where it accepts; `None` for a worker.
    pub address: Option<SocketAddr>,
    server: Tasks,
    scanner: Option<RunningScanner>,
    /// Locked while this process runs on its data folder.
    _owner: File,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data folder {path} cannot be made")]
    DataFolder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "another strongroom runs on the data folder {path}; stop it, or give this one a folder of its own (--data)"
    )]
    InUse { path: PathBuf },
    #[error("the database cannot be used")]
    Database(#[from] DatabaseError),
    #[error("the object store cannot be used")]
    Store(#[from] OpenError),
    #[error("the virus scanner cannot be started")]
    Scanner(#[from] scan::StartError),
    #[error("{address} cannot be listened on")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the declarations cannot be used")]
    Declarations(#[from] DeclarationError),
    #[error("nothing can be counted")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// The data folder and the database with its schema up to date: what every subcommand stands on.
pub async fn open_database(config: &Config) -> Result<Database, StartError> {
    let path = config.data.clone();
    tokio::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .await
        .map_err(|source| StartError::DataFolder { path, source })?;
    let url = config.database_url();
    let db = Database::connect(url.expose_secret(), config.database.connections).await?;
    db.migrate().await?;
    Ok(db)
}

impl Running {
    /// Starts everything of `role`.
    pub async fn start(config: Config, role: Role, given: Given) -> Result<Self, StartError> {
        telemetry::count()?;
        let db = open_database(&config).await?;
        let owner = own(&config.data).await?;
        let store = match given.store {
            Some(store) => store,
            None => object_store::config::open(&config.store, &config.data).await?,
        };
        let (scanner, runs) = match given.scanner {
            Some(scanner) => (scanner, None),
            None => {
                let runs =
                    scan::open(&config.scanner, &config.data, given.clock.clone(), role != Role::Web).await?;
                (runs.scanner(), Some(runs))
            }
        };
        let listener = match role {
            Role::All | Role::Web => Some(listen(config.server.bind).await?),
            Role::Worker => None,
        };
        let shutdown = CancellationToken::new();
        let limits = config.upload.limits();
        let uploads = Uploads::new(db.clone(), store.clone(), given.clock.clone(), limits, shutdown.clone());
        let submissions = Submissions::new(db.clone(), given.clock.clone())?;
        let streams = Shares::new(config.events.streams, config.events.streams_per_person);
        let fresh = Secret::new().expose().to_owned().into();
        let view_key = signing_keys::key(&db, signing_keys::VIEWS, fresh, given.clock.now()).await?;
        let service = Arc::new(Service {
            config,
            db,
            view_key,
            downloads: Downloads::new(store.clone(), Limits::default()),
            rescans: Arc::default(),
            store,
            scanner,
            uploads,
            streams,
            submissions,
            clock: given.clock,
            tasks: Tasks::new(),
            shutdown,
        });
        if role != Role::Web {
            start_workers(&service).await?;
        }
        if role != Role::Worker {
            let uploads = service.uploads.clone();
            service.tasks.keep("give way", move || {
                let uploads = uploads.clone();
                async move {
                    if let Err(error) = uploads.give_way_to_other_nodes().await {
                        tracing::warn!(
                            cause = crate::http::error::chain(&error),
                            "other nodes are not heard"
                        );
                    }
                }
            });
            let hearing = service.clone();
            service.tasks.keep("hear of withdrawals", move || {
                let service = hearing.clone();
                async move {
                    if let Err(error) = hear_of_withdrawals(&service).await {
                        tracing::warn!(
                            cause = crate::http::error::chain(&error),
                            "withdrawals of other nodes are not heard"
                        );
                    }
                }
            });
        }
        let server = Tasks::new();
        let mut address = None;
        if let Some((listener, bound)) = listener {
            address = Some(bound);
            let (router, stop) = (router::router(service.clone()), service.shutdown.clone());
            let config = service.config.server.clone();
            server.spawn(async move { server::run(listener, router, &config, stop).await });
        }
        Ok(Self { service, address, server, scanner: runs, _owner: owner })
    }

    /// Ends it in order. Bounded by the configured drain time and [`PATIENCE`].
    pub async fn stop(self) {
        self.service.shutdown.cancel();
        self.server.finish(self.service.config.server.drain.0 + PATIENCE).await;
        self.service.downloads.close().await;
        self.service.tasks.finish(PATIENCE).await;
        if let Some(scanner) = self.scanner {
            scanner.shutdown().await;
        }
        self.service.db.close().await;
    }
}

async fn start_workers(service: &Arc<Service>) -> Result<(), DatabaseError> {
    let workers = Workers::new(
        service.db.clone(),
        service.store.clone(),
        service.scanner.clone(),
        service.clock.clone(),
        service.config.worker.limits(&service.config.incident),
        service.config.data.join("spool"),
        &service.uploads,
    )
    .rescanning(service.config.rescan.limits(), service.rescans.clone(), service.downloads.withdrawals());
    workers.start(&service.uploads, &service.tasks).await?;
    let sweeping = service.clone();
    service.tasks.keep("sweep sessions", move || {
        let service = sweeping.clone();
        async move { sweep_sessions(&service).await }
    });
    Ok(())
}

/// Makes downloads ask again when another node has withdrawn a file; returns when there are no others, when the service
/// stops, or when the database broke off.
async fn hear_of_withdrawals(service: &Service) -> Result<(), DatabaseError> {
    let stop = service.tasks.stopping();
    let Some(mut listener) = service.db.listen(worker::WITHDRAWN).await? else {
        stop.cancelled().await;
        return Ok(());
    };
    loop {
        // Also at first, and for a connection that was lost: words may have been lost before it, or with it.
        service.downloads.withdrawals().announce();
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            word = listener.next() => { word?; }
        }
    }
}

async fn sweep_sessions(service: &Service) {
    while service.tasks.pause(SWEEP).await {
        let now = service.clock.now();
        let idle_since = now.checked_sub(service.config.session.idle.0).unwrap_or(now);
        if let Err(error) = sessions::sweep(&service.db, now, idle_since).await {
            tracing::warn!(cause = crate::http::error::chain(&error), "ended sessions stay for now");
        }
    }
}

/// How long an earlier process may take to be gone that was killed.
const PREDECESSOR: Duration = Duration::from_secs(5);

/// Takes the data folder for this process alone: the fences of its store and the scanner under it are this process's.
async fn own(data: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::DataFolder { path: data.to_owned(), source };
    let options = tokio::fs::OpenOptions::new().write(true).create(true).mode(0o600).clone();
    let file = options.open(data.join("serve.lock")).await.map_err(failed)?.into_std().await;
    let until = Instant::now() + PREDECESSOR;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if Instant::now() < until => sleep(Duration::from_millis(50)).await,
            Err(Errno::WOULDBLOCK) => return Err(StartError::InUse { path: data.to_owned() }),
            Err(error) => return Err(failed(error.into())),
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
