#![doc = include_str!("ARCHITECTURE.md")]

// 1. the vocabulary
pub mod actor;
pub mod bulk;
pub mod candidate;
pub mod centre;
pub mod clock;
pub mod completeness;
pub mod component;
pub mod evidence;
pub mod ids;
pub mod organisation;
pub mod sample;
pub mod sampling;

// 2. what the service does
pub mod archive;
pub mod check;
pub mod reference;
pub mod submission;
pub mod upload;

// 3. what it stands on
pub mod database;
pub mod object_store;
pub mod shares;

// 4. how it is reached
pub mod http;
pub mod web;
pub mod worker;

// 5. how it is started
pub mod cli;
pub mod client;
pub mod config;
pub mod running;
pub mod service;
pub mod tasks;
pub mod telemetry;

#[cfg(test)]
mod fuzz;
