//! The command line.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use crate::actor::PersonId;
use crate::client::doctor::{Doctor, DoctorError};
use crate::client::upload::{self, End, UploadError, Which};
use crate::client::{Remote, RemoteError};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Overrides, ServerOverrides, Span};
use crate::database::audit::{self, By, Entry};
use crate::database::{DatabaseError, people, sessions};
use crate::http::error::chain;
use crate::http::secret::Secret;
use crate::reference::{self, ImportError};
use crate::running::{self, Given, Role, Running, StartError};
use crate::telemetry::{self, TelemetryError};

/// Receives exam candidates' work and keeps it safe.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Place {
    /// The data folder [default: ./data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// A settings file over the built-in settings
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve requests and do the background work
    Serve {
        #[command(flatten)]
        place: Place,
        /// Where to listen; port 0 lets the system choose
        #[arg(long)]
        bind: Option<SocketAddr>,
        #[arg(long, value_enum, default_value_t)]
        role: Role,
    },
    /// Bring the database's schema up to date
    Migrate {
        #[command(flatten)]
        place: Place,
    },
    /// Print the settings in force, secrets redacted
    CheckConfig {
        #[command(flatten)]
        place: Place,
    },
    /// Bring in organisations, components, centres, people and candidates from a folder
    Import {
        #[command(flatten)]
        place: Place,
        dir: PathBuf,
    },
    /// See from a client's side whether proxies on the way let uploads through
    Doctor {
        #[command(flatten)]
        service: Service,
    },
    /// Upload files and folders: plan, ask, send, and wait for the verdicts. Begun again, it goes on where it stopped
    ///
    /// Exit status: 0 all is accepted or was there; 1 it could not begin; 2 wrong words; 3 something was left out,
    /// refused, not sent, or has no verdict yet; 4 the plan was not agreed to.
    Upload {
        #[command(flatten)]
        service: Service,
        #[command(flatten)]
        what: Sending,
    },
    /// Tokens of programs
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
}

/// A service to be the client of.
#[derive(Debug, Args)]
struct Service {
    /// The address that clients use
    #[arg(long)]
    url: reqwest::Url,
    /// A file with an API token of somebody who may upload; - reads it from the standard input
    #[arg(long)]
    token_file: PathBuf,
}

#[derive(Debug, Args)]
struct Sending {
    /// The sample's id
    #[arg(long, required_unless_present = "component")]
    sample: Option<String>,
    /// The component, when you have one open sample of it
    #[arg(long, conflicts_with = "sample")]
    component: Option<String>,
    /// The centre, when you have several
    #[arg(long, requires = "component")]
    centre: Option<String>,
    /// How files are named: component, folders, candidate_prefix, unique, aqa, pearson, cambridge. Without, as the component
    /// says; by folder, where no name says anything
    #[arg(long, value_name = "PRESET")]
    naming: Option<String>,
    /// How files are named, in a pattern of your own: {centre}_{candidate}_{section}
    #[arg(long, conflicts_with = "naming")]
    template: Option<String>,
    /// The section of all files, when their names do not say it
    #[arg(long)]
    section: Option<String>,
    /// Uploads that send at the same time
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=6))]
    lanes: u8,
    /// How long to go on trying while no byte arrives: 30m, 12h
    #[arg(long, default_value = "1h")]
    patience: Span,
    /// Start without asking
    #[arg(long, short)]
    yes: bool,
    /// Show the plan and end
    #[arg(long)]
    dry_run: bool,
    /// For programs: a JSON document a line on the standard output
    #[arg(long)]
    json: bool,
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it, once, alone on a line
    Create {
        #[command(flatten)]
        place: Place,
        /// Whose it is
        #[arg(long)]
        user: PersonId,
        /// How long it is good for: 30m, 8h, 7d
        #[arg(long)]
        expires_in: Span,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the settings cannot be printed")]
    Describe(#[from] toml::ser::Error),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the database cannot be used")]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("{0} is not a person here, or is disabled")]
    UnknownPerson(PersonId),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error("not everything is accepted; see above")]
    Incomplete,
    #[error("nothing was sent")]
    Declined,
    #[error("uploads would suffer on this way")]
    Unwell,
    #[error("this end of time is too far off")]
    TooLong,
    #[error("input or output failed")]
    Io(#[from] std::io::Error),
}

impl Failed {
    /// The process's exit status.
    fn status(&self) -> ExitCode {
        match self {
            Self::Incomplete => ExitCode::from(3),
            Self::Declined => ExitCode::from(4),
            _ => ExitCode::FAILURE,
        }
    }
}

/// How long work that cannot be cancelled is waited for at the end.
const LAST_WORK: Duration = Duration::from_secs(5);

/// Runs the command of the process's arguments. 0 when it succeeded, 1 when not, with the reason on stderr.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failed::Io).and_then(
            |runtime| {
                let outcome = runtime.block_on(execute(cli.command));
                // Work on a blocking thread cannot be cancelled: a digest of a film is not waited for.
                runtime.shutdown_timeout(LAST_WORK);
                outcome
            },
        );
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With stderr gone there is no one left to tell.
            let _ = writeln!(std::io::stderr(), "strongroom: {}", chain(&error));
            error.status()
        }
    }
}

