//! Log lines to stderr and counters to `/metrics`.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{LogConfig, LogFormat};

/// Upper bounds of the buckets of every histogram, seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Log lines that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("log.filter cannot be read")]
    Filter(#[source] ParseError),
    #[error("the log is set up already")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sets up log lines of this process.
pub fn log(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder().parse(&config.filter).map_err(TelemetryError::Filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    }
    .map_err(TelemetryError::Twice)
}

/// Begins counting, once a process.
pub fn count() -> Result<(), BuildError> {
    if METRICS.get().is_none() {
        let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.build_recorder();
        let handle = recorder.handle();
        // Someone else of this process was first: theirs counts.
        if metrics::set_global_recorder(recorder).is_ok() {
            METRICS.get_or_init(|| handle);
        }
    }
    Ok(())
}

/// The counters in Prometheus' text form.
pub fn metrics_text() -> Option<String> {
    METRICS.get().map(PrometheusHandle::render)
}
