//! How it is reached: routes, who asks, errors, and the loop that accepts.
//!
//! A request passes, from outside in: `layers` (id, log line, headers, problem rendering, panics, hosts, methods),
//! `viewing` (what is asked of the files' host goes no further), `identity` (who asks, and proof that our own page asked), `refusals` (what is refused leaves its row), `idempotency`
//! (a call sent twice is done once), the router. A handler takes [`identity::Caller`] and typed values, calls `database`
//! or an engine, and returns `Result<_, `[`error::ApiError`]`>`.

pub mod api;
mod archive;
pub(crate) mod attachment;
pub mod body;
mod content;
#[cfg(test)]
mod download_tests;
pub mod error;
#[cfg(test)]
mod fuzz;
mod health;
mod idempotency;
pub mod identity;
pub mod layers;
pub mod multipart;
pub mod origins;
mod range;
mod refusals;
pub mod router;
pub mod routes;
pub mod secret;
pub mod server;
mod submissions;
mod uploads;
pub mod viewing;
