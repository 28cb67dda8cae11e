//! The whole service, started in this process, asked over HTTP as its users do.
//!
//! `STRONGROOM_TEST_BACKEND` says what it stands on: `embedded` (SQLite and a folder, the default) or `board`
//! (PostgreSQL by `STRONGROOM_TEST_POSTGRES`, a bucket by `STRONGROOM_TEST_S3_*`).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod architecture;
mod board;
mod command;
mod concatenation;
mod connections;
mod crowd;
mod cuts;
mod dates;
mod dialects;
mod events;
mod faults;
mod flags;
mod holds;
mod idempotency;
mod identity;
mod incidents;
mod infected;
mod kill;
mod kill_pieces;
mod labels;
mod lists;
mod meanwhile;
mod memory;
mod moves;
mod nodes;
mod openapi;
mod outage;
mod pages;
mod plans;
mod reading;
mod receipts;
mod refusals;
mod rescan;
mod rescan_kill;
mod returned;
mod roles;
mod routes;
mod rules;
mod scanner_faults;
mod send;
mod shared;
mod stop;
mod support;
mod trail;
mod viewing;
mod work;
