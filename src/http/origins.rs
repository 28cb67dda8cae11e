//! The two origins: one for pages and everything else, one for people's files and nothing else.
//!
//! A browser keeps two host names apart, so that nothing in a file reaches a page or a session: no cookie of ours is set
//! on the files' host, and none is read there. In production the settings name it; in development it is `localhost`,
//! beside `127.0.0.1` for the pages, on the same listener.

use std::net::{IpAddr, Ipv4Addr};

use http::uri::Authority;
use http::{HeaderMap, header};

use crate::config::{Environment, host_of};
use crate::service::Service;

const PAGES: &str = "127.0.0.1";
const FILES: &str = "localhost";

/// Whether a request to this `host[:port]` is for files.
pub(super) fn is_for_files(service: &Service, host: &str) -> bool {
    match &service.config.server.files_url {
        Some(url) => host_of(url).is_some_and(|files| files.eq_ignore_ascii_case(host)),
        None => beside(service) && named(host).is_some_and(|named| named.host().eq_ignore_ascii_case(FILES)),
    }
}

/// The origin of files, as a page of this request names it. `None`: no file is shown.
pub fn files(service: &Service, headers: &HeaderMap) -> Option<String> {
    other(service, headers, service.config.server.files_url.as_deref(), PAGES, FILES)
}

/// The origin of pages, as an answer of the files' host names it.
pub(super) fn pages(service: &Service, headers: &HeaderMap) -> Option<String> {
    other(service, headers, service.config.server.public_url.as_deref(), FILES, PAGES)
}

/// What the settings say, or the other name of this machine.
fn other(service: &Service, headers: &HeaderMap, told: Option<&str>, from: &str, to: &str) -> Option<String> {
    if let Some(url) = told {
        return Some(url.trim_end_matches('/').to_owned());
    }
    let here = headers.get(header::HOST)?.to_str().ok().and_then(named)?;
    let port = here.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    (beside(service) && here.host().eq_ignore_ascii_case(from)).then(|| format!("http://{to}{port}"))
}

/// Whether this machine's two names tell pages and files apart.
fn beside(service: &Service) -> bool {
    service.config.environment == Environment::Development
        && service.config.server.bind.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST)
}

fn named(host: &str) -> Option<Authority> {
    host.parse().ok()
}
