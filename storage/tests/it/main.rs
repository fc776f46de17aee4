//! The store as its users see it: against real files and against a simulated disk, with a toy decoder.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod crash;
mod damage;
mod faults;
mod ingest;
mod recovery;
mod retention;
mod tail;
mod verify;
