//! Settings in three layers: the built-in `config/default.toml`, a file, the environment.
//!
//! `STRONGROOM__SERVER__BIND` is `bind` of `[server]`. Unknown names are refused, so a typing error is found at start.
//! Nothing else in the program reads the environment.

mod text;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use http::uri::Authority;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::check::scan::ScannerConfig;
use crate::object_store::config::StoreConfig;

pub use text::{InvalidAmount, Size, Span};

const DEFAULTS: &str = include_str!("../config/default.toml");

/// Every setting.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub environment: Environment,
    /// The data folder.
    pub data: PathBuf,
    pub server: ServerConfig,
    pub database: DatabaseConfig,
    pub store: StoreConfig,
    #[serde(default)]
    pub scanner: ScannerConfig,
    pub upload: UploadConfig,
    pub worker: WorkerConfig,
    pub rescan: RescanConfig,
    pub incident: IncidentConfig,
    pub session: SessionConfig,
    pub events: EventsConfig,
    pub log: LogConfig,
}

/// What kind of place this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Has a sign-in that asks for no secret; on loopback alone.
    Development,
    Production,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    pub bind: SocketAddr,
    /// The address people use, without a path; the bound one when absent.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Where people's files are shown, apart from the pages: a host name of its own, without a path. Absent in
    /// development, where it is `localhost` beside `127.0.0.1`, and where no file is to be shown.
    #[serde(default)]
    pub files_url: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Most connections at once.
    pub connections: usize,
    /// Most connections of one address at once; trusted proxies are not counted.
    pub connections_per_address: usize,
    /// How long requests in progress may take to end at shutdown.
    pub drain: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:` or `postgres:`; `strongroom.db` in the data folder when absent. May hold a password.
    #[serde(default, serialize_with = "redacted")]
    pub url: Option<SecretString>,
    pub connections: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadConfig {
    pub lease_ttl: Span,
    pub idle_timeout: Span,
    /// Bytes that a body brings at least in every minute.
    pub minimum_per_minute: Size,
    /// How long bytes of a slow stream may stay undurable.
    pub flush: Span,
    pub expiry_idle: Span,
    pub expiry_max: Span,
    /// Bodies taken at the same time.
    pub streams: usize,
    /// Unfinished uploads of one centre.
    pub centre_open: u64,
    /// Files of one centre that are stored or on their way.
    pub centre_files: u64,
    pub centre_bytes: Size,
    /// What stays free on the disk, where the store is one.
    pub free_space_floor: Size,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// Files checked at the same time.
    pub checks: usize,
    /// How long a worker keeps a file without a sign of life.
    pub lease: Span,
    /// Disk for files that are being checked, where the store is not local.
    pub spool: Size,
    pub poll: Span,
    /// Claims of a file that never came back, one after the other, before it cannot be checked.
    pub claims: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RescanConfig {
    /// The age of a verdict from which newer signatures count.
    pub after: Span,
    pub bytes_per_second: Size,
    pub files_per_minute: u32,
    /// The age of a verdict from which a file goes first when its sample is downloaded.
    pub before_download: Span,
    /// Whether such a download waits until they are scanned.
    pub hold_download: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentConfig {
    /// How long infected originals are kept.
    pub keep: Span,
}

impl RescanConfig {
    /// As workers take them.
    pub fn limits(&self) -> crate::worker::RescanLimits {
        crate::worker::RescanLimits {
            after: self.after.0,
            bytes_per_second: self.bytes_per_second.0,
            files_per_minute: self.files_per_minute,
        }
    }
}

impl UploadConfig {
    /// As the engine takes them.
    pub fn limits(&self) -> crate::upload::UploadLimits {
        crate::upload::UploadLimits {
            lease: self.lease_ttl.0,
            idle: self.idle_timeout.0,
            pace: self.minimum_per_minute.0,
            pace_over: std::time::Duration::from_secs(60),
            flush: self.flush.0,
            keep: self.expiry_idle.0,
            keep_at_most: self.expiry_max.0,
            streams: self.streams,
            quotas: crate::upload::Quotas {
                open: self.centre_open,
                files: self.centre_files,
                bytes: self.centre_bytes.0,
                floor: self.free_space_floor.0,
            },
        }
    }
}

impl WorkerConfig {
    /// As workers take them.
    pub fn limits(&self, incident: &IncidentConfig) -> crate::worker::WorkerLimits {
        crate::worker::WorkerLimits {
            checks: self.checks,
            lease: self.lease.0,
            poll: self.poll.0,
            spool_bytes: self.spool.0,
            claims: self.claims.max(1),
            keep_infected: incident.keep.0,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionConfig {
    /// A session unused for this long has ended.
    pub idle: Span,
    /// However much it is used, it ends after this.
    pub absolute: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// Streams of events open at the same time.
    pub streams: usize,
    /// Of one person: a tab holds one while it is seen.
    pub streams_per_person: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// As of tracing-subscriber's `EnvFilter`.
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the settings file {0} cannot be found")]
    NoFile(PathBuf),
    #[error("the settings cannot be read: {0}")]
    Unreadable(Box<figment::Error>),
    #[error(
        "server.bind is {0}, which is not loopback: list the proxy in front of it in server.trusted_proxies"
    )]
    OpenBind(SocketAddr),
    #[error(
        "environment is development, whose sign-in asks for no secret, so server.bind must be loopback and \
         server.public_url and server.trusted_proxies absent"
    )]
    OpenDevelopment,
    #[error("server.public_url {0:?} must be http(s)://host[:port] without a path")]
    PublicUrl(String),
    #[error(
        "server.files_url {0:?} must be http(s)://host[:port] without a path, of another host name than \
         server.public_url, which it needs"
    )]
    FilesUrl(String),
}

/// What the command line says over the other layers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerOverrides>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ServerOverrides {
    pub bind: SocketAddr,
}

impl Config {
    /// Reads the layers: built-in, `file`, environment, then what the command line says.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError::NoFile(file.to_owned()));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment =
            figment.merge(Env::prefixed("STRONGROOM__").split("__")).merge(Serialized::defaults(overrides));
        let config: Self = figment.extract().map_err(|error| ConfigError::Unreadable(Box::new(error)))?;
        config.check()?;
        Ok(config)
    }

    /// What no single field shows: that nothing is open that should not be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let server = &self.server;
        if let Some(url) = &server.public_url {
            host_of(url).ok_or_else(|| ConfigError::PublicUrl(url.clone()))?;
        }
        if let Some(url) = &server.files_url {
            // By the name alone: cookies do not tell ports apart.
            let name = |url: &str| name_of(url).map(|name| name.to_ascii_lowercase());
            let (files, pages) = (name(url), server.public_url.as_deref().and_then(name));
            if files.is_none() || pages.is_none() || files == pages {
                return Err(ConfigError::FilesUrl(url.clone()));
            }
        }
        let loopback = server.bind.ip().is_loopback();
        let behind = !server.trusted_proxies.is_empty();
        if self.environment == Environment::Development
            && (!loopback || behind || server.public_url.is_some())
        {
            return Err(ConfigError::OpenDevelopment);
        }
        if !loopback && !behind {
            return Err(ConfigError::OpenBind(server.bind));
        }
        Ok(())
    }

    /// The database's address.
    pub fn database_url(&self) -> SecretString {
        match &self.database.url {
            Some(url) => url.clone(),
            None => format!("sqlite://{}?mode=rwc", self.data.join("strongroom.db").display()).into(),
        }
    }

    /// The settings in force as TOML, secrets redacted.
    pub fn describe(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}

/// `host[:port]` of an address without a path.
pub(crate) fn host_of(url: &str) -> Option<&str> {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    (!host.is_empty() && !host.contains(['/', '?', '#', '@', ' '])).then_some(host)
}

/// The host name alone.
fn name_of(url: &str) -> Option<String> {
    let host: Authority = host_of(url)?.parse().ok()?;
    Some(host.host().to_owned())
}

fn redacted<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) if secret.expose_secret().is_empty() => serializer.serialize_str(""),
        Some(_) => serializer.serialize_str("[redacted]"),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(toml: &str) -> Result<Config, ConfigError> {
        let config: Config = Figment::from(Toml::string(DEFAULTS))
            .merge(Toml::string(toml))
            .extract()
            .map_err(|error| ConfigError::Unreadable(Box::new(error)))?;
        config.check().map(|()| config)
    }

    #[test]
    fn every_file_under_config_is_read() {
        let mut seen = 0;
        for entry in std::fs::read_dir("config").unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                with(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                seen += 1;
            }
        }
        assert!(seen >= 2);
    }

    #[test]
    fn an_unknown_name_is_refused_and_named() {
        let error = with("[server]\nbindd = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(error.contains("bindd"), "{error}");
    }

    #[test]
    fn nothing_is_open_by_accident() {
        assert!(matches!(with("[server]\nbind = \"0.0.0.0:80\""), Err(ConfigError::OpenDevelopment)));
        let production = "environment = \"production\"\n[server]\nbind = \"0.0.0.0:80\"\n";
        assert!(matches!(with(production), Err(ConfigError::OpenBind(_))));
        assert!(with(&format!("{production}trusted_proxies = [\"10.0.0.1\"]")).is_ok());
        let behind = "[server]\npublic_url = \"https://strongroom.example\"";
        assert!(matches!(with(behind), Err(ConfigError::OpenDevelopment)));
    }

    #[test]
    fn files_are_shown_under_a_host_name_of_their_own() {
        let with_files = |pages: &str, files: &str| {
            with(&format!(
                "environment = \"production\"\n[server]\npublic_url = \"{pages}\"\nfiles_url = \"{files}\"\n\
                 trusted_proxies = [\"10.0.0.1\"]"
            ))
        };
        assert!(with_files("https://a.example", "https://files.a.example").is_ok());
        for (pages, files) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example", "https://A.example:8443"),
            ("https://a.example", "https://files.a.example/x"),
            ("https://a.example", "files.a.example"),
        ] {
            assert!(matches!(with_files(pages, files), Err(ConfigError::FilesUrl(_))), "{files}");
        }
        let alone = "environment = \"production\"\n[server]\nfiles_url = \"https://files.a.example\"";
        assert!(matches!(with(alone), Err(ConfigError::FilesUrl(_))));
    }

    #[test]
    fn secrets_are_not_described() {
        let config = with("[database]\nurl = \"postgres://board:canary@db/strongroom\"").unwrap();
        let text = config.describe().unwrap();
        assert!(text.contains("[redacted]") && !text.contains("canary"), "{text}");
        assert!(!format!("{config:?}").contains("canary"));
    }
}