async fn execute(command: Command) -> Result<(), Failed> {
    match command {
        Command::Serve { place, bind, role } => serve(place.load(bind)?, role).await,
        Command::Migrate { place } => {
            running::open_database(&place.load(None)?).await?.close().await;
            Ok(())
        }
        Command::CheckConfig { place } => say(&place.load(None)?.describe()?),
        Command::Import { place, dir } => import(&place.load(None)?, &dir).await,
        Command::Doctor { service } => examine(service.remote()?).await,
        Command::Upload { service, what } => send(&service.remote()?, what).await,
        Command::Token { command: TokenCommand::Create { place, user, expires_in } } => {
            create_token(&place.load(None)?, user, expires_in).await
        }
    }
}

impl Place {
    fn load(self, bind: Option<SocketAddr>) -> Result<Config, ConfigError> {
        let server = bind.map(|bind| ServerOverrides { bind });
        Config::load(self.config.as_deref(), Overrides { data: self.data, server })
    }
}

fn say(line: &str) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

async fn serve(config: Config, role: Role) -> Result<(), Failed> {
    telemetry::log(&config.log)?;
    // Before anything starts, so that no signal finds the process without its handler.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let running = Running::start(config, role, Given::default()).await?;
    match running.address {
        Some(address) => say(&format!("ready http://{address}"))?,
        None => say("ready worker")?,
    }
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

async fn import(config: &Config, dir: &Path) -> Result<(), Failed> {
    let db = running::open_database(config).await?;
    let outcome = reference::import(&db, dir, &Clock::system()).await;
    db.close().await;
    say(outcome?.to_string().trim_end())
}

impl Service {
    fn remote(self) -> Result<Remote, Failed> {
        let token = match self.token_file.to_str() {
            Some("-") => std::io::read_to_string(std::io::stdin())?,
            _ => std::fs::read_to_string(&self.token_file)?,
        };
        Ok(Remote::new(self.url, token.trim())?)
    }
}

async fn examine(remote: Remote) -> Result<(), Failed> {
    let mut told = Ok(());
    let well = Doctor::new(remote)
        .examine(|finding| {
            if told.is_ok() {
                told = say(&finding.to_string());
            }
        })
        .await?;
    told?;
    if well { Ok(()) } else { Err(Failed::Unwell) }
}

async fn send(remote: &Remote, what: Sending) -> Result<(), Failed> {
    let which = match (what.sample, what.component) {
        (None, Some(component)) => Which::Of { component, centre: what.centre },
        (sample, _) => Which::Id(sample.unwrap_or_default()),
    };
    let naming = [("preset", what.naming), ("template", what.template), ("section", what.section)];
    let naming = naming.into_iter().filter_map(|(field, text)| Some((field, text?))).collect();
    let patience = what.patience.0;
    let (paths, lanes) = (what.paths, usize::from(what.lanes));
    let (yes, dry_run, json) = (what.yes, what.dry_run, what.json);
    match upload::run(remote, &upload::Request { which, paths, naming, lanes, patience, yes, dry_run, json })
        .await?
    {
        End::Complete => Ok(()),
        End::Incomplete => Err(Failed::Incomplete),
        End::Declined => Err(Failed::Declined),
    }
}

async fn create_token(config: &Config, user: PersonId, expires_in: Span) -> Result<(), Failed> {
    let db = running::open_database(config).await?;
    let token = Secret::new();
    let outcome = keep_token(&db, &user, &token, Clock::system().now(), expires_in).await;
    db.close().await;
    outcome?;
    say(token.expose())
}

async fn keep_token(
    db: &crate::database::Database,
    user: &PersonId,
    token: &Secret,
    now: Timestamp,
    expires_in: Span,
) -> Result<(), Failed> {
    people::actor(db, user).await?.ok_or_else(|| Failed::UnknownPerson(user.clone()))?;
    let expires_at = now.checked_add(expires_in.0).map_err(|_| Failed::TooLong)?;
    let detail = serde_json::json!({ "person": user, "expires_at": expires_at });
    let entry = Entry { detail, ..Entry::new(By::Service, "token.created") };
    let mut tx = db.begin().await?;
    sessions::keep_token(&mut tx, token.digest(), user, now, expires_at).await?;
    audit::record(&mut tx, now, entry).await?;
    Ok(tx.commit().await?)
}
