//! The store as its users see it: against real files and against a simulated disk, with a toy decoder.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod common;
mod compaction;
mod crash;
mod damage;
mod faults;
mod ingest;
mod pins;
mod recovery;
mod repair;
mod retention;
mod simulation;
mod spill;
mod stored_sampling;
mod tail;
mod verify;
